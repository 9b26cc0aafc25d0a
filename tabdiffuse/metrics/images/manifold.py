"""Precision and recall of features: fidelity and diversity, apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tabdiffuse.errors import ParameterError
from tabdiffuse.metrics.images.inputs import Floats, check_features

NEIGHBOURS = 3
_ROWS = 512  # a block of distances
# Distances from a matrix product are off by about this share of the largest squared length, and a
# point at the very edge of a ball, as a copy of a repeated row is, belongs to it.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class PrecisionRecall:
    """How well the supports of two sets of features agree.

    Parameters
    ----------
    precision : float
        Share of made images that lie on the manifold of the real ones: fidelity.
    recall : float
        Share of real images that lie on the manifold of the made ones: diversity.
    """

    precision: float
    recall: float


def precision_recall(
    features_real: Any, features_made: Any, *, k: int = NEIGHBOURS
) -> PrecisionRecall:
    """Precision and recall of images on manifolds of nearest neighbours.

    The manifold of a set is the union of balls about its points, each as wide as the distance to
    the ``k``-th nearest other point of the set. Kynkäänniemi et al. 2019, arXiv 1904.06991, eqs. 1
    and 2. Both depend on the number of images, so compare equally many.

    Parameters
    ----------
    features_real, features_made : array-like, shape (n, F) and (m, F)
        Features of real images and of those that a model made; more than ``k`` rows each.
    k : int
        Which neighbour reaches how far a ball goes.

    Returns
    -------
    PrecisionRecall
        Both in [0, 1], higher is better; both 1 for a copy of the real images.

    Raises
    ------
    DataError
        A wrong shape, too few rows, or values that are not finite.
    ParameterError
        ``k`` below 1.
    """
    if k < 1:
        raise ParameterError(f"k must be at least 1; got {k}.")
    real, made = check_features(features_real, features_made, min_rows=k + 1)
    center = (real.mean(axis=0) + made.mean(axis=0)) / 2  # small numbers lose fewer digits
    real, made = real - center, made - center
    slack = _ROUNDING * max(_squares(real).max(), _squares(made).max())
    wide_real, wide_made = _radii(real, k) + slack, _radii(made, k) + slack
    precise, recalled = [], np.zeros(len(real), dtype=bool)
    for rows, distance in _distances(made, real):
        precise.append((distance <= wide_real).any(axis=1))
        recalled |= (distance <= wide_made[rows, None]).any(axis=0)
    return PrecisionRecall(float(np.concatenate(precise).mean()), float(recalled.mean()))


def _radii(points: Floats, k: int) -> Floats:
    """Squared distance of each point to its ``k``-th nearest other point."""
    found = []
    for rows, distance in _distances(points, points):
        block = np.arange(len(distance))
        distance[block, rows.start + block] = np.inf  # no point is its own neighbour
        found.append(np.partition(distance, k - 1, axis=1)[:, k - 1])
    return np.concatenate(found)


def _distances(points: Floats, others: Floats) -> Iterator[tuple[slice, Floats]]:
    """Give squared distances in blocks of rows of ``points``, by one matrix product each."""
    lengths = _squares(others)
    for start in range(0, len(points), _ROWS):
        rows = slice(start, start + _ROWS)
        block = points[rows]
        yield rows, _squares(block)[:, None] + lengths - 2 * (block @ others.T)


def _squares(points: Floats) -> Floats:
    squares: Floats = (points**2).sum(axis=1)
    return squares
