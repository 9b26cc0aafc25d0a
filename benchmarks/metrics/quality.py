"""Shape and Trend, as SDMetrics' quality report computes them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

PAIR = ["Column 1", "Column 2"]


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
    columns : dict of str to float
        Score of each column.
    pairs : list of (str, str, float)
        Score of each pair.
    unscored : list of str
        Columns and pairs without a score, a constant column for instance. SDMetrics leaves them
        out of the mean, so a collapsed column can *raise* Trend: read this list.
    """

    shape: float
    trend: float
    columns: dict[str, float]
    pairs: list[tuple[str, str, float]]
    unscored: list[str]


def quality(real: pd.DataFrame, synthetic: pd.DataFrame, categorical: Sequence[str]) -> Quality:
    """Shape and Trend of a synthetic table against a real one.

    Since version 0.27 SDMetrics skips pairs that are weakly associated in the real table, and it
    subsamples tall tables. Published numbers contain every pair and every row, so both are
    switched off.

    Parameters
    ----------
    real, synthetic : DataFrame
        Tables with the same columns.
    categorical : sequence of str
        Columns to score as categories; all others are numeric.
    """
    report = _quality_report()
    report.real_correlation_threshold = 0
    report.real_association_threshold = 0
    report.num_rows_subsample = None
    kinds = {
        name: {"sdtype": "categorical" if name in categorical else "numerical"} for name in real
    }
    with warnings.catch_warnings():
        # Of the p-value, which is not used. As an error it would cost the column its score.
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation", RuntimeWarning)
        report.generate(real, synthetic[list(real)], {"columns": kinds}, verbose=False)
    shape, trend = report.get_properties()["Score"]
    columns = report.get_details("Column Shapes")
    pairs = report.get_details("Column Pair Trends")
    names = pairs[PAIR].to_numpy().tolist()
    lost = columns.loc[columns["Score"].isna(), "Column"].tolist()
    lost += [f"{a} x {b}" for a, b in pairs.loc[pairs["Score"].isna(), PAIR].to_numpy()]
    return Quality(
        shape=float(shape),
        trend=float(trend),
        columns=dict(zip(columns["Column"], columns["Score"].astype(float), strict=True)),
        pairs=[(a, b, float(s)) for (a, b), s in zip(names, pairs["Score"], strict=True)],
        unscored=lost,
    )


def _quality_report() -> Any:
    """Make SDMetrics' single-table report, the one behind the published numbers."""
    with warnings.catch_warnings():
        # Its import announces a successor for one and many tables; the properties are the same.
        warnings.filterwarnings(
            "ignore", "The single table quality report is deprecated", FutureWarning
        )
        from sdmetrics.reports.single_table import QualityReport

        return QualityReport()
