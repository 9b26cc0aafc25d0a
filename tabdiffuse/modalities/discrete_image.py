"""Pictures of classes, for instance segmentation maps, under masked diffusion of the pixels."""

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
from tabdiffuse.modalities.patches import PatchGrid
from tabdiffuse.processes import MaskedProcess
from tabdiffuse.schedules import MaskSchedule
from tabdiffuse.spaces import CategoricalSpace

__all__ = ["DiscreteImageModality"]


class DiscreteImageModality(Modality):
    """Maps of one class for each pixel, ``(n, height, width)`` integers ``0 .. K - 1``.

    A pixel is a cell: it is masked, and drawn, by itself. A square patch of pixels is one token and
    has one time, so a map that is known in part is known patch by patch. Cells are ordered patch by
    patch.

    Parameters
    ----------
    height, width : int
        Size in pixels; both must be multiples of ``patch``.
    classes : int
        Number of classes K.
    patch : int, optional
        Side of a patch in pixels; by default 4 where that leaves at least four patches, otherwise
        2. Pixels that are drawn in one step know nothing of each other, in a patch or beyond it.
    frequencies : array_like, optional
        Relative frequency of each class, ``(K,)``, where the output starts. By default those of the
        training data.
    schedule : MaskSchedule, optional
        Schedule of the masked process, linear by default.
    weight : float, optional
        Weight of each patch in the training loss; each of its pixels has its share. So a map of
        64 x 64 pixels weighs as much beside a picture with the same patches as that picture does,
        and not as much as 4096 numbers.
    coupling : {"systematic", "independent"}, optional
        How the pixels that are masked, or revealed, together are chosen; see `MaskedProcess`.

    Raises
    ------
    ParameterError
        When the size is not a multiple of the patch, there is no class, or the frequencies do not
        match.
    """

    process: MaskedProcess
    _slots: Tensor

    def __init__(
        self,
        height: int,
        width: int,
        classes: int,
        *,
        patch: int | None = None,
        frequencies: Sequence[float] | np.ndarray[Any, Any] | Tensor | None = None,
        schedule: MaskSchedule | None = None,
        weight: float = 1.0,
        coupling: Literal["systematic", "independent"] = "systematic",
    ) -> None:
        super().__init__()
        if classes < 1:
            raise ParameterError(f"classes must be a positive integer. Got {classes} instead.")
        if frequencies is not None and len(frequencies) != classes:
            raise ParameterError(
                f"frequencies must hold one number for each of the {classes} classes. "
                f"Got {len(frequencies)} instead."
            )
        self.grid = PatchGrid.fitting(height, width, patch)
        self.classes = classes
        self.weight = weight / self.grid.pixels
        self._frequencies = frequencies
        self._counts: np.ndarray[Any, Any] | None = None
        space = CategoricalSpace((classes,) * (height * width))
        self.process = MaskedProcess(space, schedule, coupling)

    @property
    def tokens(self) -> int:
        """Number of patches."""
        return self.grid.patches

    @property
    def places(self) -> tuple[int, int]:
        """Number of patches down and across."""
        return self.grid.shape

    def token_of_cell(self) -> Tensor:
        """Return the patch of each pixel, ``(cells,)``."""
        return torch.arange(self.tokens).repeat_interleave(self.grid.pixels)

    def prepare(self, values: Any) -> None:
        """Count the classes in the training data, unless frequencies were given."""
        if self._frequencies is None:
            self._counts = np.bincount(self._checked(values).ravel(), minlength=self.classes)

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this modality again, but for the counts of classes.

        Only the start of the output is made of these, which a trained one has left behind.
        """
        return {
            "height": self.grid.height,
            "width": self.grid.width,
            "classes": self.classes,
            "patch": self.grid.side,
            "frequencies": None if self._frequencies is None else np.asarray(self._frequencies),
            "schedule": self.process.schedule,
            "weight": self.weight * self.grid.pixels,
            "coupling": self.process.coupling,
        }

    def build(self, width: int) -> None:
        """Make a vector for each class, mask included, at each place of a patch, and the readout.

        The embedding of a patch is the sum over its pixels; row ``q (K + 1) + k`` of the table is
        class ``k`` at place ``q``. Rows are scaled so that the sum has unit variance.
        """
        pixels, kinds = self.grid.pixels, self.classes + 1
        self.embedding = nn.Parameter(torch.randn(pixels * kinds, width) / self.grid.side)
        self.position = nn.Parameter(torch.randn(self.tokens, width))
        self.to_classes = nn.Linear(width, pixels * self.classes)
        nn.init.zeros_(self.to_classes.weight)
        self.to_classes.bias.data = self._log_frequencies().repeat(pixels)
        self.register_buffer("_slots", torch.arange(pixels) * kinds, persistent=False)

    def encode(self, values: Any) -> Tensor:
        """Take maps ``(n, H, W)`` of integers; return codes ``(n, cells)``, patch by patch.

        Raises
        ------
        DataError
            When the shape differs, or a class is not an integer from 0 to ``K - 1``.
        """
        small = np.uint8 if self.classes <= 256 else np.int32
        maps = torch.as_tensor(self._checked(values).astype(small))
        return self.grid.cut(maps[..., None]).flatten(1)

    def observe(self, values: Any) -> tuple[Tensor, Tensor]:
        """Take maps with gaps, pixels that are -1; a patch is known if all its pixels are."""
        array = np.asarray(values)
        if array.dtype.kind not in "iu":
            return super().observe(array)
        gaps = array == -1
        states = self.encode(np.where(gaps, 0, array))
        known = ~self.grid.cut(torch.as_tensor(gaps)[..., None]).any(dim=-1)
        return states, known.repeat_interleave(self.grid.pixels, dim=1)

    def fill(
        self, given: np.ndarray[Any, Any], drawn: np.ndarray[Any, Any], known: np.ndarray[Any, Any]
    ) -> np.ndarray[Any, Any]:
        """Put the given pixels in the place of the drawn ones, in the patches that are known."""
        if known.all():
            return given
        return np.where(self._join(torch.as_tensor(known)).numpy(), given, drawn)

    def draw(self, data: Tensor, noise: Noise) -> Tensor:
        """Widen the codes, which are kept in a small type."""
        return data.long()

    def decode(self, state: Tensor) -> np.ndarray[Any, Any]:
        """Return maps ``(n, H, W)`` of int64."""
        return np.asarray(self._join(state.cpu()).numpy())

    def decode_probabilities(self, probabilities: Tensor) -> np.ndarray[Any, Any]:
        """Return probabilities ``(n, H, W, K)``."""
        patches = probabilities.reshape(len(probabilities), self.tokens, -1)
        return super().decode_probabilities(self.grid.join(patches))

    def embed(self, x: Tensor) -> Tensor:
        """Sum the vectors of the pixels ``(B, cells)`` of each patch, ``(B, P, D)``."""
        codes = x.view(-1, self.grid.pixels) + self._slots
        patches = F.embedding_bag(codes, self.embedding, mode="sum")
        return patches.view(len(x), self.tokens, -1) + self.position

    def readout(self, h: Tensor) -> Tensor:
        """Read logits ``(B, cells, K)``, all pixels of a patch from its token ``(B, P, D)``."""
        logits: Tensor = self.to_classes(h)
        return logits.reshape(len(h), self.cells, self.classes)

    def _checked(self, values: Any) -> np.ndarray[Any, Any]:
        """Check shape, type and range."""
        array = np.asarray(values)
        height, width = self.grid.height, self.grid.width
        if array.ndim != 3 or array.shape[1:] != (height, width):
            raise DataError(
                f"Expected maps of shape (n, {height}, {width}). Got {array.shape} instead."
            )
        if array.dtype.kind not in "iu":
            raise DataError(f"Classes must be integers. Got an array of {array.dtype} instead.")
        wrong = (array < 0) | (array >= self.classes)
        if wrong.any():
            row, y, x = np.argwhere(wrong)[0]
            raise DataError(
                f"Row {row}: class {array[row, y, x]} at pixel ({y}, {x}) is not one of the known "
                f"classes 0 to {self.classes - 1}."
            )
        return array

    def _join(self, cells: Tensor) -> Tensor:
        """(n, cells) -> (n, H, W)."""
        patches = cells.reshape(len(cells), self.tokens, self.grid.pixels)
        return self.grid.join(patches)[..., 0]

    def _log_frequencies(self) -> Tensor:
        """Where the logits start: the share of each class is the answer without evidence."""
        if self._frequencies is not None:
            return (torch.as_tensor(np.asarray(self._frequencies)).float() + 1e-6).log()
        if self._counts is None:
            return torch.zeros(self.classes)
        shares = (self._counts + 0.5) / (self._counts + 0.5).sum()
        return torch.as_tensor(np.log(shares), dtype=torch.float32)
