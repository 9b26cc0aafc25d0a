"""The contract of a joint process, and the types that travel through loop and sampler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from tabdiffuse._random import Noise
from tabdiffuse.modalities import Modality
from tabdiffuse.times import Times

__all__ = ["Batch", "JointProcess", "Observed", "Prediction", "State", "Times"]

Batch = dict[str, Tensor]
State = dict[str, Tensor]
Prediction = dict[str, Tensor]


@dataclass(frozen=True)
class Observed:
    """Cells that are known when sampling.

    Attributes
    ----------
    values : dict of str to Tensor
        Clean states of the modalities with known cells.
    known : dict of str to Tensor
        Which cells are known, ``(B, L)`` bool, for the same modalities.
    """

    values: State
    known: dict[str, Tensor]


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
    def prior(self, rows: int, noise: Noise) -> State:
        """Draw states at time 1."""

    @abstractmethod
    def clamp(self, state: State, observed: Observed) -> State:
        """Set the known cells to their values."""

    @abstractmethod
    def clamp_times(self, times: Times, observed: Observed) -> Times:
        """Set the times of the known cells to 0."""

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

    @abstractmethod
    def finalize(self, state: State) -> State:
        """Check and return the state at time 0."""
