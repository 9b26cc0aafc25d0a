"""A masked picture as a second modality beside the picture.

Masked-image training of MT-Diffusion (Chen et al. 2024, arXiv 2407.17571): the latent is the
picture, and the data of the one task is the picture with some patches grey, encoded by identity.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from benchmarks.pictures.restoration.holes import SIDE
from tabdiffuse import ImageModality, Shared

MOST = 10  # patches hidden in training, at most


class MaskedPicture(ImageModality):
    """Pictures of which 0 to `MOST` random patches are grey, others in each training step.

    It is given whole pictures to learn from, and masked ones as conditions.

    Parameters
    ----------
    height, width : int
        Size in pixels, multiples of `SIDE`.
    empty : float
        Share of the pictures in which every patch is grey, in [0, 1].
    """

    def __init__(self, height: int, width: int, *, empty: float = 0.0) -> None:
        super().__init__(height, width, patch=SIDE)
        self.empty = empty

    def draw(self, data: Tensor, noise: Any) -> Tensor:
        """Hide ``m`` patches of each picture: all of them, or ``m`` uniform on 0 to `MOST`."""
        rows, patches = data.shape[:2]
        count = (noise.uniform((rows, 1)) * (MOST + 1)).floor()
        count = torch.where(noise.uniform((rows, 1)) < self.empty, patches, count)
        rank = noise.uniform((rows, patches)).argsort(dim=1).argsort(dim=1)
        # 0 is the middle of [-1, 1]: grey, which adds nothing to the latent.
        return torch.where((rank < count)[..., None], 0.0, data)


def shared_settings(height: int, width: int, *, shows_known: bool) -> tuple[dict[str, Any], Shared]:
    """Make the two modalities and the process that they share.

    Parameters
    ----------
    height, width : int
        Size of the pictures.
    shows_known : bool
        MT-X rather than MT-U. Only a network that sees masked pictures needs to learn what it means
        that every patch is hidden.
    """
    modalities = {
        "image": ImageModality(height, width, patch=SIDE),
        "seen": MaskedPicture(height, width, empty=0.5 if shows_known else 0.0),
    }
    return modalities, Shared("image", {"seen": "identity"}, shows_known=shows_known)
