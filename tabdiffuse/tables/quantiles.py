"""Numbers to places in a cumulative distribution and back.

A *table* maps each number v to an interval (lower, upper) of [0, 1], its share of the distribution,
and any u back to a number: `CellTable` knows every number it may give back, `SmoothTable`
interpolates between quantiles.

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

__all__ = ["CellTable", "SmoothTable", "distinct", "inner_intervals"]

MAX_KNOTS = 1000
MIN_MASS = 2.0**-20  # the least share of a cell: 16 steps of float32 just below 1
EDGE = 2.0**-24  # scores stay finite

_MAX_HEAVY = 250  # values that own their exact share of a smooth table


def distinct(values: NDArray[Any]) -> tuple[NDArray[Any], Integers]:
    """Count equal values, holding no more than three arrays as long as they are.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Values, none of them NaN; they are not changed.

    Returns
    -------
    support : ndarray, shape (K,)
        The distinct values, increasing.
    counts : ndarray of int64, shape (K,)
        How often each occurs.
    """
    ordered = np.sort(values)
    is_first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    first = np.flatnonzero(is_first)
    counts = np.empty(len(first), dtype=np.int64)
    np.subtract(first[1:], first[:-1], out=counts[:-1])
    counts[-1:] = len(ordered) - first[-1:]
    return ordered[is_first], counts


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
    middle = np.clip(0.5 * (lower + upper), EDGE, 1 - EDGE).astype(np.float32)
    intervals = np.repeat(middle[:, None], 2, axis=1)
    wide = np.flatnonzero(lower < upper)
    low = np.clip(lower[wide] + _score_noise(lower[wide]), EDGE, 1 - EDGE)
    high = np.clip(upper[wide] - _score_noise(upper[wide]), EDGE, 1 - EDGE)
    low32, high32 = low.astype(np.float32), high.astype(np.float32)
    low32 = np.where(low32 < low, np.nextafter(low32, np.float32(1)), low32)
    high32 = np.where(high32 > high, np.nextafter(high32, np.float32(0)), high32)
    left = low32 < high32
    intervals[wide[left]] = np.stack([low32[left], high32[left]], axis=1)
    return intervals


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
        owner = _owners(counts)
        even = np.linspace(0, 1, MAX_KNOTS - 2 * len(owner))
        # A value's middle lies between the ends of its share, so this is the value or the next.
        near = np.clip(np.searchsorted(above, even * total), 0, len(counts) - 1)
        near += _middle(near, counts, above) < even
        light = np.setdiff1d(np.minimum(near, len(counts) - 1), owner)
        below = (above[owner] - counts[owner]) / total
        knots = np.concatenate([support[owner], support[owner] + width, support[light] + width / 2])
        places = np.concatenate([below, above[owner] / total, _middle(light, counts, above)])
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

    def ends(self, values: Floats) -> tuple[Floats, Floats]:
        """Give `lower` and `upper`, which differ on knots only.

        Parameters
        ----------
        values : ndarray of float64, shape (n,)
            Numbers v.

        Returns
        -------
        tuple of ndarray of float64, shape (n,)
            P(V < v) and P(V <= v).
        """
        left = np.searchsorted(self.knots, values, side="left")
        lower = self._place(values, left - 1)
        upper = lower.copy()
        on_knot = self.knots[np.minimum(left, len(self.knots) - 1)] == values
        upper[on_knot] = self.upper(values[on_knot])
        return lower, upper

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


def _middle(index: NDArray[np.intp], counts: Integers, above: Integers) -> Floats:
    """Find the middle of the share of some values, given how many rows there are up to each."""
    total = above[-1]
    middle: Floats = 0.5 * ((above[index] - counts[index]) / total + above[index] / total)
    return middle


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
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        width = high - low
        share = (values - low) / width
        if (wide := ~np.isfinite(width)).any():
            # Halves keep differences of the largest floats finite, and would spoil the smallest.
            halved = (values / 2 - low / 2) / (high / 2 - low / 2)
            share = np.where(wide, halved, share)
    return np.clip(np.where(width > 0, share, 0.0), 0.0, 1.0)


def _between(low: Floats, high: Floats, share: Floats) -> Floats:
    """Find the point at that share of the way from low to high."""
    with np.errstate(over="ignore", invalid="ignore"):
        point = low + (high - low) * share
        if (lost := ~np.isfinite(point)).any():
            point = np.where(lost, low * (1 - share) + high * share, point)
    return np.clip(point, low, high)
