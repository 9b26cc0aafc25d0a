"""Guidance: a denoiser that leans towards the evidence, from the same network.

A second call of the network sees less of the evidence, and the prediction moves away from what it
says: with the evidence hidden this is classifier-free guidance (Ho and Salimans 2022,
arXiv 2207.12598), with the evidence at partial noise the noisy guidance of Rojas et al. 2025
(arXiv 2506.07903), limited to an interval of times as in Kynkaanniemi et al. 2024
(arXiv 2404.07724). No training without conditions is needed, as each cell has its own time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from tabdiffuse._random import Noise
from tabdiffuse.denoiser import Denoise
from tabdiffuse.errors import ParameterError
from tabdiffuse.joint import JointProcess, Observed, Prediction, State, Times

__all__ = ["Guidance", "guided"]


@dataclass(frozen=True)
class Guidance:
    """How far a prediction moves away from one that knows less.

    Parameters
    ----------
    strength : float
        Weight omega of the prediction given the evidence, ``reference + omega (pred - reference)``,
        at least 0; 1 is no guidance. Beyond 1, rows show more of what tells the evidence apart, and
        vary less.
    reference_time : float, default=1.0
        Time in (0, 1] at which the reference sees the evidence; 1 hides it, which is
        classifier-free guidance.
    interval : tuple of float, default=(0.0, 1.0)
        Times, as (from, to) with ``0 <= from < to <= 1``, between which a step is guided. A step
        outside costs one call of the network, a step inside two.

    Raises
    ------
    ParameterError
        When a value is out of its range.

    Examples
    --------
    >>> from tabdiffuse import Guidance
    >>> Guidance(2.0, interval=(0.2, 0.8))
    Guidance(strength=2.0, reference_time=1.0, interval=(0.2, 0.8))
    """

    strength: float
    reference_time: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not _is_between(self.strength, 0, math.inf) or math.isinf(self.strength):
            _refuse("strength", "a finite number of at least 0 (1 is no guidance)", self.strength)
        if not _is_between(self.reference_time, 0, 1) or self.reference_time == 0:
            _refuse(
                "reference_time",
                "a number above 0 and at most 1 (1 hides the evidence from the reference)",
                self.reference_time,
            )
        if not _is_interval(self.interval):
            _refuse(
                "interval",
                "two times (from, to) with 0 <= from < to <= 1, such as (0.2, 0.8)",
                self.interval,
            )


def guided(
    denoise: Denoise,
    joint: JointProcess,
    observed: Observed,
    guidance: Guidance,
    noise: Noise,
) -> Denoise:
    """Wrap a denoiser, so that its predictions lean towards the evidence.

    At each time the cells still held by `Observed` are the evidence, and all others are guided. The
    reference sees a cell of the evidence at ``reference_time`` throughout, however early or late
    the others are, or as it is where it is known no better. Soft evidence at tau is evidence until
    the others reach tau; from there on it moves with them, guided by what is still held.

    Parameters
    ----------
    denoise : callable
        The denoiser to wrap.
    joint : JointProcess
        The process it belongs to.
    observed : Observed
        The evidence. Rows without any come out as from ``denoise``.
    guidance : Guidance
        How far to lean, away from what, and when.
    noise : Noise
        Source of the noise in which the reference sees the evidence. It is drawn once, here, so
        that a deterministic solver stays deterministic.

    Returns
    -------
    callable
        A denoiser with the same signature.
    """
    if guidance.strength == 1:
        return denoise
    blurred, sharp_until = _blur(joint, observed, guidance.reference_time, noise)
    first, last = guidance.interval
    released = _earliest(sharp_until, blurred.known)

    def lean(state: State, times: Times) -> Prediction:
        pred = denoise(state, times)
        now = max(float(t.max()) for t in times.values())
        if now <= released or not first <= now <= last:
            return pred
        held = {name: known & (sharp_until[name] < now) for name, known in blurred.known.items()}
        reference = denoise(
            joint.clamp(state, Observed(blurred.values, held)),
            times | {name: _choose(held[name], blurred.times[name], times[name]) for name in held},
        )
        moved = joint.guide(pred, reference, guidance.strength)
        informed = _any_of_row(held)
        # Held cells keep their own prediction: a step that passes their time moves them by it.
        free = {name: informed & ~held[name] if name in held else informed for name in pred}
        return {name: torch.where(free[name][..., None], moved[name], pred[name]) for name in pred}

    return lean


def _blur(
    joint: JointProcess, observed: Observed, reference_time: float, noise: Noise
) -> tuple[Observed, Times]:
    """Noise the evidence up to the reference time; leave out what is known no better than that.

    Returns the evidence of the reference, and the times at which its cells were known.
    """
    rows = max(len(values) for values in observed.values.values())
    one = torch.ones(1, 1, device=noise.device)
    now = joint.clamp_times(dict.fromkeys(joint.cells, one), observed)
    then = {name: t.clamp_min(reference_time) for name, t in now.items()}
    state = joint.clamp(joint.prior(rows, noise), observed)
    state = joint.forward_step(state, now, then, noise)
    sharper = {name: known & (now[name] < then[name]) for name, known in observed.known.items()}
    blurred = Observed(
        {name: state[name] for name in sharper}, sharper, {name: then[name] for name in sharper}
    )
    return blurred, now


def _choose(held: Tensor, blurred: Tensor, times: Tensor) -> Tensor:
    """Give held cells the time of the reference."""
    return torch.where(held, blurred.to(times.dtype), times)


def _earliest(times: Times, known: dict[str, Tensor]) -> float:
    """Return the earliest time at which a cell is known; infinity if none is."""
    return min(
        float(torch.where(cells, times[name], torch.inf).min()) for name, cells in known.items()
    )


def _any_of_row(held: dict[str, Tensor]) -> Tensor:
    """Tell which rows hold evidence, ``(B, 1)``."""
    return torch.stack([cells.any(dim=1, keepdim=True) for cells in held.values()]).any(dim=0)


def _is_between(value: Any, low: float, high: float) -> bool:
    """Tell whether a value is a number of Python or numpy, no bool, in a range."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return low <= float(value) <= high


def _is_interval(value: Any) -> bool:
    if not isinstance(value, tuple | list) or len(value) != 2:
        return False
    return all(_is_between(time, 0, 1) for time in value) and value[0] < value[1]


def _refuse(name: str, wanted: str, value: Any) -> None:
    raise ParameterError(f"The {name!r} of Guidance must be {wanted}. Got {value!r} instead.")
