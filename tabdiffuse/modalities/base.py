"""The contract of a modality: cells in a state space, a process on them, tokens in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tabdiffuse._random import Noise
from tabdiffuse.processes import Process

__all__ = ["Modality", "is_missing"]


class Modality(nn.Module, ABC):
    """One part of a row: a set of cells, which become tokens of the backbone.

    A cell is what has a state and a time of its own in the process; a token is what the backbone
    sees. Usually they are the same; `tokens` and `token_of_cell` say so where several cells share
    a token, and thereby its time. A modality knows its own cells and nothing of any other modality,
    of the loop, or of tables. Subclasses set ``process`` in ``__init__`` and make their parameters
    in ``build``, when the width of the backbone is known; `settings` lets a model of them be saved.

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
        """Number of cells."""
        return self.process.space.cells

    @property
    def tokens(self) -> int:
        """Number of tokens that carry the cells, one each by default."""
        return self.cells

    @property
    def places(self) -> Hashable | None:
        """What the tokens stand for, such as a grid of patches; equal only if they correspond.

        None, the default, if they stand for nothing that other modalities have too.
        """
        return None

    def token_of_cell(self) -> Tensor:
        """Return the number of the token that carries each cell, ``(cells,)``."""
        return torch.arange(self.cells)

    @abstractmethod
    def build(self, width: int) -> None:
        """Make the parameters for tokens of the given width."""

    def prepare(self, values: Any) -> None:
        """Learn what encoding needs, for instance a scale or a vocabulary; nothing by default.

        Called once by a fit, with the training data, before `encode` and `build`.

        Raises
        ------
        DataError
            When nothing can be learnt from the values.
        """

    @abstractmethod
    def encode(self, values: Any) -> Tensor:
        """Turn the user's array into training data; refuse in words what does not fit.

        Raises
        ------
        DataError
            When shape or values do not fit this modality.
        """

    def observe(self, values: Any) -> tuple[Tensor, Tensor]:
        """Turn values that may have gaps into states and which cells of them are known.

        Parameters
        ----------
        values : array_like
            As for `encode`; a modality that has a sign for a gap says which.

        Returns
        -------
        states : Tensor
            As from `encode`; any valid state where a cell is not known.
        known : Tensor
            ``(n, cells)`` bool; all True by default.

        Raises
        ------
        DataError
            When shape or values do not fit this modality.
        """
        states = self.encode(values)
        return states, torch.ones(len(states), self.cells, dtype=torch.bool)

    @abstractmethod
    def decode(self, state: Tensor) -> np.ndarray[Any, Any]:
        """Turn clean states into the form the user gave."""

    def decode_probabilities(self, probabilities: Tensor) -> np.ndarray[Any, Any]:
        """Turn probabilities of categories ``(n, cells, K)`` into the form the user gave.

        Parameters
        ----------
        probabilities : Tensor
            One row for each cell; they add up to 1.

        Returns
        -------
        ndarray
            As `decode` returns categories, with one more axis at the end; by default as they are.
        """
        return np.asarray(probabilities.cpu().numpy())

    def fill(
        self, given: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any], known: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """Put what was given in the place of what was drawn, where it is known.

        Parameters
        ----------
        given : ndarray
            Values as for `observe`, one entry for each row.
        drawn : ndarray
            As `decode` returns them.
        known : ndarray
            ``(n, cells)`` bool, as from `observe`.

        Returns
        -------
        ndarray
            By default rows of which every cell is known as they were given, the others as drawn.
        """
        whole = known.all(axis=1)
        if whole.all():
            return given
        return np.where(whole.reshape(-1, *[1] * (drawn.ndim - 1)), given, drawn)

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """Turn scaled states of the cells into tokens ``(B, L, D)``."""

    @abstractmethod
    def readout(self, h: Tensor) -> Tensor:
        """Turn the backbone's tokens ``(B, L, D)`` into raw predictions of the cells."""

    def draw(self, data: Tensor, noise: Noise) -> Tensor:
        """Draw clean states given rows of training data; the data themselves by default."""
        return data

    def settings(self) -> dict[str, Any]:
        """Return the arguments of the constructor that make this modality again.

        They are what a model file holds of it beside its weights, so what `prepare` learnt must be
        among them: a constructor takes as an argument what encoding and decoding need.

        Returns
        -------
        dict of str to Any
            A value for every argument of the constructor: plain values, lists and mappings of them,
            arrays, dataclasses such as schedules, and objects that have ``settings`` of their own,
            such as tokenizers.

        Raises
        ------
        NotImplementedError
            By default. All but saving a model works without it.
        """
        raise NotImplementedError


def is_missing(value: Any) -> bool:
    """Tell whether a value of a column of objects stands for a gap: None or NaN."""
    return value is None or (isinstance(value, float) and bool(np.isnan(value)))
