"""The grid of boosted trees that MLE trains."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tabdiffuse.metrics.encoding import TREE_PARAMETERS, TreeEncoder, import_xgboost

Task = Literal["binclass", "regression"]
Floats = NDArray[np.float32]

TREES = (10, 50, 100)
GRID: Mapping[str, Sequence[float]] = {
    "n_estimators": TREES,
    "min_child_weight": [1, 10],
    "max_depth": [5, 10, 20],
    "gamma": [0.0, 1.0],
}

OBJECTIVE: Mapping[str, Mapping[str, Any]] = {
    # The intercept of XGBoost before version 2, which later ones estimate: see `utility`.
    "binclass": {"objective": "binary:logistic", "base_score": 0.5},
    "regression": {"objective": "reg:squarederror", "base_score": 0.5},
}


@dataclass(frozen=True)
class Problem:
    """Encoded rows of the three parts, and what to fit to them."""

    task: Task
    encoder: TreeEncoder
    features: dict[str, Floats]  # "train", "validation", "test"
    targets: dict[str, Floats]


@dataclass(frozen=True)
class Trial:
    """One configuration: validation figure by rule (higher is better), and the test score."""

    validation: dict[str, float]
    test: float


def trials(
    problem: Problem, configurations: Sequence[dict[str, Any]], pool: Executor | None = None
) -> list[Trial]:
    """Return the trial of each configuration; one training for all that differ in length only."""
    shapes = {_shape(configuration): None for configuration in configurations}
    deepest_first = sorted(shapes, key=lambda shape: -dict(shape)["max_depth"])
    run = map if pool is None else pool.map
    found: Iterable[dict[int, Trial]] = run(
        lambda shape: _boost(problem, dict(shape)), deepest_first
    )
    by_shape = dict(zip(deepest_first, found, strict=True))
    return [by_shape[_shape(each)][each["n_estimators"]] for each in configurations]


def _shape(configuration: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """All of a configuration but its number of trees."""
    return tuple(item for item in sorted(configuration.items()) if item[0] != "n_estimators")


def _boost(problem: Problem, shape: dict[str, Any]) -> dict[int, Trial]:
    """Train the longest model of a shape, and try it cut to each length."""
    # Every training has its own DMatrix: XGBoost bins one lazily, which threads must not share.
    data = problem.encoder.dmatrix(problem.features["train"], problem.targets["train"])
    settings = {**TREE_PARAMETERS, **OBJECTIVE[problem.task], **shape}
    model = import_xgboost().train(settings, data, TREES[-1])
    marks = _class_marks if problem.task == "binclass" else _regression_marks

    def figures(part: str, trees: int) -> dict[str, float]:
        rows = problem.encoder.dmatrix(problem.features[part])
        return marks(problem.targets[part], model.predict(rows, iteration_range=(0, trees)))

    return {
        trees: Trial(figures("validation", trees), next(iter(figures("test", trees).values())))
        for trees in TREES
    }


def _class_marks(labels: Floats, scores: Floats) -> dict[str, float]:
    """Figures by which the public code chooses among classifiers; the one reported comes first."""
    positive, chosen = labels > 0.5, scores > 0.5
    share = positive.mean()
    f1 = _f1(positive, chosen)
    # Each class counts by the share of the *other*.
    weighted = _f1(~positive, ~chosen) * share + f1 * (1 - share)
    area = _area(positive, scores)
    return {
        "auroc": area,
        "f1": f1,
        "weighted_f1": weighted,
        "accuracy": float((positive == chosen).mean()),
        "average": (f1 + weighted + area) / 3,
    }


def _regression_marks(targets: Floats, predicted: Floats) -> dict[str, float]:
    """RMSE with its sign turned; R2 on the same rows puts configurations in the same order."""
    errors = targets.astype(np.float64) - predicted
    return {"rmse": -float(np.sqrt(np.mean(errors**2)))}


def _f1(actual: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> float:
    """F1; 0 where nothing is positive."""
    return float(2 * (actual & chosen).sum() / max(actual.sum() + chosen.sum(), 1))


def _area(positive: NDArray[np.bool_], scores: Floats) -> float:
    """AUROC; 1/2 where only one class is present."""
    if positive.all() or not positive.any():
        return 0.5
    # Once for each class: in float32, 1 - p ties scores near 0 that p tells apart.
    areas = roc_auc_score(positive, scores), roc_auc_score(~positive, 1 - scores)
    return float(np.mean(areas))
