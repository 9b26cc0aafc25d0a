"""Images as patches, one token each, under Gaussian diffusion on the pixels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities.base import Modality
from tabdiffuse.modalities.patches import PatchGrid
from tabdiffuse.processes import GaussianProcess
from tabdiffuse.schedules import EDMSchedule, GaussianSchedule
from tabdiffuse.spaces import RealSpace

__all__ = ["ImageModality"]

# Standard deviation of pixels in [-1, 1] (Karras et al. 2022, arXiv 2206.00364, table 1). Being
# below 1, it also weighs the loss towards high noise, where it is decided what an image will show.
_SIGMA_DATA = 0.5


class ImageModality(Modality):
    """Pixel images cut into square patches.

    A patch is a cell: it has a time of its own, and an image that is known in part is known patch
    by patch. Samples are float32 whatever the type of the data; round them where they are to be
    integers.

    Parameters
    ----------
    height, width : int
        Size in pixels; both must be multiples of ``patch``.
    channels : int, optional
        1 for grey images, given as ``(n, height, width)``; otherwise images are
        ``(n, height, width, channels)``.
    patch : int, optional
        Side of a patch in pixels; by default 4 where that leaves at least four patches, otherwise
        2. Half the side means four times the tokens.
    value_range : tuple of float, optional
        Smallest and largest pixel value, mapped to [-1, 1]; ``(0, 255)`` for bytes. Samples are
        clipped to it.
    schedule : GaussianSchedule, optional
        Schedule of the Gaussian process, variance-preserving cosine by default.
    weight : float, optional
        Weight of each patch in the training loss.
    prediction : {"data", "v"}, optional
        What the network predicts of a noisy patch: clean pixels, or ``v``; see `GaussianProcess`.
        By default the pixels, under a schedule that is not variance-preserving ``v``, which is
        there the target of EDM's preconditioning.

    Raises
    ------
    ParameterError
        When the size is not a multiple of the patch.
    """

    process: GaussianProcess

    def __init__(
        self,
        height: int,
        width: int,
        *,
        channels: int = 1,
        patch: int | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        schedule: GaussianSchedule | None = None,
        weight: float = 1.0,
        prediction: Literal["data", "v"] | None = None,
    ) -> None:
        super().__init__()
        if prediction is None:
            prediction = "v" if isinstance(schedule, EDMSchedule) else "data"
        if prediction not in ("data", "v"):
            raise ParameterError(f"prediction must be 'data' or 'v'. Got {prediction!r} instead.")
        self.grid = PatchGrid.fitting(height, width, patch)
        self.channels = channels
        self.value_range = value_range
        self.weight = weight
        space = RealSpace(self.grid.patches, channels * self.grid.pixels)
        self.process = GaussianProcess(space, schedule, _SIGMA_DATA, prediction)

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this modality again."""
        return {
            "height": self.grid.height,
            "width": self.grid.width,
            "channels": self.channels,
            "patch": self.grid.side,
            "value_range": self.value_range,
            "schedule": self.process.schedule,
            "weight": self.weight,
            "prediction": self.process.prediction,
        }

    @property
    def places(self) -> tuple[int, int]:
        """Number of patches down and across."""
        return self.grid.shape

    def build(self, width: int) -> None:
        """Make the patch embedding, a position for each patch, and the readout."""
        space = self.process.space
        assert isinstance(space, RealSpace)
        self.to_token = nn.Linear(space.features, width)
        self.position = nn.Parameter(torch.randn(space.cells, width))
        self.to_patch = nn.Linear(width, space.features)
        nn.init.zeros_(self.to_patch.weight)
        nn.init.zeros_(self.to_patch.bias)

    def encode(self, values: Any) -> Tensor:
        """Cut images ``(n, H, W)`` or ``(n, H, W, C)`` into patches ``(n, P, F)`` within [-1, 1].

        Raises
        ------
        DataError
            When the shape differs or a pixel lies outside the value range.
        """
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise DataError(
                f"Pixels must be numbers. Got an array of {array.dtype} instead; all images must "
                "have one size and a numeric type."
            )
        array = array.astype(np.float32)
        height, width = self.grid.height, self.grid.width
        if self.channels == 1 and array.ndim == 3:
            array = array[..., None]
        if array.ndim != 4 or array.shape[1:] != (height, width, self.channels):
            raise DataError(
                f"Expected images of shape (n, {height}, {width}, {self.channels}). "
                f"Got {np.shape(values)} instead."
            )
        low, high = self.value_range
        if not ((array >= low) & (array <= high)).all():
            raise DataError(
                f"Pixels must lie within value_range=({low}, {high}). Got values from "
                f"{np.min(array)} to {np.max(array)}; pass value_range to ImageModality."
            )
        return self.grid.cut(torch.as_tensor((array - low) * (2 / (high - low)) - 1))

    def observe(self, values: Any) -> tuple[Tensor, Tensor]:
        """Take images with gaps, pixels that are NaN; a patch is known if all its pixels are."""
        array = np.asarray(values)
        if array.dtype.kind != "f":
            return super().observe(array)
        gaps = np.isnan(array)
        states = self.encode(np.where(gaps, self.value_range[0], array))
        if self.channels == 1 and gaps.ndim == 3:
            gaps = gaps[..., None]
        return states, ~self.grid.cut(torch.as_tensor(gaps)).any(dim=-1)

    def fill(
        self, given: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any], known: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """Put the given pixels in the place of the drawn ones, in the patches that are known."""
        if known.all():
            return given
        space = self.process.space
        assert isinstance(space, RealSpace)
        pixels = self.grid.join(torch.as_tensor(known)[..., None].expand(-1, -1, space.features))
        return np.where(pixels.numpy().reshape(drawn.shape), given.reshape(drawn.shape), drawn)

    def decode(self, state: Tensor) -> np.ndarray[Any, Any]:
        """Join patches to images in the value range, in the shape they were given."""
        low, high = self.value_range
        images = (self.grid.join(state.cpu()).clamp(-1, 1) + 1) * ((high - low) / 2) + low
        return np.asarray(images.numpy()[..., 0] if self.channels == 1 else images.numpy())

    def embed(self, x: Tensor) -> Tensor:
        """Embed patches ``(B, P, F)`` as tokens ``(B, P, D)``."""
        tokens: Tensor = self.to_token(x) + self.position
        return tokens

    def readout(self, h: Tensor) -> Tensor:
        """Read patches ``(B, P, F)`` from the tokens."""
        patches: Tensor = self.to_patch(h)
        return patches
