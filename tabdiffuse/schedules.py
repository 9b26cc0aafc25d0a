"""Noise schedules: how much of the data is left at time ``t``.

Time runs from 0 (data) to 1 (noise). A Gaussian schedule gives the coefficients of
``x_t = alpha(t) x_0 + sigma(t) eps``; a mask schedule gives the probability ``alpha(t)`` that a
cell is still visible. Each returns value and derivative, and has an inverse. All arithmetic is in
float64 and the result has the dtype of ``t``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

__all__ = [
    "CosineMask",
    "EDMSchedule",
    "GaussianLevels",
    "GaussianSchedule",
    "LinearMask",
    "MaskLevels",
    "MaskSchedule",
    "VPCosine",
]


class GaussianLevels(NamedTuple):
    """Coefficients of ``x_t = alpha x_0 + sigma eps`` and their derivatives in ``t``."""

    alpha: Tensor
    sigma: Tensor
    d_alpha: Tensor
    d_sigma: Tensor


class MaskLevels(NamedTuple):
    """Probability ``alpha`` that a cell is still visible, and its derivative in ``t``."""

    alpha: Tensor
    d_alpha: Tensor


class GaussianSchedule(Protocol):
    """What a Gaussian process asks of its schedule."""

    def __call__(self, t: Tensor) -> GaussianLevels:
        """Evaluate the coefficients at times ``t`` in [0, 1], any shape."""
        ...

    def inverse(self, noise_to_signal: Tensor) -> Tensor:
        """Return the time at which ``sigma / alpha`` has the given value (>= 0)."""
        ...


class MaskSchedule(Protocol):
    """What a masked process asks of its schedule."""

    def __call__(self, t: Tensor) -> MaskLevels:
        """Evaluate visibility at times ``t`` in [0, 1], any shape."""
        ...

    def inverse(self, alpha: Tensor) -> Tensor:
        """Return the time at which the visible share is ``alpha`` in [0, 1]."""
        ...


@dataclass(frozen=True)
class VPCosine:
    """Variance-preserving schedule along a quarter circle, ``alpha = cos(pi t / 2)``.

    The time is an angle, so ``alpha**2 + sigma**2 = 1`` and the signal-to-noise ratio is smooth at
    both ends (Nichol and Dhariwal 2021; Salimans and Ho 2022, section 4).
    """

    def __call__(self, t: Tensor) -> GaussianLevels:
        """Evaluate the coefficients at times ``t`` in [0, 1], any shape."""
        phi = t.double() * (math.pi / 2)
        cos, sin = phi.cos(), phi.sin()
        # cos(pi/2) is not exactly 0 in floating point; at t = 1 nothing of the data may be left.
        cos = torch.where(t >= 1, torch.zeros_like(cos), cos)
        rate = math.pi / 2
        values = (cos, sin, -rate * sin, rate * cos)
        return GaussianLevels(*(v.to(t.dtype) for v in values))

    def inverse(self, noise_to_signal: Tensor) -> Tensor:
        """Return the time at which ``sigma / alpha`` has the given value (>= 0, inf allowed)."""
        return (noise_to_signal.double().atan() * (2 / math.pi)).to(noise_to_signal.dtype)


@dataclass(frozen=True)
class EDMSchedule:
    """Variance-exploding schedule whose uniform time grid is the EDM grid.

    ``sigma(t) = (a + t b)**rho - a**rho`` with ``a = sigma_min**(1/rho)`` and ``b`` such that
    ``sigma(1) = sigma_max``. This is Karras et al. 2022 (arXiv 2206.00364), eq. 5, moved down by
    ``sigma_min`` so that time 0 is exactly the data.

    Parameters
    ----------
    sigma_min, sigma_max : float
        Scale of the smallest steps and the largest noise, in units of the data.
    rho : float
        Exponent of the grid; larger values put more of the time at low noise.
    """

    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0

    def _line(self) -> tuple[float, float]:
        start = self.sigma_min ** (1 / self.rho)
        end = (self.sigma_max + self.sigma_min) ** (1 / self.rho)
        return start, end - start

    def __call__(self, t: Tensor) -> GaussianLevels:
        """Evaluate the coefficients at times ``t`` in [0, 1], any shape."""
        a, b = self._line()
        base = a + t.double() * b
        sigma = base**self.rho - a**self.rho
        sigma = torch.where(t <= 0, torch.zeros_like(sigma), sigma)
        d_sigma = self.rho * b * base ** (self.rho - 1)
        one, zero = torch.ones_like(sigma), torch.zeros_like(sigma)
        return GaussianLevels(*(v.to(t.dtype) for v in (one, sigma, zero, d_sigma)))

    def inverse(self, noise_to_signal: Tensor) -> Tensor:
        """Return the time at which ``sigma / alpha`` has the given value in [0, sigma_max]."""
        a, b = self._line()
        root: Tensor = (noise_to_signal.double() + a**self.rho) ** (1 / self.rho)
        return ((root - a) / b).to(noise_to_signal.dtype)


@dataclass(frozen=True)
class LinearMask:
    """Linear visibility ``alpha = 1 - t`` (Sahoo et al. 2024, arXiv 2406.07524)."""

    def __call__(self, t: Tensor) -> MaskLevels:
        """Evaluate visibility at times ``t`` in [0, 1], any shape."""
        return MaskLevels(1 - t, -torch.ones_like(t))

    def inverse(self, alpha: Tensor) -> Tensor:
        """Return the time at which the visible share is ``alpha`` in [0, 1]."""
        return 1 - alpha


@dataclass(frozen=True)
class CosineMask:
    """Cosine visibility ``alpha = 1 - sin(pi t / 2)``: most cells are revealed at late times."""

    def __call__(self, t: Tensor) -> MaskLevels:
        """Evaluate visibility at times ``t`` in [0, 1], any shape."""
        phi = t.double() * (math.pi / 2)
        return MaskLevels((1 - phi.sin()).to(t.dtype), (-(math.pi / 2) * phi.cos()).to(t.dtype))

    def inverse(self, alpha: Tensor) -> Tensor:
        """Return the time at which the visible share is ``alpha`` in [0, 1]."""
        return ((1 - alpha.double()).asin() * (2 / math.pi)).to(alpha.dtype)
