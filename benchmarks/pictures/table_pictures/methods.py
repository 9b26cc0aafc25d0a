"""The methods: one model of pictures and columns, and models of the columns alone."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.pictures.table_pictures.columns import CLASSES, COLUMNS, NUMBERS, PICTURE
from benchmarks.pictures.table_pictures.data import TablePictures
from benchmarks.pictures.task import Method, Training
from benchmarks.settings import estimator_arguments

if TYPE_CHECKING:
    from tabdiffuse import MultimodalDiffusion, TabularDiffusion

PATCH = 7  # 16 patches; the half of a picture is whole patches
DRAWS = 4  # of a number that is read from a picture
ADAMW_RATE = 2e-3  # tables have no Muon; what suited a network of this size before it
PRODUCT, BY_CATEGORY = "product", "product, by category"
TABLE, OWN = "table alone", "table alone, own preset"


def fit_product(data: TablePictures, training: Training) -> MultimodalDiffusion:
    """Train one model of pictures and columns."""
    from tabdiffuse import ImageModality

    height, width = data.train[PICTURE].iloc[0].shape
    frame: Any = data.train
    return training.fit({PICTURE: ImageModality(height, width, patch=PATCH)}, frame)


def fit_table(data: TablePictures, training: Training) -> TabularDiffusion:
    """Train on the columns alone, with the network and the recipe of the product process."""
    from tabdiffuse import MultimodalDiffusion

    recipe = MultimodalDiffusion.presets[training.preset].to_dict() | dict(training.recipe)
    recipe.pop("precision", None)  # a table has float32 only
    recipe["learning_rate"] = ADAMW_RATE
    return _fit_table(data, training, recipe)


def fit_own(data: TablePictures, training: Training) -> TabularDiffusion:
    """Train on the columns alone, with the recipe that is made for tables."""
    return _fit_table(data, training, {})


def _fit_table(
    data: TablePictures, training: Training, recipe: Mapping[str, Any]
) -> TabularDiffusion:
    from tabdiffuse import TabularDiffusion

    wanted = {**recipe, "max_steps": training.steps}
    model = TabularDiffusion(
        **estimator_arguments(TabularDiffusion, training.preset, wanted),
        max_time=training.max_time,
        device=training.device,
        random_state=training.seed,
        callbacks=None if training.watch is None else [training.watch],
    )
    model.fit(data.train[list(COLUMNS)])
    model.set_params(verbose=0, callbacks=None)
    kept: dict[str, Any] = training.models  # where its size and its time are read
    kept["model"] = model
    return model


def told(model: MultimodalDiffusion, known: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Tell the columns of rows: the likeliest class, and of numbers the mean of `DRAWS` draws."""
    draws = model.sample(DRAWS, conditions=known, random_state=seed)[list(NUMBERS)]
    rows = np.repeat(np.arange(len(known)), DRAWS)
    means: pd.DataFrame = draws.groupby(rows).mean().set_axis(known.index)
    for name in CLASSES:
        means[name] = model.predict(known, name)
    return means


def completed(
    model: MultimodalDiffusion | TabularDiffusion, conditions: Any, seed: int
) -> pd.DataFrame:
    """Draw one row for each of the conditions.

    A few test rows lie beyond the range of the train rows; the model reads the nearest end of it,
    and its warning would come with every question.
    """
    from tabdiffuse.errors import TabdiffuseWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some numbers were never seen", TabdiffuseWarning)
        rows: pd.DataFrame = model.sample(conditions=conditions, random_state=seed)
    return rows


METHODS: dict[str, Method[TablePictures]] = {
    PRODUCT: Method(fit_product, "one model of pictures and columns, product process"),
    BY_CATEGORY: Method(fit_product, "the same model, its pictures drawn given the category alone"),
    TABLE: Method(fit_table, "`TabularDiffusion` on the columns, the same network and recipe"),
    OWN: Method(
        fit_own,
        "`TabularDiffusion` on the columns, its own preset (a smaller network, batches of "
        "four times as many rows)",
    ),
}
