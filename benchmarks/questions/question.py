"""What every task starts from: train rows to know, test rows to ask about, a seed."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.data import Dataset

Scores = dict[str, dict[str, float]]  # by method, then by score


@dataclass(frozen=True)
class Question:
    """A data set as the tasks see it.

    Parameters
    ----------
    train, test : DataFrame
        All rows of the split.
    categorical : sequence of str
        Categorical columns; all others are numeric.
    target : str
        Column to predict.
    kind : str
        ``"binclass"`` or ``"regression"``.
    seed : int
        Seed of whatever a task draws; the same for all methods.
    rows : int
        Test rows to use at most.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    categorical: Sequence[str]
    target: str
    kind: str
    seed: int
    rows: int

    @classmethod
    def of(cls, dataset: Dataset, seed: int, rows: int) -> "Question":
        """Take the rows of a data set."""
        kinds = (dataset.categorical, dataset.target, dataset.task)
        return cls(dataset.train, dataset.test, *kinds, seed, rows)

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in table order."""
        return [str(name) for name in self.train]

    @property
    def numeric(self) -> list[str]:
        """Names of the numeric columns, in table order."""
        return [name for name in self.columns if name not in self.categorical]

    def asked(self, at_most: int | None = None) -> pd.DataFrame:
        """Draw test rows; of a smaller number, the first ones of a larger."""
        count = min(len(self.test), self.rows if at_most is None else min(at_most, self.rows))
        order = self.random("asked").permutation(len(self.test))[:count]
        return self.test.iloc[order].reset_index(drop=True)

    def known(self, at_most: int) -> pd.DataFrame:
        """Draw train rows, for methods that cannot take all of them."""
        order = self.random("known").permutation(len(self.train))[:at_most]
        return self.train.iloc[order].reset_index(drop=True)

    def random(self, purpose: str) -> np.random.Generator:
        """Make the random numbers of one purpose; they do not depend on other purposes."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])
