"""What is known of one column: its name, kind, dtype and, where it has them, its levels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError
from tabdiffuse.tables.values import (
    MISSING_MARKERS,
    dtype_from_spec,
    missing_mask,
    scalar_from_json,
    scalar_to_json,
    show,
)

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["Column", "Kind", "level_codes", "restore_levels"]

Kind = Literal["numeric", "categorical", "boolean", "constant"]

_SHOWN_LEVELS = 10


@dataclass(frozen=True)
class Column:
    """One column of a table, as seen in the data it was inferred from.

    Parameters
    ----------
    name : str or int
        Its name in the DataFrame.
    kind : {"numeric", "categorical", "boolean", "constant"}
        How it is modelled.
    dtype : str
        The pandas dtype that decoding restores, as named by `values.dtype_to_spec`.
    levels : tuple
        The distinct non-missing values seen, in the order of their codes. Empty for numbers.
    missing : {"", "nan", "None", "NA", "NaT"}
        How a missing value is written in an object column, where the first one stands for all;
        "nan" in any other dtype, which turns it into its own marker. Empty if none was seen.
    item : {"", "str", "int", "float", "bool"}
        The Python type of the values in an object column; a mixture of int and float is float.
    categories : tuple or None
        For a category dtype, all declared categories in order, used or not.
    categories_dtype : str
        The dtype of these categories.
    ordered : bool
        Whether these categories are ordered.
    missing_fraction : float
        Share of missing values.
    n_distinct : int
        Number of distinct non-missing values.
    note : str
        Remark for the reader of `TableSchema.describe`.
    """

    name: str | int
    kind: Kind
    dtype: str
    levels: tuple[Any, ...] = ()
    missing: str = ""
    item: str = ""
    categories: tuple[Any, ...] | None = None
    categories_dtype: str = ""
    ordered: bool = False
    missing_fraction: float = 0.0
    n_distinct: int = 0
    note: str = ""

    @cached_property
    def pandas_dtype(self) -> Any:
        """The dtype that decoding restores."""
        if self.categories is None:
            return dtype_from_spec(self.dtype)
        dtype = dtype_from_spec(self.categories_dtype)
        index = pd.Index(list(self.categories), dtype=dtype)
        return pd.CategoricalDtype(index, ordered=self.ordered)

    def to_dict(self) -> dict[str, Any]:
        """Write the column as JSON.

        Returns
        -------
        dict
            Plain JSON values only.
        """
        categories = self.categories
        return {
            "name": self.name,
            "kind": self.kind,
            "dtype": self.dtype,
            "levels": [scalar_to_json(value) for value in self.levels],
            "missing": self.missing,
            "item": self.item,
            "categories": None if categories is None else [scalar_to_json(v) for v in categories],
            "categories_dtype": self.categories_dtype,
            "ordered": self.ordered,
            "missing_fraction": self.missing_fraction,
            "n_distinct": self.n_distinct,
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Column:
        """Read a column written by `to_dict`.

        Parameters
        ----------
        data : dict
            What `to_dict` returned.

        Returns
        -------
        Column
            The same column.
        """
        fields = dict(data)
        fields["levels"] = tuple(scalar_from_json(value) for value in data["levels"])
        if data["categories"] is not None:
            fields["categories"] = tuple(scalar_from_json(value) for value in data["categories"])
        return cls(**fields)


def level_codes(values: Series, column: Column) -> NDArray[np.int64]:
    """Find the position of each value among the levels of a column.

    Parameters
    ----------
    values : Series
        New values for the column.
    column : Column
        A column with levels.

    Returns
    -------
    ndarray of int64, shape (n,)
        Positions in ``column.levels``; ``len(column.levels)`` where missing.

    Raises
    ------
    DataError
        A value is not among the levels.
    """
    known = pd.Index(list(column.levels), dtype=object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        table = known.get_indexer(values.cat.categories.astype(object))
        codes = np.append(table, -1)[values.cat.codes.to_numpy()]  # a missing one has code -1
    else:
        codes = known.get_indexer(pd.Index(values.to_numpy(dtype=object), dtype=object))
    missing = missing_mask(values)
    unseen = np.flatnonzero((codes < 0) & ~missing)
    if unseen.size:
        raise _unseen(values, unseen, column)
    codes[missing] = len(known)
    return codes.astype(np.int64, copy=False)


def _unseen(values: Series, rows: NDArray[np.intp], column: Column) -> DataError:
    shown = ", ".join(show(level) for level in column.levels[:_SHOWN_LEVELS]) or "only gaps"
    more = len(column.levels) - _SHOWN_LEVELS
    tail = f", and {more} more" if more > 0 else ""
    return DataError(
        f"Column {column.name!r}: {rows.size} of {len(values)} values were never seen in the "
        f"training data (first: {show(values.iloc[rows[0]])}, row {rows[0]}). Known: "
        f"{shown}{tail}. Use one of these, or fit again on data that hold the new value."
    )


def restore_levels(column: Column, codes: NDArray[np.integer[Any]]) -> Series:
    """Build a column, in its own dtype, from codes.

    Parameters
    ----------
    column : Column
        A column with levels.
    codes : ndarray of int, shape (n,)
        As from `level_codes`.

    Returns
    -------
    Series
        The values, under the name of the column.
    """
    missing = MISSING_MARKERS[column.missing or "nan"]
    dtype = column.pandas_dtype
    if isinstance(dtype, pd.CategoricalDtype):
        levels = pd.Index(list(column.levels), dtype=object)
        table = np.append(dtype.categories.astype(object).get_indexer(levels), -1)
        return pd.Series(pd.Categorical.from_codes(table[codes], dtype=dtype), name=column.name)
    table = np.empty(len(column.levels) + 1, dtype=object)
    table[:] = [*column.levels, missing]
    restored: Series = pd.Series(table[codes], dtype=dtype, name=column.name)
    return restored
