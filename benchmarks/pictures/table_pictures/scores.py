"""How far columns, and what is read from pictures, are from what they should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.pictures.scores import fidelity, nearer_to_train
from benchmarks.pictures.table_pictures.columns import CLASSES, COLUMNS, GROUPS, NUMBERS, measured
from benchmarks.pictures.table_pictures.data import Bools, TablePictures, halves, stacked

ASKED = 2000  # rows of each question

Scores = dict[str, Any]


def compared(
    truth: pd.DataFrame,
    found: pd.DataFrame,
    spread: pd.Series[float],
    where: Bools | None = None,
) -> Scores:
    """Compare columns cell by cell, where both have a value.

    Parameters
    ----------
    truth, found : DataFrame, n rows
        `COLUMNS`; one that only one of them has is left out.
    spread : Series
        The unit of the error of each number.
    where : ndarray of bool, shape (n, columns), optional
        Cells that count, in the order of `COLUMNS`; all by default.

    Returns
    -------
    dict of str to object
        "category" and "tone": shares of right cells; "right": those of all classes, by column;
        "errors": root mean squared errors over the spread, by column; "error": their mean, in which
        0 is perfect, 1 is what the mean of the column gets and 1.41 a random row. What has no cell
        to compare is left out.
    """
    right, errors = {}, {}
    for place, name in enumerate(COLUMNS):
        if name not in truth or name not in found:
            continue
        cells = (truth[name].notna() & found[name].notna()).to_numpy()
        if where is not None:
            cells &= where[:, place]
        if not cells.any():
            continue
        wanted, got = truth[name].to_numpy()[cells], found[name].to_numpy()[cells]
        if name in CLASSES:
            right[name] = float((wanted == got).mean())
        else:
            squares = np.square(wanted.astype(float) - got.astype(float))
            errors[name] = float(np.sqrt(squares.mean()) / spread[name])
    scores: Scores = {name: right[name] for name in ("category", "tone") if name in right}
    if errors:
        scores["error"] = float(np.mean(list(errors.values())))
    return scores | {"right": right, "errors": errors}


def prefixed(name: str, scores: Mapping[str, Any]) -> Scores:
    """Say which question the scores belong to."""
    return {f"{name}_{key}": value for key, value in scores.items()}


def read_from(pictures: NDArray[Any], data: TablePictures) -> pd.DataFrame:
    """Recompute columns from pictures; a judge reads the category, which names the group."""
    category = pd.Series(data.judge.read(pictures), dtype=object)
    columns = measured(pictures).assign(category=category, group=category.map(GROUPS))
    return columns[list(COLUMNS)]


def read_scores(told: pd.DataFrame, data: TablePictures) -> Scores:
    """Score columns that were told given pictures of the test rows."""
    truth = data.truth.head(len(told))
    return prefixed("read", compared(truth, told, data.spread))


def drawn_scores(pictures: NDArray[Any], data: TablePictures) -> Scores:
    """Score pictures that were drawn given columns of the first test rows."""
    real, asked = stacked(data.test), data.test.head(len(pictures))
    train = stacked(data.real.head(len(real)))
    found = compared(asked, read_from(pictures, data), data.spread)
    return {
        **prefixed("drawn", found),
        **fidelity(real[: len(pictures)], pictures, data.judge.features),
        "nearer_to_train": nearer_to_train(pictures, train, real),
    }


def table_scores(columns: pd.DataFrame, data: TablePictures) -> Scores:
    """Score columns as a table: Shape, Trend and C2ST against the train rows."""
    from tabdiffuse import evaluate

    names = list(COLUMNS)
    report = evaluate(
        data.train[names], columns[names], metrics=["quality", "c2st_xgboost"], n_jobs=1
    )
    assert report.quality is not None
    return {
        "shape": report["Shape"].synthetic,
        "trend": report["Trend"].synthetic,
        "c2st": report["C2ST, XGBoost"].synthetic,
        "shape_by_column": {name: report.quality.columns[name] for name in names},
        "joint_group": float((columns["category"].map(GROUPS) == columns["group"]).mean()),
    }


def agreement_scores(rows: pd.DataFrame, data: TablePictures) -> Scores:
    """Hold pictures against the columns that were drawn with them."""
    return prefixed("joint", compared(rows, read_from(stacked(rows), data), data.spread))


def halves_columns_scores(whole: pd.DataFrame, data: TablePictures) -> Scores:
    """Score the columns of completed rows, where they were hidden.

    Raises
    ------
    AssertionError
        If a cell that was known came back changed.
    """
    asked, hidden = halves(data, len(whole))
    for name in COLUMNS:
        known = asked[name].notna().to_numpy()
        same = whole[name].to_numpy()[known] == data.test[name].to_numpy()[: len(whole)][known]
        assert same.all(), f"{name}: {(~same).sum()} known cells came back changed"
    truth = data.truth.head(len(whole))
    return prefixed("halves", compared(truth, whole, data.spread, hidden))


def halves_pictures_scores(whole: pd.DataFrame, data: TablePictures) -> Scores:
    """Score the pictures of completed rows.

    Returns
    -------
    dict of str to object
        "halves_pixels": mean squared error of the hidden pixels; "halves_label": share of the
        completed pictures that the judge reads as their true category; "halves_kept": mean error of
        the numbers recomputed from them, over their spread.

    Raises
    ------
    AssertionError
        If a pixel that was known came back changed.
    """
    known = ~np.isnan(stacked(halves(data, len(whole))[0]))
    true, made = stacked(data.test.head(len(whole))), stacked(whole)
    assert (made[known] == true[known]).all(), "known pixels came back changed"
    truth, found = data.truth.head(len(whole)), read_from(made, data)
    kept = compared(truth, found, data.spread)
    return {
        "halves_pixels": float(np.square(made.astype(float) - true)[~known].mean()),
        "halves_label": kept["category"],
        "halves_kept": kept["error"],
        "halves_kept_errors": kept["errors"],
    }


def mean_errors(scores: list[Mapping[str, Any]], key: str) -> dict[str, float]:
    """Average errors by column over seeds."""
    return {
        name: float(np.mean([own[key][name] for own in scores]))
        for name in NUMBERS
        if all(name in own.get(key, {}) for own in scores)
    }
