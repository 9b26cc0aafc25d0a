"""C2ST, the classifier two-sample test: whether synthetic rows can be told from real ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.metrics.encoding import TREE_PARAMETERS, TreeEncoder, import_xgboost

Classifier: TypeAlias = Literal["xgboost", "logistic"]
Rows: TypeAlias = NDArray[np.int64]
# Scores of the second set of rows, by a classifier trained on the first.
FoldScores: TypeAlias = Callable[[Rows, Rows], NDArray[Any]]

FOLDS, TREES, DEPTH = 3, 100, 6


def detection(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    categorical: Sequence[Any],
    *,
    classifier: Classifier = "xgboost",
    seed: int = 0,
    pool: Executor | None = None,
) -> float:
    """Classifier two-sample score: 1 = indistinguishable, 0 = told apart without error.

    SDMetrics' detection formula, 1 - mean over folds of (2 max(1/2, AUC) - 1), in 3 stratified,
    shuffled folds. Its own folds come from numpy's global generator; these come from ``seed``, and
    are the folds it would draw after ``np.random.seed(seed)``.

    Parameters
    ----------
    real, synthetic : DataFrame
        Tables with the same columns. A level that only one of them has is a level like any other.
    categorical : sequence of str
        Categorical columns; all others are numeric.
    classifier : {"xgboost", "logistic"}
        "xgboost": 100 trees of depth 6, which see dependences between columns. "logistic":
        SDMetrics' ``LogisticDetection``, a linear model on robustly scaled numbers and one-hot
        categories, blind to any dependence.
    seed : int
        Seed of the shuffle that makes the folds.
    pool : Executor, optional
        Where the folds run; one after the other without it. It does not change the score.

    Returns
    -------
    float
        In [0, 1], higher is better.

    Raises
    ------
    ParameterError
        If there is no such classifier.
    DataError
        If a table has fewer rows than there are folds.
    ImportError
        If trees are asked for and XGBoost is not installed.
    """
    if classifier not in ("xgboost", "logistic"):
        raise ParameterError(f"classifier is {classifier!r}; it must be 'xgboost' or 'logistic'.")
    for kind, table in (("real", real), ("synthetic", synthetic)):
        if len(table) < FOLDS:
            raise DataError(
                f"C2ST needs at least {FOLDS} rows of each kind, one for each fold; got "
                f"{len(table)} {kind} rows."
            )
    labels = np.repeat(np.array([1, 0]), [len(real), len(synthetic)])
    prepare = _tree_scores if classifier == "xgboost" else _logistic_scores
    scores = prepare(real, synthetic, categorical, labels)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)

    def area(fold: tuple[Rows, Rows]) -> float:
        return float(roc_auc_score(labels[fold[1]], scores(*fold)))

    folds = list(splitter.split(labels, labels))
    with warnings.catch_warnings():  # here, not in a fold: threads share the filters
        # SDMetrics stops the linear model at the same 100 steps: its score, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return c2st_score(list(pool.map(area, folds) if pool else map(area, folds)))


def c2st_score(areas: Sequence[float]) -> float:
    """Score of the AUCs of the folds; an AUC below 1/2 counts as 1/2."""
    return float(1 - np.mean([2 * max(0.5, area) - 1 for area in areas]))


def _tree_scores(
    real: pd.DataFrame, synthetic: pd.DataFrame, categorical: Sequence[Any], labels: Rows
) -> FoldScores:
    """Encode once; boost trees in each fold."""
    xgboost = import_xgboost()
    encoder = TreeEncoder.fit([real, synthetic], real.columns.tolist(), categorical)
    matrix = np.concatenate([encoder.matrix(real), encoder.matrix(synthetic)])

    def scores(train: Rows, test: Rows) -> NDArray[Any]:
        model = xgboost.train(
            {**TREE_PARAMETERS, "max_depth": DEPTH},
            encoder.dmatrix(matrix[train], labels[train]),
            TREES,
        )
        return np.asarray(model.predict(encoder.dmatrix(matrix[test])))

    return scores


def _logistic_scores(
    real: pd.DataFrame, synthetic: pd.DataFrame, categorical: Sequence[Any], labels: Rows
) -> FoldScores:
    """Encode once; scale and fit a linear model in each fold."""
    matrix = linear_features(real, synthetic, categorical)

    def scores(train: Rows, test: Rows) -> NDArray[Any]:
        model = make_pipeline(RobustScaler(), LogisticRegression(solver="lbfgs"))
        model.fit(matrix[train], labels[train])
        return np.asarray(model.predict_proba(matrix[test])[:, 1])

    return scores


def linear_features(
    real: pd.DataFrame, synthetic: pd.DataFrame, categorical: Sequence[Any]
) -> NDArray[np.float64]:
    """Encode both tables as SDMetrics does for its linear model.

    Numbers first, a missing one as the real column's mean; then a block of 0 and 1 for each
    categorical column, its levels sorted, a missing value among them.

    Parameters
    ----------
    real, synthetic : DataFrame
        Tables with the same columns.
    categorical : sequence of str
        Categorical columns.

    Returns
    -------
    array, shape (rows of both tables, features)
        The real rows, then the synthetic ones.
    """
    both = pd.concat([real, synthetic[real.columns]], ignore_index=True)
    numeric = [name for name in real if name not in set(categorical)]
    blocks = []
    for name in numeric:
        values = pd.to_numeric(both[name]).to_numpy(dtype=np.float64, na_value=np.nan)
        values = np.where(np.isinf(values), np.nan, values)
        blocks.append(_fill(values, values[: len(real)])[:, None])
    encoder = TreeEncoder.fit([both], [name for name in real if name not in numeric], categorical)
    codes = encoder.matrix(both).T
    for levels, column in zip(encoder.levels.values(), codes, strict=True):
        blocks.append(column[:, None] == np.arange(len(levels if levels is not None else ())))
    return np.hstack(blocks).astype(np.float64)


def _fill(values: NDArray[np.float64], real: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put the mean of the real values where a value is missing; 0 where there is none at all."""
    known = real[~np.isnan(real)]
    return np.where(np.isnan(values), known.mean() if len(known) else 0.0, values)
