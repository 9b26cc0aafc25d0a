"""Time laws: which time each cell has in a training step.

A time law draws ``Times``: for each modality a tensor ``(B, 1)`` (one time for all its cells) or
``(B, L)`` (a time for every cell), with values in ``[minimum, 1]`` or exactly 0 for a clean cell.
Joint generation uses tied times; independent times and random clean subsets teach the same network
every conditional (Rojas et al. 2025, arXiv 2506.07903, decoupled times).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tabdiffuse._random import Noise

__all__ = [
    "Clean",
    "Independent",
    "Mixed",
    "RandomClean",
    "RandomGiven",
    "Tied",
    "TimeLaw",
    "Times",
    "low_discrepancy",
]

Times = dict[str, Tensor]

SMALLEST_TIME = 1e-3


def low_discrepancy(rows: int, columns: int, noise: Noise) -> Tensor:
    """Draw times that are uniform in [0, 1) and spread evenly over the batch.

    Each column holds one point in every interval ``[i/B, (i+1)/B)``, in random order, so that the
    average over a batch has far less variance than independent draws (Kingma et al. 2021,
    arXiv 2107.00630, appendix I.1).

    Parameters
    ----------
    rows, columns : int
        Batch size B and number of independent sequences.
    noise : Noise
        Source of the draws.

    Returns
    -------
    Tensor
        Shape (B, columns), float32.
    """
    order = noise.uniform((rows, columns)).argsort(dim=0)
    offset = noise.uniform((rows, columns))[:1]
    return ((order + offset) / rows).clamp_max(1 - 2**-24)


class TimeLaw(ABC):
    """A distribution over the times of all cells."""

    @abstractmethod
    def sample(self, cells: Mapping[str, int], rows: int, noise: Noise) -> Times:
        """Draw the times of one batch.

        Parameters
        ----------
        cells : mapping of str to int
            Number of cells L of each modality.
        rows : int
            Batch size B.
        noise : Noise
            Source of the draws.

        Returns
        -------
        dict of str to Tensor
            For each modality ``(B, 1)`` or ``(B, L)``. One tensor shared by all modalities means
            that all cells of a row have the same time.
        """


def _spread(u: Tensor, minimum: float) -> Tensor:
    return minimum + (1 - minimum) * u


@dataclass(frozen=True)
class Tied(TimeLaw):
    """One time for all cells of a row, uniform in [minimum, 1]."""

    minimum: float = SMALLEST_TIME

    def sample(self, cells: Mapping[str, int], rows: int, noise: Noise) -> Times:
        """Draw the times of one batch; every modality shares one ``(B, 1)`` tensor."""
        t = _spread(low_discrepancy(rows, 1, noise), self.minimum)
        return dict.fromkeys(cells, t)


@dataclass(frozen=True)
class Independent(TimeLaw):
    """Independent uniform times, one for each modality or one for each cell."""

    per_cell: bool = False
    minimum: float = SMALLEST_TIME

    def sample(self, cells: Mapping[str, int], rows: int, noise: Noise) -> Times:
        """Draw the times of one batch."""
        sizes = [count if self.per_cell else 1 for count in cells.values()]
        t = _spread(low_discrepancy(rows, sum(sizes), noise), self.minimum)
        return dict(zip(cells, t.split(sizes, dim=1), strict=True))


@dataclass(frozen=True)
class RandomClean(TimeLaw):
    """Times of another law, with a random subset of cells (or modalities) at time 0.

    The share of clean cells is itself uniform over the rows, so that every size of evidence is seen
    equally often. Clean cells are evidence: they carry no loss.
    """

    law: TimeLaw = field(default_factory=Tied)
    per_cell: bool = True

    def sample(self, cells: Mapping[str, int], rows: int, noise: Noise) -> Times:
        """Draw the times of one batch."""
        base = self.law.sample(cells, rows, noise)
        sizes = [count if self.per_cell else 1 for count in cells.values()]
        share = low_discrepancy(rows, 1, noise)
        clean = (noise.uniform((rows, sum(sizes))) < share).split(sizes, dim=1)
        return {
            name: torch.where(mask, 0.0, base[name])
            for name, mask in zip(cells, clean, strict=True)
        }


@dataclass(frozen=True)
class RandomGiven(TimeLaw):
    """Times of another law, with some whole modalities at time 0: the others given these.

    How many is uniform from one to all but one, so that each row is a conditional; with one
    modality there is none, and the other law rules.
    """

    law: TimeLaw = field(default_factory=Tied)

    def sample(self, cells: Mapping[str, int], rows: int, noise: Noise) -> Times:
        """Draw the times of one batch."""
        base = self.law.sample(cells, rows, noise)
        if len(cells) < 2:
            return base
        count = 1 + (low_discrepancy(rows, 1, noise) * (len(cells) - 1)).floor()
        rank = noise.uniform((rows, len(cells))).argsort(dim=1).argsort(dim=1)
        given = (rank < count).split(1, dim=1)
        return {
            name: torch.where(mask, 0.0, base[name])
            for name, mask in zip(cells, given, strict=True)
        }


@dataclass(frozen=True)
class Clean(TimeLaw):
    """Times of another law, with some modalities always at time 0: the others given these.

    What is always evidence carries no loss, so the whole network is spent on one conditional, as in
    a class-conditional model of images.

    Parameters
    ----------
    law : TimeLaw
        Decides the other times.
    names : sequence of str
        Modalities that are clean in every row.
    """

    law: TimeLaw
    names: Sequence[str]

    def sample(self, cells: Mapping[str, int], rows: int, noise: Noise) -> Times:
        """Draw the times of one batch."""
        times = self.law.sample(cells, rows, noise)
        return {name: torch.zeros_like(t) if name in self.names else t for name, t in times.items()}


@dataclass(frozen=True)
class Mixed(TimeLaw):
    """A mixture of laws; each batch follows one of them.

    A whole batch follows one law because a tied batch has one time a row, which the network
    modulates at a fraction of the cost of a time for every cell.

    Parameters
    ----------
    laws : sequence of TimeLaw
    shares : sequence of float
        Non-negative, summing to 1.
    """

    laws: Sequence[TimeLaw]
    shares: Sequence[float]

    def __post_init__(self) -> None:
        """Check that shares and laws match."""
        matching = len(self.laws) == len(self.shares) and min(self.shares, default=0) >= 0
        if not matching or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(
                "shares must match the laws, be at least 0 and sum to 1. "
                f"Got {self.shares} instead."
            )

    def sample(self, cells: Mapping[str, int], rows: int, noise: Noise) -> Times:
        """Draw the times of one batch."""
        # The choice is made on the host: the number decides which kernels are launched.
        u = float(noise.host_uniform())
        for law, share in zip(self.laws, self.shares, strict=True):
            u -= share
            if u < 0:
                return law.sample(cells, rows, noise)
        return self.laws[-1].sample(cells, rows, noise)
