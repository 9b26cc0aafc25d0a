"""Networks that the user gives: callables on arrays, or TorchScript files.

Nothing is ever downloaded. This is the one place of the metrics where torch is imported, and only
when a file is given.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tabdiffuse.errors import DataError, DataTypeError

Network: TypeAlias = Callable[[NDArray[Any]], Any] | str | PathLike[str]


def as_callable(network: Network | None, metric: str) -> Callable[[NDArray[Any]], Any]:
    """Give a callable on arrays.

    Parameters
    ----------
    network : callable or path
        A callable is returned as it is. A TorchScript file holds a module that takes images
        ``(n, C, H, W)`` float32 and returns a tensor, or several in a list or tuple; maps with a
        channel axis after the first come back with that axis last, as the images have it.
    metric : str
        Who asks, for the error.

    Returns
    -------
    callable
        From images ``(n, H, W, C)`` to arrays.

    Raises
    ------
    DataError
        There is no file of that name, or it does not hold TorchScript.
    DataTypeError
        Something else was given, or nothing.
    """
    if callable(network):
        return network
    if not isinstance(network, str | PathLike):
        raise DataTypeError(
            f"{metric} needs a network that you give; got {network!r}. Pass a callable on images "
            f"(n, H, W, C), or the path of a TorchScript file: weights are never downloaded."
        )
    return _load(Path(network), metric)


def _load(path: Path, metric: str) -> Callable[[NDArray[Any]], Any]:
    if not path.is_file():
        raise DataError(
            f"{metric}: there is no file {str(path)!r}. Pass the path of a TorchScript file, or a "
            f"callable on images (n, H, W, C): weights are never downloaded."
        )
    import torch

    try:
        with warnings.catch_warnings():
            # Old as the format is, the published networks of both metrics come in it.
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(path), map_location="cpu").eval()
    except RuntimeError as error:
        raise DataError(
            f"{metric}: {str(path)!r} cannot be read as TorchScript. Save the network with "
            f"torch.jit.save, or pass a callable."
        ) from error

    def call(images: NDArray[Any]) -> Any:
        pixels = np.ascontiguousarray(np.moveaxis(images, -1, 1), dtype=np.float32)
        with torch.inference_mode():
            found = module(torch.from_numpy(pixels))
        if isinstance(found, list | tuple):
            return [_channels_last(each.numpy()) for each in found]
        return _channels_last(found.numpy())

    return call


def _channels_last(array: NDArray[Any]) -> NDArray[Any]:
    return np.moveaxis(array, 1, -1) if array.ndim > 2 else array
