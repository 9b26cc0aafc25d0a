"""Checks of a whole DataFrame, made before any work. Rows are counted from 0, by position."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError, DataTypeError
from tabdiffuse.tables.column import Column, level_codes
from tabdiffuse.tables.values import missing_mask, show

if TYPE_CHECKING:
    from tabdiffuse.tables.schema import TableSchema

    Series = pd.Series[Any]

__all__ = ["check_frame", "check_same_columns"]


def check_frame(X: Any) -> pd.DataFrame:
    """Check that a model can be fitted to this object at all.

    Parameters
    ----------
    X : DataFrame
        The table; it is not changed.

    Returns
    -------
    DataFrame
        The same object.

    Raises
    ------
    DataTypeError
        It is not a DataFrame.
    DataError
        It has no columns, fewer than two rows, two columns of one name, infinite values, or
        complex numbers.
    """
    frame = _check_type(X)
    _check_shape(frame)
    _check_duplicates(frame)
    for place, name in enumerate(frame.columns):
        values = frame.iloc[:, place]
        if values.dtype.kind == "c":
            raise DataError(
                f"Complex data not supported: column {name!r} is complex. Replace it "
                f"by two columns, its real and its imaginary part."
            )
        _check_finite(values, name)
    return frame


def check_same_columns(X: Any, schema: TableSchema, *, partial: bool = False) -> pd.DataFrame:
    """Check that a new frame has the columns, types and categories of the training data.

    Parameters
    ----------
    X : DataFrame
        The new table, with its columns in any order; it is not changed. Missing values are
        welcome everywhere.
    schema : TableSchema
        The columns of the training data.
    partial : bool, default=False
        Whether columns may be absent.

    Returns
    -------
    DataFrame
        Its columns in the order of the schema.

    Raises
    ------
    DataTypeError
        It is not a DataFrame, or a numeric column does not hold numbers.
    DataError
        Columns are absent, unknown or there twice, or a category was never seen.
    """
    frame = _check_type(X)
    _check_duplicates(frame)
    known, present = schema.names, set(frame.columns)
    absent = [name for name in known if name not in present]
    if absent and not partial:
        raise DataError(
            f"{len(absent)} of {len(known)} columns are missing: {absent}. Add them, with NaN "
            f"where a value is not known."
        )
    extra = [name for name in frame.columns if name not in set(known)]
    if extra:
        raise DataError(
            f"{len(extra)} columns were not in the training data: {extra}. "
            f"Drop them, e.g. X.drop(columns={extra!r}). Known columns: {known}."
        )
    for column in schema.columns:
        if column.name in present:
            _check_values(frame[column.name], column)
    return frame[[name for name in known if name in present]]


def _check_values(values: Series, column: Column) -> None:
    if column.kind != "numeric":
        level_codes(values, column)
        return
    _check_finite(values, column.name)
    missing = missing_mask(values)
    if pd.api.types.is_object_dtype(values.dtype):
        numeric = np.array([pd.api.types.is_number(value) for value in values], dtype=bool)
    else:
        is_numeric = pd.api.types.is_numeric_dtype(values.dtype)
        numeric = np.full(len(values), is_numeric)
    wrong = np.flatnonzero(~numeric & ~missing)
    if wrong.size:
        raise DataTypeError(
            f"Column {column.name!r}: {wrong.size} of {len(values)} values are not numbers (first: "
            f"{show(values.iloc[wrong[0]])}, row {wrong[0]}), but the training data hold numbers "
            f"there. Convert them, e.g. with pd.to_numeric(X[{column.name!r}])."
        )


def _check_type(X: Any) -> pd.DataFrame:
    if not isinstance(X, pd.DataFrame):
        raise DataTypeError(
            f"X must be a pandas DataFrame; got {type(X).__name__} of "
            f"{type(X).__module__.partition('.')[0]}. Make one first, e.g. "
            f"pd.DataFrame(X, columns=[...]), or X.to_pandas() where there is such a method."
        )
    return X


def _check_shape(X: pd.DataFrame) -> None:
    n_rows, n_columns = X.shape
    if n_columns == 0:
        raise DataError(
            f"0 feature(s) (shape=({n_rows}, 0)) while a minimum of 1 is required. "
            f"Pass a DataFrame with at least one column."
        )
    if n_rows < 2:
        noun = "sample" if n_rows == 1 else "samples"
        raise DataError(
            f"X has {n_rows} {noun} (shape=({n_rows}, {n_columns})); a distribution cannot be "
            f"learnt from fewer than 2 rows."
        )


def _check_duplicates(X: pd.DataFrame) -> None:
    twice = list(dict.fromkeys(X.columns[X.columns.duplicated()]))
    if twice:
        raise DataError(f"Column names must differ; more than one column is named {twice}.")


def _check_finite(values: Series, name: Any) -> None:
    infinite = _infinite(values)
    rows = np.flatnonzero(infinite)
    if rows.size:
        raise DataError(
            f"Column {name!r}: {rows.size} of {len(values)} values are infinite "
            f"(first: {show(values.iloc[rows[0]])}, row {rows[0]}). Replace them by NaN or by a "
            f"finite value."
        )


def _infinite(values: Series) -> NDArray[np.bool_]:
    dtype = values.dtype
    if pd.api.types.is_object_dtype(dtype):
        found = (isinstance(value, float) and math.isinf(value) for value in values)
        return np.fromiter(found, dtype=bool, count=len(values))
    if isinstance(dtype, pd.SparseDtype) or not pd.api.types.is_float_dtype(dtype):
        return np.zeros(len(values), dtype=bool)
    if isinstance(dtype, pd.api.extensions.ExtensionDtype):
        values = pd.Series(values.to_numpy(dtype=np.float64, na_value=np.nan))
    infinite: NDArray[np.bool_] = np.isinf(values.to_numpy())
    return infinite
