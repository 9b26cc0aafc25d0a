"""scikit-learn's IterativeImputer on complete rows and rows with holes, stacked."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401  it unlocks the import below
from sklearn.impute import IterativeImputer

from benchmarks.questions.matrix import HALF, Floats, Matrix

ROUNDS = 5


def iterative(
    complete: Floats, holed: Floats, matrix: Matrix, seed: int, *, posterior: bool = False
) -> Floats:
    """Fill the holes by regressions on all other cells, in rounds.

    The rows are stacked because the imputer, fitted on complete rows alone, finds nothing to do and
    later makes a single round. Of each category the most frequent level is left out: the cells of
    all levels add up to a constant, so each would be explained by the others, and stay at its mean.

    Parameters
    ----------
    complete, holed : array of shape (rows, cells)
        Rows without NaN, and rows with it.
    matrix : Matrix
        What the cells mean.
    seed : int
        Seed of the draws.
    posterior : bool
        Draw from the predictive law instead of taking its mean.

    Returns
    -------
    array
        ``holed``, filled.
    """
    blocks = [cells for name, cells in matrix.slices.items() if name in matrix.levels]
    left_out = [cells.start + int(complete[:, cells].mean(axis=0).argmax()) for cells in blocks]
    kept = np.setdiff1d(np.arange(complete.shape[1]), left_out)
    imputer = IterativeImputer(max_iter=ROUNDS, random_state=seed, sample_posterior=posterior)
    with warnings.catch_warnings():  # five rounds, converged or not
        warnings.simplefilter("ignore", ConvergenceWarning)
        solved = imputer.fit_transform(np.concatenate([complete, holed])[:, kept])
    filled = np.zeros(holed.shape)
    filled[:, kept] = solved[len(complete) :]
    for cells, place in zip(blocks, left_out, strict=True):
        filled[:, place] = HALF - filled[:, cells].sum(axis=1)
    return filled
