"""Restrictions: cells of which more is wanted than the model's law and less than a value."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tabdiffuse._random import Noise
from tabdiffuse.denoiser import Denoise
from tabdiffuse.errors import DataError
from tabdiffuse.joint import JointProcess, Observed
from tabdiffuse.sampling.cell_law import CellLaw, Network, Restriction
from tabdiffuse.sampling.flow import FixedNoise
from tabdiffuse.sampling.particles import LEAST_PARTICLES, Crowd, resample
from tabdiffuse.sampling.rows import PartialRows, distinct
from tabdiffuse.sampling.solvers import Solver

__all__ = ["Restriction", "satisfy"]


@torch.no_grad()
def satisfy(
    denoise: Denoise,
    joint: JointProcess,
    observed: Observed | None,
    restrictions: Sequence[Restriction],
    groups: Tensor,
    noise: Noise,
    *,
    solver: Solver,
    n_steps: int,
    dtype: torch.dtype = torch.float32,
    first_row: int = 0,
) -> Observed:
    """Draw the restricted cells, and return them with the evidence.

    One restriction after the other is drawn from its law given the evidence and the cells drawn
    before, which the network knows: the other cells are left at time 1. The first of two
    restrictions does not know of the second; so its draws are weighted by how probable they make
    the second, and resampled, among rows that were asked for in the same words.

    Parameters
    ----------
    denoise, joint, solver, n_steps, dtype
        As in `tabdiffuse.sampling.sampler.sample`.
    observed : Observed, optional
        Cells that are known, exactly or up to noise.
    restrictions : sequence of Restriction
        One for each token at most, in the order in which they are drawn.
    groups : Tensor
        Number of the condition of each row, ``(B,)`` int64.
    noise : Noise
        Source of all random numbers.
    first_row : int, optional
        What to add to the number of a row in a message.

    Returns
    -------
    Observed
        The evidence and the drawn cells. Those are known at time 0, except the category of a number
        that is held at some noise: if the number carries the value, both are known at its time.

    Raises
    ------
    DataError
        When a restriction has no probability given the evidence.

    Notes
    -----
    A single restriction is exact but for the error of the steps. With several, a group of ``n``
    rows is drawn from ``max(n, 32)`` weighted candidates. The law is exact in the limit of many;
    the error is of the order of the variance of the relative weights over their number, and large
    where what the first restriction allows almost excludes the second. Then the rows of a group
    also repeat each other in the cells of all restrictions but the last.

    A category costs one call of the network for each kind of evidence. A number costs a table: a
    chain of ``n_steps`` calls on 33 rows for each kind of evidence, on 9 where the rows of a block
    need more than 30 tables. A condition shared by a block of 512 rows thus adds a fifteenth to the
    chain that draws the rest. A number after another restricted number, or in rows that all differ,
    costs nine such chains, and 32 times that if their groups are small. So restrict categories
    first.
    """
    rows = len(groups)
    hidden = joint.prior(rows, FixedNoise(torch.zeros((), dtype=dtype, device=noise.device)))
    state = PartialRows.of(joint, hidden, observed, dtype)
    block = torch.arange(rows, device=noise.device) // (rows // noise.blocks)
    network = Network(denoise, joint, solver, n_steps, rows // noise.blocks)
    first, group = _interchangeable(groups, block, state, restrictions)
    crowd = Crowd.of(group, torch.stack([r.active for r in restrictions]).sum(dim=0) > 1)
    state = state.take(crowd.row)
    slots = LEAST_PARTICLES if len(restrictions) > 1 else 1
    for count, restriction in enumerate(restrictions):
        # Numbers for all rows and particles, so that none depends on what the others need.
        u = noise.uniform((rows, slots, 4), torch.float64)
        own = restriction.take(crowd.row)
        law = CellLaw.of(network, state, own, block[crowd.row])
        _check_possible(law.log_mass, crowd, first_row)
        if count > 0:
            target = crowd if count < len(restrictions) - 1 else crowd.first_of_rows()
            key = u[target.row, target.slot, 2]
            chosen = resample(law.log_mass, crowd.group, target.group, u[first, 0, 3], key)
            law, state, crowd = law.take(chosen), state.take(chosen), target
        state = law.draw(state, u[crowd.row, crowd.slot, :2])
    return state.observed(_named(observed, restrictions))


def _interchangeable(
    groups: Tensor, block: Tensor, state: PartialRows, restrictions: Sequence[Restriction]
) -> tuple[Tensor, Tensor]:
    """Group the rows that differ in nothing: the first row of each group, and the group of each.

    What was asked for in the same words may still differ in evidence, and must not be mixed then.
    """
    asked = [values for restriction in restrictions for values in restriction.tensors()]
    parts = [block, groups.to(block.device), state.key(), *asked]
    return distinct(torch.cat([part.double().view(len(groups), -1) for part in parts], dim=1))


def _check_possible(log_mass: Tensor, crowd: Crowd, first_row: int) -> None:
    """Refuse a restriction that no particle of a group can satisfy."""
    most = log_mass.new_full((int(crowd.group.max()) + 1,), -torch.inf)
    stuck = most.scatter_reduce(0, crowd.group, log_mass, "amax")[crowd.group] == -torch.inf
    if stuck.any():
        row = first_row + int(crowd.row[stuck][0])
        raise DataError(
            f"Row {row}: the model gives no probability to what the restricted cells may hold, "
            "given the other conditions of the row. Widen an interval, allow more categories, or "
            "leave out one of the conditions."
        )


def _named(observed: Observed | None, restrictions: Sequence[Restriction]) -> set[str]:
    """Name the modalities with known cells."""
    cells = [cell for r in restrictions for cell in (r.event, r.number) if cell is not None]
    return {name for name, _ in cells} | set(() if observed is None else observed.known)
