"""The contract of a joint process, and the types that travel through loop and sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from tabdiffuse._random import Noise
from tabdiffuse.modalities import Modality
from tabdiffuse.times import Times

__all__ = ["Batch", "JointFamily", "JointProcess", "Observed", "Prediction", "State", "Times"]

Batch = dict[str, Tensor]
State = dict[str, Tensor]
Prediction = dict[str, Tensor]


@dataclass(frozen=True)
class Observed:
    """Evidence: cells whose state is known, exactly or up to noise.

    A cell known at time tau is held there while the other cells come down from time 1 to tau, and
    goes on with them from then. With tau = 0 it is held throughout and comes back bit-identical.
    As the forward process noises each cell on its own, the rest is drawn given ``x_tau`` exactly.

    Attributes
    ----------
    values : dict of str to Tensor
        States of the modalities with known cells, at the times of their cells.
    known : dict of str to Tensor
        Which cells are known, ``(B, L)`` bool, for the same modalities.
    times : dict of str to Tensor
        Times tau of the known cells, ``(B, L)`` in [0, 1], where they are not 0 for a whole
        modality; cells that share a token have one time.
    """

    values: State
    known: dict[str, Tensor]
    times: Times = field(default_factory=dict)

    def alike(self) -> Observed:
        """Say once which cells are known, for rows of which the same ones are, and exactly.

        One row of times lets the network modulate each token once, not once for every row.
        """
        return Observed(self.values, {name: known[:1] for name, known in self.known.items()})

    def apply(self, change: Callable[[Tensor], Tensor]) -> Observed:
        """Apply a function to every tensor, for instance to choose rows or move them."""
        parts = (self.values, self.known, self.times)
        return Observed(*({name: change(x) for name, x in part.items()} for part in parts))


class JointProcess(nn.Module, ABC):
    """A process over several modalities.

    An ``nn.Module`` because embeddings, readouts, encoders and schedules may learn. The training
    loop uses ``draw``, ``tie``, ``corrupt`` and ``losses``; the denoiser ``tokenize``, ``read`` and
    ``parameterize``; the sampling loop everything else.
    """

    @abstractmethod
    def parts(self) -> dict[str, Modality]:
        """Return the modalities by name."""

    @property
    @abstractmethod
    def cells(self) -> dict[str, int]:
        """Number of cells of each part of the state."""

    def attach(self, network: Callable[[State, Times], Prediction]) -> None:
        """Take note of the network that reads this process; most need not know it."""

    @abstractmethod
    def draw(self, data: Batch, noise: Noise) -> State:
        """Draw clean states given rows of training data."""

    @abstractmethod
    def tie(self, times: Times) -> Times:
        """Make the times of cells equal where the process demands it."""

    @abstractmethod
    def corrupt(self, x0: State, times: Times, noise: Noise) -> tuple[State, State]:
        """Draw noised states; return them with the targets of the raw outputs."""

    @abstractmethod
    def tokenize(self, state: State, times: Times) -> tuple[Tensor, Tensor]:
        """Return tokens ``(B, L, D)`` and their times, ``(B, L)`` or ``(B, 1)``."""

    @abstractmethod
    def token_times(self, times: Times) -> Tensor:
        """Return the times of the tokens alone, as ``tokenize`` does."""

    @abstractmethod
    def read(self, h: Tensor) -> Prediction:
        """Return the raw outputs, given the backbone's tokens ``(B, L, D)``."""

    @abstractmethod
    def parameterize(self, raw: Prediction, state: State, times: Times) -> Prediction:
        """Turn raw outputs into predictions of the clean data."""

    @abstractmethod
    def losses(
        self, raw: Prediction, targets: State, state: State, times: Times
    ) -> dict[str, Tensor]:
        """Return the weighted loss of each row and modality, ``(B,)``, summed over cells."""

    @abstractmethod
    def prior(self, rows: int, noise: Noise, *, scale: float = 1.0) -> State:
        """Draw states at time 1; noise on numbers is multiplied by ``scale``."""

    @abstractmethod
    def clamp(self, state: State, observed: Observed) -> State:
        """Set the known cells to their values."""

    @abstractmethod
    def clamp_times(self, times: Times, observed: Observed) -> Times:
        """Hold the times of the known cells at theirs; where it is later, they go on with t."""

    @abstractmethod
    def forward_step(self, state: State, now: Times, then: Times, noise: Noise) -> State:
        """Draw the state at the later times ``then`` given the state at ``now``."""

    @abstractmethod
    def guide(self, pred: Prediction, reference: Prediction, strength: float) -> Prediction:
        """Move a prediction away from a reference: ``reference + strength (pred - reference)``."""

    @abstractmethod
    def extrapolate(
        self, pred: Prediction, earlier: Prediction, now: Times, then: Times, before: Times
    ) -> Prediction:
        """Carry a prediction made ``now`` to the middle of the step, given one made ``before``."""

    @abstractmethod
    def reverse_step(
        self, pred: Prediction, state: State, now: Times, then: Times, noise: Noise, *, eta: float
    ) -> State:
        """Draw the state at the times ``then`` given the state at ``now``."""

    @abstractmethod
    def correct(
        self,
        trial: State,
        pred: Prediction,
        later: Prediction,
        state: State,
        now: Times,
        then: Times,
    ) -> State:
        """Repeat a deterministic step with a second prediction, made at its end."""

    def leap(
        self, trial: State, pred: Prediction, state: State, now: Times, then: Times, noise: Noise
    ) -> State:
        """Draw the jumps of a step again by tau-leaping; parts without jumps keep the trial."""
        return trial

    @abstractmethod
    def finalize(self, state: State) -> State:
        """Check and return the state at time 0."""


class JointFamily(Protocol):
    """A way to tie modalities together, chosen before they are known."""

    def build(self, modalities: Mapping[str, Modality]) -> JointProcess:
        """Tie these modalities; refuse in words those that do not fit."""
        ...
