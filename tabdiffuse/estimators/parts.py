"""Named modalities as the user gave them: checked, copied, encoded, and known for some rows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tabdiffuse._random import Noise, generator
from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities import Modality
from tabdiffuse.processes import MaskedProcess

__all__ = ["KnownPart", "copy_modalities", "decode_law", "encode_parts", "is_categorical"]

_T = TypeVar("_T")


def copy_modalities(modalities: Any) -> dict[str, Modality]:
    """Check and copy the modalities, which the constructor stored as they were given.

    Raises
    ------
    ParameterError
        They are no mapping of names to modalities, or a name is one that torch keeps for itself.
    """
    if not isinstance(modalities, Mapping) or not modalities:
        raise ParameterError(
            "The 'modalities' parameter of MultimodalDiffusion must be a non-empty mapping of "
            f"names to modalities. Got {modalities!r} instead."
        )
    for name, modality in modalities.items():
        if not isinstance(name, str) or not isinstance(modality, Modality):
            raise ParameterError(
                f"modalities[{name!r}] must be a Modality under a name that is a string. "
                f"Got {modality!r} instead."
            )
        if not name or "." in name or hasattr(nn.ModuleDict, name) or hasattr(nn.Module(), name):
            raise ParameterError(
                f"A modality cannot be named {name!r}: names are not empty, have no dot, and are "
                f"none of those that torch modules use. Rename it, for instance to 'the {name}'."
            )
    return {name: copy.deepcopy(modality) for name, modality in modalities.items()}


def encode_parts(
    modalities: Mapping[str, Modality], values: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Let each modality learn what it needs of its training data, and encode them."""
    for name, given in values.items():
        _worded(name, modalities[name].prepare, given)
    return {name: _worded(name, modalities[name].encode, given) for name, given in values.items()}


@dataclass(frozen=True)
class KnownPart:
    """What is known of one modality, entry by entry.

    Attributes
    ----------
    values : ndarray
        As they were given, ``(E, ...)``; anything that fits where an entry is open.
    states : Tensor
        Their states, ``(E, cells, ...)``.
    known : Tensor
        Which cells are known, ``(E, cells)`` bool.
    """

    values: NDArray[Any]
    states: Tensor
    known: Tensor

    @classmethod
    def observe(
        cls,
        name: str,
        part: Modality,
        values: NDArray[Any],
        given: NDArray[np.bool_] | None = None,
    ) -> KnownPart:
        """Read values; entries that are not ``given``, ``(E,)`` bool, are open as a whole.

        Raises
        ------
        DataError
            They do not fit the modality; the message starts with its name.
        """
        states, known = _worded(name, part.observe, values)
        if given is not None:
            known = known & torch.as_tensor(given)[:, None]
        return cls(values, states, known)

    @classmethod
    def unknown(cls, part: Modality, rows: int) -> KnownPart:
        """Say that nothing is known of any row."""
        states = part.process.prior(rows, Noise([generator(0)]), scale=0.0)
        return cls(np.empty(rows, dtype=object), states, torch.zeros(rows, part.cells).bool())

    def fill(self, part: Modality, drawn: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
        """Put what was given for the entry of each row in the place of what was drawn."""
        return part.fill(self.values[rows], drawn, self.known.numpy()[rows])


def is_categorical(part: Modality) -> bool:
    """Tell whether a modality holds categories rather than numbers."""
    return isinstance(part.process, MaskedProcess)


def decode_law(part: Modality, law: Tensor) -> NDArray[Any]:
    """Decode the likeliest categories, given log-probabilities, or means of numbers."""
    return part.decode(law.argmax(dim=-1) if is_categorical(part) else law)


def _worded(name: str, read: Callable[[Any], _T], values: Any) -> _T:
    """Read the values of a modality; a refusal says which modality it is about."""
    try:
        return read(values)
    except DataError as error:
        raise DataError(f"{name!r}: {error}") from error
