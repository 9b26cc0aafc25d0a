"""Many rows, drawn in blocks whose random numbers depend on the seed and the block alone."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor

from tabdiffuse._random import Noise, block_noise, child_seed
from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Observed, State
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.guidance import Guidance, guided
from tabdiffuse.sampling.marginal import marginal
from tabdiffuse.sampling.restriction import satisfy
from tabdiffuse.sampling.sampler import latest_time, sample
from tabdiffuse.sampling.solvers import Solver, time_grid

__all__ = ["BLOCK_ROWS", "sample_rows"]

BLOCK_ROWS = 512
"""Rows of a block: small enough for the caches of a core, large enough to amortise a launch.

Rows that share a restriction are drawn as particles within their block, which wants many of them.
"""


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
    block_rows: int = BLOCK_ROWS,
    evidence: Evidence | None = None,
    guidance: Guidance | None = None,
    hidden: Collection[str] = (),
    prior_scale: float = 1.0,
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
    block_rows : int, optional
        Rows of a block. Other blocks give other rows; short ones spare the surplus of small samples
        of rows that are expensive each, such as pictures.
    evidence : Evidence, optional
        Known and restricted cells, one entry for each row.
    guidance : Guidance, optional
        How far to lean towards the evidence.
    hidden : collection of str, optional
        Modalities that are not wanted; the others are drawn from their marginal.
    prior_scale : float, optional
        Factor on the noise of the numbers at time 1.
    on_rows : callable, optional
        Called with the number of rows done after each step, as if rows were finished evenly.

    Returns
    -------
    dict of str to Tensor
        Clean states on the CPU.
    """
    blocks = -(-rows // block_rows)
    stride = max(1, -(-batch_size // block_rows))
    # One grid for all rows, whichever share a batch.
    known = None if evidence is None or evidence.restrictions else evidence.observed
    begin = latest_time(joint, known)
    steps = len(time_grid(n_steps, start=begin)) - 1
    alike = evidence is not None and evidence.is_alike
    parts: list[State] = []
    for first in range(0, blocks, stride):
        batch = range(first, min(first + stride, blocks))
        size, start = len(batch) * block_rows, first * block_rows
        noise = block_noise(seed, batch, device)
        index = torch.arange(start, start + size)
        observed = _known(
            denoise, joint, evidence, index, block_rows, noise, solver=solver, n_steps=n_steps
        )
        apart = block_noise(child_seed(seed, "hidden"), batch, device)
        predict = marginal(denoise, joint, hidden, size, apart)
        if guidance is not None and observed is not None:
            apart = block_noise(child_seed(seed, "guidance"), batch, device)
            predict = guided(predict, joint, observed, guidance, apart)
        if alike and observed is not None:
            observed = observed.alike()
        state = sample(
            predict,
            joint,
            size,
            noise,
            solver=solver,
            n_steps=n_steps,
            observed=observed,
            start=begin,
            prior_scale=prior_scale,
            on_step=_reporter(on_rows, start, min(size, rows - start), steps),
        )
        parts.append({name: values.cpu() for name, values in state.items()})
    return {name: torch.cat([part[name] for part in parts])[:rows] for name in parts[0]}


def _reporter(
    on_rows: Callable[[int], None] | None, start: int, size: int, steps: int
) -> Callable[[int], None] | None:
    if on_rows is None:
        return None
    return lambda step: on_rows(start + size * step // steps)


def _known(
    denoise: Denoise,
    joint: JointProcess,
    evidence: Evidence | None,
    index: Tensor,
    block_rows: int,
    noise: Noise,
    *,
    solver: Solver,
    n_steps: int,
) -> Observed | None:
    """Give what is known of a batch of rows, for which restricted cells are drawn first."""
    if evidence is None:
        return None
    own = evidence.of_rows(index, noise.device)
    if not own.restrictions:
        return own.observed
    return satisfy(
        denoise,
        joint,
        own.observed,
        own.restrictions,
        _groups_within_blocks(own.groups, index // block_rows).to(noise.device),
        noise,
        solver=solver,
        n_steps=n_steps,
        first_row=int(index[0]),
    )


def _groups_within_blocks(groups: Tensor | None, blocks: Tensor) -> Tensor:
    """Give the rows of one condition in one block a number; other blocks must not matter."""
    if groups is None:
        return blocks
    pairs = torch.stack([blocks, groups.cpu()], dim=1)
    numbers: Tensor = pairs.unique(dim=0, return_inverse=True)[1]
    return numbers
