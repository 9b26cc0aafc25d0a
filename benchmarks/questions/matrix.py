"""Tables as matrices of numbers, for methods and distances that know nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HALF = float(np.sqrt(0.5))  # two levels are sqrt(2 HALF^2) = 1 apart, like numbers 1 sd apart


@dataclass(frozen=True)
class Matrix:
    """Standardised numbers and one-hot categories, with the train rows' means, sds and levels.

    A one-hot cell holds sqrt(1/2), so two categories are as far apart as two numbers that differ by
    one standard deviation. A hole is NaN in all cells of its column; an unseen level is all zeros.

    Parameters
    ----------
    names : list of str
        Columns in table order.
    scales : dict of str to (float, float)
        Mean and standard deviation of each numeric column.
    levels : dict of str to Index
        Levels of each categorical column.
    """

    names: list[str]
    scales: dict[str, tuple[float, float]]
    levels: dict[str, pd.Index]

    @classmethod
    def fit(cls, train: pd.DataFrame, categorical: Sequence[str]) -> "Matrix":
        """Learn means, standard deviations (1 for a constant column) and levels."""
        scales, levels = {}, {}
        for name, column in train.items():
            if name in categorical:
                levels[str(name)] = pd.Index(sorted(column.dropna().unique()))
            else:
                scales[str(name)] = (float(column.mean()), float(column.std(ddof=0)) or 1.0)
        return cls([str(name) for name in train], scales, levels)

    @property
    def slices(self) -> dict[str, slice]:
        """Cells of the matrix that hold each column."""
        found, start = {}, 0
        for name in self.names:
            width = len(self.levels[name]) if name in self.levels else 1
            found[name] = slice(start, start + width)
            start += width
        return found

    def __call__(self, table: pd.DataFrame) -> Floats:
        """Encode a table, ``(rows, cells)``."""
        return np.concatenate([self._column(table[name]) for name in self.names], axis=1)

    def decode(self, matrix: Floats) -> pd.DataFrame:
        """Turn cells back into values; a category is the level with the largest cell."""
        table = {}
        for name, cells in self.slices.items():
            if name in self.levels:
                table[name] = self.levels[name].to_numpy()[matrix[:, cells].argmax(axis=1)]
            else:
                mean, sd = self.scales[name]
                table[name] = mean + sd * matrix[:, cells.start]
        return pd.DataFrame(table)

    def spread(self, holes: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Repeat a mask of ``(rows, columns)`` for all cells of each column."""
        widths = [cells.stop - cells.start for cells in self.slices.values()]
        return np.repeat(holes, widths, axis=1)

    def _column(self, column: "pd.Series[float]") -> Floats:
        name = str(column.name)
        if name in self.scales:
            mean, sd = self.scales[name]
            scaled = (column.to_numpy(np.float64, na_value=np.nan) - mean) / sd
            return np.asarray(scaled, dtype=np.float64)[:, None]
        codes = self.levels[name].get_indexer(pd.Index(column))
        cells = HALF * (codes[:, None] == np.arange(len(self.levels[name])))
        return np.where(column.isna().to_numpy()[:, None], np.nan, cells)
