"""Tables of known law: a Gaussian copula of a few factors with mixed margins.

Score j of a row is ``z_j = loadings_j . f + sqrt(1 - |loadings_j|**2) e_j`` with independent
standard normal f and e, so any number of columns costs no matrix decomposition, the correlation of
two scores is the product of their loadings, and the joint law of two columns is that of two
correlated normal numbers cut into cells.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from benchmarks.scale.margins import Floats, Margin, make_margin

FACTORS = 4
COMMUNALITY = (0.25, 0.9)  # share of a score that the factors explain
BLOCK_CELLS = 2_000_000  # cells drawn at a time

_FAR = 8.5  # the normal mass beyond is 2e-17
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True)
class Law:
    """The joint law of the columns of a table.

    Parameters
    ----------
    margins : tuple of Margin
        One for each column.
    loadings : ndarray of float64, shape (columns, FACTORS)
        Weights of the factors in each score.
    """

    margins: tuple[Margin, ...]
    loadings: Floats

    @classmethod
    def make(cls, columns: int, seed: int = 0) -> "Law":
        """Choose a law of so many columns; the same seed gives the same law."""
        rng = np.random.default_rng([seed, columns])
        direction = rng.standard_normal((columns, FACTORS))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        communality = rng.uniform(*COMMUNALITY, size=(columns, 1))
        margins = tuple(make_margin(place, rng) for place in range(columns))
        return cls(margins, direction * np.sqrt(communality))

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [f"c{place:03d}" for place in range(len(self.margins))]

    def sample(self, rows: int, seed: int) -> pd.DataFrame:
        """Draw rows exactly; the first rows of a long table are those of a short one."""
        blocks: list[list[NDArray[np.generic]]] = [[] for _ in self.margins]
        size = max(1, BLOCK_CELLS // len(self.margins))
        for block in range(-(-rows // size)):
            wanted = min(size, rows - block * size)
            scores = self._scores(size, np.random.default_rng([seed, block]))[:wanted]
            for place, margin in enumerate(self.margins):
                blocks[place].append(margin.transform(scores[:, place]))
        columns = {}
        for name, margin in zip(self.names, self.margins, strict=True):
            columns[name] = margin.column(np.concatenate(blocks.pop(0)))
        return pd.DataFrame(columns)

    def pair_table(self, one: int, other: int) -> Floats:
        """Give the exact probability of each pair of cells of two columns.

        The second score given the first is normal, so one integral over each cell of the first
        column is left, which is smooth and done by Gauss-Legendre quadrature.
        """
        rho = float(self.loadings[one] @ self.loadings[other])
        edges = np.concatenate([[-_FAR], self.margins[one].cuts, [_FAR]])
        half = np.diff(edges)[:, None] / 2
        z = edges[:-1, None] + half * (1 + _NODES)  # (cells of one, nodes)
        weight = half * _WEIGHTS * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        scaled = (self.margins[other].cuts - rho * z[..., None]) / np.sqrt(1 - rho**2)
        below = np.concatenate(
            [np.zeros((*z.shape, 1)), ndtr(scaled), np.ones((*z.shape, 1))], axis=-1
        )
        table: Floats = np.einsum("cn,cnd->cd", weight, np.diff(below, axis=-1))
        return table

    def _scores(self, rows: int, rng: np.random.Generator) -> Floats:
        scores = rng.standard_normal((rows, len(self.margins)))
        scores *= np.sqrt(1 - (self.loadings**2).sum(axis=1))
        scores += rng.standard_normal((rows, FACTORS)) @ self.loadings.T
        return scores
