"""Rows of which some cells are known: what the network is shown while the others wait."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tabdiffuse.joint import JointProcess, Observed, State, Times

__all__ = ["Cell", "PartialRows", "distinct"]

Cell = tuple[str, int]
"""A modality and the number of a cell in it."""


@dataclass(frozen=True)
class PartialRows:
    """Rows with their evidence; hidden cells are at time 1.

    Attributes
    ----------
    state : dict of str to Tensor
        Known cells at their values.
    times : dict of str to Tensor
        Time of every cell, ``(B, L)``.
    known : dict of str to Tensor
        Which cells are known, ``(B, L)`` bool.
    """

    state: State
    times: Times
    known: Mapping[str, Tensor]

    @classmethod
    def of(
        cls, joint: JointProcess, hidden: State, observed: Observed | None, dtype: torch.dtype
    ) -> PartialRows:
        """Put evidence on hidden rows."""
        rows, device = len(next(iter(hidden.values()))), next(iter(hidden.values())).device
        shapes = {name: (rows, cells) for name, cells in joint.cells.items()}
        times = {n: torch.ones(shape, dtype=dtype, device=device) for n, shape in shapes.items()}
        known = {n: torch.zeros(s, dtype=torch.bool, device=device) for n, s in shapes.items()}
        if observed is None:
            return cls(hidden, times, known)
        for name, mask in observed.known.items():
            known[name] = mask.expand(shapes[name])
        state = {
            name: values.to(observed.values[name].dtype) if name in observed.values else values
            for name, values in hidden.items()
        }
        return cls(joint.clamp(state, observed), joint.clamp_times(times, observed), known)

    def __len__(self) -> int:
        """Count the rows."""
        return len(next(iter(self.times.values())))

    @property
    def device(self) -> torch.device:
        """Where the rows lie."""
        return next(iter(self.times.values())).device

    def take(self, rows: Tensor) -> PartialRows:
        """Choose rows."""
        return self._apply(lambda values: values[rows])

    def move(self, cell: Cell, values: Tensor | None, times: Tensor) -> PartialRows:
        """Set a cell of all rows to other values, if any are given, and to another time.

        What is set may have one row for all.
        """
        name, column = cell
        changed = self.times[name].clone()
        changed[:, column] = times.flatten()
        state = self.state
        if values is not None:
            moved = state[name].clone()
            moved[:, column] = values.to(moved.dtype)
            state = {**state, name: moved}
        return PartialRows(state, {**self.times, name: changed}, self.known)

    def reveal(self, cell: Cell, values: Tensor, times: Tensor, where: Tensor) -> PartialRows:
        """Make a cell known in some rows, ``(B,)`` bool, at values and times ``(B,)``."""
        name, column = cell
        old = self.state[name][:, column]
        values = values.to(old.dtype).view(-1, *[1] * (old.ndim - 1))
        value = torch.where(where.view(values.shape), values, old)
        time = torch.where(where, times.to(self.times[name].dtype), self.times[name][:, column])
        rows = self.move(cell, value, time)
        known = self.known[name].clone()
        known[:, column] |= where
        return PartialRows(rows.state, rows.times, {**self.known, name: known})

    def any_known(self) -> Tensor:
        """Tell which rows have any evidence at all, ``(B,)`` bool."""
        return torch.cat(list(self.known.values()), dim=1).any(dim=1)

    def key(self) -> Tensor:
        """Return numbers, ``(B, F)``, that are equal where the evidence is."""
        parts = [values.flatten(1).double() for values in self.state.values()]
        return torch.cat([*parts, *(times.double() for times in self.times.values())], dim=1)

    def observed(self, names: Iterable[str]) -> Observed:
        """Return the known cells of some modalities."""
        wanted = [name for name in self.state if name in set(names)]
        return Observed(
            {name: self.state[name] for name in wanted},
            {name: self.known[name] for name in wanted},
            {name: self.times[name] * self.known[name] for name in wanted},
        )

    def _apply(self, change: Callable[[Tensor], Tensor]) -> PartialRows:
        parts = (self.state, self.times, self.known)
        return PartialRows(*({name: change(x) for name, x in part.items()} for part in parts))


def distinct(key: Tensor) -> tuple[Tensor, Tensor]:
    """Find equal rows of a matrix: the first row of each kind, and the kind of each row."""
    kinds, inverse = key.unique(dim=0, return_inverse=True)
    order = torch.arange(len(key), device=key.device)
    first = order.new_full((len(kinds),), len(key))
    return first.scatter_reduce(0, inverse, order, "amin"), inverse
