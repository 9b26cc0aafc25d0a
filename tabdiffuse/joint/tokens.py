"""Which token of the network carries what: modalities' tokens apart, or several in one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from tabdiffuse.joint.base import Times
from tabdiffuse.modalities import Modality

__all__ = ["TokenLayout", "tokens_with"]


class TokenLayout(nn.Module):
    """The tokens of modalities, in their order, and the tokens of the backbone that carry them.

    Parameters
    ----------
    modalities : mapping of str to Modality
        At least one.
    carriers : sequence of int, optional
        Number of the token of the backbone that carries each token of the modalities, in their
        order; by default each stays a token of its own. What one token carries is added up and has
        one time, that of the first cell of it.
    """

    _carrier: Tensor
    _carrier_of_cell: Tensor
    _first_cell: Tensor

    def __init__(
        self, modalities: Mapping[str, Modality], carriers: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        self._cells = {name: part.cells for name, part in modalities.items()}
        self._sizes = {name: part.tokens for name, part in modalities.items()}
        count = sum(self._sizes.values())
        places = list(range(count)) if carriers is None else list(carriers)
        assert len(places) == count, f"{len(places)} places named for {count} tokens"
        assert set(places) == set(range(max(places) + 1)), "tokens must be numbered from 0"
        self._carries_several = len(set(places)) < count or places != sorted(places)
        carrier = torch.tensor(places)
        of_cell = carrier[_tokens_of_cells(modalities)]
        self._shares_tokens = len(of_cell.unique()) < len(of_cell) or self._carries_several
        first = (of_cell == torch.arange(len(set(places)))[:, None]).int().argmax(dim=1)
        self.register_buffer("_carrier", carrier, persistent=False)
        self.register_buffer("_carrier_of_cell", of_cell, persistent=False)
        self.register_buffer("_first_cell", first, persistent=False)

    @classmethod
    def carried_by(
        cls, carrier: str, carried: Collection[str], modalities: Mapping[str, Modality]
    ) -> TokenLayout:
        """Let the tokens of one modality carry others; the rest have tokens of their own.

        Parameters
        ----------
        carrier : str
            The modality whose tokens, and times, these are.
        carried : collection of str
            Modalities with as many tokens as it.
        modalities : mapping of str to Modality
            All of them.
        """
        ordered = {carrier: modalities[carrier], **modalities}
        places: list[int] = []
        fresh = 0
        for name, part in ordered.items():
            start = 0 if name in carried else fresh
            places += range(start, start + part.tokens)
            fresh = max(fresh, start + part.tokens)
        return cls(ordered, places)

    def join(self, embedded: Mapping[str, Tensor]) -> Tensor:
        """Put embeddings ``(B, tokens, D)`` side by side, and add up what one token carries."""
        apart = torch.cat([embedded[name] for name in self._sizes], dim=1)
        if not self._carries_several:
            return apart
        tokens = apart.new_zeros(len(apart), len(self._first_cell), apart.shape[2])
        return tokens.index_add(1, self._carrier, apart)

    def split(self, h: Tensor) -> dict[str, Tensor]:
        """Hand each modality the tokens ``(B, tokens, D)`` that carry it."""
        if self._carries_several:
            h = h.index_select(1, self._carrier)
        return dict(zip(self._sizes, h.split(list(self._sizes.values()), dim=1), strict=True))

    def times(self, times: Times) -> Tensor:
        """Give each token its time; one time for all cells of a row stays ``(B, 1)``."""
        one = _one_time(times)
        if one is not None:
            return one
        cells = self._cell_times(times)
        return cells[:, self._first_cell] if self._shares_tokens else cells

    def tie(self, times: Times) -> Times:
        """Give the cells of a token the time of the first of them."""
        if not self._shares_tokens or _one_time(times) is not None:
            return times
        tied = self._cell_times(times)[:, self._first_cell][:, self._carrier_of_cell]
        return dict(zip(self._cells, tied.split(list(self._cells.values()), dim=1), strict=True))

    def apart(self, names: Collection[str]) -> list[str]:
        """Choose, of some modalities, those that share no token with any that is not chosen."""
        tokens = self._carrier_of_cell.cpu().split(list(self._cells.values()))
        carried = {name: set(own.tolist()) for name, own in zip(self._cells, tokens, strict=True)}
        chosen = [name for name in self._cells if name in names]
        others = [carried[name] for name in self._cells if name not in names]
        kept = [name for name in chosen if all(carried[name].isdisjoint(own) for own in others)]
        return kept if kept == chosen else self.apart(kept)

    def _cell_times(self, times: Times) -> Tensor:
        """Join the times of all cells, ``(B, L)``."""
        rows = max(t.shape[0] for t in times.values())
        return torch.cat([times[n].expand(rows, size) for n, size in self._cells.items()], dim=1)


def tokens_with(part: Modality, marked: Tensor) -> Tensor:
    """Tell which tokens of a modality hold a cell that is marked.

    Parameters
    ----------
    part : Modality
        The modality.
    marked : Tensor
        ``(B, cells)`` or ``(B, 1)`` bool.

    Returns
    -------
    Tensor
        ``(B, tokens)`` or ``(B, 1)`` bool.
    """
    if marked.shape[1] == 1 or part.cells == part.tokens:
        return marked
    place = part.token_of_cell().to(marked.device).expand(len(marked), -1)
    count = marked.new_zeros(len(marked), part.tokens, dtype=torch.long)
    return count.scatter_add(1, place, marked.long()) > 0


def _one_time(times: Times) -> Tensor | None:
    """Return the one time that all cells of a row share, if it is given as one tensor."""
    tensors = list(times.values())
    shared = all(t is tensors[0] for t in tensors) and tensors[0].shape[1] == 1
    return tensors[0] if shared else None


def _tokens_of_cells(modalities: Mapping[str, Modality]) -> Tensor:
    """Return the token of each cell, the tokens of all modalities being numbered in order."""
    found, start = [], 0
    for part in modalities.values():
        found.append(part.token_of_cell() + start)
        start += part.tokens
    return torch.cat(found)
