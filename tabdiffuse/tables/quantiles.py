"""Numbers to places in a cumulative distribution and back.

A *lattice* says on which grid the numbers of a column lie. A *table* maps each number v to an
interval (lower, upper) of [0, 1], its share of the distribution, and any u back to a number:
`CellTable` knows every number it may give back, `SmoothTable` interpolates between quantiles.

Intervals leave this module as float32, and are read by a model that turns a u drawn inside into
a normal score x = ndtri(u) in float32. The rounding of x moves u by up to about ``|x| phi(x)
2**-24``, so intervals are narrowed by eight times that, and whatever is drawn strictly inside
decodes to the number it came from. Where nothing is left, the interval is its midpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

__all__ = ["CellTable", "Lattice", "SmoothTable", "find_lattice", "inner_intervals"]

MAX_DECIMALS = 9
MAX_KNOTS = 1000
MIN_MASS = 2.0**-20  # the least share of a cell: 16 steps of float32 just below 1
EDGE = 2.0**-24  # scores stay finite

_MAX_HEAVY = 250  # values that own their exact share of a smooth table


@dataclass(frozen=True)
class Lattice:
    """The numbers (offset + step i) / 10**decimals, for integers i.

    Parameters
    ----------
    decimals : int
        Number of decimals.
    offset, step : int
        Origin and spacing, in units of the last decimal.
    """

    decimals: int
    offset: int
    step: int

    def index(self, values: Floats) -> Integers:
        """Find the nearest lattice points.

        Parameters
        ----------
        values : ndarray of float64
            Numbers.

        Returns
        -------
        ndarray of int64
            The integers i.
        """
        scaled = np.clip(np.rint(values * 10.0**self.decimals), -(2.0**62), 2.0**62)
        shifted = scaled.astype(np.int64) - self.offset
        return (shifted + self.step // 2) // self.step

    def value(self, index: Integers) -> Floats:
        """Give the numbers at lattice points.

        Parameters
        ----------
        index : ndarray of int64
            The integers i.

        Returns
        -------
        ndarray of float64
            The float64 nearest to each decimal number: a quotient of two exact integers.
        """
        result: Floats = (self.offset + self.step * index) / 10.0**self.decimals
        return result


def find_lattice(values: Floats, dtype: Any = np.float64) -> Lattice | None:
    """Find the coarsest lattice that holds all values exactly.

    Parameters
    ----------
    values : ndarray of float64
        Distinct numbers.
    dtype : numpy float dtype
        The precision they were stored in; they have to agree to that precision.

    Returns
    -------
    Lattice or None
        None if the values need more than nine decimals, or more digits than the dtype holds.
    """
    limit = 2.0 ** (np.finfo(dtype).nmant - 2)
    for decimals in range(MAX_DECIMALS + 1):
        largest = np.abs(values).max() * 10.0**decimals if decimals else np.abs(values).max()
        if decimals == 0 and largest <= 2.0**53 and np.array_equal(np.rint(values), values):
            return _lattice(np.rint(values).astype(np.int64), 0)
        if not largest <= limit:
            return None
        scaled = np.rint(values * 10.0**decimals)
        if np.array_equal((scaled / 10.0**decimals).astype(dtype), values.astype(dtype)):
            return _lattice(scaled.astype(np.int64), decimals)
    return None


def _lattice(scaled: Integers, decimals: int) -> Lattice:
    offset = int(scaled.min())
    step = int(np.gcd.reduce(scaled - offset))
    return Lattice(decimals, offset, max(step, 1))


def inner_intervals(lower: Floats, upper: Floats) -> NDArray[np.float32]:
    """Narrow intervals so that they survive float32 (see the module's docstring).

    Parameters
    ----------
    lower, upper : ndarray of float64, shape (n,)
        Ends in [0, 1].

    Returns
    -------
    ndarray of float32, shape (n, 2)
        Ends inside the given ones, or twice the midpoint.
    """
    low = np.clip(lower + _score_noise(lower), EDGE, 1 - EDGE)
    high = np.clip(upper - _score_noise(upper), EDGE, 1 - EDGE)
    middle = np.clip(0.5 * (lower + upper), EDGE, 1 - EDGE).astype(np.float32)
    low32, high32 = low.astype(np.float32), high.astype(np.float32)
    low32 = np.where(low32 < low, np.nextafter(low32, np.float32(1)), low32)
    high32 = np.where(high32 > high, np.nextafter(high32, np.float32(0)), high32)
    empty = low32 >= high32
    return np.stack([np.where(empty, middle, low32), np.where(empty, middle, high32)], axis=1)


def _score_noise(u: Floats) -> Floats:
    score = np.clip(ndtri(u), -6.0, 6.0)
    result: Floats = np.abs(score) * np.exp(-0.5 * score**2) * (2.0**-21 / np.sqrt(2 * np.pi))
    return result


@dataclass(frozen=True)
class CellTable:
    """Each of a few numbers owns a cell of [0, 1], as wide as it is frequent.

    Parameters
    ----------
    support : ndarray of float64, shape (K,)
        The numbers, increasing.
    edges : ndarray of float64, shape (K + 1,)
        Ends of their cells, from 0 to 1.
    """

    support: Floats
    edges: Floats

    @classmethod
    def fit(cls, support: Floats, counts: Integers) -> CellTable:
        """Give each number its share.

        Parameters
        ----------
        support : ndarray of float64, shape (K,)
            Distinct numbers, increasing.
        counts : ndarray of int64, shape (K,)
            How often each occurs.

        Returns
        -------
        CellTable
            The table.
        """
        edges = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
        return cls(support, _with_least_mass(edges))

    def intervals(self, values: Floats) -> NDArray[np.float32]:
        """Map numbers to the cells of the nearest known ones.

        Parameters
        ----------
        values : ndarray of float64, shape (n,)
            Numbers.

        Returns
        -------
        ndarray of float32, shape (n, 2)
            Lower and upper ends.
        """
        right = np.clip(np.searchsorted(self.support, values), 1, max(len(self.support) - 1, 1))
        right = np.minimum(right, len(self.support) - 1)
        left = np.maximum(right - 1, 0)
        nearer_left = values - self.support[left] < self.support[right] - values
        cells = inner_intervals(self.edges[:-1], self.edges[1:])
        result: NDArray[np.float32] = cells[np.where(nearer_left, left, right)]
        return result

    def quantile(self, u: Floats) -> Floats:
        """Map places in [0, 1] to numbers.

        Parameters
        ----------
        u : ndarray of float64, shape (n,)
            Places.

        Returns
        -------
        ndarray of float64, shape (n,)
            Numbers from the support.
        """
        result: Floats = self.support[np.searchsorted(self.edges[1:-1], u, side="right")]
        return result


@dataclass(frozen=True)
class SmoothTable:
    """A piecewise-linear quantile function through at most about 1000 knots.

    Parameters
    ----------
    places : ndarray of float64, shape (K,)
        Places in [0, 1], not decreasing.
    knots : ndarray of float64, shape (K,)
        The quantiles there, not decreasing. Where two are equal, that number owns an interval.
    """

    places: Floats
    knots: Floats

    @classmethod
    def fit(cls, support: Floats, counts: Integers, width: float) -> SmoothTable:
        """Choose knots: both extremes, frequent numbers, and an even grid of quantiles.

        The extremes and the (at most 250) numbers with more than 1/500 of the mass own exactly
        their share; in between, the mass is spread evenly. The outermost thousandth is one such
        stretch, up to the extreme: a finer grid there would store and give back single rows of a
        heavy tail, and a sample without the one largest row would end far below the range.

        Parameters
        ----------
        support : ndarray of float64, shape (K,)
            Distinct numbers, increasing.
        counts : ndarray of int64, shape (K,)
            How often each occurs.
        width : float
            Width of the cell that starts at each number: 1 for indices of a lattice, else 0.

        Returns
        -------
        SmoothTable
            The table.
        """
        total, above = counts.sum(), np.cumsum(counts)
        below, above = (above - counts) / total, above / total
        owner = _owners(counts)
        middle = 0.5 * (below + above)
        chosen = np.linspace(0, 1, MAX_KNOTS - 2 * len(owner))
        light = np.setdiff1d(np.clip(np.searchsorted(middle, chosen), 0, len(counts) - 1), owner)
        knots = np.concatenate([support[owner], support[owner] + width, support[light] + width / 2])
        places = np.concatenate([below[owner], above[owner], middle[light]])
        order = np.lexsort((places, knots))
        return cls(_with_least_mass(places[order]), knots[order])

    def lower(self, values: Floats) -> Floats:
        """Give P(V < v).

        Parameters
        ----------
        values : ndarray of float64, shape (n,)
            Numbers v.

        Returns
        -------
        ndarray of float64, shape (n,)
            Places.
        """
        return self._place(values, np.searchsorted(self.knots, values, side="left") - 1)

    def upper(self, values: Floats) -> Floats:
        """Give P(V <= v).

        Parameters
        ----------
        values : ndarray of float64, shape (n,)
            Numbers v.

        Returns
        -------
        ndarray of float64, shape (n,)
            Places.
        """
        return self._place(values, np.searchsorted(self.knots, values, side="right") - 1)

    def _place(self, values: Floats, left: NDArray[np.intp]) -> Floats:
        inside = np.clip(left, 0, len(self.knots) - 2)
        share = _share(values, self.knots[inside], self.knots[inside + 1])
        place = _between(self.places[inside], self.places[inside + 1], share)
        return np.where(left < 0, 0.0, np.where(left > len(self.knots) - 2, 1.0, place))

    def quantile(self, u: Floats) -> Floats:
        """Map places in [0, 1] to numbers.

        Parameters
        ----------
        u : ndarray of float64, shape (n,)
            Places.

        Returns
        -------
        ndarray of float64, shape (n,)
            Numbers between the extremes.
        """
        left = np.searchsorted(self.places, u, side="right") - 1
        left = np.clip(left, 0, len(self.places) - 2)
        share = _share(u, self.places[left], self.places[left + 1])
        return _between(self.knots[left], self.knots[left + 1], share)


def _owners(counts: Integers) -> NDArray[np.intp]:
    """Positions of the extremes and of the most frequent values."""
    heavy = np.flatnonzero(counts >= max(counts.sum() / 500, 2))
    heavy = heavy[np.argsort(-counts[heavy], kind="stable")[:_MAX_HEAVY]]
    return np.unique(np.concatenate([heavy, [0, len(counts) - 1]]))


def _with_least_mass(places: Floats) -> Floats:
    """Widen segments that hold some mass, but too little for float32."""
    mass = np.diff(places)
    thin = (mass > 0) & (mass < MIN_MASS)
    if not thin.any():
        return places
    mass[thin] = MIN_MASS
    widened = np.concatenate([[0.0], np.cumsum(mass)])
    result: Floats = widened / widened[-1]
    return result


def _share(values: Floats, low: Floats, high: Floats) -> Floats:
    """Tell how far values lie from low to high, in [0, 1]."""
    # Halves keep differences of the largest floats finite, and would spoil the smallest.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        plain = (values - low) / (high - low)
        halved = (values / 2 - low / 2) / (high / 2 - low / 2)
    share = np.where(np.isfinite(high - low), plain, halved)
    return np.clip(np.where(high > low, share, 0.0), 0.0, 1.0)


def _between(low: Floats, high: Floats, share: Floats) -> Floats:
    """Find the point at that share of the way from low to high."""
    with np.errstate(over="ignore", invalid="ignore"):
        plain = low + (high - low) * share
        split = low * (1 - share) + high * share
    return np.clip(np.where(np.isfinite(plain), plain, split), low, high)
