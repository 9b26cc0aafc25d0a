"""Scores that several tasks share: nearness of two sets of pictures, and copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

Extractor = Callable[[NDArray[Any]], NDArray[Any]]


def fidelity(
    real: NDArray[Any], drawn: NDArray[Any], features: Extractor, seed: int = 0
) -> dict[str, float]:
    """Compare drawn pictures with real ones by their features.

    Parameters
    ----------
    real, drawn : ndarray, shape (n, H, W) or (n, H, W, C)
        Equally many of both make scores of different methods comparable.
    features : callable
        Turns pictures into ``(n, F)``, for instance `Judge.features`.
    seed : int
        Of the subsets of the kernel distance.

    Returns
    -------
    dict of str to float
        "frechet" and "kernel" (lower is better), "precision" and "recall" in [0, 1].
    """
    from tabdiffuse.metrics import frechet_distance, kernel_distance, precision_recall

    there, made = features(real), features(drawn)
    support = precision_recall(there, made)
    return {
        "frechet": frechet_distance(there, made),
        "kernel": kernel_distance(there, made, seed=seed).mean,
        "precision": support.precision,
        "recall": support.recall,
    }


def nearer_to_train(
    drawn: NDArray[Any], train: NDArray[Any], test: NDArray[Any], limit: int = 5000
) -> float:
    """Share of pictures whose nearest real one is a train one, among equally many of both.

    One half means that nothing was copied. Distances are Euclidean on pixels; of each part the
    first ``limit`` at most are looked at.
    """
    count = min(len(train), len(test), limit)
    to_train, to_test = (
        NearestNeighbors(n_neighbors=1, algorithm="brute")
        .fit(_flat(part[:count]))
        .kneighbors(_flat(drawn))[0]
        for part in (train, test)
    )
    return float((to_train < to_test).mean())


def _flat(pictures: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(pictures, dtype=np.float32).reshape(len(pictures), -1)
