"""Holes of a table, filled with drawn values, one draw or many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.tables.asked import Asked, ColumnConditions
from tabdiffuse.tables.codec_base import Codec, Floats
from tabdiffuse.tables.column import Column, level_codes, restore_levels
from tabdiffuse.tables.conditions import PRESENT, Condition
from tabdiffuse.tables.numeric_codec import NumericCodec, restore_numbers
from tabdiffuse.tables.table_codec import TableCodec
from tabdiffuse.tables.values import missing_mask, numbers

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["Holes", "aggregated", "filled"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Holes:
    """The missing cells of a table.

    Parameters
    ----------
    frame : DataFrame
        The table, with the columns of the training data in any order.
    masks : dict of column name to ndarray of bool, shape (n,)
        Where each column is missing.
    rows : ndarray of int
        The rows that have a hole.
    """

    frame: pd.DataFrame
    masks: dict[Any, Bools]
    rows: NDArray[np.intp]

    @classmethod
    def find(cls, frame: pd.DataFrame) -> Holes:
        """Find the missing cells of a table."""
        masks = {name: missing_mask(frame[name]) for name in frame.columns}
        anywhere = np.any(list(masks.values()), axis=0)
        return cls(frame, masks, np.flatnonzero(anywhere))

    def asked(self, codec: TableCodec) -> Asked:
        """Ask for the rows with holes: given the other cells, with a value in each hole."""
        columns = {}
        for column in codec.schema.columns:
            holes = np.flatnonzero(self.masks[column.name][self.rows])
            values = self.frame[column.name].iloc[self.rows].reset_index(drop=True)
            others: dict[Condition, Any] = {}
            if holes.size and column.missing:
                others[PRESENT] = holes
            columns[column.name] = ColumnConditions(values, others)
        index = self.frame.index[self.rows]
        return Asked(columns, index, pd.DataFrame(index=index))

    def fill(
        self, draws: Sequence[pd.DataFrame], codec: TableCodec, how: str | None
    ) -> pd.DataFrame:
        """Fill the holes.

        Parameters
        ----------
        draws : sequence of DataFrame
            Draws of the rows with holes.
        codec : TableCodec
            The codec of the table.
        how : {"mean", "median", "mode"}, optional
            How to make one value of many; not needed for one draw.

        Returns
        -------
        DataFrame
            The table without holes.
        """
        columns = []
        for name in self.frame.columns:
            mask = self.masks[name]
            place = codec.schema.names.index(name)
            cells = [draw[name].iloc[np.flatnonzero(mask[self.rows])] for draw in draws]
            values = cells[0]
            if how is not None and mask.any():
                own, column = codec.codecs[place], codec.schema.columns[place]
                values = aggregated(cells, how, own, column)
            columns.append(filled(self.frame[name], mask, values))
        answer = pd.concat(columns, axis=1)
        answer.columns = self.frame.columns
        return answer


def filled(column: Series, holes: Bools, values: Series) -> Series:
    """Write values into the holes of a column, and leave the other cells as they are.

    Parameters
    ----------
    column : Series
        The column; it is not changed.
    holes : ndarray of bool, shape (n,)
        Its missing cells.
    values : Series
        One value for each hole, in the dtype of the training data.

    Returns
    -------
    Series
        The column, in its own dtype if that holds the values, else in that of the training data,
        else as objects.
    """
    if not holes.any():
        return column.copy()
    for dtype in (column.dtype, values.dtype, np.dtype(object)):
        try:
            cells = column.astype(dtype).array.copy()
            own = values.astype(dtype).array
        except (TypeError, ValueError):
            continue
        # A category dtype turns what it does not know into a gap instead of refusing it.
        if not (own.isna() & ~values.isna().to_numpy()).any():
            cells[holes] = own
            return pd.Series(cells, index=column.index, name=column.name)
    raise AssertionError("objects hold everything")


def aggregated(draws: Sequence[Series], how: str, codec: Codec, column: Column) -> Series:
    """Make one value of several draws of each cell.

    Parameters
    ----------
    draws : sequence of Series
        Draws of the same cells, in the dtype of the training data.
    how : {"mean", "median", "mode"}
        For numbers; categories always take the most frequent one.
    codec : Codec
        Codec of the column.
    column : Column
        The column.

    Returns
    -------
    Series
        One value for each cell. A mean or median of numbers on a lattice is rounded to it. Of
        equally frequent numbers the one nearest to the median is the mode, of categories the first.
    """
    if not isinstance(codec, NumericCodec):
        codes = np.stack([level_codes(draw, column) for draw in draws])
        return restore_levels(column, _most_frequent(codes))
    missing = [missing_mask(draw) for draw in draws]
    number = np.stack([numbers(draw, own) for draw, own in zip(draws, missing, strict=True)])
    assert not np.isnan(number).any(), "a hole was filled with a gap"
    if how == "mode":
        middle = number[_most_frequent_near_median(number), np.arange(number.shape[1])]
    else:
        middle = number.mean(axis=0) if how == "mean" else np.median(number, axis=0)
        middle = _on_lattice(middle, codec)
    return restore_numbers(column, middle, np.zeros(len(middle), dtype=bool))


def _on_lattice(number: Floats, codec: NumericCodec) -> Floats:
    if codec.lattice is not None:
        return codec.lattice.value(codec.lattice.index(number))
    is_whole = bool(np.all(codec.atoms == np.rint(codec.atoms))) and codec.table is None
    return np.rint(number) if is_whole else number


def _most_frequent(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    counts = np.stack([(codes == code).sum(axis=0) for code in range(codes.max(initial=0) + 1)])
    most: NDArray[np.int64] = counts.argmax(axis=0)
    return most


def _most_frequent_near_median(number: Floats) -> NDArray[np.intp]:
    """Choose one draw of each cell: the most frequent number, in a tie the most central one."""
    counts = np.stack([(number == row).sum(axis=0) for row in number])
    distance = np.abs(number - np.median(number, axis=0))
    distance[counts < counts.max(axis=0)] = np.inf
    most: NDArray[np.intp] = distance.argmin(axis=0)
    return most
