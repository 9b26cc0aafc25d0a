"""Which cells are missing, and why: at random, by what is seen, by what is hidden."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit

Mask = NDArray[np.bool_]

RATE = 0.3  # of the cells of a column that can be missing
STEEPNESS = 2.0  # of the logistic law, per standard deviation of what it depends on
ALWAYS_SEEN = 0.3  # share of the columns that MAR leaves whole and depends on


def mcar(table: pd.DataFrame, random: np.random.Generator) -> Mask:
    """Missing completely at random: every cell with probability .3."""
    return random.random(table.shape) < RATE


def mar(table: pd.DataFrame, random: np.random.Generator) -> Mask:
    """Missing at random: by a logistic law of columns that are always seen.

    A random 30 % of the columns stay whole. For each other column a random direction in the signals
    of those, scaled to standard deviation 1, is the argument of the law.
    """
    signals = _signals(table, random)
    order = random.permutation(table.shape[1])
    count = max(1, round(ALWAYS_SEEN * table.shape[1]))
    seen, others = signals[:, order[:count]], order[count:]
    holes = np.zeros(table.shape, dtype=bool)
    for place in others:
        argument = _standardised(seen @ random.standard_normal(count))
        holes[:, place] = _logistic(argument, random)
    return holes


def mnar(table: pd.DataFrame, random: np.random.Generator) -> Mask:
    """Missing not at random: each cell by a logistic law of the value it hides."""
    signals = _signals(table, random)
    holes = [_logistic(_standardised(signal), random) for signal in signals.T]
    return np.stack(holes, axis=1)


MECHANISMS: dict[str, Callable[[pd.DataFrame, np.random.Generator], Mask]] = {
    "mcar": mcar,
    "mar": mar,
    "mnar": mnar,
}


def random_half(table: pd.DataFrame, random: np.random.Generator) -> Mask:
    """Hide a random half of the cells of each row (the larger half of an odd number)."""
    rows, columns = table.shape
    ranks = random.random((rows, columns)).argsort(axis=1).argsort(axis=1)
    return ranks >= columns // 2


def punch(table: pd.DataFrame, holes: Mask) -> pd.DataFrame:
    """Copy a table with NaN in the holes."""
    return table.mask(pd.DataFrame(holes, index=table.index, columns=table.columns))


def _signals(table: pd.DataFrame, random: np.random.Generator) -> NDArray[np.float64]:
    """Rank the values of each column; the levels of a categorical one are in random order."""
    columns = []
    for _, column in table.items():
        if not pd.api.types.is_numeric_dtype(column):
            levels = column.unique()
            column = column.map(dict(zip(levels, random.permutation(len(levels)), strict=True)))
        columns.append(column.rank(pct=True).to_numpy(np.float64))
    return np.stack(columns, axis=1)


def _standardised(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((signal - signal.mean()) / (signal.std() or 1.0))


def _logistic(argument: NDArray[np.float64], random: np.random.Generator) -> Mask:
    """Draw holes with probability logistic(2 argument + b), where b makes their mean .3."""

    def excess(shift: float) -> float:
        return float(expit(STEEPNESS * argument + shift).mean()) - RATE

    shift = brentq(excess, -50.0, 50.0)
    return np.asarray(random.random(len(argument)) < expit(STEEPNESS * argument + shift))
