"""Vectors of numbers that belong together, for instance embeddings, under Gaussian diffusion."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities.base import Modality
from tabdiffuse.processes import GaussianProcess
from tabdiffuse.schedules import GaussianSchedule
from tabdiffuse.spaces import RealSpace

__all__ = ["VectorModality"]

_Units = tuple[np.ndarray[Any, Any], float]
"""Mean ``(F,)`` and scale of the values."""


class VectorModality(Modality):
    """Vectors ``(n, features)``, of which one or a few tokens carry all the numbers.

    Parameters
    ----------
    features : int
        Length F of the vectors.
    tokens : int, optional
        Number of equal pieces into which a vector is cut, one cell and one token each; 1 by
        default. A token as wide as the network holds about as many numbers as it has dimensions.
    standardize : bool, optional
        Whether to subtract the mean of each feature and divide all of them by one number, their
        root mean square deviation in the training data. One number for all keeps angles and ratios
        of distances around the mean, by which embeddings are compared; a feature that hardly varies
        stays small. Without it the values should be of about unit variance.
    mean : array_like, optional
        ``(F,)``, what is subtracted; with ``scale``, in place of what the training data have.
    scale : float, optional
        What is divided by, above 0; with ``mean``.
    schedule : GaussianSchedule, optional
        Schedule of the Gaussian process, variance-preserving cosine by default.
    weight : float, optional
        Weight of each piece in the training loss, which is a mean over its features.

    Raises
    ------
    ParameterError
        When the pieces would not be equal, or mean and scale do not fit.
    """

    process: GaussianProcess

    def __init__(
        self,
        features: int,
        *,
        tokens: int = 1,
        standardize: bool = True,
        mean: Any = None,
        scale: float | None = None,
        schedule: GaussianSchedule | None = None,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        if tokens < 1 or features < 1 or features % tokens:
            raise ParameterError(
                f"features must be a multiple of tokens. Got features={features} and "
                f"tokens={tokens}."
            )
        self.features = features
        self.standardize = standardize
        self.weight = weight
        self._measures = standardize and mean is None and scale is None
        self._units = None if self._measures else _units(mean, scale, features, standardize)
        self.process = GaussianProcess(RealSpace(tokens, features // tokens), schedule)

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this modality again, with the measured mean and scale."""
        mean, scale = self._units or (None, None)
        return {
            "features": self.features,
            "tokens": self.cells,
            "standardize": self.standardize,
            "mean": mean,
            "scale": scale,
            "schedule": self.process.schedule,
            "weight": self.weight,
        }

    def prepare(self, values: Any) -> None:
        """Measure mean and scale of the training data, unless they were given."""
        if not self._measures:
            return
        array = self._finite(self._checked(values))
        if not len(array):
            raise DataError("A scale cannot be measured on no rows.")
        mean = array.mean(axis=0)
        deviation = float(np.sqrt(np.square(array - mean).mean()))
        self._units = mean, deviation if deviation > 0 else 1.0

    def build(self, width: int) -> None:
        """Make the embedding and the readout of each piece."""
        pieces, size = self.cells, self.features // self.cells
        self.embed_weight = nn.Parameter(torch.randn(pieces, size, width) / size**0.5)
        self.embed_bias = nn.Parameter(torch.randn(pieces, width))
        self.read_weight = nn.Parameter(torch.zeros(pieces, width, size))
        self.read_bias = nn.Parameter(torch.zeros(pieces, size))

    def encode(self, values: Any) -> Tensor:
        """Take vectors ``(n, F)``; return ``(n, tokens, F / tokens)``, standardized.

        Raises
        ------
        DataError
            When the shape differs or a value is not a finite number.
        """
        return self._scaled(self._finite(self._checked(values)))

    def observe(self, values: Any) -> tuple[Tensor, Tensor]:
        """Take vectors with gaps, values that are NaN; a piece with one of them is open."""
        array = self._checked(values)
        gaps = np.isnan(array)
        states = self._scaled(self._finite(np.where(gaps, self._in_use()[0], array)))
        return states, ~torch.as_tensor(gaps).view(states.shape).any(dim=-1)

    def fill(
        self, given: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any], known: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """Put the given values in the place of the drawn ones, in the pieces that are known."""
        if known.all():
            return given
        return np.where(known.repeat(self.features // self.cells, axis=1), given, drawn)

    def decode(self, state: Tensor) -> np.ndarray[Any, Any]:
        """Return vectors ``(n, F)`` in the units of the training data, float32."""
        mean, scale = self._in_use()
        array = state.cpu().double().flatten(1).numpy() * scale + mean
        return np.asarray(array.astype(np.float32))

    def embed(self, x: Tensor) -> Tensor:
        """Embed pieces ``(B, tokens, F / tokens)`` as tokens, by a map of its own for each."""
        return torch.einsum("bpf,pfd->bpd", x, self.embed_weight) + self.embed_bias

    def readout(self, h: Tensor) -> Tensor:
        """Read pieces from the tokens; starts at 0, the best answer without evidence."""
        return torch.einsum("bpd,pdf->bpf", h, self.read_weight) + self.read_bias

    def _in_use(self) -> _Units:
        """Return mean and scale; values are taken as they are where neither is known."""
        return self._units or (np.zeros(self.features), 1.0)

    def _checked(self, values: Any) -> np.ndarray[Any, Any]:
        """Check shape and type, and make numbers of double precision."""
        array = np.asarray(values)
        if array.ndim != 2 or array.shape[1] != self.features:
            raise DataError(
                f"Expected vectors of shape (n, {self.features}). Got {array.shape} instead."
            )
        if array.dtype.kind not in "biuf":
            raise DataError(f"Vectors must be numbers. Got an array of {array.dtype} instead.")
        return array.astype(np.float64)

    def _finite(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Refuse what is not a finite number."""
        wrong = ~np.isfinite(array)
        if wrong.any():
            row, feature = np.argwhere(wrong)[0]
            raise DataError(
                f"Row {row}: feature {feature} is {array[row, feature]}, not a finite number. "
                "Leave such rows out of the training data; NaN is a gap in conditions only."
            )
        return array

    def _scaled(self, array: np.ndarray[Any, Any]) -> Tensor:
        """(n, F) -> (n, tokens, F / tokens), centred and scaled."""
        mean, scale = self._in_use()
        scaled = ((array - mean) / scale).astype(np.float32)
        return torch.as_tensor(scaled).reshape(len(array), self.cells, self.features // self.cells)


def _units(mean: Any, scale: Any, features: int, standardize: bool) -> _Units | None:
    """Check a given mean and scale; there are none without standardization."""
    if mean is None and scale is None:
        return None
    centre = np.asarray(mean, dtype=np.float64) if mean is not None else np.empty(0)
    fits = centre.shape == (features,) and np.isfinite(centre).all()
    if not (standardize and fits and scale is not None and 0 < scale < np.inf):
        raise ParameterError(
            f"mean and scale go together, as {features} finite numbers and one above 0, and need "
            f"standardize=True. Got mean={mean!r} and scale={scale!r} with "
            f"standardize={standardize!r}."
        )
    return centre, float(scale)
