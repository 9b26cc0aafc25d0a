"""The map as a picture: how it enters the state space of the photograph in MT-Diffusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.colors import to_rgb
from torch import Tensor

from tabdiffuse import DiscreteImageModality, ImageModality


class ColouredMap:
    """The encoder that paints a map, pixel for pixel in the place of the photograph's pixels.

    It is linear in the probabilities, so a map that is only guessed is painted in mixed colours.

    Parameters
    ----------
    colours : sequence of str
        As matplotlib takes them, one for each class; [0, 1] becomes the [-1, 1] of photographs.
    given, wanted : DiscreteImageModality, ImageModality
        The map and the photograph, which may be cut into different patches.
    """

    def __init__(
        self, colours: Sequence[str], given: DiscreteImageModality, wanted: ImageModality
    ) -> None:
        painted = 2 * np.array([to_rgb(colour) for colour in colours]) - 1
        self.table = torch.as_tensor(painted, dtype=torch.float32)
        self.given, self.wanted = given.grid, wanted.grid

    def __call__(self, mean: Tensor) -> Tensor:
        """Paint probabilities ``(B, cells, K)``; return patches of the photograph ``(B, P, F)``."""
        painted = mean @ self.table.to(mean)
        picture = self.given.join(painted.reshape(len(mean), self.given.patches, -1))
        return self.wanted.cut(picture)
