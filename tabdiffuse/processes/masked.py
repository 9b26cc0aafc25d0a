"""Masked (absorbing-state) diffusion on categorical cells.

A cell keeps its category with probability ``alpha(t)`` and is replaced by the mask otherwise. The
network predicts the category of masked cells; the substitution constraint says that a visible cell
stays and that the mask is never predicted (Sahoo et al. 2024, arXiv 2406.07524, section 3.2.3).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from tabdiffuse._random import Noise
from tabdiffuse.processes.base import Corruption, Process
from tabdiffuse.schedules import LinearMask, MaskSchedule
from tabdiffuse.spaces import CategoricalSpace

__all__ = ["MaskedProcess"]


class MaskedProcess(Process):
    """Masked diffusion; predictions are log-probabilities ``(B, L, K)`` of the clean category.

    Parameters
    ----------
    space : CategoricalSpace
        States are ``(B, L)`` int64 codes; cell ``j`` is masked when it holds ``K_j``.
    schedule : MaskSchedule, optional
        Linear by default.
    coupling : {"systematic", "independent"}, optional
        How the cells of a row that are masked in `corrupt`, or revealed in an ancestral step, are
        chosen.
        Either way each cell has the probability the process demands. ``"independent"`` tosses a
        coin for each cell; ``"systematic"`` draws them together so that their number in a row
        differs from its mean by less than one. Cells revealed in one step are drawn independently
        given the rest, so fewer coincidences mean a smaller error for the same number of steps; and
        training then sees as many masks at a time as sampling does. NOTE[DIFF]: with systematic
        masks the loss weighs the number of masked cells a little differently than the bound of the
        paper (the first mask more, the last less); its optimum is the same.
    """

    space: CategoricalSpace

    def __init__(
        self,
        space: CategoricalSpace,
        schedule: MaskSchedule | None = None,
        coupling: Literal["systematic", "independent"] = "systematic",
    ) -> None:
        self.space = space
        self.schedule = schedule if schedule is not None else LinearMask()
        self.coupling = coupling
        self._codes = torch.tensor(space.cardinalities)

    def mask_codes(self, device: torch.device) -> Tensor:
        """Return the code of the mask of each cell, ``(L,)``."""
        if self._codes.device != device:
            self._codes = self._codes.to(device)
        return self._codes

    def prior(self, rows: int, noise: Noise, *, scale: float = 1.0) -> Tensor:
        """Return ``(B, L)`` states that are masked everywhere."""
        return self.mask_codes(noise.device).repeat(rows, 1)

    def corrupt(self, x0: Tensor, t: Tensor, noise: Noise) -> Corruption:
        """Mask each cell with probability ``1 - alpha(t)``; the target is the category."""
        chance = (1 - self.schedule(t).alpha).expand(x0.shape)
        masked = self._choose(chance, noise)
        return Corruption(torch.where(masked, self.mask_codes(x0.device), x0), x0)

    def loss(self, raw: Tensor, target: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Continuous-time bound on the negative log-likelihood.

        Parameters
        ----------
        raw : Tensor
            Logits ``(B, L, K)``, minus infinity beyond ``K_j``.
        target, x_t : Tensor
            Categories and noised codes, ``(B, L)`` int64.
        t : Tensor
            Times in (0, 1], or 0 for clean cells.

        Returns
        -------
        Tensor
            ``(B, L)`` nats: cross-entropy at masked cells weighted by ``-alpha' / (1 - alpha)``,
            0 at visible ones (Sahoo et al. 2024, eq. 10).
        """
        masked = x_t == self.mask_codes(x_t.device)
        alpha, d_alpha = self.schedule(t)
        weight = torch.where(masked, -d_alpha / (1 - alpha), 0.0)
        entropy = F.cross_entropy(raw.flatten(0, 1), target.flatten(), reduction="none")
        return weight * entropy.view_as(target)

    def parameterize(self, raw: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Return log-probabilities: the network's at masked cells, certainty at visible ones."""
        masked = (x_t == self.mask_codes(x_t.device))[..., None]
        own = x_t[..., None] == torch.arange(raw.shape[-1], device=raw.device)
        certain = torch.where(own, 0.0, -torch.inf).to(raw.dtype)
        return torch.where(masked, raw.log_softmax(dim=-1), certain)

    def reverse_step(
        self, pred: Tensor, x_t: Tensor, t: Tensor, s: Tensor, noise: Noise, *, eta: float = 0.0
    ) -> Tensor:
        """Reveal each masked cell with probability ``(alpha_s - alpha_t) / (1 - alpha_t)``.

        Ancestral sampling (Sahoo et al. 2024, eq. 7). Visible cells stay; a revealed cell takes a
        category drawn from ``pred``, ``(B, L, K)`` log-probabilities. ``eta`` has no meaning here.
        """
        masked = x_t == self.mask_codes(x_t.device)
        now, then = self.schedule(t).alpha, self.schedule(s).alpha
        chance = (then - now) / (1 - now).clamp_min(torch.finfo(now.dtype).tiny)
        # s = 0 reveals everything, whatever the rounding of the line above.
        chance = torch.where(s <= 0, 1.0, chance)
        revealed = self._choose(torch.where(masked, chance, 0.0), noise) & masked
        drawn = _draw_categories(pred, noise)
        return torch.where(revealed, drawn, x_t)

    def leap(
        self, trial: Tensor, pred: Tensor, x_t: Tensor, t: Tensor, s: Tensor, noise: Noise
    ) -> Tensor:
        """Reveal masked cells by tau-leaping, with the rates of the step's start.

        Category k of a masked cell has the rate ``-alpha' / (1 - alpha) p_k``, frozen over the
        step, and as many jumps into it are counted as a Poisson draw of mean ``rate (t - s)``. One
        jump in all is taken, more than one are rejected and the cell stays masked (Rojas et al.
        2025, arXiv 2506.07903). All counts together are one Poisson number N, and given N = 1 the
        category has the law ``pred``; so N = 1, of chance ``m exp(-m)`` with m the mean of N, is
        all there is to draw. The clocks of the cells are independent, whatever the coupling.
        NOTE[DIFF]: masks left at the end are drawn from ``pred``; the most probable category, which
        the authors' code takes, would be too frequent.
        """
        masked = x_t == self.mask_codes(x_t.device)
        alpha, d_alpha = self.schedule(t)
        mean = -d_alpha / (1 - alpha).clamp_min(torch.finfo(alpha.dtype).tiny) * (t - s)
        chance = torch.where(s <= 0, 1.0, mean * (-mean).exp())
        revealed = (noise.uniform(x_t.shape, chance.dtype) < chance) & masked
        return torch.where(revealed, _draw_categories(pred, noise), x_t)

    def forward_step(self, x_t: Tensor, t: Tensor, u: Tensor, noise: Noise) -> Tensor:
        """Mask each visible cell with probability ``1 - alpha_u / alpha_t``."""
        now, then = self.schedule(t).alpha, self.schedule(u).alpha
        chance = 1 - then / now.clamp_min(torch.finfo(now.dtype).tiny)
        chance = torch.where(u > t, chance, 0.0).expand(x_t.shape)
        return torch.where(self._choose(chance, noise), self.mask_codes(x_t.device), x_t)

    def guide(self, pred: Tensor, reference: Tensor, strength: float) -> Tensor:
        """Extrapolate the log-probabilities and normalise them.

        Where the prediction is certain it stays so; where the reference excludes a category that
        the prediction allows, the limit of a tiny probability is taken.
        """
        floor = torch.finfo(pred.dtype).min / 1e3
        guided = torch.lerp(reference.clamp_min(floor), pred.clamp_min(floor), strength)
        allowed = pred > -torch.inf
        return torch.where(allowed, guided, -torch.inf).log_softmax(dim=-1)

    def noised(self, x0: Tensor, t: Tensor, u: Tensor) -> Tensor:
        """Mask the cells whose turn has come: those with ``u < 1 - alpha(t)``."""
        masked = u < 1 - self.schedule(t.double()).alpha
        return torch.where(masked, self.mask_codes(x0.device), x0)

    def surprise(
        self, pred: Tensor, x0: Tensor, x_t: Tensor, x_s: Tensor, t: Tensor, dt: Tensor
    ) -> Tensor:
        """Charge each cell its category once, at the first time at which it is masked.

        The bound of the ancestral chain (Sahoo et al. 2024, section 3), a sum over jumps in which
        ``dt`` does not occur. Cells that are first masked at the same time are predicted each
        without the others.
        """
        code = self.mask_codes(x_t.device)
        hidden = (x_t == code) & (x_s != code)
        log_prob = pred.gather(-1, x0[..., None])[..., 0].double()
        return torch.where(hidden, -log_prob, 0.0)

    def _choose(self, chance: Tensor, noise: Noise) -> Tensor:
        """Choose cells, each with its own probability ``(B, L)``, by the coupling."""
        if self.coupling == "independent":
            return noise.uniform(chance.shape) < chance
        order = noise.uniform(chance.shape).argsort(dim=1)
        start = noise.uniform((len(chance), 1))
        # Systematic sampling: walk over the cells in random order and take one each time the
        # accumulated probability passes the next integer.
        reached = chance.gather(1, order).double().cumsum(dim=1) + start
        before = torch.cat([start.double(), reached[:, :-1]], dim=1)
        taken = reached.floor() > before.floor()
        chosen = torch.zeros_like(taken).scatter(1, order, taken)
        return chosen | (chance >= 1)


def _draw_categories(log_probs: Tensor, noise: Noise) -> Tensor:
    """Draw one category for each cell by inverting the cumulative distribution."""
    cumulative = log_probs.exp().cumsum(dim=-1)
    # Scaling by the total keeps rounding from ever passing the last category of positive weight.
    point = noise.uniform(log_probs.shape[:-1], cumulative.dtype)[..., None] * cumulative[..., -1:]
    index = (cumulative <= point).sum(dim=-1)
    last = (log_probs > -torch.inf).long().mul(_positions(log_probs)).amax(dim=-1)
    return torch.minimum(index, last)


def _positions(log_probs: Tensor) -> Tensor:
    return torch.arange(log_probs.shape[-1], device=log_probs.device)
