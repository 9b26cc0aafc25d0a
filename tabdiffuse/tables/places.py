"""Where numbers lie in the distribution of their column: scores, ranges, and what a range covers.

A *place* is a point of the cumulative distribution of the numbers without an event of their own; a
*score* is its normal score, in which the model works.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import ndtri

from tabdiffuse.tables.codec_base import Floats
from tabdiffuse.tables.lattice import Lattice
from tabdiffuse.tables.numeric_codec import NumericCodec
from tabdiffuse.tables.quantiles import EDGE, CellTable, SmoothTable, inner_intervals

__all__ = [
    "Measured",
    "covered",
    "log_likelihood",
    "measured",
    "numbers_within",
    "score_at",
    "score_bounds",
    "seen_range",
]

_ROUNDING = 2.0**-51  # of a number times a power of ten, relative, with some room
_REACH = 5.5  # scores of the model stay within
_LEAST_SD = 1e-12  # of a measurement, as a share of the range; less is exact
_MOST_SDS = 1e15  # from a measurement to the range; farther changes nothing


def seen_range(codec: NumericCodec) -> tuple[float, float]:
    """Give the smallest and the largest number of the training data."""
    ends = [*codec.atoms[:1], *codec.atoms[-1:]]
    table = codec.table
    if isinstance(table, CellTable):
        ends += [table.support[0], table.support[-1]]
    elif isinstance(table, SmoothTable):
        ends += list(_knot_range(table, codec.lattice))
    return float(min(ends)), float(max(ends))


def score_at(codec: NumericCodec, values: Floats) -> Floats:
    """Give the normal scores of numbers, without steps.

    Parameters
    ----------
    codec : NumericCodec
        A codec with a table.
    values : ndarray of float64
        Numbers; beyond the range of the table, its ends count.

    Returns
    -------
    ndarray of float64
        Scores of the middle of each number's share, interpolated in between.
    """
    table = codec.table
    if isinstance(table, CellTable):
        middles = ndtri(0.5 * (table.edges[:-1] + table.edges[1:]))
        interpolated: Floats = np.interp(values, table.support, middles)
        return interpolated
    assert table is not None
    inside = np.clip(values, *_knot_range(table, codec.lattice))
    if codec.lattice is None:
        low, high = table.ends(inside)
    else:
        index = _exact_index(codec.lattice, inside)
        low, high = table.lower(index), table.upper(index + 1)
    scores: Floats = ndtri(np.clip(0.5 * (low + high), EDGE, 1 - EDGE))
    return scores


class Measured(NamedTuple):
    """What a measurement leaves of a number: moments of its score, and how probable it was."""

    mean: float
    variance: float
    log_probability: float


def measured(codec: NumericCodec, value: float, sd: float) -> Measured:
    """Weigh the numbers of a table by the likelihood of a measurement.

    Parameters
    ----------
    codec : NumericCodec
        A codec with a table.
    value, sd : float
        The measurement and the standard deviation of its normal error, in units of the column.

    Returns
    -------
    Measured
        Mean and variance of the normal score, which has the density N(0, 1) before, and the log of
        the mean likelihood of the numbers, see `log_likelihood`.
    """
    low, high = seen_range(codec)
    with np.errstate(over="ignore"):
        near = np.clip(value + sd * np.linspace(-8, 8, 401), low, high)
    numbers = np.unique(np.concatenate([near, np.linspace(low, high, 401), _knots(codec)]))
    scores = score_at(codec, numbers)
    # Beyond the middle of the first and the last share, the number stays what it is.
    scores = np.concatenate([[min(-_REACH, scores[0])], scores, [max(_REACH, scores[-1])]])
    numbers = np.concatenate([numbers[:1], numbers, numbers[-1:]])
    log_weight = log_likelihood(codec, numbers, value, sd) - 0.5 * scores**2
    most = log_weight.max()
    weight = np.exp(log_weight - most)
    mass = trapezoid(weight, scores)
    mean = trapezoid(weight * scores, scores) / mass
    variance = trapezoid(weight * (scores - mean) ** 2, scores) / mass
    log_probability = most + np.log(mass) - 0.5 * np.log(2 * np.pi)
    return Measured(float(mean), float(variance), float(log_probability))


def log_likelihood(codec: NumericCodec, numbers: Floats, value: float, sd: float) -> Floats:
    """Compare numbers by how probable they make a measurement.

    Parameters
    ----------
    codec : NumericCodec
        The codec of the column.
    numbers : ndarray of float64, shape (n,)
        Numbers within the range of the column.
    value, sd : float
        The measurement and the standard deviation of its normal error, in units of the column.

    Returns
    -------
    ndarray of float64, shape (n,)
        ``-((v - value) / sd)**2 / 2`` for each number v, less the same of the number in the range
        that is nearest to the measurement; so it is finite, and exact at any distance.
    """
    low, high = seen_range(codec)
    end = min(max(value, low), high)
    sd = max(sd, _LEAST_SD * (high - low))
    far = min(max((end - value) / sd, -_MOST_SDS), _MOST_SDS)
    steps = (numbers - end) / sd
    log_likelihood: Floats = -(0.5 * steps + far) * steps
    return log_likelihood


def covered(codec: NumericCodec, low: float, high: float) -> tuple[float, float] | None:
    """Find the places of the numbers within bounds, both included.

    Parameters
    ----------
    codec : NumericCodec
        A codec with a table.
    low, high : float
        The bounds, perhaps infinite.

    Returns
    -------
    tuple of float or None
        From where to where; None if the table has no such number. Atoms are no part of it.
    """
    table = codec.table
    assert table is not None
    if isinstance(table, CellTable):
        first = np.searchsorted(table.support, low, side="left")
        last = np.searchsorted(table.support, high, side="right")
        return (table.edges[first], table.edges[last]) if first < last else None
    least, most = _knot_range(table, codec.lattice)
    if low > most or high < least:
        return None
    inside = np.clip(np.array([low, high]), least, most)
    if codec.lattice is None:
        ends = (table.lower(inside[:1])[0], table.upper(inside[1:])[0])
    else:
        low_step, high_step = _steps_within(codec.lattice, inside)
        if low_step > high_step:
            return None
        ends = (table.lower(np.array([low_step]))[0], table.upper(np.array([high_step + 1]))[0])
    return ends if ends[0] < ends[1] else None


def numbers_within(codec: NumericCodec, low: float, high: float) -> tuple[float, float]:
    """Find the smallest and the largest possible number within bounds, both included.

    Parameters
    ----------
    codec : NumericCodec
        A codec with a table.
    low, high : float
        The bounds, perhaps infinite; some number of the column lies within.

    Returns
    -------
    tuple of float
        The bounds themselves, unless the numbers of the column lie on a lattice.
    """
    if codec.lattice is None:
        return low, high
    inside = np.clip(np.array([low, high]), *seen_range(codec))
    steps = np.array(_steps_within(codec.lattice, inside))
    first, last = codec.lattice.value(steps.astype(np.int64))
    return float(first), float(last)


def score_bounds(places: tuple[float, float]) -> tuple[float, float] | None:
    """Turn an interval of places into one of scores that survives float32.

    Parameters
    ----------
    places : tuple of float
        From where to where, within [0, 1].

    Returns
    -------
    tuple of float or None
        Bounds of the scores, infinite at 0 and 1; None where float32 cannot tell the ends apart.
    """
    low, high = places
    ((lower, upper),) = inner_intervals(np.array([low]), np.array([high]))
    if not lower < upper:
        return None
    bounds = ndtri(np.array([lower, upper], dtype=np.float64))
    return (
        -np.inf if low <= 0 else float(bounds[0]),
        np.inf if high >= 1 else float(bounds[1]),
    )


def _knot_range(table: SmoothTable, lattice: Lattice | None) -> tuple[float, float]:
    """Give the least and the largest number of a smooth table."""
    if lattice is None:
        return float(table.knots[0]), float(table.knots[-1])
    ends = np.array([table.knots[0], table.knots[-1] - 1])
    low, high = lattice.value(np.rint(ends).astype(np.int64))
    return float(low), float(high)


def _knots(codec: NumericCodec) -> Floats:
    """Give the numbers between which scores are interpolated."""
    if isinstance(codec.table, CellTable):
        return codec.table.support
    assert codec.table is not None
    if codec.lattice is None:
        return codec.table.knots
    index = np.clip(codec.table.knots, codec.table.knots[0], codec.table.knots[-1] - 1)
    return (codec.lattice.offset + codec.lattice.step * index) / 10.0**codec.lattice.decimals


def _exact_index(lattice: Lattice, values: Floats) -> Floats:
    """Give the positions of numbers on a lattice, with fractions."""
    return (values * 10.0**lattice.decimals - lattice.offset) / lattice.step


def _steps_within(lattice: Lattice, bounds: Floats) -> tuple[float, float]:
    """Give the positions of the first and the last point of a lattice within bounds."""
    index = _exact_index(lattice, bounds)
    room = np.minimum(0.25, 1e-6 + np.abs(bounds) * _per_step(lattice) * _ROUNDING)
    return float(np.ceil(index[0] - room[0])), float(np.floor(index[1] + room[1]))


def _per_step(lattice: Lattice) -> float:
    return 10.0**lattice.decimals / lattice.step
