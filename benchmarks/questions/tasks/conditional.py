"""The rest of a row, given any half of its cells."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.columns import Column
from benchmarks.questions.distances import nearest
from benchmarks.questions.holes import Mask, punch, random_half
from benchmarks.questions.matrix import Matrix
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.rival import CTGAN_EPOCHS
from benchmarks.questions.task import OURS, Task
from tabdiffuse.metrics.detection import detection

FOLD_SEEDS = (0, 1, 2)
ENOUGH = 0.9  # of the rows: fewer completed ones would be the common ones
REAL, NEAREST, MARGINAL = "the rows themselves", "nearest train row", "columns' marginals"

TEXT = f"""\
Two disjoint samples of test rows of the same size, at most `--rows` each. In every row of the
first a random half of the cells is kept, another half in every row; the rest is generated given
these by `model.sample(conditions=rows)`. The score is XGB-C2ST of the completed rows against the
second sample, so no row is compared with itself; mean over three shuffles of the folds.
*{REAL}*: the first sample untouched, which is what perfect completion would get. *TabularARGN*
(where `--rival argn` was given): its `impute`, with its defaults. *CTGAN, rejection* (where
`--rival ctgan` was given): CTGAN of sdv, its defaults but {CTGAN_EPOCHS} epochs in place of 300,
draws 200,000 rows, and a row takes its hidden cells from a random one of those that agree with
all its kept cells; by the rule of `sample_remaining_columns` fractions agree within 1 %, other
cells if they are equal. A row that no drawn row agrees with stays open: the table has the share
of rows completed, and the score only where it is {ENOUGH:.0%} or more, as the rows completed
first are the common ones. The package's own loop draws 100 rows for each row, which takes it
17 s on Adult: the last column is the share that this would complete, from the number of rows
that agree. All other methods complete every row. *{NEAREST}*: the hidden cells of the train row
that is nearest in the kept cells, so each half is real and their tie is nearly so.
*{MARGINAL}*: each hidden cell drawn from its column of the train rows."""


def ask(question: Question, model: Any) -> Scores:
    """Complete rows by the model."""
    rows, others = samples(question)
    conditions = punch(rows, hidden(rows, question))
    completed = model.sample(conditions=conditions, random_state=question.seed)
    return {OURS: score(completed, others, question)}


def baselines(question: Question) -> Scores:
    """Complete rows without a model, and score real ones."""
    rows, others = samples(question)
    holes = hidden(rows, question)
    filled = {
        REAL: rows,
        NEAREST: from_nearest(rows, holes, question),
        MARGINAL: from_marginals(rows, holes, question),
    }
    return {name: score(table, others, question) for name, table in filled.items()}


def samples(question: Question) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the rows to complete, and as many to compare them with."""
    both = question.test.sample(frac=1, random_state=question.seed).reset_index(drop=True)
    count = min(question.rows, len(both) // 2)
    return both[:count], both[count : 2 * count].reset_index(drop=True)


def hidden(rows: pd.DataFrame, question: Question) -> Mask:
    """Choose the cells to generate."""
    return random_half(rows, question.random("half of the cells"))


def from_marginals(rows: pd.DataFrame, holes: Mask, question: Question) -> pd.DataFrame:
    """Fill each hole with a draw from the train rows' column."""
    random = question.random("marginals")
    draws = {
        name: question.train[name].to_numpy()[random.integers(len(question.train), size=len(rows))]
        for name in rows
    }
    return rows.mask(_like(holes, rows), pd.DataFrame(draws, index=rows.index))


def from_nearest(rows: pd.DataFrame, holes: Mask, question: Question) -> pd.DataFrame:
    """Fill the holes of a row from the train row that is nearest in its other cells."""
    matrix = Matrix.fit(question.train, question.categorical)
    places = nearest(matrix(rows), matrix(question.train), matrix.spread(~holes))
    donors = question.train.iloc[places].set_axis(rows.index, axis=0)
    return rows.mask(_like(holes, rows), donors)


def score(completed: pd.DataFrame, others: pd.DataFrame, question: Question) -> dict[str, float]:
    """Tell completed rows from other test rows; rows with a missing cell are not completed."""
    asked, completed = len(completed), completed[question.columns].dropna()
    if len(completed) < asked:
        share = len(completed) / asked
        if share < ENOUGH:
            return {"completed": share}
        whole = score(completed, others[: len(completed)], question)
        return {**whole, "completed": share}
    found = [detection(others, completed, question.categorical, seed=seed) for seed in FOLD_SEEDS]
    return {"c2st": float(np.mean(found))}


def _like(holes: Mask, rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(holes, index=rows.index, columns=rows.columns)


COMPLETED = (  # only of methods that may leave rows open
    Column("completed", "Rows completed, %", 100, 1),
    Column("completed_by_default", "by the package's default, %", 100, 1),
)
TASK = Task(
    name="conditional",
    title="The rest of a row, given half of its cells",
    text=TEXT,
    tables={"": (Column("c2st", "XGB-C2ST"), *COMPLETED)},
    baselines=baselines,
    ask=ask,
    bounds=frozenset({REAL, MARGINAL}),
)
