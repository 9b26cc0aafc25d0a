"""Embedding of the time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["TimeEmbedding"]


class TimeEmbedding(nn.Module):
    """Smooth features of a time in [0, 1].

    Cosines ``cos(pi k t)``, ``k = 0 .. frequencies - 1``, are a basis of the smooth functions on
    the interval; a small network turns them into ``features`` numbers.

    Parameters
    ----------
    features : int
        Number of features out.
    frequencies : int, optional
        Number of cosines.
    """

    frequencies: Tensor

    def __init__(self, features: int, frequencies: int = 16) -> None:
        super().__init__()
        self.register_buffer("frequencies", math.pi * torch.arange(frequencies), persistent=False)
        self.net = nn.Sequential(
            nn.Linear(frequencies, 2 * features), nn.SiLU(), nn.Linear(2 * features, features)
        )

    def forward(self, t: Tensor) -> Tensor:
        """Map times of any shape to features ``(*t.shape, features)``."""
        out: Tensor = self.net((t[..., None] * self.frequencies).cos())
        return out
