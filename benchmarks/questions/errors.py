"""Planted errors, and how rare values are on their own."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.questions.question import Question

Floats = NDArray[np.float64]
Values = NDArray[Any]

REDRAWS = 100


def wrong_cells(
    rows: pd.DataFrame, count: int, question: Question, random: np.random.Generator
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Replace random cells of each row by other values of their columns.

    Parameters
    ----------
    rows : DataFrame
        Rows; they are not changed.
    count : int
        Cells of each row.
    question : Question
        Holds the train rows, whose column the value is drawn from until it differs. The columns
        that have a single value are never chosen.
    random : Generator
        Random numbers.

    Returns
    -------
    rows : DataFrame
        With the errors.
    wrong : array of shape (rows, columns)
        Where they are.
    """
    varied = np.array([question.train[name].nunique() > 1 for name in rows])
    order = np.where(varied, random.random(rows.shape), np.inf)
    wrong = (order.argsort(axis=1).argsort(axis=1) < count) & varied
    changed = rows.copy()
    for place, name in enumerate(rows):
        where = np.flatnonzero(wrong[:, place])
        values = rows[name].to_numpy().copy()
        values[where] = _others(values[where], question.train[name].to_numpy(), random)
        changed[name] = values
    return changed, wrong


def permuted_numbers(
    rows: pd.DataFrame, question: Question, random: np.random.Generator
) -> pd.DataFrame:
    """Permute each numeric column on its own: every cell is real, the rows are not."""
    permuted = {name: rows[name].to_numpy()[random.permutation(len(rows))] for name in rows}
    return rows.assign(**{name: permuted[name] for name in question.numeric})


def rarity(rows: pd.DataFrame, question: Question) -> Floats:
    """Say how rare each cell is in its column, in nats, ``(rows, columns)``.

    Minus the log of a category's share, or of a number's two-sided tail, in the train rows.
    """
    return np.stack(
        [
            _share(rows[name], question.train[name])
            if name in question.categorical
            else _tail(rows[name].to_numpy(np.float64), question.train[name].to_numpy(np.float64))
            for name in question.columns
        ],
        axis=1,
    )


def _others(values: Values, column: Values, random: np.random.Generator) -> Values:
    """Draw from a column until each value differs from the given one."""
    drawn = column[random.integers(len(column), size=len(values))]
    for _ in range(REDRAWS):
        same = np.flatnonzero(drawn == values)
        drawn[same] = column[random.integers(len(column), size=len(same))]
    left = np.flatnonzero(drawn == values)  # where nearly all rows have one value
    for place in left:
        different = column[column != values[place]]
        drawn[place] = different[random.integers(len(different))]
    return drawn


def _share(column: "pd.Series[str]", known: "pd.Series[str]") -> Floats:
    counts = column.map(known.value_counts()).fillna(0).to_numpy(np.float64)
    return np.asarray(-np.log((counts + 0.5) / len(known)))


def _tail(values: Floats, known: Floats) -> Floats:
    ordered = np.sort(known)
    below = np.searchsorted(ordered, values, side="right") / len(known)
    above = 1 - np.searchsorted(ordered, values, side="left") / len(known)
    floor = 0.5 / len(known)
    return np.asarray(-np.log(np.clip(2 * np.minimum(below, above), floor, 1.0)))
