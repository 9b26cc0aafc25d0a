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
from tabdiffuse.joint.tokens import TokenLayout
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

    def __init__(
        self, modalities: Mapping[str, Modality], tokens: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        assert modalities, "a joint process needs at least one modality"
        self._names = tuple(modalities)
        self._parts = nn.ModuleDict(modalities)
        self._layout = TokenLayout(modalities, tokens)

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
        return self._layout.apart(names)

    def tie(self, times: Times) -> Times:
        """Give the cells of a token the time of the first of them."""
        return self._layout.tie(times)

    def embed(self, state: State, times: Times) -> dict[str, Tensor]:
        """Embed each modality, ``(B, tokens, D)``."""
        return {
            name: part.embed(part.process.scale_input(state[name], times[name]))
            for name, part in self.parts().items()
        }

    def tokenize(self, state: State, times: Times) -> tuple[Tensor, Tensor]:
        """Embed all modalities, add up what shares a token, and give the times of the tokens."""
        return self._layout.join(self.embed(state, times)), self.token_times(times)

    def token_times(self, times: Times) -> Tensor:
        """Give each token the time of the first cell it carries."""
        return self._layout.times(times)

    def read(self, h: Tensor) -> Prediction:
        """Hand each modality its tokens."""
        return self.readout(self._layout.split(h))

    def readout(self, pieces: Mapping[str, Tensor]) -> Prediction:
        """Read each modality from tokens ``(B, tokens, D)`` of its own."""
        return {name: part.readout(pieces[name]) for name, part in self.parts().items()}

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
