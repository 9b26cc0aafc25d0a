"""LPIPS: how far apart two images look, by a network and weights that the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabdiffuse.errors import DataError
from tabdiffuse.metrics.images.inputs import Floats, as_numbers, check_pairs
from tabdiffuse.metrics.images.network import Network, as_callable

BATCH = 64
_TINY = 1e-10  # keeps a place where all channels are 0 at 0


def lpips_distance(
    real: Any,
    made: Any,
    network: Network,
    weights: Sequence[Any],
    *,
    batch_size: int = BATCH,
) -> Floats:
    """Learned perceptual distance of each pair of images.

    Zhang et al. 2018, arXiv 1801.03924, eq. 1: at each place of each layer the features are scaled
    to length 1; their squared difference is weighted by channel, summed over channels, averaged
    over places, and summed over layers. The paper's ``w`` stands within the square; ``weights`` are
    its squares, which is what the released linear layers hold.

    Parameters
    ----------
    real, made : array-like, shape (n, H, W) or (n, H, W, C)
        Image ``i`` of one is compared with image ``i`` of the other, with the values that the
        network was made for.
    network : callable or path
        Gets images ``(b, H, W, C)`` and gives a list of feature maps ``(b, H_l, W_l, C_l)``; or a
        TorchScript file whose module takes ``(b, C, H, W)`` float32 and gives a list of
        ``(b, C_l, H_l, W_l)``. Resizing and scaling are its part.
    weights : sequence of array-like
        For each layer the weights of its channels ``(C_l,)``, at least 0.
    batch_size : int
        How many images the network gets at a time.

    Returns
    -------
    ndarray, shape (n,)
        At least 0, and 0 for equal images; lower is better.

    Raises
    ------
    DataError
        Images, maps or weights do not fit together or are not finite, or a file cannot be read.
    DataTypeError
        There is no network.
    """
    look = as_callable(network, "lpips_distance")
    scales = [_weights_of_layer(layer, each) for layer, each in enumerate(weights)]
    ours, theirs = check_pairs(real, made)
    found = []
    for start in range(0, len(ours), batch_size):
        rows = slice(start, start + batch_size)
        found.append(_distances(_maps(look, ours[rows]), _maps(look, theirs[rows]), scales))
    return np.concatenate(found)


def _weights_of_layer(layer: int, weights: Any) -> Floats:
    scale = as_numbers(f"weights of layer {layer}", weights).ravel()
    if (scale < 0).any():
        raise DataError(
            f"weights of layer {layer} must be at least 0, or the distance could be negative; got "
            f"{scale.min():g}."
        )
    return scale


def _maps(look: Any, images: NDArray[Any]) -> list[Floats]:
    """Feature maps of a batch, with vectors of length 1 at each place."""
    found = look(images)
    if not isinstance(found, list | tuple):
        raise DataError(
            f"The network must give a list of feature maps, one for each layer; got "
            f"{type(found).__name__}."
        )
    return [_unit(layer, maps, len(images)) for layer, maps in enumerate(found)]


def _unit(layer: int, maps: Any, rows: int) -> Floats:
    values = as_numbers(f"Feature map {layer}", maps)
    if values.ndim != 4 or len(values) != rows or not values.size:
        raise DataError(
            f"Feature map {layer} must have shape (n, H_l, W_l, C_l); for {rows} images the "
            f"network gave {values.shape}."
        )
    scaled: Floats = values / (np.linalg.norm(values, axis=3, keepdims=True) + _TINY)
    return scaled


def _distances(ours: list[Floats], theirs: list[Floats], scales: list[Floats]) -> Floats:
    channels = [maps.shape[3] for maps in ours]
    if not scales or channels != [len(scale) for scale in scales]:
        raise DataError(
            f"weights must hold one number for each channel of each layer. The network gives "
            f"layers of {channels} channels; weights has {[len(scale) for scale in scales]}."
        )
    layers = [
        ((one - other) ** 2 @ scale).mean(axis=(1, 2))
        for one, other, scale in zip(ours, theirs, scales, strict=True)
    ]
    total: Floats = np.sum(layers, axis=0)
    return total
