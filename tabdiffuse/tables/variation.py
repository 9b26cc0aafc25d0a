"""Rows to be varied: which cells move how far, and which are set anew and held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.tables.asked import Asked, ColumnConditions, read_conditions
from tabdiffuse.tables.codec_base import Floats
from tabdiffuse.tables.conditions import Condition, Missing, is_real
from tabdiffuse.tables.schema import TableSchema
from tabdiffuse.tables.values import missing_mask

__all__ = ["Variation", "column_strengths"]


@dataclass(frozen=True)
class Variation:
    """Rows, the noise that each cell gets, and the conditions that replace some.

    Parameters
    ----------
    asked : Asked
        Every cell, after the replacements.
    times : dict of column name to ndarray of float64, shape (n,)
        Strength of the noise of each cell; 0 where it is held.
    """

    asked: Asked
    times: dict[Any, Floats]

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        strengths: Mapping[Any, float],
        conditions: Any,
        schema: TableSchema,
    ) -> Variation:
        """Replace cells of rows by conditions, and hold these.

        Parameters
        ----------
        frame : DataFrame
            Rows, checked against the schema.
        strengths : mapping of column name to float
            Strength of each column.
        conditions : mapping, DataFrame, sequence of mappings or None
            Conditions for all rows, or one entry for each.
        schema : TableSchema
            The columns of the table.

        Returns
        -------
        Variation
            What to draw.

        Raises
        ------
        DataError
            The conditions have another number of rows, or another index.
        """
        columns = {
            column.name: _cells(frame, column.name, column.missing) for column in schema.columns
        }
        times = {name: np.full(len(frame), float(strengths[name])) for name in columns}
        extra = pd.DataFrame(index=frame.index)
        if conditions is not None:
            news = read_conditions(conditions, schema)
            if news.is_one:
                news = news.take(np.zeros(len(frame), dtype=np.intp))
            elif isinstance(conditions, pd.DataFrame):
                _check_aligned(news, frame)
                extra = news.extra
            elif len(news) != len(frame):
                raise _misfit(len(news), len(frame))
            for name, own in news.columns.items():
                columns[name] = columns[name].with_first(own)
                times[name][own.asked] = 0.0
        return cls(Asked(columns, frame.index, extra), times)

    @property
    def moves(self) -> bool:
        """Whether any cell gets noise."""
        return any(own.any() for own in self.times.values())

    @property
    def held(self) -> Asked:
        """The cells without noise."""
        columns = {}
        for name, own in self.asked.columns.items():
            moved = self.times[name] > 0
            cells = (
                own.values.astype(object).mask(moved).astype(object) if moved.any() else own.values
            )
            columns[name] = ColumnConditions(cells, own.others)
        return replace(self.asked, columns=columns)


def _cells(frame: pd.DataFrame, name: Any, gaps: str) -> ColumnConditions:
    """Take every cell of a column as known; without gaps in training, a missing one is open."""
    values = frame[name].reset_index(drop=True)
    missing = np.flatnonzero(missing_mask(values))
    others: dict[Condition, Any] = {Missing: missing} if missing.size and gaps else {}
    return ColumnConditions(values, others)


def _check_aligned(news: Asked, frame: pd.DataFrame) -> None:
    if len(news) != len(frame):
        raise _misfit(len(news), len(frame))
    if not news.index.equals(frame.index):
        raise DataError(
            "conditions and X have different indices, so their rows may not belong together. Align "
            "them, e.g. conditions.set_axis(X.index, axis=0)."
        )


def _misfit(rows: int, wanted: int) -> DataError:
    return DataError(
        f"conditions have {rows} rows, and X has {wanted}. Give one mapping for all rows, or one "
        f"entry for each."
    )


def column_strengths(
    strength: Any, columns: Any, keep: Any, schema: TableSchema
) -> dict[Any, float]:
    """Read which columns vary, and how much.

    Parameters
    ----------
    strength : float or mapping of column name to float
        In [0, 1]; with a mapping, 0 for columns that it does not name.
    columns, keep : sequence of column names or None
        The only columns that vary, and columns that stay.
    schema : TableSchema
        The columns of the table.

    Returns
    -------
    dict of column name to float
        The strength of every column.

    Raises
    ------
    ParameterError
        A strength is out of range, or a column is to vary and to stay.
    DataError
        A column is unknown.
    """
    given = strength if isinstance(strength, Mapping) else dict.fromkeys(schema.names, strength)
    _check_names("strength", given, schema)
    for name, value in given.items():
        if not is_real(value) or not 0 <= value <= 1:
            where = f"strength[{name!r}]" if isinstance(strength, Mapping) else "strength"
            raise ParameterError(f"{where} must be a number from 0 to 1. Got {value!r} instead.")
    only = _names("columns", columns, schema, default=schema.names)
    stay = _names("keep", keep, schema, default=[])
    both = [name for name in stay if columns is not None and name in only]
    if both:
        raise ParameterError(f"columns and keep both name {both}. Leave them out of one.")
    varied = set(only) - set(stay)
    return {name: float(given.get(name, 0.0)) if name in varied else 0.0 for name in schema.names}


def _names(parameter: str, given: Any, schema: TableSchema, default: Sequence[Any]) -> list[Any]:
    if given is None:
        return list(default)
    if isinstance(given, str) or not pd.api.types.is_list_like(given):
        raise ParameterError(
            f"{parameter} must be a list of column names. Got {given!r}; write [{given!r}]."
        )
    names = list(given)
    _check_names(parameter, names, schema)
    return names


def _check_names(parameter: str, names: Any, schema: TableSchema) -> None:
    unknown = [name for name in names if name not in schema.names]
    if unknown:
        raise DataError(
            f"{parameter} names unknown columns {unknown}. Known columns: {schema.names}."
        )
