"""Weighted rows that stand for one another: sequential importance resampling within groups."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["LEAST_PARTICLES", "Crowd", "first_beyond", "rank_within", "resample"]

LEAST_PARTICLES = 32
"""A smaller group of rows draws several particles for each row, to have at least so many."""


@dataclass(frozen=True)
class Crowd:
    """Particles, in the order of the rows that they belong to.

    Attributes
    ----------
    row, slot : Tensor
        Row of each particle, and its number among those of the row, ``(N,)``.
    group : Tensor
        Group of each particle, ``(N,)``: groups are numbered from 0.
    """

    row: Tensor
    slot: Tensor
    group: Tensor

    @classmethod
    def of(cls, group: Tensor, weighted: Tensor) -> Crowd:
        """Give each row a particle, and more to those of small groups that will be weighted."""
        size = torch.bincount(group)[group]
        copies = torch.where(weighted, -(-LEAST_PARTICLES // size), 1)
        row = torch.arange(len(group), device=group.device).repeat_interleave(copies)
        first = copies.cumsum(0) - copies
        slot = torch.arange(len(row), device=group.device) - first[row]
        return cls(row, slot, group[row])

    def first_of_rows(self) -> Crowd:
        """Leave one particle for each row."""
        kept = self.slot == 0
        return Crowd(self.row[kept], self.slot[kept], self.group[kept])


def rank_within(group: Tensor, key: Tensor) -> Tensor:
    """Count the members of each group from 0, in the order of a key; ties keep their order."""
    order = key.argsort(stable=True)
    order = order[group[order].argsort(stable=True)]
    counts = torch.bincount(group)
    start = (counts.cumsum(0) - counts)[group[order]]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - start
    return rank


def resample(log_weight: Tensor, source: Tensor, target: Tensor, u: Tensor, key: Tensor) -> Tensor:
    """Choose particles by weight within each group, systematically and in random order.

    Parameters
    ----------
    log_weight, source : Tensor
        Log-weight and group of each particle, ``(N,)``; no group without a finite weight.
    target : Tensor
        Group of each particle wanted, ``(M,)``.
    u : Tensor
        Where the walk over the weights of each group starts, ``(G,)`` in [0, 1).
    key : Tensor
        Numbers whose order is the random order of the particles wanted, ``(M,)``. Without it the
        first particles wanted would be the first of the group, and those are no fair draw.

    Returns
    -------
    Tensor
        Index of the particle chosen, ``(M,)``.
    """
    groups = len(u)
    place = rank_within(source, torch.zeros_like(log_weight))
    most = log_weight.new_full((groups,), -torch.inf).scatter_reduce(0, source, log_weight, "amax")
    shape = (groups, int(place.max()) + 1)
    weight = log_weight.new_zeros(shape)
    weight[source, place] = (log_weight - most[source]).exp()
    index = source.new_zeros(shape)
    index[source, place] = torch.arange(len(source), device=source.device)
    reached = weight.cumsum(dim=1)
    rank = rank_within(target, key)
    wanted = torch.bincount(target, minlength=groups)[target]
    points = log_weight.new_zeros((groups, int(rank.max()) + 1))
    points[target, rank] = (rank + u[target]) / wanted * reached[target, -1]
    return index.gather(1, first_beyond(reached, points))[target, rank]


def first_beyond(reached: Tensor, points: Tensor) -> Tensor:
    """Find where cumulative weights, ``(B, K)``, first exceed points, ``(B, P)``, row by row.

    Rounding may put a point at the total; it then belongs to the last positive weight.
    """
    found = torch.searchsorted(reached, points, right=True)
    last = (reached < reached[:, -1:]).sum(dim=1, keepdim=True)
    return found.minimum(last)
