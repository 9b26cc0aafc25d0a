"""Wanted shares of the levels of a column, as a level for each row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.tables.asked import Asked, ColumnConditions
from tabdiffuse.tables.column import Column, level_codes
from tabdiffuse.tables.conditions import Condition, Missing, is_real
from tabdiffuse.tables.schema import TableSchema
from tabdiffuse.tables.values import missing_mask

__all__ = ["balanced", "check_balance", "level_counts"]


def check_balance(balance: Any, schema: TableSchema) -> tuple[Column, dict[Any, float]]:
    """Read the ``balance`` parameter.

    Parameters
    ----------
    balance : mapping
        One column, and the share of each of its levels or "uniform".
    schema : TableSchema
        The columns of the table.

    Returns
    -------
    tuple of Column and dict
        The column, and the share of each level that was named; they sum to 1.

    Raises
    ------
    ParameterError
        It is of another form, names a level NaN, None or NA, or the shares do not sum to 1.
    DataError
        The column is unknown or no categorical one, or a level was never seen.
    """
    if not isinstance(balance, Mapping) or len(balance) != 1:
        raise ParameterError(
            "balance must name one column and the shares of its levels, such as "
            f"{{'sex': {{'F': 0.5, 'M': 0.5}}}} or {{'sex': 'uniform'}}. Got {balance!r} instead."
        )
    ((name, shares),) = balance.items()
    if name not in schema.names:
        raise DataError(f"balance names an unknown column {name!r}. Known columns: {schema.names}.")
    column = schema[name]
    if column.kind not in ("categorical", "boolean"):
        raise DataError(
            f"balance needs a categorical or boolean column; {name!r} is {column.kind}. Use "
            f"conditions for its values."
        )
    if isinstance(shares, str) and shares == "uniform":
        return column, {level: 1 / len(column.levels) for level in column.levels}
    if not isinstance(shares, Mapping):
        raise ParameterError(
            f"balance[{name!r}] must be 'uniform' or map levels to shares. Got {shares!r} instead."
        )
    _check_shares(name, shares)
    levels = pd.Series(list(shares), dtype=object)
    unnamed = levels[missing_mask(levels)]
    if len(unnamed):
        raise ParameterError(
            f"The levels of balance[{name!r}] must be values, or Missing for a gap. "
            f"Got {unnamed.iloc[0]!r}."
        )
    cells = np.empty(len(shares), dtype=object)
    cells[:] = [None if level is Missing else level for level in shares]
    if Missing in shares and not column.missing:
        raise DataError(f"Column {name!r} has no missing values in the training data to balance.")
    level_codes(pd.Series(cells, dtype=object, name=name), column)
    return column, dict(shares)


def _check_shares(name: Any, shares: Mapping[Any, Any]) -> None:
    wrong = [share for share in shares.values() if not is_real(share) or not 0 <= share <= 1]
    if wrong:
        raise ParameterError(
            f"The shares of balance[{name!r}] must be numbers from 0 to 1. Got {wrong[0]!r}."
        )
    if abs(math.fsum(shares.values()) - 1) > 1e-6:
        raise ParameterError(
            f"The shares of balance[{name!r}] must sum to 1. They sum to "
            f"{math.fsum(shares.values()):g}; divide each by that."
        )


def level_counts(shares: Mapping[Any, float], rows: int) -> dict[Any, int]:
    """Split rows by the method of largest remainders: each count within 1 of its share.

    Parameters
    ----------
    shares : mapping of level to float
        Shares that sum to 1.
    rows : int
        Number of rows.

    Returns
    -------
    dict of level to int
        Counts that sum to the rows; the first of equal remainders goes first.
    """
    exact = np.array(list(shares.values()), dtype=np.float64) / math.fsum(shares.values()) * rows
    # Within rounding a product such as 0.29 * 100 is the whole number it should be.
    counts = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: rows - counts.sum()]] += 1
    return dict(zip(shares, counts.tolist(), strict=True))


def balanced(asked: Asked, column: Column, shares: Mapping[Any, float], seed: int) -> Asked:
    """Add the levels of a column to conditions, in the wanted shares and in random order.

    Parameters
    ----------
    asked : Asked
        Conditions, one entry for each row to be drawn.
    column : Column
        The column.
    shares : mapping of level to float
        Shares of its levels.
    seed : int
        Seed of the order.

    Returns
    -------
    Asked
        The conditions with this column.

    Raises
    ------
    DataError
        There is a condition on the column already.
    """
    name = column.name
    if name in asked.columns and asked.columns[name].asked.any():
        raise DataError(
            f"Column {name!r} is in balance and in conditions. Leave it out of one of them."
        )
    counts = level_counts(shares, len(asked))
    order = np.random.default_rng(seed).permutation(len(asked))
    cells = np.empty(len(asked), dtype=object)
    start = 0
    others: dict[Condition, Any] = {}
    for level, count in counts.items():
        rows = order[start : start + count]
        start += count
        if level is Missing:
            others[Missing] = np.sort(rows)
        else:
            cells[rows] = level
    own = ColumnConditions(pd.Series(cells, dtype=object, name=name), others)
    return replace(asked, columns=asked.columns | {name: own})
