"""How near a table is to its law: pairs of columns against their exact tables."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import ndtr

from benchmarks.scale.law import Law

MAX_PAIRS = 500


@dataclass(frozen=True)
class Fidelity:
    """Scores of a table; 1 is the law itself, and fresh rows fall short by their own noise.

    Parameters
    ----------
    columns : float
        1 - total variation distance of the cells of a column, mean over columns.
    pairs : float
        1 - total variation distance of the cells of a pair, mean over pairs.
    """

    columns: float
    pairs: float


def fidelity(law: Law, table: pd.DataFrame) -> Fidelity:
    """Score a table; of many pairs, the same random ones each time."""
    cells = [margin.cells(table[name]) for name, margin in zip(law.names, law.margins, strict=True)]
    columns = [
        _distance(_masses(margin.cuts), np.bincount(found, minlength=len(margin.cuts) + 1))
        for margin, found in zip(law.margins, cells, strict=True)
    ]
    pairs = []
    for one, other in chosen_pairs(len(cells)):
        exact = law.pair_table(one, other)
        code = cells[one] * exact.shape[1] + cells[other]
        pairs.append(_distance(exact.ravel(), np.bincount(code, minlength=exact.size)))
    return Fidelity(1 - float(np.mean(columns)), 1 - float(np.mean(pairs)))


def bounds(law: Law, rows: int, seed: int) -> tuple[Fidelity, Fidelity]:
    """Score fresh rows of the law, the best a model can be, and the same with columns shuffled."""
    fresh = law.sample(rows, seed)
    rng = np.random.default_rng(seed)
    shuffled = pd.DataFrame({name: fresh[name].array[rng.permutation(rows)] for name in fresh})
    return fidelity(law, fresh), fidelity(law, shuffled)


def chosen_pairs(columns: int) -> list[tuple[int, int]]:
    """All pairs of columns, or `MAX_PAIRS` random ones."""
    pairs = list(combinations(range(columns), 2))
    if len(pairs) <= MAX_PAIRS:
        return pairs
    order = np.random.default_rng(0).choice(len(pairs), MAX_PAIRS, replace=False)
    return [pairs[place] for place in np.sort(order)]


def _masses(cuts: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray:
    return np.diff(np.concatenate([[0.0], ndtr(cuts), [1.0]]))


def _distance(exact: np.ndarray, counts: np.ndarray) -> float:
    """Total variation distance of a law and of counts."""
    return 0.5 * float(np.abs(exact - counts / counts.sum()).sum())
