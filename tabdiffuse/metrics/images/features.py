"""Features of images, from a network that was trained in the run or that the user gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.metrics.images.inputs import Floats, as_numbers, check_images

# Images (n, H, W) or (n, H, W, C) -> features (n, F).
Extractor: TypeAlias = Callable[[NDArray[Any]], Any]

BATCH = 256


def extract_features(
    extractor: Extractor, images: NDArray[Any], *, batch_size: int = BATCH
) -> Floats:
    """Features of images, in batches.

    Parameters
    ----------
    extractor : callable
        Gets images ``(b, H, W)`` or ``(b, H, W, C)``, as they are in ``images``, and gives their
        features ``(b, F)``.
    images : ndarray, shape (n, H, W) or (n, H, W, C)
        Scaled as the extractor wants them.
    batch_size : int
        How many it gets at a time.

    Returns
    -------
    ndarray, shape (n, F)
        As float64.

    Raises
    ------
    DataError
        The images or the features have a wrong shape or values that are not finite.
    ParameterError
        ``batch_size`` is below 1.
    """
    if batch_size < 1:
        raise ParameterError(f"batch_size must be at least 1; got {batch_size}.")
    check_images("given", images)
    array = np.asarray(images)
    parts = [
        _features_of(extractor, array[start : start + batch_size])
        for start in range(0, len(array), batch_size)
    ]
    return np.concatenate(parts)


def _features_of(extractor: Extractor, batch: NDArray[Any]) -> Floats:
    features = as_numbers("Features from the extractor", extractor(batch))
    if features.ndim != 2 or len(features) != len(batch):
        raise DataError(
            f"The extractor must give features (n, F); for {len(batch)} images it gave shape "
            f"{features.shape}. Flatten or pool what it returns."
        )
    return features
