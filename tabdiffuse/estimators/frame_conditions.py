"""Conditions on the columns of a DataFrame, parted into table and modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tabdiffuse.errors import DataError
from tabdiffuse.estimators.entries import EntryColumn

__all__ = ["FrameConditions"]


@dataclass(frozen=True)
class FrameConditions:
    """Conditions, parted.

    Attributes
    ----------
    table : mapping, DataFrame or list of mappings
        Conditions on the columns of the table, as `read_conditions` takes them.
    entries : dict of str to list
        For each column of a modality, one entry for each condition; None or NaN where it is open.
    each : int
        Number of rows for each condition.
    """

    table: Any
    entries: dict[str, list[Any]]
    each: int

    @classmethod
    def part(
        cls,
        conditions: Any,
        n_samples: int,
        columns: Sequence[Any],
        entries: Mapping[str, EntryColumn],
    ) -> FrameConditions:
        """Part conditions in any form; what is in none goes to the table, which refuses it.

        Parameters
        ----------
        conditions : mapping, DataFrame or list of mappings
            As for `MultimodalDiffusion.sample`.
        n_samples : int
            Number of rows under a mapping, else of rows for each condition.
        columns : sequence of str or int
            All columns.
        entries : mapping of str to EntryColumn
            Those that belong to modalities.

        Raises
        ------
        DataError
            A mapping names an unknown column or has values for another number of rows, or a
            DataFrame names a column twice.
        """
        if isinstance(conditions, pd.DataFrame):
            return cls._of_frame(conditions, n_samples, entries)
        if isinstance(conditions, Mapping):
            _check_names(conditions, columns)
            return cls._of_mapping(conditions, n_samples, entries)
        is_list = isinstance(conditions, Sequence) and not isinstance(conditions, str)
        if not is_list or not all(isinstance(row, Mapping) for row in conditions):
            return cls(conditions, {}, n_samples)
        for place, row in enumerate(conditions):
            _check_names(row, columns, f" (row {place})")
        table = [{n: cell for n, cell in row.items() if n not in entries} for row in conditions]
        own = {name: [row.get(name) for row in conditions] for name in entries}
        return cls(table, own, n_samples)

    @classmethod
    def _of_frame(
        cls, frame: pd.DataFrame, n_samples: int, entries: Mapping[str, EntryColumn]
    ) -> FrameConditions:
        own = [name for name in entries if name in frame.columns]
        twice = [name for name in own if list(frame.columns).count(name) > 1]
        if twice:
            raise DataError(f"Column names must differ; more than one condition is named {twice}.")
        return cls(frame.drop(columns=own), {name: list(frame[name]) for name in own}, n_samples)

    @classmethod
    def _of_mapping(
        cls, conditions: Mapping[Any, Any], n_samples: int, entries: Mapping[str, EntryColumn]
    ) -> FrameConditions:
        """Read one value for all rows, or, once a column has one for each row, make rows of all."""
        by_row = [name for name in conditions if _is_by_row(conditions[name], entries.get(name))]
        for name in by_row:
            if len(conditions[name]) != n_samples:
                raise DataError(
                    f"conditions[{name!r}] has {len(conditions[name])} rows, but n_samples="
                    f"{n_samples}. Give one value, or one for each row."
                )
        if not by_row:
            table = {name: value for name, value in conditions.items() if name not in entries}
            own = {name: [conditions[name]] for name in entries if name in conditions}
            return cls(table, own, n_samples)
        cells = {
            name: list(value) if name in by_row else [value] * n_samples
            for name, value in conditions.items()
        }
        own = {name: cells.pop(name) for name in entries if name in cells}
        series = {name: pd.Series(values, dtype=object) for name, values in cells.items()}
        return cls(pd.DataFrame(series, index=range(n_samples)), own, 1)


def _check_names(conditions: Mapping[Any, Any], columns: Sequence[Any], place: str = "") -> None:
    for name in conditions:
        if name not in columns:
            raise DataError(
                f"conditions name an unknown column {name!r}{place}. "
                f"Known columns: {list(columns)}."
            )


def _is_by_row(value: Any, entry: EntryColumn | None) -> bool:
    """Tell whether a condition has one value for each row."""
    if not pd.api.types.is_list_like(value):
        return False
    if entry is None or isinstance(value, pd.Series):
        return True
    try:
        return np.ndim(value) != len(entry.shape)
    except ValueError:  # entries of several shapes, or gaps among them
        return True
