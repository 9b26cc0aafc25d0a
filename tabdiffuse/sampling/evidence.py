"""What is known of the rows to draw, in one piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tabdiffuse.joint import JointProcess, Observed
from tabdiffuse.sampling.restriction import Restriction

__all__ = ["Evidence"]


@dataclass(frozen=True)
class Evidence:
    """Known and restricted cells, one entry for each row.

    Attributes
    ----------
    observed : Observed, optional
        Cells that are known, exactly or up to noise.
    restrictions : tuple of Restriction
        Cells that are restricted; their order is the order in which they are drawn.
    groups : Tensor, optional
        Number of the condition of each row, ``(B,)`` int64: rows with one number were asked for in
        the same words. All rows by default.
    """

    observed: Observed | None = None
    restrictions: tuple[Restriction, ...] = ()
    groups: Tensor | None = None

    @property
    def is_soft(self) -> bool:
        """Whether a cell is known up to noise."""
        times = {} if self.observed is None else self.observed.times
        return any(bool((own > 0).any()) for own in times.values())

    @property
    def is_alike(self) -> bool:
        """Whether the same cells are known, and exactly, or restricted in every row."""
        masks = [restriction.active for restriction in self.restrictions]
        if self.observed is not None:
            masks += self.observed.known.values()
        return not self.is_soft and all(bool((mask == mask[:1]).all()) for mask in masks)

    def hidden_tokens(self, joint: JointProcess, rows: int, device: torch.device) -> Tensor:
        """Count the tokens of each row that nothing is known of, ``(rows,)`` on the CPU.

        A token that is known up to noise counts by its time, one that is restricted is known.
        """
        shapes = {name: (rows, cells) for name, cells in joint.cells.items()}
        times = {name: torch.ones(shape, device=device) for name, shape in shapes.items()}
        if self.observed is not None:
            own = self.observed.apply(lambda values: values.to(device))
            times = joint.clamp_times(times, own)
        for restriction in self.restrictions:
            for name, column in filter(None, (restriction.event, restriction.number)):
                times[name][:, column] *= ~restriction.active.to(device)
        return joint.token_times(times).double().sum(dim=1).cpu()

    def of_rows(self, index: Tensor, device: torch.device) -> Evidence:
        """Cut out the evidence of some rows; the last row stands for all beyond it."""

        def cut(values: Tensor) -> Tensor:
            return values[index.clamp_max(len(values) - 1)].to(device)

        return self._apply(cut)

    def _apply(self, change: Callable[[Tensor], Tensor]) -> Evidence:
        return Evidence(
            None if self.observed is None else self.observed.apply(change),
            tuple(restriction.apply(change) for restriction in self.restrictions),
            None if self.groups is None else change(self.groups),
        )
