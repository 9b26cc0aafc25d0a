"""What conditions on a column say of its model columns: known cells, weights and bounds.

A plain value is a known event and, where the event is "continuous", the normal score of the middle
of the value's interval; at another event the number holds nothing, and is 0. `Approx` is a score
that is known up to noise. Everything else restricts: each event has a log weight, minus infinity
where it is excluded, and the number lies within intervals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from tabdiffuse.errors import DataError, DataTypeError
from tabdiffuse.tables.asked import ColumnConditions
from tabdiffuse.tables.cell_law import CellLaw, restricted_to
from tabdiffuse.tables.codec_base import Codec, Floats
from tabdiffuse.tables.codecs import ConstantCodec
from tabdiffuse.tables.column import Column, level_codes
from tabdiffuse.tables.conditions import (
    PRESENT,
    Approx,
    Between,
    Condition,
    Missing,
    OneOf,
    is_real,
)
from tabdiffuse.tables.marginals import middles
from tabdiffuse.tables.number_conditions import (
    check_holdable,
    note_on_range,
    number_law,
    rounded,
)
from tabdiffuse.tables.numeric_codec import NumericCodec
from tabdiffuse.tables.values import missing_mask, numbers, show

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["ColumnEvidence", "column_evidence"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class ColumnEvidence:
    """What is known of the model columns of one column, row by row.

    Parameters
    ----------
    code_known, score_known : ndarray of bool, shape (n,)
        Rows whose event or category, and whose number, is known.
    codes : ndarray of int64, shape (n,)
        Known events; 0 elsewhere.
    scores : ndarray of float64, shape (n,)
        Known numbers, at their times; 0 elsewhere.
    times : ndarray of float64, shape (n,)
        Times at which numbers are known; 0 is exactly.
    weighted, bounded : ndarray of bool, shape (n,)
        Rows whose events are weighted, and whose number lies within intervals.
    log_weights : ndarray of float64, shape (n, K)
        Log weights of the events; 0 elsewhere.
    intervals : ndarray of float64, shape (n, M, 2)
        Where the score lies at the event "continuous": bounds of intervals that do not overlap. A
        row with fewer than M has empty ones, ``(inf, -inf)``, for the rest.
    note : str
        What deserves a warning.
    """

    code_known: Bools
    score_known: Bools
    codes: NDArray[np.int64]
    scores: Floats
    times: Floats
    weighted: Bools
    bounded: Bools
    log_weights: Floats
    intervals: Floats
    note: str = ""

    @classmethod
    def unknown(
        cls, rows: int, cardinality: int, laws: Iterable[CellLaw], note: str = ""
    ) -> ColumnEvidence:
        """Make evidence that says nothing yet, with room for what some laws say."""
        most = max((len(law.intervals) for law in laws if law.intervals is not None), default=1)
        intervals = np.tile([np.inf, -np.inf], (rows, most, 1))
        intervals[:, 0] = -np.inf, np.inf
        no = [np.zeros(rows, dtype=bool) for _ in range(4)]
        return cls(
            code_known=no[0],
            score_known=no[1],
            codes=np.zeros(rows, dtype=np.int64),
            scores=np.zeros(rows),
            times=np.zeros(rows),
            weighted=no[2],
            bounded=no[3],
            log_weights=np.zeros((rows, cardinality)),
            intervals=intervals,
            note=note,
        )

    def add(self, law: CellLaw, rows: NDArray[np.intp]) -> None:
        """Write what a condition says into its rows."""
        if law.code is not None:
            self.code_known[rows], self.codes[rows] = True, law.code
        if law.score is not None:
            self.score_known[rows], self.scores[rows] = True, law.score
            self.times[rows] = law.time
        if law.log_weights is not None:
            self.weighted[rows], self.log_weights[rows] = True, law.log_weights
        if law.intervals is not None:
            self.bounded[rows] = True
            self.intervals[rows, : len(law.intervals)] = law.intervals


def column_evidence(
    codec: Codec, column: Column, asked: ColumnConditions, *, holdable: bool = True
) -> ColumnEvidence:
    """Translate the conditions on a column into its model columns.

    Parameters
    ----------
    codec : Codec
        Codec of the column.
    column : Column
        The column.
    asked : ColumnConditions
        Conditions whose plain values have been checked.
    holdable : bool, default=True
        Whether plain numbers must fit the dtype of the column.

    Returns
    -------
    ColumnEvidence
        Known and restricted cells.

    Raises
    ------
    DataError
        A condition that no value of the column satisfies.
    DataTypeError
        A condition that needs numbers on a column of categories.
    """
    laws = {condition: _law(codec, column, condition) for condition in asked.others}
    if isinstance(codec, NumericCodec):
        evidence = _fixed_numbers(codec, asked.values, laws, asked, holdable)
    else:
        evidence = ColumnEvidence.unknown(len(asked.values), codec.cardinality, laws.values())
        codes = codec.codes(asked.values, allow_missing=True)
        if codes is not None:
            fixed = asked.fixed
            evidence.code_known[fixed] = True
            evidence.codes[fixed] = codes[fixed]
    for condition, law in laws.items():
        evidence.add(law, asked.others[condition])
    return evidence


def _fixed_numbers(
    codec: NumericCodec,
    values: Series,
    laws: dict[Condition, CellLaw],
    asked: ColumnConditions,
    holdable: bool,
) -> ColumnEvidence:
    """Write the plain numbers of a column, and note those that were never seen."""
    missing = missing_mask(values)
    number = numbers(values, missing)
    if holdable:
        check_holdable(number, codec.column)
    number = rounded(codec, number)
    noted = number.copy()
    for condition in laws:
        if isinstance(condition, Approx) and codec.table is not None:
            noted[asked.others[condition]] = float(condition.value)
    note = note_on_range(codec, noted)
    evidence = ColumnEvidence.unknown(len(number), codec.cardinality, laws.values(), note)
    cells = codec.encode(pd.Series(number, name=codec.column.name), allow_missing=True)
    if cells.codes is not None:
        evidence.code_known[~missing] = True
        evidence.codes[~missing] = cells.codes[~missing]
    if cells.intervals is not None:
        evidence.score_known[~missing] = True
        evidence.scores[~missing] = ndtri(middles(cells.intervals).astype(np.float64)[~missing])
    return evidence


def _law(codec: Codec, column: Column, condition: Condition) -> CellLaw:
    wanted: tuple[Any, ...] = condition.values if isinstance(condition, OneOf) else (condition,)
    if Missing in wanted and not column.missing:
        raise DataError(
            f"Column {column.name!r} has no missing values in the training data, so it cannot be "
            f"conditioned on being missing. To leave the cell open, write None or NaN."
        )
    if condition is PRESENT and (not column.missing or isinstance(codec, ConstantCodec)):
        return CellLaw()
    if isinstance(codec, NumericCodec):
        return number_law(codec, condition)
    if isinstance(codec, ConstantCodec):
        _check_constant(column, condition)
        return CellLaw()
    if isinstance(condition, Between | Approx):
        raise DataTypeError(
            f"Column {column.name!r} is {column.kind}, and {condition!r} needs numbers. Write "
            f"OneOf([...]) with the values that are wanted."
        )
    weights = np.full(codec.cardinality, -np.inf)
    weights[_codes_of(column.levels if condition is PRESENT else wanted, column)] = 0.0
    return restricted_to(weights, is_numeric=False)


def _codes_of(wanted: tuple[Any, ...], column: Column) -> NDArray[np.int64]:
    """Find the codes of some values, `Missing` perhaps among them."""
    cells = np.empty(len(wanted), dtype=object)
    cells[:] = [None if value is Missing else value for value in wanted]
    return level_codes(pd.Series(cells, dtype=object, name=column.name), column)


def _check_constant(column: Column, condition: Condition) -> None:
    """Refuse a condition that the one value of a column does not satisfy."""
    (value,) = column.levels or (Missing,)
    if condition is Missing:
        satisfied = value is Missing
    elif isinstance(condition, OneOf):
        satisfied = value in condition.values
    elif isinstance(condition, Between) and is_real(value):
        satisfied = condition.ends[0] <= value <= condition.ends[1]
    elif isinstance(condition, Approx):
        satisfied = is_real(value)
    else:
        satisfied = not isinstance(condition, Between)
    if not satisfied:
        raise DataError(
            f"Column {column.name!r} is constant: every value is {show(value)}, which does not "
            f"satisfy {condition!r}. Drop the condition."
        )
