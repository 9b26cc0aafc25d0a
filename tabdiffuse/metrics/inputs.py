"""Tables made ready for the metrics, or refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tabdiffuse.errors import DataError, DataTypeError
from tabdiffuse.metrics.encoding import as_text
from tabdiffuse.tables import Column, TableSchema, check_same_columns

MIN_ROWS = 3  # one row in each of the folds of a classifier two-sample test


@dataclass(frozen=True)
class Tables:
    """Tables with the same columns in the same order, and the kinds of these columns.

    Parameters
    ----------
    real, synthetic : DataFrame
        The table a generator learnt from, and one that it made.
    holdout : DataFrame or None
        Real rows that it did not see.
    categorical : list of str
        Columns to treat as categories; all others hold numbers.
    """

    real: pd.DataFrame
    synthetic: pd.DataFrame
    holdout: pd.DataFrame | None
    categorical: list[Any]


def check_tables(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    holdout: pd.DataFrame | None = None,
    schema: TableSchema | Mapping[Any, str] | None = None,
) -> Tables:
    """Check that tables can be compared, and find the kinds of their columns in the real one.

    Parameters
    ----------
    real, synthetic : DataFrame
        Tables to compare; they are not changed.
    holdout : DataFrame, optional
        More real rows.
    schema : TableSchema or mapping from column name to kind, optional
        The kinds, or those to use instead of the inferred ones.

    Returns
    -------
    Tables
        The same rows, columns in the order of the real table.

    Raises
    ------
    DataError
        A table lacks columns or has others, has too few rows, or shares no level of a category
        with the real one.
    DataTypeError
        An argument is not a DataFrame, or a numeric column does not hold numbers.
    SchemaError
        A column of the real table is of a kind that cannot be compared.
    """
    kinds = schema if isinstance(schema, TableSchema) else TableSchema.infer(real, schema)
    others = {"synthetic": synthetic} | ({} if holdout is None else {"holdout": holdout})
    same = {"real": _same_columns("real", real, kinds)}
    for label, table in others.items():
        same[label] = _same_columns(label, table, kinds)
    numeric = TableSchema(tuple(c for c in kinds.columns if _is_numeric(c)))
    categorical = [name for name in kinds.names if name not in numeric.names]
    for label, table in same.items():
        _check_rows(label, table)
        _check_numbers(label, table, numeric)
        same[label] = _alike(label, table, same["real"], categorical)
    return Tables(same["real"], same["synthetic"], same.get("holdout"), categorical)


def _is_numeric(column: Column) -> bool:
    """Tell whether a column holds numbers; a constant one may."""
    if column.kind != "constant":
        return column.kind == "numeric"
    dtype = column.pandas_dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def _same_columns(label: str, table: Any, schema: TableSchema) -> pd.DataFrame:
    """Put the columns in the order of the schema; there must be neither more nor fewer."""
    if not isinstance(table, pd.DataFrame):
        raise DataTypeError(
            f"The {label} table must be a pandas DataFrame; got {type(table).__name__}."
        )
    absent = [name for name in schema.names if name not in table]
    extra = [name for name in table if name not in schema.names]
    if absent or extra or len(table.columns) > len(schema.names):
        raise DataError(
            f"The {label} table must have the columns of the real one, once each. Missing: "
            f"{absent}; unknown: {extra}. Give all tables the columns {schema.names}."
        )
    return table[schema.names]


def _check_rows(label: str, table: pd.DataFrame) -> None:
    if len(table) < MIN_ROWS:
        raise DataError(
            f"The {label} table has {len(table)} rows; its law cannot be compared with fewer than "
            f"{MIN_ROWS}. Sample more."
        )


def _check_numbers(label: str, table: pd.DataFrame, numeric: TableSchema) -> None:
    """Refuse other values in numeric columns."""
    try:
        check_same_columns(table[numeric.names], numeric)
    except (DataError, DataTypeError) as error:
        raise type(error)(f"The {label} table: {error}") from error


def _alike(
    label: str, table: pd.DataFrame, real: pd.DataFrame, categorical: list[Any]
) -> pd.DataFrame:
    """Write levels as the real table does: a missing value makes 1 a 1.0 in a column of integers.

    Raises
    ------
    DataError
        If a column shares no level with the real one: 1 and "1" are different levels.
    """
    table = table.copy()
    for name in categorical:
        ours, theirs = real[name], table[name]
        if ours.dtype != theirs.dtype and _holds_numbers(ours) and _holds_numbers(theirs):
            table[name] = theirs = _as_written(theirs, ours)
        known, given = set(as_text(ours)), set(as_text(theirs.dropna()))
        if given and known.isdisjoint(given):
            raise DataError(
                f"Column {name!r}: the {label} table ({theirs.dtype}) and the real one "
                f"({ours.dtype}) have no level in common, e.g. {min(given)!r} and {min(known)!r}. "
                f"Write both the same way, e.g. with .astype({str(ours.dtype)!r})."
            )
    return table


def _holds_numbers(column: pd.Series[Any]) -> bool:
    dtype = column.dtype
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)


def _as_written(column: pd.Series[Any], real: pd.Series[Any]) -> pd.Series[Any]:
    """Give each number that the real column holds the form it has there."""
    forms = {float(value): value for value in real.dropna().unique()}
    # An object column, or pandas would make the integers floats again beside a missing value.
    written = [None if pd.isna(value) else forms.get(float(value), value) for value in column]
    return pd.Series(written, index=column.index, name=column.name, dtype=object)
