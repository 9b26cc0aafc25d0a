"""XGB-C2ST: whether boosted trees can tell synthetic rows from real ones."""

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from benchmarks.metrics.encoding import TREE_PARAMETERS, TreeEncoder

FOLDS, TREES, DEPTH = 3, 100, 6


def detection(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    categorical: Sequence[str],
    *,
    pool: Executor,
    seed: int = 0,
) -> float:
    """Classifier two-sample score: 1 = indistinguishable, 0 = told apart without error.

    SDMetrics' detection formula, 1 - mean over folds of (2 max(1/2, AUC) - 1), with XGBoost of
    100 trees of depth 6 in 3 stratified, shuffled folds.

    Parameters
    ----------
    real, synthetic : DataFrame
        Tables with the same columns. A level that only one of them has is a level like any other.
    categorical : sequence of str
        Categorical columns.
    pool : Executor
        Where the folds run.
    seed : int
        Seed of the shuffle that makes the folds.
    """
    encoder = TreeEncoder.fit([real, synthetic], real.columns.tolist(), categorical)
    matrix = np.concatenate([encoder.matrix(real), encoder.matrix(synthetic)])
    labels = np.repeat(np.array([1, 0]), [len(real), len(synthetic)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(matrix, labels)
    areas = pool.map(lambda fold: _area(encoder, matrix, labels, *fold), list(folds))
    return c2st_score(list(areas))


def c2st_score(areas: Sequence[float]) -> float:
    """Score of the AUCs of the folds; an AUC below 1/2 counts as 1/2."""
    return float(1 - np.mean([2 * max(0.5, area) - 1 for area in areas]))


def _area(
    encoder: TreeEncoder,
    matrix: NDArray[np.float32],
    labels: NDArray[np.int64],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
) -> float:
    """AUC of one fold."""
    model = xgb.train(
        {**TREE_PARAMETERS, "max_depth": DEPTH},
        encoder.dmatrix(matrix[train], labels[train]),
        TREES,
    )
    return float(roc_auc_score(labels[test], model.predict(encoder.dmatrix(matrix[test]))))
