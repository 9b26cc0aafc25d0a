"""Ceilings and floors: real rows, shuffled rows, and regressions from pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.pictures.table_pictures import scores as scored
from benchmarks.pictures.table_pictures.columns import CLASSES, COLUMNS, GROUPS, PICTURE
from benchmarks.pictures.table_pictures.data import TablePictures, halves, stacked
from benchmarks.pictures.table_pictures.scores import Scores

RIDGE = 10.0  # penalty, for pixels in [0, 1]
TREES, DEPTH, LEARNING_RATE = 100, 6, 0.2
PIXELS_OF_TREE = 0.2  # share that each tree looks at
BINS = 64  # of a pixel
SHUFFLE_SEED = 0

Predict = Callable[[NDArray[Any]], NDArray[Any]]
Learn = Callable[[NDArray[Any], NDArray[Any], bool], Predict]
"""Pixels, a target, and whether it is a class, to a prediction from pixels."""


def real_rows(data: TablePictures) -> Scores:
    """Ask test rows: what a perfect model would get.

    Pictures "drawn given columns" are those of the rows, but for the distances, which compare test
    pictures with train ones.
    """
    rows = data.test.head(scored.ASKED)
    others = stacked(data.real.head(len(rows)))
    drawn = scored.drawn_scores(stacked(rows), data)
    fidelity = scored.drawn_scores(others, data)
    kept = {key: value for key, value in drawn.items() if key.startswith("drawn_")}
    distances = ("frechet", "kernel", "precision", "recall")
    return {
        **kept,
        **{key: fidelity[key] for key in distances},
        **scored.table_scores(data.test, data),
        **scored.agreement_scores(rows, data),
        "halves_label": kept["drawn_category"],
    }


def shuffled_rows(data: TablePictures) -> Scores:
    """Ask rows with the columns or the picture of another row: what chance gets.

    In the table, each column is permuted on its own.
    """
    from tabdiffuse.metrics.rows import shuffle_columns

    rows = data.test.head(scored.ASKED).reset_index(drop=True)
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(rows))
    other = rows.iloc[order].reset_index(drop=True)
    apart = rows.assign(**{PICTURE: other[PICTURE]})
    columns = shuffle_columns(data.test[list(COLUMNS)], SHUFFLE_SEED)
    filled = _filled(data, other)
    drawn = scored.drawn_scores(stacked(other), data)
    return {
        **{key: value for key, value in drawn.items() if key.startswith("drawn_")},
        **scored.read_scores(data.truth.head(len(rows)).iloc[order].reset_index(drop=True), data),
        **scored.table_scores(columns, data),
        **scored.agreement_scores(apart, data),
        **scored.halves_columns_scores(filled, data),
        **scored.halves_pictures_scores(filled, data),
    }


def ridge(data: TablePictures) -> Scores:
    """Predict columns from pixels by a linear model."""
    return _predicted(data, _ridge)


def boosted_trees(data: TablePictures) -> Scores:
    """Predict columns from pixels by boosted trees."""
    return _predicted(data, _trees)


def _filled(data: TablePictures, other: pd.DataFrame) -> pd.DataFrame:
    """Fill what is hidden of the halves from other rows."""
    asked, _ = halves(data, len(other))
    whole = asked.copy()
    for name in COLUMNS:
        whole[name] = asked[name].where(asked[name].notna(), other[name])
    pictures = stacked(asked)
    whole[PICTURE] = list(np.where(np.isnan(pictures), stacked(other), pictures))
    return whole


def _predicted(data: TablePictures, learn: Learn) -> Scores:
    """Learn every column from the pixels of all train rows, and read the test rows."""
    train, test = _flat(data.real), _flat(data.test.head(scored.ASKED))
    found = {}
    for name in (name for name in COLUMNS if name != "group"):
        there = data.real[name].notna().to_numpy()
        target = data.real[name].to_numpy()[there]
        found[name] = learn(train[there], target, name in CLASSES)(test)
    frame = pd.DataFrame(found)
    return scored.read_scores(frame.assign(group=frame["category"].map(GROUPS)), data)


def _ridge(pixels: NDArray[Any], target: NDArray[Any], is_class: bool) -> Predict:
    from sklearn.linear_model import Ridge, RidgeClassifier

    if is_class:
        model = RidgeClassifier(alpha=RIDGE).fit(pixels, target.astype(str))
    else:
        model = Ridge(alpha=RIDGE).fit(pixels, target.astype(float))
    return lambda rows: np.asarray(model.predict(rows))


def _trees(pixels: NDArray[Any], target: NDArray[Any], is_class: bool) -> Predict:
    from tabdiffuse.metrics.encoding import import_xgboost

    xgboost = import_xgboost()
    settings: dict[str, Any] = {
        "n_estimators": TREES,
        "max_depth": DEPTH,
        "learning_rate": LEARNING_RATE,
        "colsample_bytree": PIXELS_OF_TREE,
        "tree_method": "hist",
        "max_bin": BINS,
        "n_jobs": 1,
        "random_state": 0,
    }
    if not is_class:
        regressor = xgboost.XGBRegressor(**settings).fit(pixels, target.astype(float))
        return lambda rows: np.asarray(regressor.predict(rows))
    levels, codes = np.unique(target.astype(str), return_inverse=True)
    classifier = xgboost.XGBClassifier(**settings).fit(pixels, codes)
    return lambda rows: np.asarray(levels[classifier.predict(rows)])


def _flat(frame: pd.DataFrame) -> NDArray[np.float32]:
    pictures = stacked(frame)
    return pictures.reshape(len(pictures), -1).astype(np.float32)
