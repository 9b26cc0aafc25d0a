"""The grid on which the numbers of a column lie, where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

__all__ = ["Lattice", "find_lattice"]

MAX_DECIMALS = 9

_SAMPLE = 1000  # values that show at once that a lattice does not hold


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
    size = max(values.max(), -values.min())
    few = values[:: -(-len(values) // _SAMPLE)]
    for decimals in range(MAX_DECIMALS + 1):
        largest = size * 10.0**decimals if decimals else size
        if decimals == 0 and largest <= 2.0**53 and _all_whole(few) and _all_whole(values):
            return _lattice(np.rint(values).astype(np.int64), 0)
        if not largest <= limit:
            return None
        if _all_decimal(few, decimals, dtype) and _all_decimal(values, decimals, dtype):
            return _lattice(np.rint(values * 10.0**decimals).astype(np.int64), decimals)
    return None


def _all_whole(values: Floats) -> bool:
    return np.array_equal(np.rint(values), values)


def _all_decimal(values: Floats, decimals: int, dtype: Any) -> bool:
    """Tell whether values have so many decimals at most, as far as their dtype can tell."""
    rounded = np.rint(values * 10.0**decimals) / 10.0**decimals
    return np.array_equal(rounded.astype(dtype, copy=False), values.astype(dtype, copy=False))


def _lattice(scaled: Integers, decimals: int) -> Lattice:
    offset = int(scaled.min())
    step = int(np.gcd.reduce(scaled - offset))
    return Lattice(decimals, offset, max(step, 1))
