"""Are rows copied? Distances to the closest real row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from tabdiffuse.errors import DataError
from tabdiffuse.metrics.encoding import as_text

MISMATCH = 2.0  # L1 distance between two one-hot vectors
SAME = 1e-9  # distances closer than this differ by rounding alone
BLOCK = 2**21  # pairs of rows whose distances are held at once: 16 MB


def dcr_share(
    synthetic: pd.DataFrame,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    categorical: Sequence[Any],
) -> float:
    """Share of synthetic rows that are closer to a train row than to any holdout row.

    With as many holdout rows as train rows, drawn alike, a table that copies nothing scores 1/2 and
    a table of copies 1. With other sizes the fair value is near n_train / (n_train + n_holdout).

    Parameters
    ----------
    synthetic, train, holdout : DataFrame
        Tables with the same columns; ``train`` is what the model learnt from.
    categorical : sequence of str
        Categorical columns; the rest is numeric.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    DataError
        If a table is empty, their columns differ, or a numeric column does not hold numbers.

    Notes
    -----
    The distance is that of TabSyn (Zhang et al. 2024, arXiv 2310.09656), see
    :func:`nearest_distances`; ranges are those of ``train``. A row as far from train as from
    holdout counts half; the public code counts it as not closer to train.
    """
    to_train = nearest_distances(synthetic, train, categorical)
    to_holdout = nearest_distances(synthetic, holdout, categorical, scale=train)
    tied = np.abs(to_train - to_holdout) <= SAME
    return float(np.mean(np.where(tied, 0.5, to_train < to_holdout)))


def nearest_distances(
    synthetic: pd.DataFrame,
    reference: pd.DataFrame,
    categorical: Sequence[Any],
    *,
    scale: pd.DataFrame | None = None,
) -> NDArray[np.float64]:
    """Distance of each row to the row of ``reference`` closest to it.

    The L1 distance of numbers divided by their range and one-hot categories: a differing category
    counts 2. Computed exactly, in bounded memory.

    Parameters
    ----------
    synthetic, reference : DataFrame
        Tables with the same columns.
    categorical : sequence of str
        Categorical columns; the rest is numeric.
    scale : DataFrame, optional
        Table whose ranges divide the numbers; ``reference`` by default. Pass the same one wherever
        distances are compared.

    Returns
    -------
    array of float, shape (rows of ``synthetic``,)
        Distances, in the order of the rows.

    Raises
    ------
    DataError
        If a table is empty, their columns differ, or a numeric column does not hold numbers.

    Notes
    -----
    A category seen in one table only differs from all others. A missing value equals another
    missing value and differs from everything else by 2; a missing number also takes the middle of
    the range. Numeric columns that are constant in ``scale`` have no range and are left out.
    """
    scale = reference if scale is None else scale
    _check(synthetic, reference, scale)
    left, right = _points((synthetic, reference), scale, categorical)
    nearest = np.full(len(synthetic), np.inf)
    for rows in _alike(left.codes):
        mismatches = np.zeros(len(reference), dtype=np.min_scalar_type(len(left.codes)))
        for column, codes in zip(right.codes, left.codes, strict=True):
            mismatches += column != codes[rows[0]]
        _search(nearest, rows, left.numbers, right.numbers, mismatches)
    return nearest


@dataclass(frozen=True)
class _Points:
    """Rows of a table: scaled numbers (rows, d), and an array of codes for each category."""

    numbers: NDArray[np.float64]
    codes: list[NDArray[np.integer]]


def _search(
    nearest: NDArray[np.float64],
    rows: NDArray[np.intp],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    mismatches: NDArray[np.integer],
) -> None:
    """Lower ``nearest[rows]`` to the distance from ``left[rows]`` to the closest of ``right``.

    The rows share their categories. Reference rows are visited in the order of their mismatches,
    which bound the distance from below: nearly always the first few suffice.
    """
    for count in range(int(mismatches.min()), int(mismatches.max()) + 1):
        rows = rows[nearest[rows] > MISMATCH * count]
        candidates = right[np.flatnonzero(mismatches == count)]
        if not len(rows):
            return
        if not len(candidates):
            continue
        for block in np.array_split(rows, -(-len(rows) * len(candidates) // BLOCK)):
            distances = cdist(left[block], candidates, "cityblock").min(axis=1)
            nearest[block] = np.minimum(nearest[block], MISMATCH * count + distances)


def _alike(codes: list[NDArray[np.integer]]) -> list[NDArray[np.intp]]:
    """Group the rows that share all their categories."""
    patterns, kind = np.unique(np.column_stack(codes), axis=0, return_inverse=True)
    order = np.argsort(kind.ravel(), kind="stable")
    return np.split(order, np.searchsorted(kind.ravel()[order], np.arange(1, len(patterns))))


def _points(
    tables: tuple[pd.DataFrame, pd.DataFrame], scale: pd.DataFrame, categorical: Sequence[Any]
) -> tuple[_Points, _Points]:
    """Scale the numbers and number the categories of both tables alike."""
    numbers = [
        _scaled(tables, scale, name) for name in scale.columns.tolist() if name not in categorical
    ]
    codes = [_numbered(tables, name, name in categorical) for name in scale.columns.tolist()]
    # A column of one level tells no rows apart; one is kept, for there must be one.
    telling = [pair for pair in codes if max(each.max() for each in pair)] or codes[:1]
    first, second = (
        _Points(
            np.column_stack([np.zeros(len(table))] + [pair[side] for pair in numbers]),
            [pair[side] for pair in telling],
        )
        for side, table in enumerate(tables)
    )
    return first, second


def _numbered(
    tables: tuple[pd.DataFrame, pd.DataFrame], name: Any, is_category: bool
) -> list[NDArray[np.integer]]:
    """Give each level of a column a code; a numeric one has two levels, known and missing."""
    columns = [table[name] for table in tables]
    levels = [(as_text(each) if is_category else each.isna()).to_numpy() for each in columns]
    codes = pd.factorize(np.concatenate(levels))[0]
    narrow = codes.astype(np.min_scalar_type(int(codes.max())))  # compared many times over
    return np.split(narrow, [len(levels[0])])


def _scaled(
    tables: tuple[pd.DataFrame, pd.DataFrame], scale: pd.DataFrame, name: Any
) -> list[NDArray[np.float64]]:
    """Divide a column by its range in ``scale``; zeros where it has none."""
    known = _floats(scale[name].dropna())
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    if low == high:
        return [np.zeros(len(table)) for table in tables]
    arrays = [_floats(table[name]) for table in tables]
    middle = (low + high) / 2
    return [(np.where(np.isnan(each), middle, each) - low) / (high - low) for each in arrays]


def _floats(column: "pd.Series[Any]") -> NDArray[np.float64]:
    try:
        return pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"Column {column.name!r} does not hold numbers ({error}). Name it in `categorical`."
        ) from error


def _check(synthetic: pd.DataFrame, reference: pd.DataFrame, scale: pd.DataFrame) -> None:
    """Refuse empty tables and tables of other columns."""
    if synthetic.empty or reference.empty or scale.empty:
        raise DataError(
            f"Nearest rows need rows in every table; got {len(synthetic)} synthetic and "
            f"{len(reference)} reference rows, and {len(scale)} that give the ranges."
        )
    columns = {frozenset(table) for table in (synthetic, reference, scale)}
    if len(columns) > 1:
        differ = sorted(frozenset.union(*columns) - frozenset.intersection(*columns), key=str)
        raise DataError(
            f"The tables differ in the columns {differ}; give all of them the same columns."
        )
