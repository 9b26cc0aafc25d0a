"""More rows of a class that has few, for a classifier."""

from typing import Any

import pandas as pd
from sklearn.frozen import FrozenEstimator

from benchmarks.columns import Column
from benchmarks.questions.boosted import Targets, class_scores, predict
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.scarce import scarce
from benchmarks.questions.smote import smote
from benchmarks.questions.task import OURS, Task
from benchmarks.rivals.environments import RivalError

DEPTH = 5
ALL, NONE, COPIES, SMOTE = "no class made scarce", "no oversampling", "random copies", "SMOTE-NC"

TEXT = f"""\
A random half of the train rows is thinned until the rarer class is 5 % of what is left. Each
method adds rows of that class until there are as many as of the other; *{OURS}* does so by
`DiffusionResampler(FrozenEstimator(model)).fit_resample(X, y)`, where the model is one of the
same preset trained on the thinned rows alone. XGBoost (100 trees of depth {DEPTH}) learns the
result and is judged on all test rows: AUROC and average precision of the rarer class. *{NONE}*:
the thinned rows as they are. *{COPIES}*: rows drawn again. *{SMOTE}*: of imbalanced-learn 0.14,
its defaults (it needs the environment `smote` of `benchmarks/rivals`). *{ALL}*: the half before
it was thinned."""


def ask(question: Question, model: Any) -> Scores:
    """Oversample by the model, which was trained on the scarce rows."""
    from tabdiffuse import DiffusionResampler

    rows = scarce(question)
    resampler = DiffusionResampler(FrozenEstimator(model), random_state=question.seed)
    features, classes = resampler.fit_resample(
        rows.drop(columns=question.target), rows[question.target]
    )
    grown = features.assign(**{question.target: classes})[question.columns]
    return {OURS: judge(grown, question)}


def baselines(question: Question) -> Scores:
    """Oversample by what is usual."""
    rows = scarce(question)
    tables = {
        ALL: scarce(question, share=None),
        NONE: rows,
        COPIES: pd.concat([rows, copies(rows, question)], ignore_index=True),
    }
    try:
        tables[SMOTE] = pd.concat([rows, smote(rows, missing_rows(rows, question), question)])
    except RivalError as error:  # the page leaves the row out
        if "not installed" not in str(error):
            raise
    return {name: judge(table, question) for name, table in tables.items()}


def missing_rows(rows: pd.DataFrame, question: Question) -> int:
    """Count the rows that the rarer class has less than the other."""
    counts = rows[question.target].value_counts()
    return int(counts.max() - counts.min())


def copies(rows: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Draw rows of the rarer class again."""
    rarer = rows[rows[question.target] == rows[question.target].value_counts().idxmin()]
    seed = int(question.random("copies").integers(2**31))
    return rarer.sample(missing_rows(rows, question), replace=True, random_state=seed)


def judge(rows: pd.DataFrame, question: Question) -> dict[str, float]:
    """Train a classifier on rows; score it on the test rows, the rarer class as positive."""
    truth = Targets.of(question)(question.test)
    chances = predict(rows, question.test, question, depths=[DEPTH])
    if truth.mean() > 0.5:
        truth, chances = 1 - truth, 1 - chances
    scores = class_scores(truth, chances)
    return {name: scores[name] for name in ("auc", "average_precision")}


TASK = Task(
    name="oversampling",
    title="Oversampling",
    text=TEXT,
    tables={"": (Column("auc", "AUROC"), Column("average_precision", "Average precision"))},
    baselines=baselines,
    ask=ask,
    bounds=frozenset({ALL}),
    kinds=("binclass",),
    trained_on="scarce",
)
