"""Given rows of a table, as the states that a question about them starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from tabdiffuse._random import Noise, generator
from tabdiffuse.estimators.parts import KnownPart
from tabdiffuse.joint import State
from tabdiffuse.modalities import Modality
from tabdiffuse.scoring import Question
from tabdiffuse.tables import TableCodec
from tabdiffuse.tables.marginals import is_informative, log_marginal, middles
from tabdiffuse.tables.values import missing_mask

__all__ = ["TableRows"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class TableRows:
    """Rows of a table.

    Attributes
    ----------
    x0 : dict of str to Tensor
        Clean states; a number is the normal score of the middle of its interval.
    hidden : ndarray of bool, shape (n, columns)
        Missing values in columns that had none in training: nothing is known of them. In other
        columns a missing value is a value.
    informative : ndarray of bool, shape (n, d)
        Whether the number itself says something, which it does not on an event.
    log_marginal : ndarray of float64, shape (n, d)
        See `tabdiffuse.tables.marginals.log_marginal`.
    columns : dict of str to list of int
        For each modality of the table, the column to which each cell belongs.
    beside : dict of str to KnownPart
        Other modalities of the same rows, such as pictures: evidence where they are known.
    """

    x0: State
    hidden: Mask
    informative: Mask
    log_marginal: NDArray[np.float64]
    columns: dict[str, list[int]]
    beside: Mapping[str, KnownPart] = field(default_factory=dict)

    @classmethod
    def encode(
        cls, codec: TableCodec, parts: Mapping[str, Modality], frame: pd.DataFrame
    ) -> TableRows:
        """Encode checked rows that have the columns of the schema, in its order.

        Parameters
        ----------
        codec : TableCodec
            The columns.
        parts : mapping of str to Modality
            The modalities of the table.
        frame : DataFrame
            The rows.
        """
        names, layout = codec.schema.names, codec.layout
        pairs = list(zip(codec.schema.columns, codec.codecs, strict=True))
        hidden = np.zeros((len(frame), len(names)), dtype=bool)
        for place, column in enumerate(codec.schema.columns):
            hidden[:, place] = missing_mask(frame[column.name]) & (not column.missing)
        arrays: dict[str, Any] = codec.encode(frame, allow_missing=True)
        intervals = arrays.get("numeric", np.zeros((len(frame), 0, 2), dtype=np.float32))
        if "numeric" in arrays:
            arrays["numeric"] = middles(intervals)
        numeric = [own for _, own in pairs if own.is_numeric]
        marginal = [log_marginal(own, intervals[:, d]) for d, own in enumerate(numeric)]
        data = {name: part.encode(arrays[name]) for name, part in parts.items()}
        noise = Noise([generator(0)])  # an exact place leaves the draw within it no choice
        sources = {"numeric": layout.numeric_sources, "categorical": layout.categorical_sources}
        return cls(
            {name: part.draw(data[name], noise) for name, part in parts.items()},
            hidden,
            is_informative(intervals),
            np.array(marginal).reshape(len(numeric), len(frame)).T,
            {name: [names.index(source) for source in sources[name]] for name in data},
        )

    def __len__(self) -> int:
        return len(self.hidden)

    @property
    def n_numbers(self) -> int:
        """Count the numbers that say something, over all rows."""
        return int(self.informative.sum())

    def ask(self, asked: Sequence[int], rows: NDArray[np.intp] | None = None) -> Question:
        """Ask for the cells of some columns, given those of the others.

        Parameters
        ----------
        asked : sequence of int
            Columns, by their places. Their hidden cells are not asked for.
        rows : ndarray of int, optional
            Which rows, in place of all.

        Returns
        -------
        Question
            For the core.
        """
        wanted = np.zeros_like(self.hidden)
        wanted[:, list(asked)] = True
        states = {name: part.states for name, part in self.beside.items()}
        unasked = {name: torch.zeros_like(part.known) for name, part in self.beside.items()}
        unknown = {name: ~part.known for name, part in self.beside.items()}
        whole = Question(
            self.x0 | states,
            self._cells(wanted & ~self.hidden) | unasked,
            self._cells(self.hidden) | unknown,
        )
        if rows is None:
            return whole
        index = torch.as_tensor(rows)
        return whole.apply(lambda x: x[index])

    def opened(self, column: int) -> TableRows:
        """Make the cells of a column known: to the first of its codes and an open number."""
        hidden = self.hidden.copy()
        hidden[:, column] = False
        x0 = {name: values.clone() for name, values in self.x0.items()}
        for name, values in x0.items():
            cell = self.cell_of(column, name)
            if cell is not None:
                values[:, cell] = 0
        return replace(self, x0=x0, hidden=hidden)

    def cell_of(self, column: int, modality: str) -> int | None:
        """Give the number of the cell of a column in a modality, if it has one."""
        columns = self.columns.get(modality, [])
        return columns.index(column) if column in columns else None

    def _cells(self, mask: Mask) -> dict[str, Tensor]:
        """Spread a mask of columns over their cells."""
        return {name: torch.as_tensor(mask[:, own]) for name, own in self.columns.items()}
