"""Holes in pictures: square patches at random places, the same for every method."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 4  # pixels of a patch
GREY = 0.5
HOLES_SEED = 0

Bools = NDArray[np.bool_]


def holes(images: NDArray[Any], count: int, seed: int = HOLES_SEED) -> Bools:
    """Choose patches to hide.

    Parameters
    ----------
    images : ndarray, shape (n, H, W)
        Pictures whose sides are multiples of the patch's.
    count : int
        Patches to hide in each picture; row i has the same ones whatever follows it.
    seed : int
        Of the places.

    Returns
    -------
    ndarray of bool, shape (n, H, W)
        True at the pixels that are hidden.
    """
    rows, height, width = images.shape
    across = width // SIDE
    random = np.random.default_rng([seed, count]).random((rows, (height // SIDE) * across))
    hidden = random.argsort(axis=1).argsort(axis=1) < count
    grid = hidden.reshape(rows, height // SIDE, across)
    return grid.repeat(SIDE, axis=1).repeat(SIDE, axis=2)


def with_gaps(images: NDArray[Any], hidden: Bools) -> NDArray[np.float32]:
    """Return the pictures with NaN at the hidden pixels."""
    return np.where(hidden, np.float32(np.nan), images).astype(np.float32)


def greyed(images: NDArray[Any], hidden: Bools) -> NDArray[np.float32]:
    """Return the pictures with grey at the hidden pixels."""
    return np.where(hidden, np.float32(GREY), images).astype(np.float32)
