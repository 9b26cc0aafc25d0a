"""Which cells of some rows are asked about, given which others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tabdiffuse.joint import Observed, State, Times

__all__ = ["Question"]


@dataclass(frozen=True)
class Question:
    """Rows whose cells are asked about, given as evidence, or not known.

    Attributes
    ----------
    x0 : dict of str to Tensor
        Clean states; any values where a cell is hidden.
    asked : dict of str to Tensor
        Cells whose probability is asked for, ``(B, L)`` bool; cells of a token together.
    hidden : dict of str to Tensor
        Cells that are not known, ``(B, L)`` bool. Cells neither asked nor hidden are evidence.
    """

    x0: State
    asked: dict[str, Tensor]
    hidden: dict[str, Tensor]

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return next(iter(self.x0.values())).device

    def __len__(self) -> int:
        return len(next(iter(self.x0.values())))

    def times(self, t: Tensor) -> Times:
        """Give the cells that are asked about the time ``t``, evidence 0 and hidden cells 1.

        Where all cells are asked about they share one ``(1, 1)`` tensor.
        """
        t = t.to(self.device, self._float_type())
        if all(bool(asked.all()) for asked in self.asked.values()):
            return dict.fromkeys(self.x0, t.reshape(1, 1))
        return {
            name: torch.where(asked, t, self.hidden[name].to(t.dtype))
            for name, asked in self.asked.items()
        }

    def observed(self) -> Observed:
        """Give the evidence by itself: the cells that are neither asked about nor hidden."""
        known = {name: ~(asked | self.hidden[name]) for name, asked in self.asked.items()}
        return Observed(self.x0, known)

    def by_kind(self) -> Iterator[Tensor]:
        """Give the indices of the rows that ask for all their cells, then of the others.

        The network takes another way, with other roundings, where all cells share one time. Kept
        apart, what a row gets does not depend on the rows beside it.
        """
        whole = torch.stack([asked.all(dim=1) for asked in self.asked.values()]).all(dim=0)
        for chosen in (whole, ~whole):
            if chosen.any():
                yield chosen.nonzero()[:, 0]

    def take(self, index: Tensor, device: torch.device) -> Question:
        """Choose rows, as often as they are named, and move them."""
        return self.apply(lambda x: x[index].to(device))

    def apply(self, change: Callable[[Tensor], Tensor]) -> Question:
        """Apply a function to every tensor, for instance to choose rows or move them."""
        parts = (self.x0, self.asked, self.hidden)
        return Question(*({name: change(x) for name, x in part.items()} for part in parts))

    def _float_type(self) -> torch.dtype:
        """Give the precision of the states."""
        types = [x.dtype for x in self.x0.values() if x.is_floating_point()]
        return types[0] if types else torch.float32
