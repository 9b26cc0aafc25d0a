"""Distances between rows, and between samples of rows."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]

CHUNK = 256  # rows whose distances to all others are held at a time


def energy_distance(first: Floats, second: Floats) -> float:
    """Energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| of two samples (Székely and Rizzo).

    The mean over all pairs, those of a row with itself among them, so that it is 0 for equal
    samples and never negative.
    """
    across = cdist(first, second).mean()
    return float(2 * across - cdist(first, first).mean() - cdist(second, second).mean())


def nearest(rows: Floats, among: Floats, seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find for each row the nearest of others by Euclid over the cells that are seen in it.

    Parameters
    ----------
    rows : array of shape (n, cells)
        May be NaN where it is not seen.
    among : array of shape (m, cells)
        Where to look.
    seen : array of shape (n, cells)
        Cells that count.

    Returns
    -------
    array of shape (n,)
        Places in ``among``.
    """
    among = among.astype(np.float32)
    values = np.where(seen, rows, 0.0).astype(np.float32)
    squares = among**2
    found = []
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        # |m (x - y)|^2 less |m x|^2, which is the same for every y.
        distance = seen[part].astype(np.float32) @ squares.T - 2 * values[part] @ among.T
        found.append(distance.argmin(axis=1))
    return np.concatenate(found)
