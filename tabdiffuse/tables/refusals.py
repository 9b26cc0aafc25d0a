"""Columns that are not modelled, refused in words.

Each error names the column, shows a value with its row (counted from 0) and says what to do.
"""

from __future__ import annotations

import numbers as abstract
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd

from tabdiffuse.errors import DataError, SchemaError
from tabdiffuse.tables.values import missing_mask, show

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = [
    "MAX_LEVELS",
    "first_shown",
    "refuse_dtype",
    "refuse_keys_and_text",
    "refuse_later",
    "refuse_many_levels",
]

MAX_LEVELS = 1000

_MIN_ROWS_FOR_KEY = 20  # up to here, all strings being distinct proves nothing
_TEXT_LENGTH = 40  # mean characters from which mostly distinct strings are prose


def first_shown(values: Series) -> str:
    """Show the first value of a column that is not missing, and its row.

    Parameters
    ----------
    values : Series
        A column with at least one value.

    Returns
    -------
    str
        For an error message.
    """
    row = int(np.flatnonzero(~missing_mask(values))[0])
    return f"{show(values.iloc[row])}, row {row}"


def refuse_dtype(values: Series) -> None:
    """Refuse sparse and complex columns.

    Parameters
    ----------
    values : Series
        The column.

    Raises
    ------
    SchemaError, DataError
        It is sparse; it is complex.
    """
    name = values.name
    if isinstance(values.dtype, pd.SparseDtype):
        raise SchemaError(f"Column {name!r} is sparse. Convert it with df.sparse.to_dense().")
    if getattr(values.dtype, "kind", "") == "c":
        raise DataError(f"Complex data not supported: column {name!r}.")


def refuse_later(values: Series, present: Series, what: str) -> NoReturn:
    """Refuse a kind of values that is not modelled.

    Parameters
    ----------
    values, present : Series
        The column, and its cells that are not missing.
    what : str
        The name of their type.

    Raises
    ------
    SchemaError
        Always.
    """
    name = values.name
    if what.startswith(("datetime", "period")):
        way = f"convert it to a number with (df[{name!r}] - pd.Timestamp('2000-01-01')).dt.days"
    elif what.startswith("timedelta"):
        way = f"convert it to a number with df[{name!r}].dt.total_seconds()"
    elif len(present) and isinstance(present.iloc[0], abstract.Number):
        way = f"convert it to a number with df[{name!r}].astype(float)"
    else:
        way = f"convert it to strings with df[{name!r}].astype(str)"
    raise SchemaError(
        f"Column {name!r} holds {what} values (first: {first_shown(values)}), which are not "
        f"modelled yet. Drop it, or {way}."
    )


def refuse_keys_and_text(values: Series, present: Series, n_distinct: int) -> None:
    """Refuse strings that are all distinct, or prose.

    Parameters
    ----------
    values, present : Series
        The column, and its cells that are not missing.
    n_distinct : int
        Number of distinct values.

    Raises
    ------
    SchemaError
        There is nothing to learn in them.
    """
    name = values.name
    if n_distinct <= _MIN_ROWS_FOR_KEY:
        return
    if n_distinct > len(present) / 2 and _is_prose(present.astype(str)):
        raise SchemaError(
            f"Column {name!r} holds free text (first: {first_shown(values)}), which a table model "
            f"cannot write. Drop it, or replace it by a few categories."
        )
    if n_distinct == len(present):
        way = f", or pass schema={{{name!r}: 'categorical'}}" if n_distinct <= MAX_LEVELS else ""
        raise SchemaError(
            f"Column {name!r} holds {n_distinct} strings that are all distinct "
            f"(first: {first_shown(values)}): a key, with nothing to learn. Drop it{way}"
            f"{_number_hint(present)}."
        )


def _is_prose(strings: Series) -> bool:
    is_long = strings.str.len().mean() > _TEXT_LENGTH
    return bool(is_long and strings.str.contains(" ").mean() > 0.5)


def refuse_many_levels(values: Series, present: Series, n_distinct: int) -> None:
    """Refuse more levels than are modelled.

    Parameters
    ----------
    values, present : Series
        The column, and its cells that are not missing.
    n_distinct : int
        Number of distinct values.

    Raises
    ------
    SchemaError
        There are more than `MAX_LEVELS`.
    """
    if n_distinct <= MAX_LEVELS:
        return
    raise SchemaError(
        f"Column {values.name!r} has {n_distinct} levels (first: {first_shown(values)}), more "
        f"than the {MAX_LEVELS} that are modelled. Drop it, merge rare levels"
        f"{_number_hint(present)}."
    )


def _number_hint(present: Series) -> str:
    parsed = pd.to_numeric(present.astype(str), errors="coerce")
    if parsed.notna().mean() < 0.9:
        return ""
    return f", or convert it to a number with pd.to_numeric(df[{present.name!r}], errors='coerce')"
