"""Boosted trees on real rows: the judge of oversampling, and what predictions are held against."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from benchmarks.questions.question import Question
from tabdiffuse.metrics.encoding import TREE_PARAMETERS, TreeEncoder, as_text, import_xgboost
from tabdiffuse.metrics.mle import TARGET_RANGE

Floats = NDArray[np.float64]

TREES = 100
DEPTHS = (5, 10, 20)  # those of MLE
MIN_CHILD_WEIGHT = 10
HELD_OUT_ONE_IN = 9
OBJECTIVES = {"binclass": "binary:logistic", "regression": "reg:squarederror"}
SMALLEST = 1e-6  # a probability counts as at least this in the log loss


@dataclass(frozen=True)
class Targets:
    """A target as numbers: 1 for the later of two classes, or the log of a number.

    Parameters
    ----------
    name : str
        Column.
    kind : str
        ``"binclass"`` or ``"regression"``.
    classes : tuple of str
        The two classes in order; empty for a number.
    """

    name: str
    kind: str
    classes: tuple[str, ...]

    @classmethod
    def of(cls, question: Question) -> "Targets":
        """Take the target of a question."""
        if question.kind == "regression":
            return cls(question.target, question.kind, ())
        found = sorted(as_text(question.train[question.target]).unique())
        return cls(question.target, question.kind, tuple(found))

    def __call__(self, table: pd.DataFrame) -> Floats:
        """Read the target of each row."""
        if self.kind == "regression":
            return self.logarithm(table[self.name].to_numpy(np.float64))
        later = as_text(table[self.name]) == self.classes[1]
        return np.asarray(later, dtype=np.float64)

    @staticmethod
    def logarithm(values: Floats) -> Floats:
        """Log of the values, clipped as the published MLE does."""
        return np.log(np.clip(values, *TARGET_RANGE))


def predict(
    train: pd.DataFrame,
    test: pd.DataFrame,
    question: Question,
    depths: Sequence[int] = DEPTHS,
) -> Floats:
    """Learn the target from one table, predict it on another.

    Parameters
    ----------
    train, test : DataFrame
        Rows to learn from, and to predict; both have the target.
    question : Question
        Names the target and the categorical columns, and seeds the rows held out.
    depths : sequence of int
        Of several, the depth is taken that is best on a random ninth of the train rows.

    Returns
    -------
    array
        Probability of the later class, or the log target.
    """
    targets = Targets.of(question)
    features = [name for name in train if name != question.target]
    encoder = TreeEncoder.fit([train], features, question.categorical)
    matrix, labels = encoder.matrix(train), targets(train)
    order = question.random("held out").permutation(len(train))
    held, kept = np.split(order, [len(train) // HELD_OUT_ONE_IN])

    def learn(rows: NDArray[np.int64], depth: int, wanted: NDArray[np.float32]) -> Floats:
        settings = {
            **TREE_PARAMETERS,
            "objective": OBJECTIVES[question.kind],
            "max_depth": depth,
            "min_child_weight": MIN_CHILD_WEIGHT,
        }
        model = import_xgboost().train(settings, encoder.dmatrix(matrix[rows], labels[rows]), TREES)
        return np.asarray(model.predict(encoder.dmatrix(wanted)), dtype=np.float64)

    if len(depths) == 1:
        return learn(order, depths[0], encoder.matrix(test))
    both = np.concatenate([matrix[held], encoder.matrix(test)])
    found = [learn(kept, depth, both) for depth in depths]
    losses = [loss(labels[held], each[: len(held)], question.kind) for each in found]
    return found[int(np.argmin(losses))][len(held) :]


def loss(truth: Floats, predicted: Floats, kind: str) -> float:
    """Log loss of a class, RMSE of a number; lower is better."""
    if kind == "regression":
        return float(np.sqrt(np.mean((truth - predicted) ** 2)))
    return float(log_loss(truth, np.clip(predicted, SMALLEST, 1 - SMALLEST), labels=[0, 1]))


def class_scores(truth: Floats, predicted: Floats) -> dict[str, float]:
    """Score probabilities of the positive class."""
    return {
        "auc": float(roc_auc_score(truth, predicted)),
        "average_precision": float(average_precision_score(truth, predicted)),
        "log_loss": loss(truth, predicted, "binclass"),
    }
