"""A column of a DataFrame that belongs to a modality: an array, a word or a code in each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["EntryColumn", "present"]


@dataclass(frozen=True)
class EntryColumn:
    """A column whose entries are values of a modality.

    Attributes
    ----------
    name : str
        Name of the column.
    shape : tuple of int
        Shape of an entry; () for words and codes.
    kind : str
        Kind of the entries, as in ``numpy.dtype.kind``.
    dtype : dtype
        That of the column.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    dtype: Any

    @classmethod
    def fit(cls, values: Series) -> tuple[EntryColumn, NDArray[Any]]:
        """Learn the form of the entries; return them as one array as well.

        Raises
        ------
        DataError
            An entry is missing, or has another shape than the first.
        """
        name, entries = str(values.name), list(values)
        given = present(entries)
        if not given.all():
            raise DataError(
                f"Column {name!r}: {np.sum(~given)} of {len(entries)} entries are missing (first: "
                f"row {np.argmin(given)}). A modality is learnt from rows that have it; drop the "
                f"others, e.g. df.dropna(subset=[{name!r}])."
            )
        first = np.asarray(entries[0])
        column = cls(name, first.shape, first.dtype.kind, values.dtype)
        return column, column.stack(entries, given)

    def stack(self, entries: Sequence[Any], given: NDArray[np.bool_]) -> NDArray[Any]:
        """Make one array of entries.

        Parameters
        ----------
        entries : sequence
            Values of the modality, E of them.
        given : ndarray of bool, shape (E,)
            Which entries are there, as from `present`; at least one of them is.

        Returns
        -------
        ndarray
            ``(E, *shape)``; the first entry stands in for those that are missing.

        Raises
        ------
        DataError
            An entry has another shape than those of the training data.
        """
        there = [int(row) for row in np.flatnonzero(given)]
        arrays = {row: np.asarray(entries[row]) for row in there}
        for row, array in arrays.items():
            if array.shape != self.shape:
                raise DataError(
                    f"Column {self.name!r}: the entry of row {row} has the shape {array.shape}, "
                    f"but the first of the training data has {self.shape}. Bring all entries to "
                    "one shape, for instance by resizing pictures."
                )
        stand_in = arrays[there[0]]
        values = np.stack([arrays.get(row, stand_in) for row in range(len(entries))])
        if self.shape or self.kind in "biuf":
            return self._whole(values)
        return values.astype(object)  # words, of which the longest must not set the type

    def column(self, values: NDArray[Any]) -> Series:
        """Make a column of ``(n, *shape)`` values, each row with its own."""
        if not self.shape:
            codes: Series = pd.Series(values.tolist(), name=self.name, dtype=self.dtype)
            return codes
        cells = np.empty(len(values), dtype=object)
        for row, value in enumerate(values):
            cells[row] = value
        return pd.Series(cells, name=self.name, dtype=object)

    def _whole(self, values: NDArray[Any]) -> NDArray[Any]:
        """Turn codes back into integers, which pandas makes floats where it needs NaN."""
        if self.shape or self.kind not in "iu" or values.dtype.kind != "f":
            return values
        whole = np.rint(values)
        return whole.astype(np.int64) if (whole == values).all() else values


def present(entries: Sequence[Any]) -> NDArray[np.bool_]:
    """Tell which entries are there; None, NaN and NA stand for one that is not."""
    return np.array([not (pd.api.types.is_scalar(x) and pd.isna(x)) for x in entries], dtype=bool)
