"""Who reads the map off a photograph: a small network on each pixel and what is around it.

It is the segmenter that turns drawn photographs back into maps, and at the same time a plain rival
for photograph to map: colour, position and neighbourhood of a pixel, and no diffusion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from sklearn.neural_network import MLPClassifier

from benchmarks.pictures.transition.scenes import UNLABELLED, Maps

MEANS = (3, 7, 15, 31)  # sides of the windows, in pixels, whose mean colour is looked at
SPREADS = (3, 7)  # and of those whose contrast is
FAR = (3, 8, 16)  # pixels to what is above, below, left and right
PIXELS = 300  # of a photograph that are learnt from
EPOCHS = 12
HIDDEN = (128, 64)
CHUNK = 50  # photographs whose features are held at once
CODES = np.arange(UNLABELLED)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Reader:
    """A trained classifier of pixels; make one with `Reader.train`.

    Parameters
    ----------
    network : MLPClassifier
        Takes standardised features.
    mean, spread : ndarray, shape (F,)
        Of the features it was trained on.
    """

    network: MLPClassifier
    mean: Floats
    spread: Floats

    @classmethod
    def train(
        cls, photos: NDArray[Any], maps: Maps, *, seed: int = 0, epochs: int = EPOCHS
    ) -> Reader:
        """Train a reader on real photographs.

        Parameters
        ----------
        photos : ndarray, shape (n, H, W, 3)
            Pixels in [0, 1].
        maps : ndarray of int, shape (n, H, W)
            Their classes; unlabelled pixels teach nothing, and are never read.
        seed : int
            Of the choice of pixels, the first weights and the batches.
        epochs : int
            Passes over the chosen pixels.

        Returns
        -------
        Reader
            Equal arguments give the same one on the same machine.
        """
        chosen = _chosen(maps, seed)
        rows = np.concatenate([own[mask] for own, mask in _in_turn(photos, chosen)])
        mean, spread = rows.mean(axis=0), rows.std(axis=0) + np.float32(1e-6)
        network = MLPClassifier(HIDDEN, random_state=seed)
        for _ in range(epochs):
            network.partial_fit((rows - mean) / spread, maps[chosen], classes=CODES)
        return cls(network, mean, spread)

    def read(self, photos: NDArray[Any]) -> Maps:
        """Tell the class of each pixel, ``(n, H, W)``."""
        parts = []
        for start in range(0, len(photos), CHUNK):
            rows = (features(photos[start : start + CHUNK]) - self.mean) / self.spread
            codes = self.network.predict(rows.reshape(-1, rows.shape[-1]))
            parts.append(codes.reshape(rows.shape[:-1]))
        return np.concatenate(parts).astype(np.int64)


def features(photos: NDArray[Any]) -> Floats:
    """Describe each pixel: its colour, place, surroundings, and what is further off.

    Parameters
    ----------
    photos : ndarray, shape (n, H, W, 3)
        Beyond the border, pixels are those of the border.

    Returns
    -------
    ndarray, shape (n, H, W, 59)
    """
    pixels = np.asarray(photos, dtype=np.float32)
    means = {side: _window_mean(pixels, side) for side in MEANS}
    square = np.square(pixels)
    spreads = [
        np.sqrt((_window_mean(square, side) - np.square(means[side])).clip(0)) for side in SPREADS
    ]
    far = [own for steps in FAR for own in _further_off(means[MEANS[0]], steps)]
    return np.concatenate([pixels, *means.values(), *spreads, *far, _places(pixels)], axis=3)


def _window_mean(pixels: Floats, side: int) -> Floats:
    mean: Floats = uniform_filter(pixels, size=(1, side, side, 1), mode="nearest")
    return mean


def _further_off(pixels: Floats, steps: int) -> list[Floats]:
    """Give what is some pixels above, below, left and right."""
    height, width = pixels.shape[1:3]
    room = np.pad(pixels, ((0, 0), (steps, steps), (steps, steps), (0, 0)), mode="edge")
    corners = [(0, steps), (2 * steps, steps), (steps, 0), (steps, 2 * steps)]
    return [room[:, top : top + height, left : left + width] for top, left in corners]


def _places(pixels: Floats) -> Floats:
    """Give row and column of each pixel in [0, 1)."""
    rows, height, width = pixels.shape[:3]
    across, down = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    places = np.stack([down, across], axis=2).astype(np.float32)
    return np.broadcast_to(places, (rows, height, width, 2))


def _chosen(maps: Maps, seed: int) -> NDArray[np.bool_]:
    """Choose about `PIXELS` pixels of each map, none of them unlabelled."""
    wanted = np.random.default_rng(seed).random(maps.shape) < PIXELS / maps[0].size
    chosen: NDArray[np.bool_] = wanted & (maps != UNLABELLED)
    return chosen


def _in_turn(
    photos: NDArray[Any], chosen: NDArray[np.bool_]
) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
    """Give the features of a few photographs at a time, and which of their pixels are chosen."""
    for start in range(0, len(photos), CHUNK):
        part = slice(start, start + CHUNK)
        yield features(photos[part]), chosen[part]
