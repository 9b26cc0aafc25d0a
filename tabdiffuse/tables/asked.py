"""Conditions in one form: for each column, plain values and the rows of every other condition."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError, DataTypeError, TabdiffuseWarning
from tabdiffuse.tables.checks import check_same_columns
from tabdiffuse.tables.column import Column
from tabdiffuse.tables.conditions import Condition, is_real
from tabdiffuse.tables.schema import TableSchema
from tabdiffuse.tables.values import missing_mask, show

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["Asked", "ColumnConditions", "read_conditions"]

Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class ColumnConditions:
    """What is asked of the cells of one column.

    Parameters
    ----------
    values : Series
        Plain values, which fix their cells; missing where there is none. Its index counts rows.
    others : dict of Condition to ndarray of int
        The rows of every other condition.
    """

    values: Series
    others: dict[Condition, Rows] = field(default_factory=dict)

    @property
    def fixed(self) -> Bools:
        """Rows whose cell has a plain value, ``(n,)``."""
        return ~missing_mask(self.values)

    @property
    def asked(self) -> Bools:
        """Rows whose cell has any condition, ``(n,)``."""
        asked = self.fixed
        for rows in self.others.values():
            asked[rows] = True
        return asked

    def words(self) -> NDArray[np.int64]:
        """Give each distinct condition a number, ``(n,)``; -1 is none."""
        numbers = pd.factorize(self.values)[0].astype(np.int64)
        first = numbers.max(initial=-1) + 1
        for number, rows in enumerate(self.others.values(), start=first):
            numbers[rows] = number
        return numbers

    def take(self, rows: Rows) -> ColumnConditions:
        """Choose rows, perhaps repeatedly."""
        chosen: dict[Condition, Rows] = {}
        for condition, own in self.others.items():
            here = np.zeros(len(self.values), dtype=bool)
            here[own] = True
            chosen[condition] = np.flatnonzero(here[rows])
        return ColumnConditions(self.values.iloc[rows].reset_index(drop=True), chosen)

    def with_first(self, first: ColumnConditions) -> ColumnConditions:
        """Let other conditions on the same rows go first, where there are any."""
        taken = first.asked
        cells = self.values.astype(object)
        cells = cells.mask(taken).astype(object)
        cells[first.fixed] = first.values.astype(object)[first.fixed]
        kept = {condition: rows[~taken[rows]] for condition, rows in self.others.items()}
        for condition, rows in first.others.items():
            kept[condition] = np.union1d(kept.get(condition, rows[:0]), rows)
        return ColumnConditions(cells, kept)


@dataclass(frozen=True)
class Asked:
    """Conditions on some columns, row by row.

    Parameters
    ----------
    columns : dict of column name to ColumnConditions
        The columns that were named, in the order of the schema.
    index : Index
        Labels of the rows.
    extra : DataFrame
        Columns that are no column of the table, to be handed on.
    is_one : bool
        Whether they were given once for all rows, as a dictionary.
    """

    columns: dict[Any, ColumnConditions]
    index: pd.Index[Any]
    extra: pd.DataFrame
    is_one: bool = False

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.index)

    @property
    def any(self) -> bool:
        """Whether there is a condition at all."""
        return any(column.asked.any() for column in self.columns.values())

    def groups(self) -> NDArray[np.int64]:
        """Give rows that were asked for in the same words the same number, ``(n,)``."""
        if len(self) <= 1 or not self.columns:
            return np.zeros(len(self), dtype=np.int64)
        words = pd.DataFrame({i: c.words() for i, c in enumerate(self.columns.values())})
        groups = words.groupby(list(words.columns), sort=False).ngroup()
        return groups.to_numpy().astype(np.int64)

    def take(self, rows: Rows) -> Asked:
        """Choose rows, perhaps repeatedly."""
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        extra = self.extra.iloc[rows]
        return replace(self, columns=columns, index=self.index[rows], extra=extra)


def read_conditions(conditions: Any, schema: TableSchema, *, checked: bool = False) -> Asked:
    """Bring conditions into one form, and check names, types and plain values.

    Parameters
    ----------
    conditions : mapping, DataFrame or sequence of mappings
        As `TabularDiffusion.sample` takes them.
    schema : TableSchema
        The columns of the table.
    checked : bool, default=False
        Whether columns beyond those of the table are impossible, because they were checked.

    Returns
    -------
    Asked
        One entry for each row; one row for a mapping.

    Raises
    ------
    DataTypeError
        They are none of these, or a cell has a type that its column cannot hold.
    DataError
        A mapping names an unknown column, or a category was never seen.
    """
    is_one = isinstance(conditions, Mapping)
    if isinstance(conditions, pd.DataFrame):
        frame = conditions
    else:
        frame = _frame_of(_check_mappings([conditions] if is_one else conditions, schema))
    known = [name for name in schema.names if name in set(frame.columns)]
    twice = [name for name in known if list(frame.columns).count(name) > 1]
    if twice:
        raise DataError(f"Column names must differ; more than one condition is named {twice}.")
    extra = frame.loc[:, [name not in set(known) for name in frame.columns]]
    if not checked:
        _warn_of_typos(list(extra.columns), schema)
    split = {name: _split(frame[name], schema[name]) for name in known}
    plain = pd.DataFrame({name: own.values for name, own in split.items()}, dtype=None)
    check_same_columns(plain, schema, partial=True)
    return Asked(split, frame.index, extra, is_one)


def _check_mappings(conditions: Any, schema: TableSchema) -> list[Mapping[Any, Any]]:
    is_list = isinstance(conditions, Sequence) and not isinstance(conditions, str)
    if not is_list or not all(isinstance(row, Mapping) for row in conditions):
        raise DataTypeError(
            "conditions must be a dictionary of column names to values, a list of such "
            f"dictionaries, or a DataFrame. Got {show(conditions)} of type "
            f"{type(conditions).__name__} instead."
        )
    for row, cells in enumerate(conditions):
        for name, value in cells.items():
            if name not in schema.names:
                close = _close_names(name, schema)
                hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
                raise DataError(
                    f"conditions name an unknown column {name!r} (row {row}).{hint} "
                    f"Known columns: {schema.names}."
                )
            if pd.api.types.is_list_like(value):
                raise _nested(name, value, row)
    return list(conditions)


def _frame_of(rows: list[Mapping[Any, Any]]) -> pd.DataFrame:
    """Put dictionaries side by side, cell by cell as they are."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        cells = np.empty(len(rows), dtype=object)
        cells[:] = [row.get(name) for row in rows]
        columns[name] = pd.Series(cells, dtype=object)
    return pd.DataFrame(columns, index=range(len(rows)))


def _close_names(name: Any, schema: TableSchema) -> list[str | int]:
    lower = {str(known).lower(): known for known in schema.names}
    found = difflib.get_close_matches(str(name).lower(), list(lower), n=3, cutoff=0.7)
    return [lower[text] for text in found]


def _warn_of_typos(extra: list[Any], schema: TableSchema) -> None:
    """Warn where a column that is handed on looks like one that was meant as a condition."""
    known = {str(name).strip().lower(): name for name in schema.names}
    meant = {name: known.get(str(name).strip().lower()) for name in extra}
    for name, close in meant.items():
        if close is not None:
            warnings.warn(
                f"conditions have a column {name!r}, which the table has not: it is handed on, and "
                f"is no condition. Rename it if you meant {close!r}.",
                TabdiffuseWarning,
                stacklevel=4,
            )


def _split(values: Series, column: Column) -> ColumnConditions:
    """Part plain values from the other conditions of one column."""
    values = values.reset_index(drop=True)
    if column.kind == "numeric":
        _check_no_flags(values, column)
    if not pd.api.types.is_object_dtype(values.dtype):
        return ColumnConditions(values)
    others: dict[Condition, list[int]] = {}
    for row, cell in enumerate(values.to_numpy()):
        if isinstance(cell, Condition):
            others.setdefault(cell, []).append(row)
        elif pd.api.types.is_list_like(cell):
            raise _nested(column.name, cell, row)
    rows = {condition: np.array(own, dtype=np.intp) for condition, own in others.items()}
    if not rows:
        return ColumnConditions(values)
    plain = values.to_numpy(copy=True)
    plain[np.concatenate(list(rows.values()))] = None
    return ColumnConditions(pd.Series(plain, dtype=object, name=column.name), rows)


def _check_no_flags(values: Series, column: Column) -> None:
    """Refuse booleans and complex numbers for numbers, which pandas takes for some."""
    if pd.api.types.is_object_dtype(values.dtype):
        numbers = (pd.api.types.is_number(cell) for cell in values)
        odd = np.array(list(numbers), dtype=bool) & ~missing_mask(values)
        wrong = [row for row in np.flatnonzero(odd) if not is_real(values.iloc[row])]
    else:
        is_wrong = pd.api.types.is_bool_dtype(values.dtype) or values.dtype.kind == "c"
        wrong = list(np.flatnonzero(~missing_mask(values))) if is_wrong else []
    if wrong:
        cell = values.iloc[wrong[0]]
        raise DataTypeError(
            f"Column {column.name!r} holds numbers; got {show(cell)} of type {type(cell).__name__} "
            f"(row {wrong[0]}). Write an int or a float, such as 1 for True."
        )


def _nested(name: Any, value: Any, row: int) -> DataTypeError:
    return DataTypeError(
        f"The condition on column {name!r} is {show(value)} of type {type(value).__name__} (row "
        f"{row}). Write OneOf([...]) for one of several values, or pass a DataFrame for one value "
        f"in each row."
    )
