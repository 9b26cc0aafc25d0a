"""Marginals: some modalities by themselves, from the network of all of them."""

from __future__ import annotations

from collections.abc import Collection

import torch

from tabdiffuse._random import Noise
from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Prediction, ProductProcess, State, Times

__all__ = ["marginal"]


def marginal(
    denoise: Denoise, joint: JointProcess, hidden: Collection[str], rows: int, noise: Noise
) -> Denoise:
    """Wrap a denoiser, so that it sees some modalities as noise throughout.

    Held at time 1 they tell nothing, and the others are drawn from their own marginal, whatever
    becomes of the hidden ones beside them (Rojas et al. 2025, arXiv 2506.07903, decoupled times).

    Parameters
    ----------
    denoise : callable
        The denoiser to wrap.
    joint : JointProcess
        The process it belongs to. Modalities without times of their own are not hidden: there a
        marginal is a part of a joint draw.
    hidden : collection of str
        Names of the modalities to hide.
    rows : int
        Number of rows that the denoiser will be asked about.
    noise : Noise
        Source of what is seen of the hidden modalities. It is drawn once, here, so that a
        deterministic solver stays deterministic.

    Returns
    -------
    callable
        A denoiser with the same signature.
    """
    unseen = joint.apart(hidden) if isinstance(joint, ProductProcess) else []
    if not unseen:
        return denoise
    prior = joint.prior(rows, noise)

    def unaware(state: State, times: Times) -> Prediction:
        silent = {name: prior[name].to(state[name].dtype) for name in unseen}
        late = {name: torch.ones_like(times[name]) for name in unseen}
        return denoise(state | silent, times | late)

    return unaware
