"""Pictures as a grid of square patches: the order of pixels in tokens, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from tabdiffuse.errors import ParameterError

__all__ = ["PatchGrid"]

# From as many pixels on, patches of side 4 leave at least four of them.
_ENOUGH_PIXELS = 64


@dataclass(frozen=True)
class PatchGrid:
    """A picture of ``height x width`` pixels, cut into patches row by row.

    Attributes
    ----------
    height, width : int
        Size in pixels; both are multiples of ``side``.
    side : int
        Side of a patch in pixels.
    """

    height: int
    width: int
    side: int

    @classmethod
    def fitting(cls, height: int, width: int, patch: int | None) -> PatchGrid:
        """Make the grid of a size; without ``patch`` of side 4 where that leaves four, else 2.

        Raises
        ------
        ParameterError
            When the size is not a multiple of the patch.
        """
        if patch is None:
            is_large = height * width >= _ENOUGH_PIXELS
            patch = 4 if is_large and height % 4 == width % 4 == 0 else 2
        if min(height, width, patch) < 1 or height % patch or width % patch:
            raise ParameterError(
                f"height and width must be multiples of patch={patch}. Got {height} x {width}."
            )
        return cls(height, width, patch)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of patches down and across."""
        return self.height // self.side, self.width // self.side

    @property
    def patches(self) -> int:
        """Number of patches P."""
        return math.prod(self.shape)

    @property
    def pixels(self) -> int:
        """Number of pixels in a patch."""
        return self.side**2

    def cut(self, picture: Tensor) -> Tensor:
        """Cut ``(n, H, W, C)`` into patches ``(n, P, side * side * C)``."""
        rows, columns, p = self.height // self.side, self.width // self.side, self.side
        n, channels = len(picture), picture.shape[-1]
        parts = picture.reshape(n, rows, p, columns, p, channels).transpose(2, 3)
        return parts.reshape(n, self.patches, self.pixels * channels)

    def join(self, patches: Tensor) -> Tensor:
        """Join patches ``(n, P, side * side * C)`` to ``(n, H, W, C)``, the inverse of `cut`."""
        rows, columns, p = self.height // self.side, self.width // self.side, self.side
        n, channels = len(patches), patches.shape[-1] // self.pixels
        parts = patches.reshape(n, rows, columns, p, p, channels).transpose(2, 3)
        return parts.reshape(n, self.height, self.width, channels)
