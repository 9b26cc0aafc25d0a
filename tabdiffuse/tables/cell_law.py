"""What one condition says of the model columns of one cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabdiffuse.tables.codec_base import Floats

__all__ = ["CellLaw", "Intervals", "restricted_to"]

Intervals = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class CellLaw:
    """What is known of a cell, or what its law is weighted by.

    Parameters
    ----------
    code : int, optional
        Its event or category, if that is known.
    score : float, optional
        Its number, if that is known; 0 where the event says all.
    time : float
        Time at which the number is known.
    log_weights : ndarray of float64, shape (K,), optional
        Log weight of each event or category, if they are weighted.
    intervals : tuple of tuple of float, optional
        Where the score may lie at the event "continuous": bounds of disjoint intervals, increasing.
    """

    code: int | None = None
    score: float | None = None
    time: float = 0.0
    log_weights: Floats | None = None
    intervals: Intervals | None = None


def restricted_to(
    log_weights: Floats, *, is_numeric: bool, intervals: Intervals | None = None
) -> CellLaw:
    """Restrict a cell to weighted events, the first of which bounds its number.

    Where one event is left, and it leaves no number to be bounded, it is known rather than drawn.

    Parameters
    ----------
    log_weights : ndarray of float64, shape (K,)
        Log weight of each event, minus infinity for the excluded ones; at least one is finite.
    is_numeric : bool
        Whether the first event, "continuous", leaves a number open.
    intervals : tuple of tuple of float, optional
        Where the score of that number may lie.

    Returns
    -------
    CellLaw
        The restriction.
    """
    (left,) = np.nonzero(log_weights > -np.inf)
    assert left.size, "a restriction must leave an event"
    only = int(left[0]) if left.size == 1 else None
    if only is None or (only == 0 and is_numeric and intervals is not None):
        return CellLaw(log_weights=log_weights, intervals=intervals)
    return CellLaw(code=only, score=0.0 if is_numeric and only > 0 else None)
