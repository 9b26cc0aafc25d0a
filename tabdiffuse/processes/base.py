"""The contract of a forward process on the cells of one modality."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor

from tabdiffuse._random import Noise
from tabdiffuse.spaces import Space

__all__ = ["Corruption", "Process"]


class Corruption(NamedTuple):
    """A noised state and what the network should output for it."""

    x_t: Tensor
    target: Tensor


class Process(ABC):
    """A forward process on one state space: how data become noise, and one step back.

    Times ``t`` are ``(B, 1)`` or ``(B, L)`` and broadcast over the cells; a step goes from ``t`` to
    ``s <= t``. Cells with ``s == t`` are left exactly as they are, so evidence held at time 0
    survives any number of steps.
    """

    space: Space

    @abstractmethod
    def prior(self, rows: int, noise: Noise, *, scale: float = 1.0) -> Tensor:
        """Draw states at time 1; noise on numbers is multiplied by ``scale``."""

    @abstractmethod
    def corrupt(self, x0: Tensor, t: Tensor, noise: Noise) -> Corruption:
        """Draw ``x_t`` given the data ``x0``, and the target of the network's raw output."""

    @abstractmethod
    def loss(self, raw: Tensor, target: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Training loss of each cell, ``(B, L)``; zero for cells at time 0."""

    @abstractmethod
    def parameterize(self, raw: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Turn the network's raw output into a prediction of the clean data."""

    @abstractmethod
    def reverse_step(
        self, pred: Tensor, x_t: Tensor, t: Tensor, s: Tensor, noise: Noise, *, eta: float = 0.0
    ) -> Tensor:
        """Draw ``x_s`` given ``x_t`` and a prediction of the clean data."""

    @abstractmethod
    def forward_step(self, x_t: Tensor, t: Tensor, u: Tensor, noise: Noise) -> Tensor:
        """Draw the state at ``u >= t`` given ``x_t``; cells with ``u == t`` are left as they are.

        Over times 0 < t < u the composed draw has the law of `corrupt`.
        """

    @abstractmethod
    def guide(self, pred: Tensor, reference: Tensor, strength: float) -> Tensor:
        """Return ``reference + strength (pred - reference)`` on the natural scale of predictions.

        Rojas et al. 2025, arXiv 2506.07903, noisy guidance; strength 1 is the prediction itself, 0
        the reference.
        """

    @abstractmethod
    def noised(self, x0: Tensor, t: Tensor, u: Tensor) -> Tensor:
        """Return the state at ``t`` that lies at the quantile ``u`` of its law given ``x0``.

        ``u`` has the shape of the cells of a row, with or without a leading axis of rows, and
        values in (0, 1). A cell that jumps does so once while ``t`` grows and ``u`` stays.
        """

    @abstractmethod
    def surprise(
        self, pred: Tensor, x0: Tensor, x_t: Tensor, x_s: Tensor, t: Tensor, dt: Tensor
    ) -> Tensor:
        """Return what a prediction at ``t`` adds to ``-log p(x0)``, in nats, ``(B, L)`` float64.

        To be summed over times and averaged over noise; ``x_s`` is the state at the time before
        and ``dt`` the weight of ``t`` in an integral over [0, 1]. Processes side by side add up.
        """

    def scale_input(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Bring a state to the scale the network sees."""
        return x_t

    def extrapolate(
        self, pred: Tensor, earlier: Tensor, t: Tensor, s: Tensor, t_earlier: Tensor
    ) -> Tensor:
        """Carry a prediction made at ``t`` to the middle of the step, given an earlier one."""
        return pred

    def correct(
        self, trial: Tensor, pred: Tensor, later: Tensor, x_t: Tensor, t: Tensor, s: Tensor
    ) -> Tensor:
        """Repeat a step from ``t`` to ``s``, given a prediction ``later`` made at its end.

        ``trial`` is where the plain step led; a process without a second-order step keeps it.
        """
        return trial

    def leap(
        self, trial: Tensor, pred: Tensor, x_t: Tensor, t: Tensor, s: Tensor, noise: Noise
    ) -> Tensor:
        """Draw the step from ``t`` to ``s`` again by tau-leaping, with the rates of its start.

        ``trial`` is where the plain step led; a process without jumps keeps it.
        """
        return trial
