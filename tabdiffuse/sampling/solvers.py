"""Solvers: how one step of the sampling loop uses the network.

Every solver takes the same reverse step of the joint process; they differ in the prediction they
feed it. Masked parts take the ancestral step under all of them but one, which leaps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from tabdiffuse._random import Noise
from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Prediction, State, Times

__all__ = ["Euler", "Heun", "HeunTau", "Solver", "Step", "TwoM", "time_grid"]

_ROUNDING = 1e-6


def time_grid(n_steps: int, dtype: torch.dtype = torch.float32, *, start: float = 1.0) -> Tensor:
    """Return times from ``start`` to 0, evenly spaced, ``n_steps`` of them for the whole way.

    Even spacing is the natural grid of each schedule: equal angles for the cosine, the rho-grid of
    Karras et al. 2022 (eq. 5) for EDM, equal numbers of cells for the masks.
    """
    # The start may be a float32, which must not cost a step more.
    steps = math.ceil(n_steps * start * (1 - _ROUNDING))
    return torch.linspace(start, 0.0, steps + 1, dtype=dtype)


class Step(NamedTuple):
    """Everything known at the start of a step.

    ``earlier`` is the prediction of the step before, made at the times ``before``.
    """

    state: State
    now: Times
    then: Times
    earlier: Prediction | None
    before: Times | None


class Solver(Protocol):
    """One step from ``step.now`` to ``step.then``."""

    def advance(
        self, denoise: Denoise, joint: JointProcess, step: Step, noise: Noise
    ) -> tuple[State, Prediction]:
        """Return the next state, and the prediction to remember."""
        ...


@dataclass(frozen=True)
class Euler:
    """First order: DDIM with stochasticity ``eta`` (0 deterministic, 1 ancestral)."""

    eta: float = 0.0

    def advance(
        self, denoise: Denoise, joint: JointProcess, step: Step, noise: Noise
    ) -> tuple[State, Prediction]:
        """Take one reverse step with the plain prediction."""
        pred = denoise(step.state, step.now)
        state = joint.reverse_step(pred, step.state, step.now, step.then, noise, eta=self.eta)
        return state, pred


@dataclass(frozen=True)
class TwoM:
    """Second order with one network call: the prediction is extrapolated from the one before.

    The multistep method of DPM-Solver++ (Lu et al. 2022, arXiv 2211.01095); with ``eta > 0`` noise
    is added as in DDIM.
    """

    eta: float = 0.0

    def advance(
        self, denoise: Denoise, joint: JointProcess, step: Step, noise: Noise
    ) -> tuple[State, Prediction]:
        """Take one reverse step with the extrapolated prediction."""
        pred = denoise(step.state, step.now)
        used = pred
        if step.earlier is not None and step.before is not None:
            used = joint.extrapolate(pred, step.earlier, step.now, step.then, step.before)
        state = joint.reverse_step(used, step.state, step.now, step.then, noise, eta=self.eta)
        return state, pred


@dataclass(frozen=True)
class Heun:
    """Second order with two network calls, deterministic (Karras et al. 2022, algorithm 1)."""

    def advance(
        self, denoise: Denoise, joint: JointProcess, step: Step, noise: Noise
    ) -> tuple[State, Prediction]:
        """Take a plain step, predict at its end, and repeat it with both predictions."""
        pred = denoise(step.state, step.now)
        trial = joint.reverse_step(pred, step.state, step.now, step.then, noise, eta=0.0)
        later = denoise(trial, step.then)
        state = joint.correct(trial, pred, later, step.state, step.now, step.then)
        return state, pred


@dataclass(frozen=True)
class HeunTau:
    """Heun for numbers and tau-leaping for categories: the sampler of Diffuse Everything.

    Rojas et al. 2025, arXiv 2506.07903: deterministic in the numbers, with two network calls, of
    which the second sees the numbers and categories at the end of the step. Tau-leaping reveals
    cells independently of each other and puts off those that would jump twice; as for independent
    ancestral steps, its error falls as 1 / N.
    """

    def advance(
        self, denoise: Denoise, joint: JointProcess, step: Step, noise: Noise
    ) -> tuple[State, Prediction]:
        """Take a plain step, let the categories leap, predict at its end, repeat the numbers."""
        pred = denoise(step.state, step.now)
        trial = joint.reverse_step(pred, step.state, step.now, step.then, noise, eta=0.0)
        trial = joint.leap(trial, pred, step.state, step.now, step.then, noise)
        later = denoise(trial, step.then)
        state = joint.correct(trial, pred, later, step.state, step.now, step.then)
        return state, pred
