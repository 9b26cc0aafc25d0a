"""The columns of a table: inferred from a DataFrame, shown, overridden, written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from tabdiffuse.errors import DataTypeError, SchemaError
from tabdiffuse.tables.checks import check_frame
from tabdiffuse.tables.column import Column
from tabdiffuse.tables.kinds import OVERRIDES, infer_column

__all__ = ["Column", "TableSchema"]


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table, in order.

    Parameters
    ----------
    columns : tuple of Column
        One entry per column.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"age": [31, 42, 27], "sex": ["F", "M", "F"]})
    >>> [column.kind for column in TableSchema.infer(frame).columns]
    ['numeric', 'categorical']
    """

    columns: tuple[Column, ...]

    @classmethod
    def infer(cls, df: pd.DataFrame, overrides: Mapping[Any, str] | None = None) -> TableSchema:
        """Find the kind of each column.

        Parameters
        ----------
        df : DataFrame
            The table; it is not changed.
        overrides : mapping from column name to kind, optional
            Kinds to use instead of the inferred ones: "numeric", "categorical" or "boolean".

        Returns
        -------
        TableSchema
            One `Column` for each column.

        Raises
        ------
        SchemaError
            An override names no column or no kind, or a column is of a kind that is not modelled.
        DataError
            The frame is empty, or holds values that cannot be used.
        DataTypeError
            The argument is not a DataFrame, or a column mixes types.
        """
        check_frame(df)
        names = [_check_name(name) for name in df.columns]
        overrides = {} if overrides is None else dict(overrides)
        _check_overrides(overrides, names)
        columns = (
            infer_column(df.iloc[:, place].rename(name), overrides.get(name))
            for place, name in enumerate(names)
        )
        return cls(tuple(columns))

    @cached_property
    def names(self) -> list[str | int]:
        """Column names, in order."""
        return [column.name for column in self.columns]

    def __getitem__(self, name: str | int) -> Column:
        """Give the column of that name."""
        return self.columns[self.names.index(name)]

    def describe(self) -> pd.DataFrame:
        """Show what was inferred.

        Returns
        -------
        DataFrame
            One row per column: its name, kind, dtype, percentage missing, number of distinct
            values, and a note.
        """
        rows = [
            {
                "column": column.name,
                "kind": column.kind,
                "dtype": str(column.pandas_dtype),
                "missing %": round(100 * column.missing_fraction, 2),
                "distinct": column.n_distinct,
                "note": column.note,
            }
            for column in self.columns
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Write the schema as JSON.

        Returns
        -------
        dict
            Plain JSON values only; a name keeps its type, so 1 and "1" stay apart.
        """
        return {"columns": [column.to_dict() for column in self.columns]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TableSchema:
        """Read a schema written by `to_dict`.

        Parameters
        ----------
        data : dict
            What `to_dict` returned, perhaps after a trip through `json`.

        Returns
        -------
        TableSchema
            The same schema.
        """
        return cls(tuple(Column.from_dict(column) for column in data["columns"]))


def _check_name(name: Any) -> str | int:
    if isinstance(name, str):
        return str(name)
    if pd.api.types.is_integer(name):
        return int(name)
    raise DataTypeError(
        f"Column names must be strings or integers; got {name!r} of type {type(name).__name__}. "
        f"Rename the columns, e.g. df.columns = [str(name) for name in df.columns]."
    )


def _check_overrides(overrides: dict[Any, str], names: list[str | int]) -> None:
    known = set(names)
    for name, kind in overrides.items():
        if name not in known:
            raise SchemaError(f"schema names an unknown column {name!r}. Columns: {names}.")
        if kind not in OVERRIDES:
            valid = ", ".join(repr(option) for option in OVERRIDES)
            raise SchemaError(f"schema[{name!r}] is {kind!r}; it must be one of {valid}.")
