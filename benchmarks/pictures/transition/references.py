"""What is reached without diffusion: a reader of pixels, other frames, the most frequent class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.transition.scenes import UNLABELLED, Maps, Scenes
from benchmarks.pictures.transition.scores import map_scores, photo_scores

CHUNK = 50  # test frames whose distances to all train frames are held at once


def read_pixels(data: Scenes) -> dict[str, Any]:
    """Read the maps off the real photographs: a plain rival, and the ceiling of drawn ones."""
    read = data.reader.read(data.test["photo"])
    scores = map_scores(data.test["map"], read)
    return {**scores, **photo_scores(data.test, data.test["photo"], data.reader)}


def most_frequent_class(data: Scenes) -> dict[str, Any]:
    """Give every photograph the same map: the most frequent class at each place."""
    maps = data.real["map"]
    counts = np.stack([(maps == code).sum(axis=0) for code in range(UNLABELLED)])
    same = np.broadcast_to(counts.argmax(axis=0), data.test["map"].shape)
    return map_scores(data.test["map"], same)


def random_row(data: Scenes) -> dict[str, Any]:
    """Answer with any train frame: pairs that do not belong together."""
    rows = np.random.default_rng(0).integers(len(data.real), size=len(data.test))
    return _answered(data, rows, rows)


def nearest_row(data: Scenes) -> dict[str, Any]:
    """Answer with the train frame whose photograph, or whose map, is most like the given one."""
    by_photo = nearest(data.test["photo"], data.real["photo"])
    by_map = nearest(_indicators(data.test["map"]), _indicators(data.real["map"]))
    return _answered(data, by_photo, by_map)


def nearest(asked: NDArray[Any], known: NDArray[Any]) -> NDArray[np.intp]:
    """Find the row of ``known`` at the smallest Euclidean distance of each row of ``asked``."""
    others = known.reshape(len(known), -1).astype(np.float32)
    squares = np.square(others).sum(axis=1)
    rows = []
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        # The square of the asked row itself is the same for all others.
        products = part.reshape(len(part), -1).astype(np.float32) @ others.T
        rows.append((squares - 2 * products).argmin(axis=1))
    return np.concatenate(rows)


def _answered(
    data: Scenes, rows_for_maps: NDArray[Any], rows_for_photos: NDArray[Any]
) -> dict[str, Any]:
    maps, photos = data.real["map"][rows_for_maps], data.real["photo"][rows_for_photos]
    return {
        **map_scores(data.test["map"], maps),
        **photo_scores(data.test, photos, data.reader),
    }


def _indicators(maps: Maps) -> NDArray[np.bool_]:
    """Turn classes into 0 and 1, so that distances count the labelled pixels that differ."""
    is_class: NDArray[np.bool_] = maps[..., None] == np.arange(UNLABELLED)
    return is_class
