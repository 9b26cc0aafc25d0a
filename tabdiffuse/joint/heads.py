"""Heads: what the network says about a modality it is not shown, and how it learns to.

The decoders ``p(x_i | z_t)`` of MT-Diffusion (Chen et al. 2024, arXiv 2407.17571, section 3):
cross-entropy for categories, squared error for numbers. Raw outputs come from the readout of the
modality; predictions are what every denoiser returns, log-probabilities and means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tabdiffuse._random import Noise, generator
from tabdiffuse.processes import GaussianProcess, MaskedProcess, Process

__all__ = ["CategoryHead", "Head", "NumberHead"]


class Head(nn.Module, ABC):
    """Prediction of the cells of one modality from the shared state.

    A cell is either known, with its value in the state, or hidden. The *mean* of a prediction is
    what encoders take: probabilities ``(B, L, K)`` of categories, or numbers ``(B, L, F)``.

    Parameters
    ----------
    process : Process
        Its prior without noise is the state of a hidden cell: the mask, or 0.
    """

    hidden: Tensor

    def __init__(self, process: Process) -> None:
        super().__init__()
        state = process.prior(1, Noise([generator(0)]), scale=0.0)
        self.register_buffer("hidden", state, persistent=False)

    @abstractmethod
    def conceal(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Take the values off the hidden cells, ``(B, L)`` or ``(B, 1)`` bool."""

    @abstractmethod
    def loss(self, raw: Tensor, x: Tensor) -> Tensor:
        """Return the loss of each cell given its value, ``(B, L)``; not weighted by the time.

        NOTE[DIFF]: the paper averages a KL divergence over the times; that of a given ``x_i`` from
        a category's law is the cross-entropy, from a normal law of fixed width the squared error.
        """

    @abstractmethod
    def predict(self, raw: Tensor, x: Tensor, hidden: Tensor) -> Tensor:
        """Return the prediction of hidden cells, and certainty for known ones."""

    @abstractmethod
    def mean_of(self, x: Tensor) -> Tensor:
        """Return the mean of known values: the values, categories as 0 and 1."""

    @abstractmethod
    def mean(self, pred: Tensor) -> Tensor:
        """Return the mean of a prediction."""

    @abstractmethod
    def of_mean(self, mean: Tensor) -> Tensor:
        """Return the prediction that has a mean, brought back into its range."""

    @abstractmethod
    def draw(self, pred: Tensor, x: Tensor, noise: Noise) -> Tensor:
        """Draw the cells of ``x`` that are hidden."""


class CategoryHead(Head):
    """Logits of each category; a hidden cell holds the mask."""

    def __init__(self, process: MaskedProcess) -> None:
        super().__init__(process)
        self.process = process

    def conceal(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Mask the hidden cells."""
        return torch.where(hidden, self.hidden, x)

    def loss(self, raw: Tensor, x: Tensor) -> Tensor:
        """Cross-entropy in nats of codes ``(B, L)`` under logits ``(B, L, K)``."""
        return F.cross_entropy(raw.flatten(0, 1), x.flatten(), reduction="none").view_as(x)

    def predict(self, raw: Tensor, x: Tensor, hidden: Tensor) -> Tensor:
        """Normalise the logits of hidden cells; known cells are certain."""
        return self.process.parameterize(raw, self.conceal(x, hidden), hidden)

    def mean_of(self, x: Tensor) -> Tensor:
        """Return codes as probabilities 0 and 1, ``(B, L, K)``."""
        sizes = self.process.space.cardinalities
        return F.one_hot(x, max(sizes)).to(torch.get_default_dtype())

    def mean(self, pred: Tensor) -> Tensor:
        """Return probabilities."""
        return pred.exp()

    def of_mean(self, mean: Tensor) -> Tensor:
        """Cut probabilities below 0 off, and return the logarithms of their shares."""
        kept = mean.clamp_min(0)
        return (kept / kept.sum(dim=-1, keepdim=True)).log()

    def draw(self, pred: Tensor, x: Tensor, noise: Noise) -> Tensor:
        """Draw each masked cell from its probabilities."""
        one = torch.ones(1, 1, dtype=pred.dtype, device=pred.device)
        return self.process.reverse_step(pred, x, one, torch.zeros_like(one), noise)


class NumberHead(Head):
    """Means, in units of the standard deviation of the data; a hidden cell holds 0."""

    def __init__(self, process: GaussianProcess) -> None:
        super().__init__(process)
        self.unit = process.sigma_data

    def conceal(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Set the hidden cells to 0."""
        return torch.where(hidden[..., None], self.hidden.to(x.dtype), x)

    def loss(self, raw: Tensor, x: Tensor) -> Tensor:
        """Squared error of ``(B, L, F)`` numbers in their unit, averaged over the features."""
        return (raw - x / self.unit).square().mean(dim=-1)

    def predict(self, raw: Tensor, x: Tensor, hidden: Tensor) -> Tensor:
        """Return the means of hidden cells; known cells are certain."""
        return torch.where(hidden[..., None], self.unit * raw, x)

    def mean_of(self, x: Tensor) -> Tensor:
        """Return the numbers themselves."""
        return x

    def mean(self, pred: Tensor) -> Tensor:
        """Return the means themselves."""
        return pred

    def of_mean(self, mean: Tensor) -> Tensor:
        """Return the means themselves."""
        return mean

    def draw(self, pred: Tensor, x: Tensor, noise: Noise) -> Tensor:
        """Take the mean: a head trained on squared error knows no spread."""
        return pred
