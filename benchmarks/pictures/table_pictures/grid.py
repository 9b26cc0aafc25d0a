"""The grid: pictures with what was asked, drawn and read of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.pictures.grid import Strip, draw_grid
from benchmarks.pictures.table_pictures.columns import COLUMNS, PICTURE
from benchmarks.pictures.table_pictures.data import TablePictures, halves, stacked
from benchmarks.pictures.table_pictures.methods import BY_CATEGORY, PRODUCT, completed
from benchmarks.pictures.table_pictures.scores import read_from
from benchmarks.pictures.task import Shown

CARDS = 12  # pictures a row of the grid
SWEPT = ("dress", "bag")  # categories drawn from dark to bright
QUANTILES = (0.05, 0.95)  # of the brightness of a category, between which it is swept


def show(model: Any, data: TablePictures, seed: int, method: str) -> Shown:
    """Draw the pictures of a method, with their captions."""
    asked = data.test.head(CARDS)
    shown: dict[str, NDArray[Any]] = {}
    if method in (PRODUCT, BY_CATEGORY):
        names = list(COLUMNS) if method == PRODUCT else ["category"]
        drawn = completed(model, asked[names], seed)
        shown |= _shown("given", drawn, read_from(stacked(drawn), data), asked)
    if method == PRODUCT:
        for name in SWEPT:
            swept = completed(model, sweep(name, data), seed)
            shown |= _shown(name, swept, read_from(stacked(swept), data), swept)
        both = model.sample(CARDS, random_state=seed)
        shown |= _shown("both", both, both, read_from(stacked(both), data))
        read = completed(model, asked[[PICTURE]], seed)
        shown |= _shown("read", read, read, asked)
        whole = completed(model, halves(data, CARDS)[0], seed)
        shown |= _shown("halves", whole, whole, asked)
    return shown


def sweep(category: str, data: TablePictures) -> list[dict[str, Any]]:
    """Ask for one category, from dark to bright."""
    own = data.real.loc[data.real["category"] == category, "brightness"]
    low, high = (float(own.quantile(level)) for level in QUANTILES)
    asked = np.linspace(low, high, CARDS)
    return [{"category": category, "brightness": float(value)} for value in asked]


def draw(shown: Mapping[str, Shown], data: TablePictures, path: Path) -> None:
    """Write the grid: asked columns beside drawn pictures, drawn columns, completed halves."""
    asked = data.test.head(CARDS)
    own = shown.get(PRODUCT, {})
    strips = [Strip("test rows:\nwhat is asked", stacked(asked), captions(asked), None, True)]
    strips += _strip("drawn given\nall columns", own, "given")
    strips += _strip("drawn given the\ncategory alone", shown.get(BY_CATEGORY, {}), "given")
    for name in SWEPT:
        strips += _strip(f"{name}, asked from\ndark to bright", own, name)
    strips += _strip("picture and\ncolumns drawn", own, "both")
    strips += _strip("test pictures,\ncolumns drawn", own, "read")
    parts = halves(data, CARDS)[0]
    strips.append(Strip("halves\nthat are known", stacked(parts), captions(parts), None, True))
    strips += _strip("completed", own, "halves")
    title = "Fashion-MNIST as a table with pictures"
    text = (
        "captions: category, height × width, brightness; of pictures given columns as measured on "
        "them. Framed: the category is not the asked, the true or the read one"
    )
    draw_grid(strips, path, title=title, text=text)


def captions(columns: pd.DataFrame) -> list[str]:
    """Say the category, the size and the brightness of rows; a dot is what is not known."""
    return [
        f"{_said(row.category)} {_said(row.height, '.0f')}×{_said(row.width, '.0f')} "
        f"{_said(row.brightness, '.2f')}"
        for row in columns.itertuples()
    ]


def _said(value: Any, form: str = "") -> str:
    return "·" if pd.isna(value) else format(value, form)


def _shown(
    name: str, rows: pd.DataFrame, columns: pd.DataFrame, held_against: pd.DataFrame
) -> dict[str, NDArray[Any]]:
    """Keep pictures, captions of columns, and where their category is another one."""
    wrong = columns["category"].to_numpy() != held_against["category"].to_numpy()
    said = np.array(captions(columns), dtype=object)
    return {
        f"{name}_picture": stacked(rows),
        f"{name}_caption": said,
        f"{name}_wrong": wrong.astype(bool),
    }


def _strip(label: str, shown: Shown, name: str) -> list[Strip]:
    """Lay out what a method showed; nothing if it did not."""
    if f"{name}_picture" not in shown:
        return []
    picture, caption, wrong = (shown[f"{name}_{key}"] for key in ("picture", "caption", "wrong"))
    return [Strip(label, picture, caption, wrong, True)]
