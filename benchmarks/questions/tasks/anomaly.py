"""Rows that are not from the table's law."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from benchmarks.columns import Column
from benchmarks.questions.errors import Floats, permuted_numbers, rarity, wrong_cells
from benchmarks.questions.matrix import Matrix
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.task import OURS, Task

WRONG_CELLS = 3
ROWS = 500  # of each kind at most: twice as many odd as sound ones are scored
TREES, NEIGHBOURS, LOF_ROWS = 200, 20, 10_000
FOREST, LOF, MARGINAL = "IsolationForest", "LocalOutlierFactor", "marginal rarity"

TEXT = f"""\
Test rows, split at random: one part (at most {ROWS:,} rows) is left sound, as many are spoilt in
either of two ways. *Wrong cells*: {WRONG_CELLS} random cells of a row are replaced by other
values, drawn from their columns of the train rows, so that every cell is possible on its own.
*Permuted numbers*: each numeric column is permuted among the spoilt rows. The score is the AUROC
of oddness, sound rows against spoilt ones; for the model it is minus
`model.score_samples(rows)`. *{FOREST}* ({TREES} trees) and *{LOF}* (`novelty=True`, {NEIGHBOURS}
neighbours, {LOF_ROWS:,} train rows) know the train rows as a matrix of standardised numbers and
one-hot categories. *{MARGINAL}* adds up what each cell's rarity in its column says, and is blind
to dependence."""


def ask(question: Question, model: Any) -> Scores:
    """Score the rows by the model."""
    return {OURS: judge(lambda rows: -np.asarray(model.score_samples(rows)), question)}


def baselines(question: Question) -> Scores:
    """Score the rows by what is usual."""
    matrix = Matrix.fit(question.train, question.categorical)
    forest = IsolationForest(n_estimators=TREES, random_state=question.seed)
    forest.fit(matrix(question.train))
    lof = LocalOutlierFactor(n_neighbors=NEIGHBOURS, novelty=True)
    lof.fit(matrix(question.known(LOF_ROWS)))
    return {
        FOREST: judge(lambda rows: -forest.score_samples(matrix(rows)), question),
        LOF: judge(lambda rows: -lof.score_samples(matrix(rows)), question),
        MARGINAL: judge(lambda rows: rarity(rows, question).sum(axis=1), question),
    }


def judge(oddness: Callable[[pd.DataFrame], Floats], question: Question) -> dict[str, float]:
    """AUROC of each kind of spoilt rows against sound ones."""
    sound, *kinds = planted(question)
    normal = oddness(sound)
    found = {}
    for name, spoilt in zip(("cells", "permuted"), kinds, strict=True):
        odd = oddness(spoilt)
        labels = np.repeat([0, 1], [len(normal), len(odd)])
        found[f"auc_{name}"] = float(roc_auc_score(labels, np.concatenate([normal, odd])))
    return found


def planted(question: Question) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Make sound rows, rows with wrong cells, and rows with permuted numbers."""
    rows = question.asked(2 * ROWS)
    half = len(rows) // 2
    sound, others = rows[:half], rows[half : 2 * half].reset_index(drop=True)
    wrong, _ = wrong_cells(others, WRONG_CELLS, question, question.random("wrong cells"))
    return sound, wrong, permuted_numbers(others, question, question.random("permuted"))


TASK = Task(
    name="anomaly",
    title="Odd rows",
    text=TEXT,
    tables={
        "": (
            Column("auc_cells", "AUROC, wrong cells"),
            Column("auc_permuted", "AUROC, permuted numbers"),
        )
    },
    baselines=baselines,
    ask=ask,
    bounds=frozenset({MARGINAL}),
)
