"""The sampling loop: the only place where time runs backwards."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch

from tabdiffuse._random import Noise
from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Observed, Prediction, State, Times
from tabdiffuse.sampling.solvers import Solver, Step, time_grid

__all__ = ["sample"]


@torch.no_grad()
def sample(
    denoise: Denoise,
    joint: JointProcess,
    rows: int,
    noise: Noise,
    *,
    solver: Solver,
    n_steps: int,
    observed: Observed | None = None,
    dtype: torch.dtype = torch.float32,
    on_step: Callable[[int], None] | None = None,
) -> State:
    """Draw rows from the joint law, or from a conditional of it.

    Parameters
    ----------
    denoise : callable
        Predicts the clean data from a state and its times.
    joint : JointProcess
        The process to reverse.
    rows : int
        Number of rows.
    noise : Noise
        Source of all random numbers.
    solver : Solver
        How a step uses the predictions.
    n_steps : int
        Number of steps from time 1 to time 0.
    observed : Observed, optional
        Cells that are known: they are held at their values and at time 0 throughout, and come back
        bit-identical.
    dtype : torch.dtype, optional
        Floating type of times and states.
    on_step : callable, optional
        Called with the number of steps done.

    Returns
    -------
    dict of str to Tensor
        Clean states of all modalities.
    """
    state = _as_dtype(joint.prior(rows, noise), dtype)
    if observed is not None:
        state = joint.clamp(state, observed)
    earlier: Prediction | None = None
    before: Times | None = None
    for count, (t, s) in enumerate(pairwise(time_grid(n_steps, dtype)), start=1):
        now, then = (_tied(joint, time.to(noise.device), observed) for time in (t, s))
        step = Step(state, now, then, earlier, before)
        state, earlier = solver.advance(denoise, joint, step, noise)
        before = now
        if on_step is not None:
            on_step(count)
    return joint.finalize(state)


def _tied(joint: JointProcess, time: torch.Tensor, observed: Observed | None) -> Times:
    """Give all cells one time, and the known ones time 0."""
    times = dict.fromkeys(joint.cells, time.reshape(1, 1))
    return times if observed is None else joint.clamp_times(times, observed)


def _as_dtype(state: State, dtype: torch.dtype) -> State:
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
