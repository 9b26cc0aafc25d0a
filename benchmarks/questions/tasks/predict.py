"""The target of a row, predicted by a model that was trained to generate."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.columns import Column
from benchmarks.questions.boosted import Targets, class_scores, loss, predict
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.task import OURS, Task

ROWS_OF_NUMBERS = 1000  # test rows at most where the target is a number
REAL, PRIOR = "XGBoost on the real rows", "target's marginal"

TEXT = f"""\
`model.predict_proba(rows, target)` of all test rows, one call of the network; where the target
is a number, `model.predict(rows, target)` of at most {ROWS_OF_NUMBERS:,} and the RMSE of
log(clip(y, 1, 20000)), as in MLE. *{REAL}* is trained for this one column (100 trees, of depth
5, 10 or 20 by a random ninth held out); for a number it learns the log, where the model gives
the mean of the number itself. The model was told of no target. *{PRIOR}*: the class shares, or
the mean log target, of the train rows."""


def ask(question: Question, model: Any) -> Scores:
    """Predict by the model."""
    rows, targets = asked(question), Targets.of(question)
    inputs = rows.drop(columns=question.target)
    if question.kind == "regression":
        values = np.asarray(model.predict(inputs, question.target), dtype=np.float64)
        return {OURS: {"rmse": loss(targets(rows), targets.logarithm(values), question.kind)}}
    chances = model.predict_proba(inputs, question.target)
    chances = chances.rename(columns=str)[targets.classes[1]].to_numpy(np.float64)
    return {OURS: class_scores(targets(rows), chances)}


def baselines(question: Question) -> Scores:
    """Predict by trees, and by the shares alone."""
    rows, targets = asked(question), Targets.of(question)
    truth = targets(rows)
    predictions = {
        REAL: predict(question.train, rows, question),
        PRIOR: np.full(len(rows), targets(question.train).mean()),
    }
    if question.kind == "regression":
        return {name: {"rmse": loss(truth, p, "regression")} for name, p in predictions.items()}
    return {name: class_scores(truth, p) for name, p in predictions.items()}


def asked(question: Question) -> pd.DataFrame:
    """Take all test rows, as one call answers each; of a number, whose mean takes many, fewer."""
    return question.test if question.kind == "binclass" else question.asked(ROWS_OF_NUMBERS)


TASK = Task(
    name="predict",
    title="Predictions",
    text=TEXT,
    tables={
        "": (
            Column("auc", "AUROC"),
            Column("average_precision", "Average precision"),
            Column("log_loss", "Log loss", better="down"),
            Column("rmse", "RMSE, log target", better="down"),
        )
    },
    baselines=baselines,
    ask=ask,
    bounds=frozenset({PRIOR}),
)
