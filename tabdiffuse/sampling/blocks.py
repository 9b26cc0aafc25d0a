"""Many rows, drawn in blocks whose random numbers depend on the seed and the block alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tabdiffuse._random import block_noise
from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Observed, State
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Solver

__all__ = ["BLOCK_ROWS", "sample_rows"]

BLOCK_ROWS = 512
"""Rows of a block: small enough for the caches of a core, large enough to amortise a launch."""


def sample_rows(
    denoise: Denoise,
    joint: JointProcess,
    rows: int,
    seed: int,
    *,
    solver: Solver,
    n_steps: int,
    batch_size: int,
    device: torch.device,
    observed: Observed | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> State:
    """Draw rows that depend on the seed alone.

    Whole blocks are drawn and the surplus is cut off, so the first rows of a large sample are the
    rows of a small one, bit for bit, and ``batch_size`` decides about memory and speed only.

    Parameters
    ----------
    denoise, joint, solver, n_steps, device
        As in `tabdiffuse.sampling.sampler.sample`.
    rows : int
        Number of rows, at least 1.
    seed : int
        Seed of the sample.
    batch_size : int
        Rows in one call of the network, rounded up to whole blocks.
    observed : Observed, optional
        Known cells, one entry for each row.
    on_rows : callable, optional
        Called with the number of rows done after each step, as if rows were finished evenly.

    Returns
    -------
    dict of str to Tensor
        Clean states on the CPU.
    """
    blocks = -(-rows // BLOCK_ROWS)
    stride = max(1, -(-batch_size // BLOCK_ROWS))
    parts: list[State] = []
    for first in range(0, blocks, stride):
        batch = range(first, min(first + stride, blocks))
        size, start = len(batch) * BLOCK_ROWS, first * BLOCK_ROWS
        report = _reporter(on_rows, start, min(size, rows - start), n_steps)
        state = sample(
            denoise,
            joint,
            size,
            block_noise(seed, batch, device),
            solver=solver,
            n_steps=n_steps,
            observed=_rows_of(observed, start, size, device),
            on_step=report,
        )
        parts.append({name: values.cpu() for name, values in state.items()})
    return {name: torch.cat([part[name] for part in parts])[:rows] for name in parts[0]}


def _reporter(
    on_rows: Callable[[int], None] | None, start: int, size: int, n_steps: int
) -> Callable[[int], None] | None:
    if on_rows is None:
        return None
    return lambda step: on_rows(start + size * step // n_steps)


def _rows_of(
    observed: Observed | None, start: int, size: int, device: torch.device
) -> Observed | None:
    """Cut out the evidence of some rows; the last row fills up the last block."""
    if observed is None:
        return None

    def cut(values: Tensor) -> Tensor:
        index = torch.arange(start, start + size).clamp_max(len(values) - 1)
        return values[index].to(device)

    return Observed(
        {name: cut(values) for name, values in observed.values.items()},
        {name: cut(known) for name, known in observed.known.items()},
    )
