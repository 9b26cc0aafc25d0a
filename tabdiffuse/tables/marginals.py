"""What an interval says of a number by itself: its middle and its mass."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tabdiffuse.tables.codec_base import Codec, Floats
from tabdiffuse.tables.numeric_codec import NumericCodec
from tabdiffuse.tables.quantiles import CellTable, SmoothTable

__all__ = ["is_informative", "log_marginal", "middles"]

_LEAST_MASS = 2.0**-40  # of a number in a gap that no row of the training data fell into


def middles(intervals: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find the middles of intervals; a cell without information is in the middle of (0, 1).

    Parameters
    ----------
    intervals : ndarray of float32, shape (..., 2)
        Lower and upper ends within [0, 1].

    Returns
    -------
    ndarray of float32, shape (...)
        Places within (0, 1).
    """
    middle: NDArray[np.float32] = intervals.mean(axis=-1, dtype=np.float64).astype(np.float32)
    return middle


def is_informative(intervals: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which cells say something: those whose interval is not (0, 1).

    Parameters
    ----------
    intervals : ndarray of float32, shape (..., 2)
        Lower and upper ends within [0, 1].

    Returns
    -------
    ndarray of bool, shape (...)
        False where the value is in an event, or missing.
    """
    informative: NDArray[np.bool_] = (intervals[..., 0] > 0) | (intervals[..., 1] < 1)
    return informative


def log_marginal(codec: Codec, intervals: NDArray[np.float32]) -> Floats:
    """Take the logarithm of the probability of each number in its column, by itself.

    Parameters
    ----------
    codec : Codec
        The codec of a column with a numeric cell.
    intervals : ndarray of float32, shape (n, 2)
        What it encoded the numbers as.

    Returns
    -------
    ndarray of float64, shape (n,)
        Where the column's numbers lie on a lattice or are few, the log of the share of each;
        where they are continuous, the log-density of its normal score. 0 for a cell without
        information, whose value is in its event.
    """
    assert isinstance(codec, NumericCodec), f"{type(codec).__name__} has no numeric cell"
    informative = is_informative(intervals)
    found = np.zeros(len(intervals))
    place = middles(intervals[informative]).astype(np.float64)
    found[informative] = _log_probability(codec, place)
    return found


def _log_probability(codec: NumericCodec, place: Floats) -> Floats:
    if isinstance(codec.table, CellTable):
        cell = np.searchsorted(codec.table.edges[1:-1], place, side="right")
        return _log(np.diff(codec.table.edges)[cell])
    assert codec.table is not None
    if codec.lattice is None:
        score: Floats = ndtri(place)
        density: Floats = -0.5 * score**2 - 0.5 * np.log(2 * np.pi)
        return density
    return _log(_lattice_mass(codec.table, place))


def _lattice_mass(table: SmoothTable, place: Floats) -> NDArray[Any]:
    """Find the mass of the lattice cell around each place, in float64."""
    index = np.clip(np.floor(table.quantile(place)), table.knots[0], table.knots[-1] - 1)
    return table.upper(index + 1) - table.lower(index)


def _log(mass: Floats) -> Floats:
    result: Floats = np.log(np.maximum(mass, _LEAST_MASS))
    return result
