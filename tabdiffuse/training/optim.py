"""Learning-rate schedule and the average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tabdiffuse.training.muon import MuonAdamW

__all__ = ["PowerEMA", "lr_factor", "make_optimizer"]


def lr_factor(progress: float, warmup: float, final: float) -> float:
    """Return the learning rate as a share of its peak.

    Linear warm-up, then a half cosine down to ``final``.

    Parameters
    ----------
    progress : float
        Share of the run that is done, in [0, 1], counted in steps or in time.
    warmup : float
        Share of the run spent warming up, in [0, 1).
    final : float
        Share of the peak at the end.

    Returns
    -------
    float
        In (0, 1].
    """
    if progress < warmup:
        return max(progress / warmup, 1e-3)
    position = (progress - warmup) / (1 - warmup)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(position, 1.0)))


def make_optimizer(
    parameters: Iterable[nn.Parameter],
    betas: tuple[float, float],
    weight_decay: float,
    *,
    hidden: Sequence[Tensor] = (),
    dtype: torch.dtype = torch.float32,
) -> torch.optim.AdamW:
    """Make AdamW that decays matrices and leaves vectors (biases, scales) alone.

    The learning rate is set before each step.

    Parameters
    ----------
    parameters : iterable of nn.Parameter
        Everything that trains.
    betas, weight_decay : tuple of float, float
        Of AdamW.
    hidden : sequence of Tensor, optional
        Matrices of these that are left to Muon; none by default. See `MuonAdamW`.
    dtype : torch.dtype, optional
        Type of Muon's products.

    Returns
    -------
    torch.optim.AdamW
        The optimizer, with a group for each kind of parameter.
    """
    apart = {id(parameter) for parameter in hidden}
    matrices: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    for parameter in parameters:
        if id(parameter) not in apart:
            (matrices if parameter.ndim > 1 else vectors).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if hidden:
        return MuonAdamW(hidden, groups, betas=betas, weight_decay=weight_decay, dtype=dtype)
    return torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)


class PowerEMA:
    """Average of the weights with a width that grows with the run.

    The weight of step ``i`` in the average at step ``t`` is proportional to ``i**gamma``, so the
    average covers the same share of any run and needs no tuning to its length (Karras et al. 2024,
    arXiv 2312.02696, eqs. 1-2).

    Parameters
    ----------
    parameters : iterable of Tensor
        Live weights.
    gamma : float
        Exponent; 16 averages over about the last 6 % of the run.
    """

    def __init__(self, parameters: Iterable[Tensor], gamma: float) -> None:
        self.live = [p.detach() for p in parameters]
        self.average = [p.clone() for p in self.live]
        self.gamma = gamma

    def update(self, step: int) -> None:
        """Take in the weights after step number ``step``, counted from 1."""
        weight = 1 - (1 - 1 / step) ** (self.gamma + 1)
        torch._foreach_lerp_(self.average, self.live, weight)

    def copy_to_model(self) -> None:
        """Overwrite the live weights with the average."""
        torch._foreach_copy_(self.live, self.average)
