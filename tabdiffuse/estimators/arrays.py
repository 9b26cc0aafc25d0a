"""Rows as a mapping of names to arrays, one array for each modality."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.estimators.forms import Form, Given
from tabdiffuse.estimators.parts import KnownPart, encode_parts
from tabdiffuse.joint import State
from tabdiffuse.modalities import Modality

__all__ = ["ArrayForm", "read_rows"]


@dataclass(frozen=True)
class ArrayForm(Form):
    """One array for each modality.

    Attributes
    ----------
    ndims : dict of str to int
        Number of dimensions of one entry of each modality.
    """

    ndims: dict[str, int]

    @classmethod
    def fit(cls, X: Any, modalities: Mapping[str, Modality]) -> tuple[ArrayForm, dict[str, Tensor]]:
        """Check and encode training data.

        Raises
        ------
        DataTypeError, DataError
            They are no mapping, do not name the modalities, or do not fit them.
        """
        if not isinstance(X, Mapping):
            raise DataTypeError(
                "X must be a DataFrame, or must map the names of the modalities to arrays. "
                f"Got {type(X).__name__} instead."
            )
        if set(X) != set(modalities):
            names = sorted(X, key=str)
            raise DataError(f"X must hold exactly {sorted(modalities)}. Got {names} instead.")
        data = encode_parts(modalities, {name: X[name] for name in modalities})
        _check_rows(data)
        return cls({name: np.ndim(X[name]) - 1 for name in modalities}), data

    def read(self, conditions: Any, n_samples: int, parts: Mapping[str, Modality]) -> Given:
        """Give each row its conditions: one value for all of them, or an array with one for each.

        Raises
        ------
        DataTypeError, ParameterError, DataError
            They are no mapping, name no modality, or do not fit it.
        """
        rows = np.arange(n_samples, dtype=np.intp)
        if conditions is None:
            return Given(rows)
        if not isinstance(conditions, Mapping):
            raise DataTypeError(
                "conditions must map names of modalities to values. "
                f"Got {type(conditions).__name__} instead."
            )
        values = {name: self._spread(name, own, n_samples) for name, own in conditions.items()}
        known = {name: KnownPart.observe(name, parts[name], own) for name, own in values.items()}
        return Given(rows, known)

    @property
    def columns(self) -> dict[str, tuple[Any, ...]]:
        """Each modality goes by its own name."""
        return {name: (name,) for name in self.ndims}

    @property
    def names(self) -> list[Any]:
        """Names of the modalities."""
        return list(self.ndims)

    def answer(
        self, state: State, given: Given, shown: Collection[Any], parts: Mapping[str, Modality]
    ) -> dict[str, NDArray[Any]]:
        """Give an array for each modality that is shown."""
        drawn = {name: parts[name].decode(state[name]) for name in shown}
        for name, known in given.parts.items():
            drawn[name] = known.fill(parts[name], drawn[name], given.rows)
        return drawn

    def _spread(self, name: str, value: Any, n_samples: int) -> NDArray[Any]:
        if name not in self.ndims:
            raise ParameterError(f"Got an unknown modality {name!r}. Known: {sorted(self.ndims)}.")
        array = np.asarray(value)
        if array.ndim == self.ndims[name]:
            array = np.repeat(array[None], n_samples, axis=0)
        if array.ndim == 0 or len(array) != n_samples:
            raise DataError(
                f"conditions[{name!r}] has {np.shape(value)[:1]} rows, but n_samples="
                f"{n_samples}. Give one value, or one for each row."
            )
        return array.copy()


def read_rows(X: Any, form: ArrayForm, parts: Mapping[str, Modality]) -> Given:
    """Read given rows, one entry of each modality for each.

    Raises
    ------
    DataTypeError
        ``X`` is no mapping.
    DataError
        Modalities have different numbers of rows, or values do not fit them.
    """
    if not isinstance(X, Mapping) or not X:
        raise DataTypeError(
            f"X must map names of modalities to arrays, such as {[*parts][:1]}. Got {X!r} instead."
        )
    for name, values in X.items():
        if name in form.ndims and np.ndim(values) != form.ndims[name] + 1:
            raise DataError(
                f"{name!r} must hold one entry for each row, {form.ndims[name] + 1} dimensions in "
                f"all. Got an array of shape {np.shape(values)}; put a single entry into a list."
            )
    counts = {name: np.shape(values)[0] if np.ndim(values) else 1 for name, values in X.items()}
    rows = next(iter(counts.values()))
    if rows == 0 or set(counts.values()) != {rows}:
        raise DataError(
            f"All modalities of X must have the same number of rows, at least 1. Got {counts}."
        )
    return form.read(X, rows, parts)


def _check_rows(data: Mapping[str, Tensor]) -> None:
    counts = {name: len(values) for name, values in data.items()}
    rows = set(counts.values())
    if len(rows) != 1:
        raise DataError(f"All modalities must have the same number of rows. Got {counts}.")
    if (found := rows.pop()) < 2:
        raise DataError(f"Found n_samples = {found} while a minimum of 2 is required.")
