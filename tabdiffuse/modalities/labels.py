"""Categories by their own names instead of codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities.base import is_missing

__all__ = ["Labels"]


class Labels:
    """The categories of one cell, in the order of their codes.

    Parameters
    ----------
    categories : sequence
        Hashable and distinct.

    Raises
    ------
    ParameterError
        When there is none, or one occurs twice.
    """

    def __init__(self, categories: Sequence[Any] | np.ndarray[Any, Any]) -> None:
        found = list(categories)
        if isinstance(categories, str) or not found or len(set(found)) < len(found):
            raise ParameterError(
                f"categories must be a sequence of distinct values. Got {categories!r} instead."
            )
        self._codes = {category: code for code, category in enumerate(found)}
        self._array = _column(found)

    @property
    def values(self) -> list[Any]:
        """The categories, by code."""
        return list(self._codes)

    def count_as(self, cardinality: Any) -> int:
        """Return the number of categories; refuse another one."""
        count = len(self._codes)
        if cardinality is not None and (np.ndim(cardinality) or cardinality != count):
            raise ParameterError(
                f"categories are those of one cell, and there are {count} of them. "
                f"Got cardinalities={cardinality!r} instead; leave it out."
            )
        return count

    def codes(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the code of each value, in the shape of the values.

        Raises
        ------
        DataError
            When a value is none of the categories.
        """
        flat = values.ravel().tolist()
        for row, value in enumerate(flat):
            if value not in self._codes:
                raise DataError(
                    f"Row {row}: {value!r} is not one of the known categories "
                    f"{_listed(self._codes)}."
                )
        codes = np.fromiter((self._codes[value] for value in flat), np.int64, len(flat))
        return codes.reshape(values.shape)

    def of(self, codes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the categories of codes."""
        return np.asarray(self._array[codes])

    def with_gaps(self, values: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Put the first category in each gap, which is None or NaN; say where the gaps are."""
        array = np.array(values, dtype=object)
        gaps = np.array([is_missing(value) for value in array.ravel()], dtype=bool)
        gaps = gaps.reshape(array.shape)
        array[gaps] = self._array[0]
        return array, gaps


def _column(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Make an array that holds the values as they are: text beside numbers stays apart."""
    if not any(isinstance(value, tuple) for value in values):  # numpy takes these for axes
        array = np.asarray(values)
        if array.ndim == 1 and array.tolist() == values:
            return array
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array


def _listed(categories: Sequence[Any] | dict[Any, int], most: int = 10) -> str:
    """Name the first of the categories."""
    names = ", ".join(repr(category) for category in list(categories)[:most])
    return names + (", ..." if len(categories) > most else "")
