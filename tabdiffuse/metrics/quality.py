"""Shape and Trend: how well columns, and pairs of columns, follow the real table.

The two scores of SDMetrics' quality report, as published tables use them: every row and every
pair counts. Each column is turned into codes once; a pair of columns then costs one count of
combined codes, and all correlations one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[Any]  # in the column's own precision, on which bin edges depend
Pair: TypeAlias = tuple[Any, Any]

BINS = 10
DECIMALS = 14  # SDMetrics rounds numbers so before it compares their distributions
_DENSE_CELLS = 2**22  # contingency tables beyond this are counted by sorting
_FLAT = 1e-12  # share of a column's variance under which a pair's remaining rows are constant


@dataclass(frozen=True)
class Quality:
    """Shape and Trend with what they are means of.

    Parameters
    ----------
    shape : float
        Mean over columns of 1 - KS (numeric) or 1 - TV (categorical), in [0, 1].
    trend : float
        Mean over pairs of columns of 1 - half the difference of the correlations (both numeric)
        or 1 - TV of the contingency tables (numeric columns in 10 bins), in [0, 1].
    trend_real_edges : float
        Trend with the bins of the real table in both tables. In ``trend`` each table has bins of
        its own, so one extreme row more or less moves every edge.
    columns : dict of str to float
        Score of each column.
    pairs : list of (str, str, float)
        Score of each pair, as in ``trend``.
    unscored : list of str
        Columns and pairs without a score, a constant column for instance. They are left out of
        the mean, so a collapsed column can *raise* Trend: read this list.
    """

    shape: float
    trend: float
    trend_real_edges: float
    columns: dict[Any, float]
    pairs: list[tuple[Any, Any, float]]
    unscored: list[str]


def quality(real: pd.DataFrame, synthetic: pd.DataFrame, categorical: Sequence[Any]) -> Quality:
    """Shape and Trend of a synthetic table against a real one.

    Equal to SDMetrics' quality report with its two thresholds at 0 and without subsampling (a
    test compares the two). Missing numbers count in Trend as a value beyond the last bin, missing
    categories as a category; Shape leaves both out.

    Parameters
    ----------
    real, synthetic : DataFrame
        Tables with the same columns.
    categorical : sequence of str
        Columns to score as categories; all others are numeric.

    Returns
    -------
    Quality
        Scores in [0, 1], higher is better.
    """
    chosen = set(categorical)
    levels = {name: _coded_levels(real[name], synthetic[name]) for name in real if name in chosen}
    numbers = {
        name: (_numbers(real[name]), _numbers(synthetic[name]))
        for name in real
        if name not in chosen
    }
    columns = {
        name: _tv_complement(levels[name]) if name in levels else ks_complement(*numbers[name])
        for name in real
    }
    order = list(combinations(real, 2))
    by_table = [pair for pair in order if chosen.intersection(pair)]
    own = levels | {name: _coded_bins(*tables) for name, tables in numbers.items()}
    shared = levels | {name: _coded_shared_bins(*tables) for name, tables in numbers.items()}
    found = _correlation_scores(numbers) | _contingency_scores(own, by_table)
    on_real_edges = found | _contingency_scores(
        shared, [pair for pair in by_table if not chosen.issuperset(pair)]
    )
    pairs = [(first, second, found[first, second]) for first, second in order]
    return Quality(
        shape=_mean(columns.values()),
        trend=_mean(found.values()),
        trend_real_edges=_mean(on_real_edges.values()),
        columns=columns,
        pairs=pairs,
        unscored=[str(name) for name, score in columns.items() if np.isnan(score)]
        + [f"{first} x {second}" for first, second, score in pairs if np.isnan(score)],
    )


def ks_complement(real: Numbers, synthetic: Numbers) -> float:
    """1 - the largest distance of the two distribution functions; NaN where a table is empty."""
    first, second = (
        np.sort(values[~np.isnan(values)].round(DECIMALS)) for values in (real, synthetic)
    )
    if not len(first) or not len(second):
        return float("nan")
    places = np.concatenate([first, second])
    gap = np.searchsorted(first, places, side="right") / len(first)
    gap -= np.searchsorted(second, places, side="right") / len(second)
    return float(1 - np.abs(gap).max())


def correlations(matrix: Numbers) -> NDArray[np.float64]:
    """Pearson correlation of each pair of columns over the rows where both have a value.

    Parameters
    ----------
    matrix : array, shape (rows, columns)
        NaN where a value is missing.

    Returns
    -------
    array, shape (columns, columns)
        NaN where a column is constant, or constant in the rows that a pair shares.
    """
    values = np.asarray(matrix, dtype=np.float64)
    there = ~np.isnan(values)
    present = there.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):  # no rows, no spread, infinite: NaN
        # About the column's mean, in units of its largest deviation, the differences of sums
        # below neither cancel nor overflow.
        centred = values - np.where(there, values, 0.0).sum(axis=0) / there.sum(axis=0)
        scale = np.abs(centred).max(axis=0, where=there, initial=0.0)
        centred = np.where(there, centred / scale, 0.0)
        count = present.T @ present
        total = centred.T @ present
        square = (centred**2).T @ present
        variance = square - total**2 / count
        covariance = centred.T @ centred - total * total.T / count
        result = np.clip(covariance / np.sqrt(variance * variance.T), -1, 1)
        varies = variance > _FLAT * square
    return np.where(varies & varies.T, result, np.nan)


def _correlation_scores(numbers: dict[Any, tuple[Numbers, Numbers]]) -> dict[Pair, float]:
    """Score of each pair of numeric columns."""
    if not numbers:
        return {}
    real, synthetic = (
        correlations(np.column_stack(tables)) for tables in zip(*numbers.values(), strict=True)
    )
    score = 1 - np.abs(real - synthetic) / 2
    names = enumerate(numbers)
    return {(a, b): float(score[i, j]) for (i, a), (j, b) in combinations(names, 2)}


@dataclass(frozen=True)
class _Coded:
    """One column of both tables as codes in ``range(n_codes)``."""

    real: Codes
    synthetic: Codes
    n_codes: int

    def cross(self, other: _Coded) -> _Coded:
        """Give each pair of codes a code."""
        return _Coded(
            self.real * other.n_codes + other.real,
            self.synthetic * other.n_codes + other.synthetic,
            self.n_codes * other.n_codes,
        )

    def total_variation(self) -> float:
        """Half the summed difference of the frequencies."""
        coded = self if self.n_codes <= _DENSE_CELLS else self._compact()
        difference = np.bincount(coded.real, minlength=coded.n_codes) / len(coded.real)
        difference -= np.bincount(coded.synthetic, minlength=coded.n_codes) / len(coded.synthetic)
        return float(np.abs(difference).sum() / 2)

    def _compact(self) -> _Coded:
        """Give numbers only to the codes that occur."""
        seen, codes = np.unique(np.concatenate([self.real, self.synthetic]), return_inverse=True)
        return _Coded(codes[: len(self.real)], codes[len(self.real) :], len(seen))


def _contingency_scores(
    coded: dict[Any, _Coded | None], pairs: Iterable[Pair]
) -> dict[Pair, float]:
    """Score of each of the pairs; NaN where a column has no codes."""
    scores: dict[Pair, float] = {}
    for first, second in pairs:
        a, b = coded[first], coded[second]
        scores[first, second] = float("nan")
        if a is not None and b is not None:
            scores[first, second] = 1 - a.cross(b).total_variation()
    return scores


def _tv_complement(column: _Coded) -> float:
    """1 - TV over the values that are there; NaN where a table has none."""
    missing = column.n_codes - 1
    real, synthetic = (codes[codes < missing] for codes in (column.real, column.synthetic))
    if not len(real) or not len(synthetic):
        return float("nan")
    return 1 - _Coded(real, synthetic, missing).total_variation()


def _coded_levels(real: pd.Series[Any], synthetic: pd.Series[Any]) -> _Coded:
    """Code the values of a categorical column; the last code is a missing value."""
    values = pd.concat([real, synthetic], ignore_index=True)
    if real.dtype != synthetic.dtype:
        values = pd.concat([real.astype(object), synthetic.astype(object)], ignore_index=True)
    codes, levels = pd.factorize(values)
    codes = np.where(codes < 0, len(levels), codes)
    return _Coded(codes[: len(real)], codes[len(real) :], len(levels) + 1)


def _coded_bins(real: Numbers, synthetic: Numbers) -> _Coded | None:
    """Code numbers by the bins of their own table, as SDMetrics does.

    The maximum, and a missing number, lie beyond the last edge: a bin of its own.
    """
    try:
        codes = [np.digitize(values, _edges(values)) for values in (real, synthetic)]
    except ValueError:  # infinite values: no bins
        return None
    return _Coded(codes[0], codes[1], BINS + 2)


def _coded_shared_bins(real: Numbers, synthetic: Numbers) -> _Coded | None:
    """Code numbers by the bins of the real table, the outer two without an end.

    A missing number is the last code.
    """
    try:
        inner = _edges(real)[1:-1]
    except ValueError:
        return None
    codes = [
        np.where(np.isnan(values), BINS, np.digitize(values, inner)) for values in (real, synthetic)
    ]
    return _Coded(codes[0], codes[1], BINS + 1)


def _edges(values: Numbers) -> Numbers:
    return np.histogram_bin_edges(values[~np.isnan(values)], bins=BINS)


def _numbers(column: pd.Series[Any]) -> Numbers:
    """Values of a numeric column, NaN where missing, in its own precision where it has one."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return column.to_numpy()
    return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)


def _mean(scores: Iterable[float]) -> float:
    """Mean of the scores that are there."""
    known = [score for score in scores if not np.isnan(score)]
    return float(np.mean(known)) if known else float("nan")
