"""Columns of known law: each is a non-decreasing function of one standard normal score."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

MAX_CELLS = 5  # cells of a column in a contingency table
LEVELS = (2, 3, 5, 10, 20)  # categories of the categorical columns, in turn
_FIRST_POSITIVE = np.nextafter(0.0, 1.0)
_SPIKE = -0.5  # score below which the spiked column is 0: about 31 % of the rows


@dataclass(frozen=True)
class Margin:
    """The law of one column.

    Parameters
    ----------
    kind : str
        Name of the law.
    transform : callable
        From standard normal scores to values, or to codes of `categories`; non-decreasing.
    cuts : ndarray of float64, shape (C - 1,)
        Scores that part the column into C cells.
    thresholds : ndarray of float64, shape (C - 1,)
        The same cuts as values: ``transform(z) >= thresholds[k]`` where ``z > cuts[k]``.
    categories : tuple of str
        Names of the levels; empty for numbers.
    """

    kind: str
    transform: Callable[[Floats], NDArray[Any]] = field(repr=False)
    cuts: Floats
    thresholds: Floats
    categories: tuple[str, ...] = ()

    def column(self, values: NDArray[Any]) -> Any:
        """Give values as a DataFrame holds them."""
        if not self.categories:
            return values
        return pd.Categorical.from_codes(values, dtype=pd.CategoricalDtype(list(self.categories)))

    def cells(self, values: pd.Series) -> NDArray[np.intp]:
        """Find the cell of each value of a column, which need not come from this law."""
        if self.categories:
            level = pd.Index(self.categories).get_indexer(pd.Index(values.astype(object)))
            return np.searchsorted(self.thresholds, level, side="right")
        return np.searchsorted(self.thresholds, values.to_numpy(np.float64), side="right")


def make_margin(place: int, rng: np.random.Generator) -> Margin:
    """Make the law of the column at a place: five sorts of numbers, then five of categories."""
    numeric = (_normal, _lognormal, _spiked, _integer, _decimal)
    kind = place % (len(numeric) + len(LEVELS))
    if kind < len(numeric):
        return numeric[kind]()
    return _categorical(LEVELS[kind - len(numeric)], rng)


def _even_cuts(count: int = MAX_CELLS) -> Floats:
    cuts: Floats = ndtri(np.arange(1, count) / count)
    return cuts


def _normal() -> Margin:
    cuts = _even_cuts()
    return Margin("normal", lambda z: 3.0 + 2.0 * z, cuts, 3.0 + 2.0 * cuts)


def _lognormal() -> Margin:
    cuts = _even_cuts()
    return Margin("lognormal", np.exp, cuts, np.exp(cuts))


def _spiked() -> Margin:
    """Zero in many rows, a shifted lognormal in the others."""

    def transform(z: Floats) -> Floats:
        above: Floats = np.exp(z) - np.exp(_SPIKE)
        return np.maximum(above, 0.0)

    cuts = np.concatenate([[_SPIKE], _even_cuts()[2:]])
    thresholds = np.concatenate([[_FIRST_POSITIVE], transform(cuts[1:])])
    return Margin("spiked", transform, cuts, thresholds)


def _integer() -> Margin:
    """Whole numbers, most of them from 5 to 95."""

    def transform(z: Floats) -> NDArray[np.int64]:
        return np.floor(50.0 + 15.0 * z).astype(np.int64)

    thresholds = np.ceil(50.0 + 15.0 * _even_cuts())
    return Margin("integer", transform, (thresholds - 50.0) / 15.0, thresholds)


def _decimal() -> Margin:
    """Prices in cents."""

    def transform(z: Floats) -> Floats:
        return np.floor(100.0 * np.exp(3.0 + 0.5 * z)) / 100.0

    cents = np.ceil(100.0 * np.exp(3.0 + 0.5 * _even_cuts()))
    return Margin("decimal", transform, (np.log(cents / 100.0) - 3.0) / 0.5, cents / 100.0)


def _categorical(levels: int, rng: np.random.Generator) -> Margin:
    """Levels of unequal frequency; cells are groups of neighbours."""
    edges: Floats = ndtri(np.cumsum(rng.dirichlet(np.full(levels, 3.0)))[:-1])

    def transform(z: Floats) -> NDArray[np.int8]:
        return np.searchsorted(edges, z).astype(np.int8)

    first = np.unique(np.linspace(0, levels, min(levels, MAX_CELLS) + 1).round().astype(int))[1:-1]
    names = tuple(f"level {level:02d}" for level in range(levels))
    return Margin(f"{levels} levels", transform, edges[first - 1], first.astype(np.float64), names)
