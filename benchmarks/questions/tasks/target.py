"""The target of a row, drawn given all other cells: the protocol of TabSyn and TabDiff."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.columns import Column
from benchmarks.questions.boosted import Floats, Targets, loss, predict
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.task import OURS, Task

TRIALS = 50
ROWS_OF_NUMBERS = 500  # test rows at most where the target is a number
ONE_STEP = 1  # one masked cell has the same law whatever the number of steps
REAL, MARGINAL = "XGBoost on the real rows", "target's marginal"

TEXT = f"""\
The target of the test rows (at most `--rows`, and {ROWS_OF_NUMBERS} where it is a number) is
emptied and filled {TRIALS} times by `model.impute`; the prediction is the mean of the {TRIALS}:
a share of votes for a class, for a number the mean of log(clip(y, 1, 20000)).

The released code of TabSyn and TabDiff scores classes by a **micro-averaged** AUC: the votes for
both classes of all rows are ranked in one list. That rewards knowing which class is frequent
(the prior alone gets far above .5) and is no AUROC of the class: a published value above that of
XGBoost is no win over it, as that is the AUROC of MLE. Both are given for every method; RMSE is
that of the log target. *{REAL}*: 100 trees, of depth 5, 10 or 20 by a random ninth held out.
*{MARGINAL}*: each row is predicted by the class shares, or the mean log target, of the train
rows. The classes are drawn in one sampling step, which for a single masked cell is exact,
numbers in the preset's."""


def ask(question: Question, model: Any) -> Scores:
    """Fill the target many times, and average."""
    rows, targets = asked(question), Targets.of(question)
    emptied = rows.assign(**{question.target: np.nan})
    if question.kind == "binclass":
        emptied[question.target] = pd.Series(np.nan, rows.index, dtype=object)
    steps = {"n_steps": ONE_STEP} if question.kind == "binclass" else {}
    draws = model.impute(emptied, n_draws=TRIALS, random_state=question.seed, **steps)
    votes = np.mean([targets(draw) for draw in draws], axis=0)
    return {OURS: score(targets(rows), votes, question.kind)}


def baselines(question: Question) -> Scores:
    """Predict the target by what learnt it from the same rows, and by nothing."""
    rows, targets = asked(question), Targets.of(question)
    truth = targets(rows)
    by_trees = predict(question.train, rows, question)
    constant = np.full(len(rows), targets(question.train).mean())
    return {
        REAL: score(truth, by_trees, question.kind),
        MARGINAL: score(truth, constant, question.kind),
    }


def asked(question: Question) -> pd.DataFrame:
    """Draw the test rows; fewer where each of many draws takes all sampling steps."""
    return question.asked(None if question.kind == "binclass" else ROWS_OF_NUMBERS)


def score(truth: Floats, predicted: Floats, kind: str) -> dict[str, float]:
    """Score predictions as the published code does, and by AUROC."""
    if kind == "regression":
        return {"rmse": loss(truth, predicted, kind)}
    both = np.stack([1 - truth, truth], axis=1), np.stack([1 - predicted, predicted], axis=1)
    return {
        "micro_auc": float(roc_auc_score(*both, average="micro")),
        "auc": float(roc_auc_score(truth, predicted)),
    }


TASK = Task(
    name="target",
    title="The target, drawn given the rest",
    text=TEXT,
    tables={
        "": (
            Column("micro_auc", "AUC, micro-averaged"),
            Column("auc", "AUROC"),
            Column("rmse", "RMSE, log target", better="down"),
        )
    },
    baselines=baselines,
    ask=ask,
    bounds=frozenset({MARGINAL}),
)
