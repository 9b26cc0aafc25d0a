"""The form in which rows are given and returned: what a multimodal estimator asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabdiffuse._random import Noise, generator
from tabdiffuse.estimators.parts import KnownPart
from tabdiffuse.estimators.presets import Preset
from tabdiffuse.joint import JointProcess, Observed, ProductProcess, State
from tabdiffuse.modalities import Modality
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.tables.asked import Asked
from tabdiffuse.times import Independent, Mixed, RandomClean, RandomGiven, Tied, TimeLaw

__all__ = ["Form", "Given", "no_rows"]

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Given:
    """Conditions that were read and checked.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        The entry of the conditions that each row to draw fulfils.
    parts : dict of str to KnownPart
        What is known of modalities.
    table : Evidence
        What is known of the columns of a table.
    asked : Asked, optional
        The conditions on these columns.
    """

    rows: NDArray[np.intp]
    parts: dict[str, KnownPart] = field(default_factory=dict)
    table: Evidence = field(default_factory=Evidence)
    asked: Asked | None = None

    @property
    def names(self) -> list[Any]:
        """Modalities and columns that have a condition."""
        return [*self.parts, *(() if self.asked is None else self.asked.columns)]

    @property
    def any(self) -> bool:
        """Whether anything is known."""
        on_columns = self.asked is not None and self.asked.any
        return on_columns or any(bool(part.known.any()) for part in self.parts.values())

    def evidence(self) -> Evidence | None:
        """Give the evidence for each row, None if there is no condition."""
        if self.asked is None and not self.parts:
            return None
        observed = self.table.observed or Observed({}, {})
        values = {name: part.states for name, part in self.parts.items()}
        known = {name: part.known for name, part in self.parts.items()}
        merged = Observed(observed.values | values, observed.known | known, observed.times)
        evidence = Evidence(
            merged if merged.known else None, self.table.restrictions, self.table.groups
        )
        return evidence.of_rows(torch.as_tensor(self.rows), _CPU) if self.rows.any() else evidence


class Form(ABC):
    """How rows come in and go out; remembers of the training data what that needs.

    A form holds no weights: the modalities are handed to it.
    """

    @property
    @abstractmethod
    def columns(self) -> dict[str, tuple[Any, ...]]:
        """Names that the user has for what each modality carries."""

    @property
    @abstractmethod
    def names(self) -> list[Any]:
        """All these names, in the order of the training data."""

    @abstractmethod
    def read(self, conditions: Any, n_samples: int, parts: Mapping[str, Modality]) -> Given:
        """Read the conditions of a sample, None for none; refuse in words what does not fit."""

    @abstractmethod
    def answer(
        self, state: State, given: Given, shown: Collection[Any], parts: Mapping[str, Modality]
    ) -> Any:
        """Turn clean states into rows, with what was given in its place, of some names."""

    def tie(self, modalities: Mapping[str, Modality]) -> JointProcess:
        """Tie the modalities to one process."""
        return ProductProcess(modalities)

    def time_law(self, preset: Preset) -> TimeLaw:
        """Mix the laws: half of the clean subsets are whole modalities, half are any cells."""
        whole, cells = RandomGiven(Tied()), RandomClean(Tied())
        shares = (preset.tied, preset.independent, preset.clean / 2, preset.clean / 2)
        return Mixed((Tied(), Independent(), whole, cells), shares)


def no_rows(parts: Mapping[str, Modality]) -> State:
    """Give states of no rows."""
    noise = Noise([generator(0)])
    return {name: part.process.prior(0, noise) for name, part in parts.items()}
