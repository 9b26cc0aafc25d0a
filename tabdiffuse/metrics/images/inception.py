"""FID: the Fréchet distance on features of an Inception network that the user gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabdiffuse.errors import DataError
from tabdiffuse.metrics.images.features import BATCH, extract_features
from tabdiffuse.metrics.images.frechet import frechet_distance
from tabdiffuse.metrics.images.inputs import check_images
from tabdiffuse.metrics.images.network import Network, as_callable

COLOURS = 3


def inception_fid(real: Any, made: Any, network: Network, *, batch_size: int = BATCH) -> float:
    """Fréchet inception distance, with the user's network.

    Heusel et al. 2017, arXiv 1706.08500: `frechet_distance` on the 2,048 pooled features of the
    Inception network that was trained on ImageNet. No weights are downloaded, and numbers compare
    with published ones only if the network does too.

    Parameters
    ----------
    real, made : array-like, shape (n, H, W) or (n, H, W, C)
        Images, with the values that the network was made for. One channel is repeated to three.
    network : callable or path
        Gets images ``(b, H, W, 3)`` and gives features ``(b, F)``; or a TorchScript file whose
        module takes ``(b, 3, H, W)`` float32. Resizing and scaling are its part.
    batch_size : int
        How many images it gets at a time.

    Returns
    -------
    float
        0 for equal moments, lower is better.

    Raises
    ------
    DataError
        Images or features of a wrong shape or not finite, or a file that cannot be read.
    DataTypeError
        There is no network.
    """
    extractor = as_callable(network, "inception_fid")
    ours, theirs = (
        extract_features(extractor, _in_colour(label, images), batch_size=batch_size)
        for label, images in (("real", real), ("made", made))
    )
    return frechet_distance(ours, theirs)


def _in_colour(label: str, images: Any) -> NDArray[Any]:
    """Give ``(n, H, W, 3)`` of the type that was given."""
    check_images(label, images)
    array = np.asarray(images)
    if array.ndim == 3:
        array = array[..., None]
    if array.shape[3] not in (1, COLOURS):
        raise DataError(
            f"The {label} images must have 1 or {COLOURS} channels; got {array.shape[3]} (shape "
            f"{array.shape}). Give the channels last."
        )
    return np.repeat(array, COLOURS, axis=3) if array.shape[3] == 1 else array
