"""How much of the encodings of the other modalities a shared state holds at each time.

MT-Diffusion adds the encodings to the state in every forward step (Chen et al. 2024,
arXiv 2407.17571, section 3)::

    q(z_k | z_{k-1}, X) = N(sqrt(alpha_k) (z_{k-1} + w_k E(X)), (1 - alpha_k) I)
    q(z_t | z_0, X)     = N(alpha(t) z_0 + c(t) E(X), sigma(t)^2 I)

with ``E(X) = sum_i E_i(x_i)``, ``sqrt(alpha_k) = alpha(t_k) / alpha(t_{k-1})`` and the recursion
``c(t_k) = sqrt(alpha_k) (w_k + c(t_{k-1}))``, ``c(0) = 0`` (the paper's alpha-tilde). Choosing the
curve ``c`` fixes the weights on every grid, so the marginal does not depend on the number of steps.

NOTE[DIFF]: the paper has ``w_t = t / (1000 - t)``, which divides by 0 at ``t = T = 1000``. Short
of that it still drowns the data: with the paper's recursion and the linear schedule of DDPM the
aggregate outweighs ``z_0`` from step 44 on, by 33 to 0.72 at step 250, and reaches ``c = 4548`` at
step 999 (993 with the cosine schedule) where the prior N(0, I) asks for 0. Here

    c(t) = strength * alpha(t) * sigma(t),
    w_k  = strength * alpha(t_{k-1}) * (sigma(t_k) - sigma(t_{k-1})) >= 0,

which is 0 at both ends, at most ``strength / 2`` for a variance-preserving schedule, and leaves
the prior as it is. Against the noise an encoding has the size ``c / sigma = strength * alpha``: it
sinks into the noise as evenly as the data do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tabdiffuse.schedules import GaussianSchedule

__all__ = ["PRIOR_TOLERANCE", "Aggregation"]

PRIOR_TOLERANCE = 1e-6
"""Largest share of the aggregate, over the noise, that may be left at time 1."""


@dataclass(frozen=True)
class Aggregation:
    """The curve ``c(t) = strength alpha(t) sigma(t)`` and its weights on a grid.

    Attributes
    ----------
    schedule : GaussianSchedule
        Schedule of the shared state.
    strength : float
        Factor on the encodings, at least 0; with 0 nothing is added, which is plain diffusion.
    """

    schedule: GaussianSchedule
    strength: float = 1.0

    def __call__(self, t: Tensor) -> Tensor:
        """Return ``c(t)`` at times in [0, 1], of the same shape."""
        levels = self.schedule(t)
        return self.strength * levels.alpha * levels.sigma

    def weight(self, s: Tensor, t: Tensor) -> Tensor:
        """Return the weight ``w`` of the forward step from ``s`` to ``t >= s``; finite at 1."""
        before, after = self.schedule(s), self.schedule(t)
        return self.strength * before.alpha * (after.sigma - before.sigma)

    def left_at_prior(self) -> float:
        """Return ``c(1) / sigma(1)``: by how much the prior is off for an encoding of size 1."""
        one = torch.ones((), dtype=torch.float64)
        return float(self(one) / self.schedule(one).sigma)
