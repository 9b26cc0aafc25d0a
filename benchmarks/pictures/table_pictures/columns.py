"""The columns beside a picture: what it is, and what can be measured on any picture.

Everything but the category is a function of the pixels, and the group is one of the category, so a
drawn picture can be held against drawn or asked columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CATEGORIES = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
"""Names of the labels 0 to 9 of Fashion-MNIST."""
GROUPS = {
    **dict.fromkeys(("T-shirt", "pullover", "coat", "shirt"), "top"),
    **dict.fromkeys(("sandal", "sneaker", "ankle boot"), "shoe"),
    **dict.fromkeys(("trousers", "dress"), "long"),
    "bag": "bag",
}
TONES = ("dark", "middle", "bright")
TONE_EDGES = (0.45, 0.65)  # mean of the pixels that show something
SHOWN = 0.2  # a brighter pixel shows something; the background is 0
DECIMALS = 4

PICTURE = "picture"
CLASSES = ("category", "group", "tone")
NUMBERS = ("brightness", "dark", "edges", "symmetry", "height", "width")
COLUMNS = (*CLASSES, *NUMBERS)

Pixels = NDArray[Any]


def measured(pictures: Pixels) -> pd.DataFrame:
    """Measure pictures.

    Parameters
    ----------
    pictures : ndarray, shape (n, H, W)
        Pixels in [0, 1].

    Returns
    -------
    DataFrame
        "tone": one of `TONES`, by the mean of the pixels that show something; "brightness": mean of
        all pixels; "dark": share of those that show nothing; "edges": mean size of the step between
        neighbours; "symmetry": 1 for a picture that is its mirror image, 0 for one that has nothing
        in common with it; "height" and "width" of the box around what is shown, in whole pixels.
    """
    pixels = np.asarray(pictures, dtype=np.float64)
    is_shown = np.asarray(pixels > SHOWN)
    rows, columns = (np.asarray(is_shown.any(axis=axis)) for axis in (2, 1))
    numbers = {
        "brightness": pixels.mean(axis=(1, 2)),
        "dark": 1 - is_shown.mean(axis=(1, 2)),
        "edges": _edges(pixels),
        "symmetry": _symmetry(pixels),
    }
    frame = pd.DataFrame({"tone": _tone(pixels, is_shown), **numbers}).round(DECIMALS)
    return frame.assign(height=_extent(rows), width=_extent(columns))


def named(labels: NDArray[Any]) -> pd.DataFrame:
    """Name what pictures show: "category", and the "group" that it belongs to."""
    category = pd.Series([CATEGORIES[label] for label in labels], dtype=object)
    return pd.DataFrame({"category": category, "group": category.map(GROUPS)})


def _tone(pixels: Pixels, is_shown: NDArray[np.bool_]) -> NDArray[Any]:
    counts = is_shown.sum(axis=(1, 2))
    mean = np.where(is_shown, pixels, 0).sum(axis=(1, 2)) / np.maximum(counts, 1)
    names: NDArray[Any] = np.array(TONES, dtype=object)
    return np.asarray(names[np.digitize(mean, TONE_EDGES)])


def _edges(pixels: Pixels) -> Pixels:
    """Mean of the steps down and of those across, half each."""
    down, across = (np.abs(np.diff(pixels, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2))
    mean: Pixels = (down + across) / 2
    return mean


def _symmetry(pixels: Pixels) -> Pixels:
    """Share of the light that the mirror image has in the same place; 1 for an empty picture."""
    light = pixels.sum(axis=(1, 2))
    common = np.minimum(pixels, pixels[:, :, ::-1]).sum(axis=(1, 2))
    share: Pixels = np.where(light > 0, common / np.where(light > 0, light, 1), 1.0)
    return share


def _extent(occupied: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the places from the first to the last that is occupied, ``(n, L)`` to ``(n,)``."""
    length = occupied.shape[1]
    span = length - occupied.argmax(axis=1) - occupied[:, ::-1].argmax(axis=1)
    return np.where(occupied.any(axis=1), span, 0).astype(np.int64)
