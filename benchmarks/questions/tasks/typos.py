"""The one cell of a row that is wrong."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.columns import Column
from benchmarks.questions.errors import Floats, rarity, wrong_cells
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.task import OURS, Task

ROWS = 300  # at most: each cell of each row is scored
PLAIN = f"{OURS}, relative=False"
MARGINAL, CHANCE = "marginal rarity", "chance"

TEXT = f"""\
In each of at most {ROWS} test rows one random cell is replaced by another value, drawn from its
column of the train rows. `model.score_cells(rows)` scores every cell given all others of its
row, against what its column by itself says. *{PLAIN}*: `-log p(cell | others)`, in which a number
of many values surprises more than a class even where nothing is wrong. *Found first*: the share
of rows whose oddest cell is the wrong one. *AUROC*: the wrong cells against all others of all
rows. *{MARGINAL}*: minus the log of a category's share, or of a number's two-sided tail, in the
train rows. *{CHANCE}*: no knowledge. A replaced value may well fit its row, so no method can
find all."""


def ask(question: Question, model: Any) -> Scores:
    """Score the cells by the model."""
    rows, wrong = planted(question)
    return {
        OURS: judge(np.asarray(model.score_cells(rows)[question.columns]), wrong),
        PLAIN: judge(np.asarray(model.score_cells(rows, relative=False)[question.columns]), wrong),
    }


def baselines(question: Question) -> Scores:
    """Score the cells by their columns alone."""
    rows, wrong = planted(question)
    chance = question.random("chance").random(wrong.shape)
    return {MARGINAL: judge(rarity(rows, question), wrong), CHANCE: judge(chance, wrong)}


def planted(question: Question) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Make rows with one wrong cell each."""
    return wrong_cells(question.asked(ROWS), 1, question, question.random("typos"))


def judge(scores: Floats, wrong: NDArray[np.bool_]) -> dict[str, float]:
    """Tell how well scores of cells find the wrong ones."""
    first = scores.argmax(axis=1)
    return {
        "found_first": float(wrong[np.arange(len(wrong)), first].mean()),
        "auc": float(roc_auc_score(wrong.ravel(), scores.ravel())),
    }


TASK = Task(
    name="typos",
    title="Wrong cells",
    text=TEXT,
    tables={"": (Column("found_first", "Found first, %", 100, 1), Column("auc", "AUROC"))},
    baselines=baselines,
    ask=ask,
    bounds=frozenset({CHANCE}),
)
