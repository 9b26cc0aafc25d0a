"""Categorical columns, one token each, under masked diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tabdiffuse._random import Noise
from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities.base import Modality
from tabdiffuse.modalities.labels import Labels
from tabdiffuse.processes import MaskedProcess
from tabdiffuse.schedules import MaskSchedule
from tabdiffuse.spaces import CategoricalSpace

__all__ = ["CategoricalModality"]

_COMPACT = ("uint8", "int16", "int32", "int64")  # what torch has as well


def _check_sizes(sizes: tuple[int, ...], frequencies: Sequence[Any] | None) -> None:
    if not sizes or min(sizes) < 1:
        raise ParameterError(
            f"cardinalities must be positive integers, one for each cell. Got {sizes} instead."
        )
    if frequencies is not None and [len(f) for f in frequencies] != list(sizes):
        raise ParameterError(
            f"frequencies must hold one number for each category of each cell, {list(sizes)}. "
            f"Got {[len(f) for f in frequencies]} instead."
        )


class CategoricalModality(Modality):
    """Categorical cells with codes ``0 .. K_j - 1``.

    Parameters
    ----------
    cardinalities : int or sequence of int, optional
        Number of categories of each cell. A single int means one cell, whose values are given and
        returned as a vector ``(n,)``. Not needed with ``categories``.
    categories : sequence, optional
        The categories of a single cell, for instance ``["cat", "dog"]``. Values are then given and
        returned as these, and not as codes.
    frequencies : sequence of array_like, optional
        Relative frequency of each category, where the output starts; uniform by default.
    schedule : MaskSchedule, optional
        Schedule of the masked process, linear by default.
    weight : float, optional
        Weight of each cell in the training loss.
    coupling : {"systematic", "independent"}, optional
        How the cells that are masked, or revealed, together are chosen; see `MaskedProcess`.

    Raises
    ------
    ParameterError
        When a cardinality is not positive, a category occurs twice, or the frequencies do not
        match.
    """

    process: MaskedProcess
    _embed_start: Tensor
    _read_rows: Tensor
    _padding: Tensor

    def __init__(
        self,
        cardinalities: int | Sequence[int] | None = None,
        *,
        categories: Sequence[Any] | np.ndarray[Any, Any] | None = None,
        frequencies: Sequence[Any] | None = None,
        schedule: MaskSchedule | None = None,
        weight: float = 1.0,
        coupling: Literal["systematic", "independent"] = "systematic",
    ) -> None:
        super().__init__()
        self._labels = None if categories is None else Labels(categories)
        if self._labels is not None:
            cardinalities = self._labels.count_as(cardinalities)
        if cardinalities is None:
            raise ParameterError("CategoricalModality needs either cardinalities or categories.")
        self.single = np.ndim(cardinalities) == 0
        sizes = tuple(int(count) for count in np.atleast_1d(cardinalities))
        _check_sizes(sizes, frequencies)
        self.process = MaskedProcess(CategoricalSpace(sizes), schedule, coupling)
        self.weight = weight
        self._frequencies = frequencies

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this modality again."""
        sizes = self._sizes()
        shares = self._frequencies
        return {
            "cardinalities": sizes[0] if self.single else sizes,
            "categories": None if self._labels is None else self._labels.values,
            "frequencies": None if shares is None else [np.asarray(f) for f in shares],
            "schedule": self.process.schedule,
            "weight": self.weight,
            "coupling": self.process.coupling,
        }

    def build(self, width: int) -> None:
        """Make embedding and readout tables, stored without padding.

        Row ``offset_j + k`` of the embedding is category ``k`` of cell ``j``; each cell has one row
        more for its mask.
        """
        sizes = self._sizes()
        total = sum(sizes)
        self.embedding = nn.Parameter(torch.randn(total + len(sizes), width))
        self.read_weight = nn.Parameter(torch.zeros(total, width))
        self.read_bias = nn.Parameter(self._log_frequencies())
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("_embed_start", starts + torch.arange(len(sizes)), persistent=False)
        slots = torch.arange(max(sizes))
        filled = slots < torch.tensor(sizes)[:, None]
        self.register_buffer(
            "_read_rows", torch.where(filled, starts[:, None] + slots, 0), persistent=False
        )
        self.register_buffer("_padding", torch.where(filled, 0.0, -torch.inf), persistent=False)

    def encode(self, values: Any) -> Tensor:
        """Take codes ``(n, m)``, or ``(n,)`` for a single cell, or its categories.

        Raises
        ------
        DataError
            When the shape differs, a code is not an integer from 0 to ``K_j - 1``, or a category
            is not one of those named.
        """
        # As objects, a number beside text stays a number.
        array = np.asarray(values, dtype=None if self._labels is None else object)
        if self.single and array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2 or array.shape[1] != self.cells:
            raise DataError(
                f"Expected codes of shape (n, {self.cells}). Got {np.shape(values)} instead."
            )
        if self._labels is not None:
            array = self._labels.codes(array)
        if not np.issubdtype(array.dtype, np.integer):
            raise DataError(f"Codes must be integers. Got an array of {array.dtype} instead.")
        sizes = np.array(self._sizes())
        least, most = array.min(axis=0, initial=0), array.max(axis=0, initial=0)
        if (least < 0).any() or (most >= sizes).any():
            row, cell = np.argwhere((array < 0) | (array >= sizes))[0]
            raise DataError(
                f"Row {row}: code {array[row, cell]} is not one of the known categories "
                f"0 to {self._sizes()[cell] - 1}."
            )
        return torch.as_tensor(array if array.dtype.name in _COMPACT else array.astype(np.int64))

    def observe(self, values: Any) -> tuple[Tensor, Tensor]:
        """Take codes with gaps, which are -1, or categories with gaps, which are None."""
        array = np.asarray(values)
        if self._labels is not None:
            array, gaps = self._labels.with_gaps(values)
        elif np.issubdtype(array.dtype, np.integer):
            gaps = array == -1
            array = np.where(gaps, 0, array)
        else:
            return super().observe(array)
        states = self.encode(array)
        return states, torch.as_tensor(~gaps).reshape(states.shape)

    def fill(
        self, given: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any], known: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """Put the given codes in the place of the drawn ones, where they are known."""
        if known.all():
            return given
        return np.where(known.reshape(drawn.shape), given.reshape(drawn.shape), drawn)

    def draw(self, data: Tensor, noise: Noise) -> Tensor:
        """Widen the codes, which are kept in the type they were given in."""
        return data.long()

    def decode(self, state: Tensor) -> np.ndarray[Any, Any]:
        """Return codes, or categories, in the shape they were given."""
        array = state.cpu().numpy()
        if self._labels is not None:
            return self._labels.of(array[:, 0])
        return np.asarray(array[:, 0] if self.single else array)

    def decode_probabilities(self, probabilities: Tensor) -> np.ndarray[Any, Any]:
        """Return probabilities ``(n, K)`` of a single cell, otherwise ``(n, m, K)``."""
        array = super().decode_probabilities(probabilities)
        return array[:, 0] if self.single else array

    def embed(self, x: Tensor) -> Tensor:
        """Look up codes ``(B, m)``, the mask included, as tokens ``(B, m, D)``."""
        return F.embedding(x + self._embed_start, self.embedding)

    def readout(self, h: Tensor) -> Tensor:
        """Read logits ``(B, m, K)``, minus infinity beyond ``K_j``."""
        weight = self.read_weight[self._read_rows]  # (m, K, D)
        bias = self.read_bias[self._read_rows] + self._padding  # (m, K)
        logits = torch.baddbmm(bias[:, None], h.transpose(0, 1), weight.transpose(1, 2))
        return logits.transpose(0, 1)

    def _sizes(self) -> tuple[int, ...]:
        space = self.process.space
        assert isinstance(space, CategoricalSpace)
        return space.cardinalities

    def _log_frequencies(self) -> Tensor:
        """Where the logits start: the column's own distribution is the answer without evidence."""
        if self._frequencies is None:
            return torch.zeros(sum(self._sizes()))
        parts = [torch.as_tensor(np.asarray(f), dtype=torch.float32) for f in self._frequencies]
        return torch.cat([(f + 1e-6).log() for f in parts])
