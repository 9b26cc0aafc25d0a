"""α-precision and β-recall: whether synthetic rows lie where real rows do, and everywhere they do.

Alaa et al. 2022, arXiv 2102.08921, as the literature on tables has taken it over: the tables
themselves, numbers scaled by the real table's range and categories one-hot, with the Euclidean
distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError
from tabdiffuse.metrics.encoding import TreeEncoder

Floats: TypeAlias = NDArray[np.float64]

LEVELS = 30  # values of α, and of β, from 0 to 1
_ROWS, _COLUMNS = 128, 2048  # a block of distances: 2 MB, within a core's cache


@dataclass(frozen=True)
class Support:
    """How well the supports of two laws agree.

    Parameters
    ----------
    alpha_precision : float
        For each α: the share of synthetic rows within the ball about the real mean that holds a
        share α of the real rows, which should be α. 1 - the summed error over the sum of all α.
    beta_recall : float
        The same for the share of real rows that have a synthetic row at least as near as their
        nearest other real row, that synthetic row being among the share β of those nearest to the
        synthetic mean. About 0.5 for a perfect sampler, since real and synthetic rows are then
        equally near; towards 1 for a table of copies.
    """

    alpha_precision: float
    beta_recall: float


def support(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    categorical: Sequence[Any],
    *,
    pool: Executor | None = None,
) -> Support:
    """α-precision and β-recall of a synthetic table.

    The protocol's encoder refuses a level that the real table lacks; here it is a level like any
    other. A missing category is a level too. A missing number lies at the mean of the real
    column, and differs from one that is there as two levels do.

    Parameters
    ----------
    real, synthetic : DataFrame
        Tables with the same columns and equally many rows.
    categorical : sequence of str
        Categorical columns; all others are numeric.
    pool : Executor, optional
        Where the searches for nearest rows run, in parts. It does not change the result.

    Returns
    -------
    Support
        Both in [0, 1], higher is better, though β-recall above 0.5 hints at copies.

    Raises
    ------
    DataError
        If the tables differ in length, or have fewer than two rows: both decide how near the
        nearest row is.
    """
    if len(real) != len(synthetic) or len(real) < 2:
        raise DataError(
            f"β-recall compares distances within tables of equal length, at least 2 rows each; got "
            f"{len(real)} real and {len(synthetic)} synthetic rows. Sample the longer table down."
        )
    ours, theirs = _points(real, synthetic, categorical)
    grid = np.linspace(0, 1, LEVELS)

    center = _Center.of(ours)
    radii = np.quantile(center.distances(ours), grid)
    precision = (center.distances(theirs) <= radii[:, None]).mean(axis=1)

    _, to_real = nearest(ours, ours, others_only=True, pool=pool)
    neighbour, to_synthetic = nearest(ours, theirs, pool=pool)
    depth = _Center.of(theirs).distances(theirs)[neighbour]
    radii = np.quantile(depth, grid)
    recall = ((to_synthetic <= to_real) & (depth <= radii[:, None])).mean(axis=1)
    return Support(_agreement(grid, precision), _agreement(grid, recall))


def _agreement(wanted: Floats, found: Floats) -> float:
    """1 for equal curves, less the area between them."""
    return float(1 - np.abs(wanted - found).sum() / wanted.sum())


@dataclass(frozen=True)
class Points:
    """Rows of a table: scaled numbers, and a code for each level of each categorical column.

    One-hot vectors of two levels are at the squared distance 2, so codes are all that distances
    need, and far quicker to compare.

    Parameters
    ----------
    numbers : array, shape (rows, numeric columns)
        Without missing values.
    codes : array, shape (categorical columns, rows)
        Small unsigned integers.
    """

    numbers: Floats
    codes: NDArray[np.unsignedinteger[Any]]

    def take(self, rows: NDArray[np.intp] | slice) -> Points:
        """Select rows."""
        return Points(self.numbers[rows], self.codes[:, rows])


def nearest(
    points: Points, others: Points, *, others_only: bool = False, pool: Executor | None = None
) -> tuple[NDArray[np.intp], Floats]:
    """Find the nearest of the others for each point, by brute force.

    Parameters
    ----------
    points, others : Points
        Rows in the same encoding.
    others_only : bool
        Whether both are the same rows, of which none is its own neighbour.
    pool : Executor, optional
        Where blocks of rows are searched.

    Returns
    -------
    tuple of two arrays
        Row number of the neighbour, and the squared distance to it: exactly 0 for equal rows.
    """
    starts = range(0, len(points.numbers), _ROWS)

    def search(start: int) -> NDArray[np.intp]:
        return _nearest_of_block(
            points.take(slice(start, start + _ROWS)), others, start, others_only
        )

    found = np.concatenate(list(pool.map(search, starts) if pool else map(search, starts)))
    return found, _squared_distances(points, others.take(found))


def _nearest_of_block(
    block: Points, others: Points, start: int, others_only: bool
) -> NDArray[np.intp]:
    """Search in stretches of columns; ``start`` is the number of the block's first row."""
    n_rows = len(block.numbers)
    squares = (others.numbers**2).sum(axis=1)
    best, place = np.full(n_rows, np.inf), np.zeros(n_rows, dtype=np.intp)
    for left in range(0, len(squares), _COLUMNS):
        stretch = slice(left, left + _COLUMNS)
        # |x - y|² without |x|², which is the same for the whole row.
        distance = squares[stretch] - 2 * (block.numbers @ others.numbers[stretch].T)
        distance += 2.0 * _mismatches(block.codes[:, :, None], others.codes[:, None, stretch])
        if others_only:
            own = np.arange(start, start + n_rows) - left
            inside = (own >= 0) & (own < distance.shape[1])
            distance[np.flatnonzero(inside), own[inside]] = np.inf
        column = distance.argmin(axis=1)
        value = distance[np.arange(n_rows), column]
        closer = value < best
        best[closer], place[closer] = value[closer], column[closer] + left
    return place


def _mismatches(
    first: NDArray[np.unsignedinteger[Any]], second: NDArray[np.unsignedinteger[Any]]
) -> NDArray[np.unsignedinteger[Any]]:
    """Count the categorical columns, along the first axis, in which codes differ."""
    shape = np.broadcast_shapes(first.shape, second.shape)
    count = np.zeros(shape[1:], dtype=np.min_scalar_type(shape[0]))
    for one, other in zip(first, second, strict=True):
        count += one != other
    return count


def _squared_distances(points: Points, others: Points) -> Floats:
    """Squared distance of each point to the other one in the same row, without cancellation."""
    numeric: Floats = ((points.numbers - others.numbers) ** 2).sum(axis=1)
    return numeric + 2.0 * _mismatches(points.codes, others.codes)


@dataclass(frozen=True)
class _Center:
    """Mean of rows: of their numbers, and of their one-hot levels, which are frequencies."""

    numbers: Floats
    frequencies: list[Floats]

    @classmethod
    def of(cls, points: Points) -> _Center:
        rows = points.codes.shape[1]
        return cls(points.numbers.mean(axis=0), [np.bincount(c) / rows for c in points.codes])

    def distances(self, points: Points) -> Floats:
        """Distance of each row to the mean."""
        square: Floats = ((points.numbers - self.numbers) ** 2).sum(axis=1)
        for codes, share in zip(points.codes, self.frequencies, strict=True):
            # |e - p|² for a one-hot vector e; levels beyond the counted ones have frequency 0.
            own = np.where(codes < len(share), share[np.minimum(codes, len(share) - 1)], 0.0)
            square += 1 - 2 * own + (share**2).sum()
        return np.sqrt(square)


def _points(
    real: pd.DataFrame, synthetic: pd.DataFrame, categorical: Sequence[Any]
) -> tuple[Points, Points]:
    """Encode both tables, scaled by the real one."""
    chosen = set(categorical)
    encoder = TreeEncoder.fit(
        [real, synthetic], [name for name in real if name in chosen], categorical
    )
    numbers = [
        table[[name for name in real if name not in chosen]]
        .apply(pd.to_numeric)
        .to_numpy(dtype=np.float64, na_value=np.nan)
        for table in (real, synthetic)
    ]
    missing = [np.isnan(values) for values in numbers]
    # Where no number is missing, its mark tells nothing apart and costs only time.
    marked = missing[0].any(axis=0) | missing[1].any(axis=0)
    known = np.where(missing[0], 0.0, numbers[0])
    mean = known.sum(axis=0) / np.maximum(1, (~missing[0]).sum(axis=0))
    filled = [np.where(gone, mean, values) for gone, values in zip(missing, numbers, strict=True)]
    low = filled[0].min(axis=0)
    span = filled[0].max(axis=0) - low
    span[span == 0] = 1.0
    codes = [
        np.hstack([encoder.matrix(table), gone[:, marked]]).T
        for table, gone in zip((real, synthetic), missing, strict=True)
    ]
    largest = max((int(each.max()) for each in codes if each.size), default=0)
    small = np.min_scalar_type(largest)
    ours, theirs = (
        Points((values - low) / span, np.ascontiguousarray(each.astype(small)))
        for values, each in zip(filled, codes, strict=True)
    )
    return ours, theirs
