"""Street scenes: photographs and their maps of classes, and what the classes are drawn in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import Part, camvid64, joined

if TYPE_CHECKING:
    from benchmarks.pictures.transition.reader import Reader

CLASSES = {
    "sky": "#808080",
    "building": "#800000",
    "pole": "#C0C080",
    "road": "#804080",
    "pavement": "#3C28DE",
    "tree": "#808000",
    "sign": "#C08080",
    "fence": "#404080",
    "car": "#400080",
    "pedestrian": "#404000",
    "bicyclist": "#0080C0",
}
"""Colours that segmentations of these scenes are usually shown in, in the order of the codes."""
UNLABELLED = len(CLASSES)
COLOURS = (*CLASSES.values(), "#000000")
KINDS = len(COLOURS)
VALIDATION = 101  # published validation frames; the last rows that are for training

Maps = NDArray[np.int64]


@dataclass(frozen=True)
class Scenes:
    """Data of the task.

    Parameters
    ----------
    train, validation, test : Part
        With the arrays "photo" ``(n, H, W, 3)`` in [0, 1] and "map" ``(n, H, W)`` of codes.
    sha256 : str
        Digest of the files.
    real : Part
        All train rows, also in a quick look: what the reader learns from.
    """

    train: Part
    validation: Part
    test: Part
    sha256: str
    real: Part

    @cached_property
    def reader(self) -> Reader:
        """Tells the class of each pixel of a photograph; a quarter of a minute."""
        from benchmarks.pictures.transition.reader import Reader

        rows = mirrored(self.real)
        return Reader.train(rows["photo"], rows["map"])


def load_scenes(train_rows: int | None = None) -> Scenes:
    """CamVid at 64 x 64 pixels: 367 frames to learn from, 101 to choose by, 233 to ask about."""
    whole = camvid64()
    real = whole.train.take(slice(-VALIDATION))
    validation = whole.train.take(slice(-VALIDATION, None))
    # Frames follow each other as in a film, so a quick look takes them at random.
    order = np.random.default_rng(0).permutation(len(real))[:train_rows]
    train = real if train_rows is None else real.take(order)
    return Scenes(train, validation, whole.test, whole.sha256, real)


def mirrored(rows: Part) -> Part:
    """Add the mirror image of every row, of photograph and map alike."""
    flipped: dict[str, NDArray[Any]] = {n: array[:, :, ::-1] for n, array in rows.arrays.items()}
    return joined([rows, Part(flipped)])
