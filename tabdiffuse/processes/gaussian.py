"""Gaussian diffusion on real-valued cells, with the preconditioning of EDM.

One formula covers variance-preserving diffusion with v-prediction (``VPCosine``, ``sigma_data=1``)
and EDM (``EDMSchedule``): the network output ``F`` enters as ``D = c_skip x_t + c_out F`` with
coefficients that give inputs and targets unit variance at every noise level (Karras et al. 2022,
arXiv 2206.00364, eqs. 7-8 and appendix B.6; for VP these are the coefficients of v-prediction,
Salimans and Ho 2022, arXiv 2202.00512, appendix D).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from tabdiffuse._random import Noise
from tabdiffuse.processes.base import Corruption, Process
from tabdiffuse.schedules import GaussianSchedule, VPCosine
from tabdiffuse.spaces import RealSpace

__all__ = ["GaussianProcess"]

# Errors of predicted data count as those of v, by 1 / c_out, but for the last bit of noise.
_LEAST = 0.05


class _Preconditioning(NamedTuple):
    c_in: Tensor
    c_skip: Tensor
    c_out: Tensor
    target_noise: Tensor
    target_data: Tensor


class GaussianProcess(Process):
    """Gaussian diffusion ``x_t = alpha(t) x_0 + sigma(t) eps``; predictions are ``E[x_0 | x_t]``.

    Parameters
    ----------
    space : RealSpace
        States are ``(B, L, F)`` floats; all features of a cell share its time.
    schedule : GaussianSchedule, optional
        Variance-preserving cosine by default.
    sigma_data : float, optional
        Standard deviation of the data, at which the preconditioning is exact.
    prediction : {"v", "data"}, optional
        What the raw output stands for: the preconditioned target, or the data themselves, over
        ``sigma_data``. Data lie near a surface of few dimensions, of which noise knows nothing; a
        network whose tokens are narrower than a cell has features can learn the one and not the
        other (Li and He 2025, arXiv 2511.13720). The loss is the squared error of ``v`` either way.
    """

    space: RealSpace

    def __init__(
        self,
        space: RealSpace,
        schedule: GaussianSchedule | None = None,
        sigma_data: float = 1.0,
        prediction: Literal["v", "data"] = "v",
    ) -> None:
        self.space = space
        self.schedule = schedule if schedule is not None else VPCosine()
        self.sigma_data = sigma_data
        self.prediction = prediction

    def prior(self, rows: int, noise: Noise, *, scale: float = 1.0) -> Tensor:
        """Draw ``(B, L, F)`` normal states with the standard deviation of time 1."""
        levels = self.schedule(torch.ones(()))
        variance = (levels.alpha * self.sigma_data).square() + levels.sigma.square()
        return noise.normal(self.space.shape(rows)) * (scale * variance.sqrt()).to(noise.device)

    def corrupt(self, x0: Tensor, t: Tensor, noise: Noise) -> Corruption:
        """Draw ``x_t`` and the target: ``v`` in the variance-preserving case, or the data."""
        levels = self.schedule(t[..., None])
        coefficients = self._preconditioning(t)
        eps = noise.normal(x0.shape, x0.dtype)
        x_t = levels.alpha * x0 + levels.sigma * eps
        if self.prediction == "data":
            return Corruption(x_t, x0 / self.sigma_data)
        return Corruption(x_t, coefficients.target_noise * eps - coefficients.target_data * x0)

    def loss(self, raw: Tensor, target: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Squared error of ``v``, averaged over the features; 0 for clean cells."""
        error = raw - target
        if self.prediction == "data":
            error = error * self.sigma_data / self._preconditioning(t).c_out.abs().clamp_min(_LEAST)
        return error.square().mean(dim=-1) * (t > 0)

    def scale_input(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Multiply by ``c_in``, so that the network's input has unit variance."""
        return self._preconditioning(t).c_in * x_t

    def parameterize(self, raw: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Return the denoised state ``D = c_skip x_t + c_out F``, or what was predicted of it."""
        if self.prediction == "data":
            return torch.where((t > 0)[..., None], self.sigma_data * raw, x_t)
        coefficients = self._preconditioning(t)
        return coefficients.c_skip * x_t + coefficients.c_out * raw

    def reverse_step(
        self, pred: Tensor, x_t: Tensor, t: Tensor, s: Tensor, noise: Noise, *, eta: float = 0.0
    ) -> Tensor:
        """Take one DDIM step (Song et al. 2021, arXiv 2010.02502, eq. 12).

        Parameters
        ----------
        pred : Tensor
            Denoised state, ``(B, L, F)``.
        x_t : Tensor
            State at ``t``.
        t, s : Tensor
            Times with ``s <= t``, ``(B, 1)`` or ``(B, L)``.
        noise : Noise
            Source of the noise when ``eta > 0``.
        eta : float, optional
            Stochasticity: 0 is the probability-flow ODE (Euler), 1 is ancestral sampling.

        Returns
        -------
        Tensor
            State at ``s``; cells with ``s == t`` are returned unchanged.
        """
        now, then = self.schedule(t[..., None]), self.schedule(s[..., None])
        sigma_t = now.sigma.clamp_min(torch.finfo(x_t.dtype).tiny)
        shrink = then.sigma / sigma_t
        kept = then.sigma
        if eta > 0:
            ratio = (now.alpha * then.sigma) / then.alpha.clamp_min(torch.finfo(x_t.dtype).tiny)
            added = eta * shrink * (now.sigma.square() - ratio.square()).clamp_min(0).sqrt()
            kept = (then.sigma.square() - added.square()).clamp_min(0).sqrt()
        rate = kept / sigma_t
        x_s = rate * x_t + (then.alpha - rate * now.alpha) * pred
        if eta > 0:
            x_s = x_s + added * noise.normal(x_t.shape, x_t.dtype)
        return torch.where((t > s)[..., None], x_s, x_t)

    def forward_step(self, x_t: Tensor, t: Tensor, u: Tensor, noise: Noise) -> Tensor:
        """Shrink to the later ``alpha`` and add the noise that is missing."""
        now, then = self.schedule(t[..., None]), self.schedule(u[..., None])
        ratio = then.alpha / now.alpha.clamp_min(torch.finfo(x_t.dtype).tiny)
        added = (then.sigma.square() - (ratio * now.sigma).square()).clamp_min(0).sqrt()
        x_u = ratio * x_t + added * noise.normal(x_t.shape, x_t.dtype)
        return torch.where((u > t)[..., None], x_u, x_t)

    def guide(self, pred: Tensor, reference: Tensor, strength: float) -> Tensor:
        """Extrapolate the denoised states, which are affine in the scores."""
        return torch.lerp(reference, pred, strength)

    def noised(self, x0: Tensor, t: Tensor, u: Tensor) -> Tensor:
        """Add the noise whose distribution function is ``u``."""
        levels = self.schedule(t[..., None])
        eps: Tensor = torch.special.ndtri(u.double()).to(x0.dtype)
        return levels.alpha * x0 + levels.sigma * eps

    def surprise(
        self, pred: Tensor, x0: Tensor, x_t: Tensor, x_s: Tensor, t: Tensor, dt: Tensor
    ) -> Tensor:
        """Compare the squared error with that of the best denoiser of N(0, sigma_data**2).

        Half its excess, integrated over the signal-to-noise ratio, is ``-log p(x0)`` beyond that
        of the normal law (Kong et al. 2023, arXiv 2302.03792). It is finite where the
        two errors are not, and a prediction that takes the data for normal adds nothing.
        """
        t, x_t, pred, x0 = t.double(), x_t.double(), pred.double(), x0.double()
        alpha, sigma, d_alpha, d_sigma = self.schedule(t[..., None])
        safe = sigma.clamp_min(torch.finfo(torch.float64).tiny ** 0.25)
        rate = alpha * (alpha * d_sigma - d_alpha * sigma) / safe**3  # -1/2 d(alpha/sigma)^2 / dt
        normal = self._preconditioning(t).c_skip * x_t
        excess = (normal - pred) * (2 * x0 - normal - pred)
        return torch.where(t > 0, dt * (rate * excess).sum(dim=-1), 0.0)

    def extrapolate(
        self, pred: Tensor, earlier: Tensor, t: Tensor, s: Tensor, t_earlier: Tensor
    ) -> Tensor:
        """Extrapolate the denoised state linearly in time to the middle of the step.

        The resulting step has second order with one network call (DPM-Solver++(2M), Lu et al.
        2022, arXiv 2211.01095, algorithm 2). NOTE[DIFF]: the paper extrapolates in log-SNR, which
        is infinite at both ends of the schedule; time agrees with it to second order and is finite
        everywhere. The last step, into time 0, is left first-order as in the paper. A cell that was
        held for most of the last step is not carried far by how little it moved in it: the other
        cells moved all the way, and changed the prediction too.
        """
        usable = (s > 0) & (t_earlier > t)
        ratio = (t - s) / (2 * (t_earlier - t).where(usable, 1.0))
        ratio = ratio.clamp_max(1.0)  # 1/2 on an even grid
        return pred + (ratio * usable)[..., None].to(pred.dtype) * (pred - earlier)

    def correct(
        self, trial: Tensor, pred: Tensor, later: Tensor, x_t: Tensor, t: Tensor, s: Tensor
    ) -> Tensor:
        """Take Heun's second stage: the same step with the mean of both predictions.

        In the exponential form of the ODE the denoised state is what the trapezoidal rule averages
        (Karras et al. 2022, algorithm 1, in the integrating factor of the linear part). Steps into
        time 0 are left first-order.
        """
        mean = torch.where((s > 0)[..., None], (pred + later) / 2, pred)
        return self.reverse_step(mean, x_t, t, s, _no_noise)

    def _preconditioning(self, t: Tensor) -> _Preconditioning:
        """Evaluate the coefficients; ``target_*`` give the target without dividing by sigma."""
        alpha, sigma, _, _ = self.schedule(t[..., None])
        data = self.sigma_data
        total = ((alpha * data).square() + sigma.square()).sqrt()
        return _Preconditioning(
            c_in=1 / total,
            c_skip=alpha * data**2 / total.square(),
            c_out=-sigma * data / total,
            target_noise=alpha * data / total,
            target_data=sigma / (data * total),
        )


_no_noise = Noise([torch.Generator()])
