"""Numeric columns, one token each, as normal scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tabdiffuse._random import Noise
from tabdiffuse.errors import DataError
from tabdiffuse.modalities.base import Modality
from tabdiffuse.processes import GaussianProcess
from tabdiffuse.schedules import GaussianSchedule
from tabdiffuse.spaces import RealSpace

__all__ = ["NumericModality"]

# Nearest float32 below 1; normal scores stay within +-5.5.
_LARGEST_U = 1 - 2**-24
_SMALLEST_U = 2**-24


class NumericModality(Modality):
    """Numbers known up to an interval of their cumulative distribution.

    A cell of the training data is ``(u_lo, u_hi)``: where the value lies in the column's cumulative
    distribution. Each training step draws ``u`` uniformly in the interval and learns the normal
    score ``ndtri(u)``. An integer owns the interval of its own mass, so the normal scores of a
    column are exactly N(0, 1); a cell without information is the interval (0, 1).

    Parameters
    ----------
    columns : int
        Number of columns d.
    schedule : GaussianSchedule, optional
        Schedule of the Gaussian process, variance-preserving cosine by default.
    frequencies : int, optional
        Number of learned frequencies of each column. A number enters as itself and as sines and
        cosines, from which small differences are read more easily than from one straight line
        (Gorishniy et al. 2022, arXiv 2203.05556, section 3.3). 0 leaves the straight line.
    """

    process: GaussianProcess

    def __init__(
        self, columns: int, schedule: GaussianSchedule | None = None, frequencies: int = 6
    ) -> None:
        super().__init__()
        self.process = GaussianProcess(RealSpace(columns), schedule)
        self.frequencies = frequencies

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this modality again."""
        return {
            "columns": self.cells,
            "schedule": self.process.schedule,
            "frequencies": self.frequencies,
        }

    def build(self, width: int) -> None:
        """Make the embedding of each column, affine and periodic, and one linear readout."""
        if self.frequencies:
            waves = 2 * self.frequencies
            self.frequency = nn.Parameter(2 * math.pi * torch.randn(self.cells, self.frequencies))
            self.embed_waves = nn.Parameter(torch.randn(self.cells, waves, width) / waves**0.5)
        self.embed_weight = nn.Parameter(torch.randn(self.cells, width))
        self.embed_bias = nn.Parameter(torch.randn(self.cells, width))
        self.read_weight = nn.Parameter(torch.zeros(self.cells, width))
        self.read_bias = nn.Parameter(torch.zeros(self.cells))

    def encode(self, values: Any) -> Tensor:
        """Take intervals ``(n, d, 2)`` within [0, 1], or exact positions ``(n, d)``.

        Raises
        ------
        DataError
            When the shape differs or an interval is not within [0, 1].
        """
        array = np.asarray(values)
        if not np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float64)
        if array.ndim == 2:
            array = np.stack([array, array], axis=-1)
        if array.ndim != 3 or array.shape[1:] != (self.cells, 2):
            raise DataError(
                f"Expected intervals of shape (n, {self.cells}, 2). Got {np.shape(values)} instead."
            )
        within = array.min(initial=0) >= 0 and array.max(initial=1) <= 1  # false where there is NaN
        if not within or any((cell[:, 0] > cell[:, 1]).any() for cell in array.swapaxes(0, 1)):
            raise DataError("Intervals must be ordered and lie within [0, 1].")
        return torch.as_tensor(array)

    def decode(self, state: Tensor) -> np.ndarray[Any, Any]:
        """Return normal scores ``(n, d)``."""
        return np.asarray(state[..., 0].cpu().numpy())

    def draw(self, data: Tensor, noise: Noise) -> Tensor:
        """Draw normal scores ``(B, d, 1)`` uniformly within the intervals ``(B, d, 2)``."""
        low, high = data.unbind(dim=-1)
        u = low + (high - low) * noise.uniform(low.shape, low.dtype)
        scores: Tensor = torch.special.ndtri(u.clamp(_SMALLEST_U, _LARGEST_U))
        return scores.float()[..., None]

    def embed(self, x: Tensor) -> Tensor:
        """Embed ``(B, d, 1)`` as tokens ``(B, d, D)``, by a map of its own for each column."""
        tokens = torch.addcmul(self.embed_bias, x, self.embed_weight)
        if not self.frequencies:
            return tokens
        angle = x * self.frequency
        waves = torch.cat([angle.sin(), angle.cos()], dim=-1)
        return tokens + torch.einsum("bdf,dfw->bdw", waves, self.embed_waves)

    def readout(self, h: Tensor) -> Tensor:
        """Read ``(B, d, 1)`` from the tokens; starts at 0, the best answer without evidence."""
        return (torch.einsum("bld,ld->bl", h, self.read_weight) + self.read_bias)[..., None]
