"""The product process: independent forward processes, tied by one network.

Each modality keeps its state space and its own process, and each cell its own time; the loss is the
sum of the losses of the modalities (Rojas et al. 2025, Diffuse Everything, arXiv 2506.07903,
section 3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from tabdiffuse._random import Noise
from tabdiffuse.joint.base import Batch, JointProcess, Observed, Prediction, State, Times
from tabdiffuse.modalities import Modality
from tabdiffuse.processes import MaskedProcess

__all__ = ["ProductProcess"]


class ProductProcess(JointProcess):
    """Modalities side by side, each with its own process and times.

    Parameters
    ----------
    modalities : mapping of str to Modality
        At least one; their order is the order of the cells.
    tokens : sequence of int, optional
        Number of the token of the backbone that carries each token of the modalities, in their
        order; by default each stays a token of its own. Tokens that are carried by one share its
        time: their embeddings are added, and each is read from it.
    """

    _shared: Tensor
    _token_of_cell: Tensor
    _first_cell: Tensor

    def __init__(
        self, modalities: Mapping[str, Modality], tokens: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        assert modalities, "a joint process needs at least one modality"
        self._names = tuple(modalities)
        self._parts = nn.ModuleDict(modalities)
        count = sum(part.tokens for part in modalities.values())
        places = list(range(count)) if tokens is None else list(tokens)
        assert len(places) == count, f"{len(places)} places named for {count} tokens"
        assert set(places) == set(range(max(places) + 1)), "tokens must be numbered from 0"
        self._carries_several = len(set(places)) < count or places != sorted(places)
        shared = torch.tensor(places)
        of_cell = shared[_tokens_of_cells(modalities)]
        self.shares_tokens = len(of_cell.unique()) < len(of_cell) or self._carries_several
        first = (of_cell == torch.arange(len(set(places)))[:, None]).int().argmax(dim=1)
        self.register_buffer("_shared", shared, persistent=False)
        self.register_buffer("_token_of_cell", of_cell, persistent=False)
        self.register_buffer("_first_cell", first, persistent=False)

    def parts(self) -> dict[str, Modality]:
        """Return the modalities by name."""
        found = {}
        for name in self._names:
            part = self._parts[name]
            assert isinstance(part, Modality)
            found[name] = part
        return found

    @property
    def cells(self) -> dict[str, int]:
        """Number of cells of each modality."""
        return {name: part.cells for name, part in self.parts().items()}

    def draw(self, data: Batch, noise: Noise) -> State:
        """Draw clean states given rows of training data."""
        return {name: part.draw(data[name], noise) for name, part in self.parts().items()}

    def corrupt(self, x0: State, times: Times, noise: Noise) -> tuple[State, State]:
        """Noise each modality by its own process."""
        pairs = {
            name: part.process.corrupt(x0[name], times[name], noise)
            for name, part in self.parts().items()
        }
        state = {name: pair.x_t for name, pair in pairs.items()}
        return state, {name: pair.target for name, pair in pairs.items()}

    def apart(self, names: Collection[str]) -> list[str]:
        """Choose, of some modalities, those that share no token with any that is not chosen."""
        tokens = self._token_of_cell.cpu().split(list(self.cells.values()))
        carried = {name: set(own.tolist()) for name, own in zip(self.cells, tokens, strict=True)}
        chosen = [name for name in self._names if name in names]
        others = [carried[name] for name in self._names if name not in names]
        kept = [name for name in chosen if all(carried[name].isdisjoint(own) for own in others)]
        return kept if kept == chosen else self.apart(kept)

    def tie(self, times: Times) -> Times:
        """Give the cells of a token the time of the first of them."""
        if not self.shares_tokens or self._one_time(times) is not None:
            return times
        tied = self._cell_times(times)[:, self._first_cell][:, self._token_of_cell]
        return dict(zip(self.cells, tied.split(list(self.cells.values()), dim=1), strict=True))

    def tokenize(self, state: State, times: Times) -> tuple[Tensor, Tensor]:
        """Embed all modalities, add up what shares a token, and give the times of the tokens."""
        embedded = [
            part.embed(part.process.scale_input(state[name], times[name]))
            for name, part in self.parts().items()
        ]
        return self._to_tokens(torch.cat(embedded, dim=1)), self._token_times(times)

    def read(self, h: Tensor) -> Prediction:
        """Hand each modality its tokens."""
        parts = self.parts()
        if self._carries_several:
            h = h.index_select(1, self._shared)
        pieces = h.split([part.tokens for part in parts.values()], dim=1)
        return {
            name: part.readout(piece)
            for (name, part), piece in zip(parts.items(), pieces, strict=True)
        }

    def parameterize(self, raw: Prediction, state: State, times: Times) -> Prediction:
        """Turn raw outputs into denoised numbers and log-probabilities."""
        return {
            name: part.process.parameterize(raw[name], state[name], times[name])
            for name, part in self.parts().items()
        }

    def losses(
        self, raw: Prediction, targets: State, state: State, times: Times
    ) -> dict[str, Tensor]:
        """Return the weighted loss of each row and modality, summed over cells (eq. 8)."""
        return {
            name: part.weight
            * part.process.loss(raw[name], targets[name], state[name], times[name]).sum(dim=1)
            for name, part in self.parts().items()
        }

    def prior(self, rows: int, noise: Noise, *, scale: float = 1.0) -> State:
        """Draw states at time 1."""
        return {
            name: part.process.prior(rows, noise, scale=scale)
            for name, part in self.parts().items()
        }

    def clamp(self, state: State, observed: Observed) -> State:
        """Set the known cells to their values."""
        clamped = dict(state)
        for name, known in observed.known.items():
            mask = known if state[name].ndim == known.ndim else known[..., None]
            clamped[name] = torch.where(mask, observed.values[name], state[name])
        return clamped

    def clamp_times(self, times: Times, observed: Observed) -> Times:
        """Hold the times of the known cells at theirs; other cells keep theirs."""
        clamped = dict(times)
        for name, known in observed.known.items():
            held = torch.zeros_like(times[name])
            if name in observed.times:
                held = torch.minimum(times[name], observed.times[name].to(times[name].dtype))
            clamped[name] = torch.where(known, held, times[name])
        return clamped

    def forward_step(self, state: State, now: Times, then: Times, noise: Noise) -> State:
        """Noise each modality further by its own process."""
        return {
            name: part.process.forward_step(state[name], now[name], then[name], noise)
            for name, part in self.parts().items()
        }

    def guide(self, pred: Prediction, reference: Prediction, strength: float) -> Prediction:
        """Extrapolate means of numbers and log-probabilities of categories."""
        return {
            name: part.process.guide(pred[name], reference[name], strength)
            for name, part in self.parts().items()
        }

    def extrapolate(
        self, pred: Prediction, earlier: Prediction, now: Times, then: Times, before: Times
    ) -> Prediction:
        """Carry the predictions to the middle of the step, each by its process."""
        return {
            name: part.process.extrapolate(
                pred[name], earlier[name], now[name], then[name], before[name]
            )
            for name, part in self.parts().items()
        }

    def reverse_step(
        self, pred: Prediction, state: State, now: Times, then: Times, noise: Noise, *, eta: float
    ) -> State:
        """Step each modality by its own process."""
        return {
            name: part.process.reverse_step(
                pred[name], state[name], now[name], then[name], noise, eta=eta
            )
            for name, part in self.parts().items()
        }

    def correct(
        self,
        trial: State,
        pred: Prediction,
        later: Prediction,
        state: State,
        now: Times,
        then: Times,
    ) -> State:
        """Repeat the step of each modality that has a second stage."""
        return {
            name: part.process.correct(
                trial[name], pred[name], later[name], state[name], now[name], then[name]
            )
            for name, part in self.parts().items()
        }

    def leap(
        self, trial: State, pred: Prediction, state: State, now: Times, then: Times, noise: Noise
    ) -> State:
        """Draw the step of each modality that jumps by tau-leaping."""
        return {
            name: part.process.leap(
                trial[name], pred[name], state[name], now[name], then[name], noise
            )
            for name, part in self.parts().items()
        }

    def finalize(self, state: State) -> State:
        """Assert that no mask is left and no number is lost."""
        for name, part in self.parts().items():
            if isinstance(part.process, MaskedProcess):
                masked = state[name] == part.process.mask_codes(state[name].device)
                assert not masked.any(), f"a cell of {name!r} is still masked at time 0"
            else:
                assert state[name].isfinite().all(), f"a cell of {name!r} is not finite"
        return state

    def _to_tokens(self, embedded: Tensor) -> Tensor:
        """Add up the embeddings ``(B, L, D)`` that one token carries."""
        if not self._carries_several:
            return embedded
        tokens = embedded.new_zeros(len(embedded), len(self._first_cell), embedded.shape[2])
        return tokens.index_add(1, self._shared, embedded)

    def _token_times(self, times: Times) -> Tensor:
        """Give each token its time; one time for all cells of a row stays ``(B, 1)``."""
        one = self._one_time(times)
        if one is not None:
            return one
        cells = self._cell_times(times)
        return cells[:, self._first_cell] if self.shares_tokens else cells

    def _one_time(self, times: Times) -> Tensor | None:
        """Return the one time that all cells of a row share, if it is given as one tensor."""
        tensors = list(times.values())
        shared = all(t is tensors[0] for t in tensors) and tensors[0].shape[1] == 1
        return tensors[0] if shared else None

    def _cell_times(self, times: Times) -> Tensor:
        """Join the times of all cells, ``(B, L)``."""
        rows = max(t.shape[0] for t in times.values())
        return torch.cat([times[n].expand(rows, size) for n, size in self.cells.items()], dim=1)


def _tokens_of_cells(modalities: Mapping[str, Modality]) -> Tensor:
    """Return the token of each cell, the tokens of all modalities being numbered in order."""
    found, start = [], 0
    for part in modalities.values():
        found.append(part.token_of_cell() + start)
        start += part.tokens
    return torch.cat(found)
