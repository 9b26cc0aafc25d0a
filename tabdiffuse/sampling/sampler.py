"""The sampling loop: the only place where time runs backwards."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch

from tabdiffuse._random import Noise
from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Observed, Prediction, State, Times
from tabdiffuse.sampling.solvers import Solver, Step, time_grid

__all__ = ["latest_time", "sample"]


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
    start: float | None = None,
    prior_scale: float = 1.0,
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
        Cells that are known, exactly or up to noise.
    start : float, optional
        Time at which the steps start, of which there are then as many as its share of the whole. By
        default the time at which the first cell starts to move, in whichever row that is.
    prior_scale : float, optional
        Factor on the noise of the numbers at time 1.
    dtype : torch.dtype, optional
        Floating type of times and states.
    on_step : callable, optional
        Called with the number of steps done.

    Returns
    -------
    dict of str to Tensor
        Clean states of all modalities.
    """
    state = _as_dtype(joint.prior(rows, noise, scale=prior_scale), dtype)
    if observed is not None:
        state = joint.clamp(state, observed)
    if start is None:
        start = latest_time(joint, observed)
    earlier: Prediction | None = None
    before: Times | None = None
    grid = time_grid(n_steps, dtype, start=start)
    for count, (t, s) in enumerate(pairwise(grid), start=1):
        now, then = (_tied(joint, time.to(noise.device), observed) for time in (t, s))
        step = Step(state, now, then, earlier, before)
        state, earlier = solver.advance(denoise, joint, step, noise)
        before = now
        if on_step is not None:
            on_step(count)
    return joint.finalize(state)


def latest_time(joint: JointProcess, observed: Observed | None) -> float:
    """Return the time at which the first cell starts to move: 1 unless all are known by then."""
    if observed is None:
        return 1.0
    one = torch.ones(1, 1)
    times = _tied(joint, one.to(_device_of(observed)), observed)
    return max(float(t.max()) for t in times.values())


def _device_of(observed: Observed) -> torch.device:
    return next(iter(observed.known.values())).device


def _tied(joint: JointProcess, time: torch.Tensor, observed: Observed | None) -> Times:
    """Give all cells one time, and hold the known ones at theirs."""
    times = dict.fromkeys(joint.cells, time.reshape(1, 1))
    return times if observed is None else joint.clamp_times(times, observed)


def _as_dtype(state: State, dtype: torch.dtype) -> State:
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
