"""Rows as a DataFrame: some columns belong to modalities, the others are a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.estimators.entries import EntryColumn, present
from tabdiffuse.estimators.evidence import table_evidence
from tabdiffuse.estimators.forms import Form, Given
from tabdiffuse.estimators.frame_conditions import FrameConditions
from tabdiffuse.estimators.layout import table_modalities, table_tokens
from tabdiffuse.estimators.parts import KnownPart, encode_parts
from tabdiffuse.estimators.presets import Preset
from tabdiffuse.joint import ProductProcess, State
from tabdiffuse.modalities import Modality
from tabdiffuse.tables import TableCodec, TableSchema, check_frame
from tabdiffuse.tables.answers import with_given
from tabdiffuse.tables.asked import read_conditions
from tabdiffuse.times import Independent, Mixed, RandomClean, RandomGiven, Tied, TimeLaw

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["TABLE", "FrameForm"]

TABLE = ("numeric", "categorical")
"""Names of the modalities that carry the columns of the table."""


@dataclass(frozen=True)
class FrameForm(Form):
    """A DataFrame.

    Attributes
    ----------
    order : tuple of str or int
        All columns, in the order of the training data.
    entries : dict of str to EntryColumn
        The columns that belong to modalities of the same name.
    codec : TableCodec
        Codec of all other columns, of which there may be none.
    one_token : bool
        Whether a number and its events share a token.
    """

    order: tuple[Any, ...]
    entries: dict[str, EntryColumn]
    codec: TableCodec
    one_token: bool

    @classmethod
    def fit(
        cls,
        X: pd.DataFrame,
        modalities: Mapping[str, Modality],
        overrides: Mapping[Any, str] | None,
        preset: Preset,
    ) -> tuple[FrameForm, dict[str, Modality], dict[str, Tensor]]:
        """Learn the columns; return the modalities of all of them, and the encoded rows as well.

        Raises
        ------
        ParameterError, DataError, DataTypeError, SchemaError
            What is wrong, in which column and row, and what to do.
        """
        check_frame(X)
        absent = [name for name in modalities if name not in X.columns]
        if absent:
            raise DataError(
                f"modalities name {absent}, which are no columns of X. Columns: {list(X.columns)}."
            )
        codec = _fit_codec(X.drop(columns=list(modalities)), overrides, preset)
        own = table_modalities(codec.layout, preset)
        for name in set(own) & set(modalities):
            raise ParameterError(
                f"A modality beside a table cannot be named {name!r}, as that is what its other "
                f"columns go by. Rename it and its column, for instance to 'the {name}'."
            )
        entries, values = {}, {}
        for name in modalities:
            entries[name], values[name] = EntryColumn.fit(X[name])
        arrays = codec.encode(X[codec.schema.names]) | values
        parts = own | dict(modalities)
        data = encode_parts(parts, {name: arrays[name] for name in parts})
        return cls(tuple(X.columns), entries, codec, preset.one_token), parts, data

    @property
    def columns(self) -> dict[str, tuple[Any, ...]]:
        """Names of the columns that each modality carries.

        Both of the table stand for all of its columns: as a number and its events share a token,
        none can be hidden without the other.
        """
        own = (self.codec.layout.n_numeric, self.codec.layout.cardinalities)
        carried = [part for part, count in zip(TABLE, own, strict=True) if count]
        table = tuple(self.codec.schema.names)
        return dict.fromkeys(carried, table) | {name: (name,) for name in self.entries}

    @property
    def names(self) -> list[Any]:
        """Names of all columns."""
        return list(self.order)

    def tie(self, modalities: Mapping[str, Modality]) -> ProductProcess:
        """Tie the modalities; a number and its events share a token."""
        if not self.one_token or not self.codec.schema.columns:
            return ProductProcess(modalities)
        tokens = table_tokens(self.codec.layout)
        others = sum(part.tokens for name, part in modalities.items() if name in self.entries)
        first = max(tokens) + 1
        return ProductProcess(modalities, [*tokens, *range(first, first + others)])

    def time_law(self, preset: Preset) -> TimeLaw:
        """Mix the laws; beside those of other forms, each cell has a time of its own.

        That is what a restricted number is drawn with: all other cells are hidden then.
        """
        whole, cells = RandomGiven(Tied()), RandomClean(Tied())
        laws = (Tied(), Independent(), Independent(per_cell=True), whole, cells)
        apart, clean = preset.independent / 2, preset.clean / 2
        return Mixed(laws, (preset.tied, apart, apart, clean, clean))

    def read(self, conditions: Any, n_samples: int, parts: Mapping[str, Modality]) -> Given:
        """Read conditions on any columns.

        Parameters
        ----------
        conditions : mapping, DataFrame, list of mappings or None
            As for `MultimodalDiffusion.sample`.
        n_samples : int
            Number of rows, or of rows for each entry of a DataFrame or list.
        parts : mapping of str to Modality
            All modalities.

        Returns
        -------
        Given
            The conditions, read.

        Raises
        ------
        DataTypeError, DataError
            They name no column, or do not fit it.
        """
        if conditions is None:
            return Given(np.arange(n_samples, dtype=np.intp))
        parted = FrameConditions.part(conditions, n_samples, self.order, self.entries)
        asked = read_conditions(parted.table, self.codec.schema)
        if isinstance(conditions, Mapping):  # also with a value for each row
            asked = replace(asked, is_one=True)
        known = {}
        for name, own in parted.entries.items():
            given = present(own)
            if given.any():
                values = self.entries[name].stack(own, given)
                known[name] = KnownPart.observe(name, parts[name], values, given)
        rows = np.repeat(np.arange(len(asked), dtype=np.intp), parted.each)
        return Given(rows, known, table_evidence(self.codec, asked, stacklevel=3), asked)

    def answer(
        self, state: State, given: Given, shown: Collection[Any], parts: Mapping[str, Modality]
    ) -> pd.DataFrame:
        """Give a DataFrame with the columns that are shown, in the dtypes of the training data.

        Conditions that were given row by row leave their index, and columns that are none of ours.
        """
        wanted = {*TABLE, *shown}
        drawn = {name: parts[name].decode(x) for name, x in state.items() if name in wanted}
        columns = self._table(drawn, given)
        for name in set(self.entries) & set(shown):
            values = drawn[name]
            if name in given.parts:
                values = given.parts[name].fill(parts[name], values, given.rows)
            columns[name] = self.entries[name].column(values)
        asked = given.asked
        index: pd.Index[Any] = pd.RangeIndex(len(given.rows))
        if asked is not None and not asked.is_one:
            index = asked.index[given.rows]
        answer: pd.DataFrame = pd.concat([columns[n].set_axis(index) for n in shown], axis=1)
        answer.columns = pd.Index(list(shown))
        if asked is None or asked.extra.shape[1] == 0:
            return answer
        extra = asked.extra.iloc[given.rows].set_axis(index, axis=0)
        return pd.concat([answer, extra], axis=1)

    def _table(self, drawn: Mapping[str, NDArray[Any]], given: Given) -> dict[Any, Any]:
        """Give the columns of the table, with the values that were given in their place."""
        if not self.codec.schema.columns:
            return {}
        table = self.codec.decode({name: drawn[name] for name in TABLE if name in drawn})
        if given.asked is not None:
            table = with_given(table, self.codec, given.asked, given.rows)
        return {name: table[name] for name in self.codec.schema.names}


def _fit_codec(
    frame: pd.DataFrame, overrides: Mapping[Any, str] | None, preset: Preset
) -> TableCodec:
    """Fit the codec of the columns that belong to no modality; there may be none."""
    for name in frame.columns:
        _check_no_arrays(frame[name])
    if frame.shape[1] == 0 and not overrides:
        return TableCodec(TableSchema(()), [], [])
    schema = TableSchema.infer(frame, overrides)
    return TableCodec.fit(
        frame, schema, min_atom_mass=preset.min_atom_mass, max_atoms=preset.max_atoms
    )


def _check_no_arrays(values: Series) -> None:
    """Refuse a column of arrays that no modality names; a table would only call it nested."""
    if not pd.api.types.is_object_dtype(values.dtype):
        return
    row = next((row for row, cell in enumerate(values) if isinstance(cell, np.ndarray)), None)
    if row is not None:
        raise DataTypeError(
            f"Column {values.name!r} holds arrays (first: row {row}), and no modality has its "
            f"name. Name it, for instance modalities={{{values.name!r}: ImageModality(28, 28)}}, "
            "or drop it."
        )
