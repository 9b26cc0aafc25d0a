"""The contract of a modality: cells in a state space, a process on them, tokens in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from torch import Tensor, nn

from tabdiffuse._random import Noise
from tabdiffuse.processes import Process

__all__ = ["Modality"]


class Modality(nn.Module, ABC):
    """One part of a row: a set of cells, each of which becomes one token of the backbone.

    A modality knows its own cells and nothing of any other modality, of the loop, or of tables.
    Subclasses set ``process`` in ``__init__`` and make their parameters in ``build``, when the
    width of the backbone is known.

    Attributes
    ----------
    process : Process
        Forward process on the cells; ``process.space`` is their state space.
    weight : float
        Weight of each cell of this modality in the training loss.
    """

    process: Process
    weight: float = 1.0

    @property
    def cells(self) -> int:
        """Number of cells, which is the number of tokens."""
        return self.process.space.cells

    @abstractmethod
    def build(self, width: int) -> None:
        """Make the parameters for tokens of the given width."""

    @abstractmethod
    def encode(self, values: Any) -> Tensor:
        """Turn the user's array into training data; refuse in words what does not fit.

        Raises
        ------
        DataError
            When shape or values do not fit this modality.
        """

    @abstractmethod
    def decode(self, state: Tensor) -> np.ndarray[Any, Any]:
        """Turn clean states into the form the user gave."""

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """Turn scaled states into tokens ``(B, L, D)``."""

    @abstractmethod
    def readout(self, h: Tensor) -> Tensor:
        """Turn the backbone's tokens ``(B, L, D)`` into raw predictions."""

    def draw(self, data: Tensor, noise: Noise) -> Tensor:
        """Draw clean states given rows of training data; the data themselves by default."""
        return data
