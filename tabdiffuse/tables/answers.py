"""Drawn rows, with what the user gave put back as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.tables.asked import Asked, ColumnConditions
from tabdiffuse.tables.codec_base import Floats
from tabdiffuse.tables.conditions import Between, Missing, OneOf
from tabdiffuse.tables.number_conditions import rounded
from tabdiffuse.tables.numeric_codec import NumericCodec, nearest, restore_numbers
from tabdiffuse.tables.places import numbers_within
from tabdiffuse.tables.table_codec import TableCodec
from tabdiffuse.tables.values import missing_mask, numbers

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["overwritten", "with_given"]

Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]


def with_given(drawn: pd.DataFrame, codec: TableCodec, asked: Asked, rows: Rows) -> pd.DataFrame:
    """Write the values that were given into drawn rows, and add what is handed on.

    Categories that were given come back from the model as they are. Of numbers it keeps the
    nearest one it knows, so they are written here; and a drawn number that was restricted satisfies
    its condition to the last bit, also where float32 cannot tell it from its neighbours.

    Parameters
    ----------
    drawn : DataFrame
        Rows with the columns of the table.
    codec : TableCodec
        The codec that decoded them.
    asked : Asked
        The conditions.
    rows : ndarray of int, shape (n,)
        Whose conditions each drawn row fulfils.

    Returns
    -------
    DataFrame
        The rows. If conditions were given row by row, with their index and extra columns.
    """
    columns = {}
    for name, own in zip(codec.schema.names, codec.codecs, strict=True):
        column = drawn[name]
        if isinstance(own, NumericCodec) and name in asked.columns:
            column = _with_numbers(column, own, asked.columns[name], rows)
        columns[name] = column
    answer = pd.concat(columns.values(), axis=1, keys=range(len(columns)))
    answer.columns = pd.Index(list(columns))
    if asked.is_one:
        return answer
    answer.index = asked.index[rows]
    if asked.extra.shape[1] == 0:
        return answer
    extra = asked.extra.iloc[rows].set_axis(answer.index, axis=0)
    return pd.concat([answer, extra], axis=1)


def overwritten(column: Series, mask: Bools, values: Series) -> Series:
    """Replace some cells of a column by those of another of the same dtype, by position."""
    if not mask.any():
        return column
    cells = column.array.copy()
    cells[mask] = values.array[mask]
    return pd.Series(cells, index=column.index, name=column.name)


def _with_numbers(
    drawn: Series, codec: NumericCodec, asked: ColumnConditions, rows: Rows
) -> Series:
    missing = missing_mask(asked.values)
    number = numbers(asked.values, missing)
    given = restore_numbers(codec.column, np.where(missing, 0, number), np.zeros_like(missing))
    drawn = overwritten(drawn, ~missing[rows], given.iloc[rows])
    if codec.table is None:
        return drawn
    for condition, own in asked.others.items():
        if isinstance(condition, Between | OneOf):
            restricted = np.zeros(len(missing), dtype=bool)
            restricted[own] = True
            drawn = overwritten(drawn, restricted[rows], _satisfying(drawn, codec, condition))
    return drawn


def _satisfying(drawn: Series, codec: NumericCodec, condition: Between | OneOf) -> Series:
    """Move each number to the nearest one that satisfies a condition."""
    missing = missing_mask(drawn)
    number = np.where(missing, 0, numbers(drawn, missing))
    if isinstance(condition, Between):
        number = np.clip(number, *numbers_within(codec, *condition.ends))
    else:
        wanted = _wanted(codec, condition)
        number = wanted[nearest(wanted, number)] if len(wanted) else number
    return restore_numbers(codec.column, number, missing)


def _wanted(codec: NumericCodec, condition: OneOf) -> Floats:
    values = [float(value) for value in condition.values if value is not Missing]
    return np.unique(rounded(codec, np.array(values)))
