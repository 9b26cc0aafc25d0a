"""`evaluate`: all metrics of one synthetic table, with what they would be at best and at worst."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import pandas as pd
from joblib import effective_n_jobs

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.metrics.inputs import Tables, check_tables
from tabdiffuse.metrics.judge import METRICS, Judge
from tabdiffuse.metrics.mle import Task
from tabdiffuse.metrics.report import Report, Score
from tabdiffuse.tables import TableSchema

Progress = Callable[[str, float], None]

_REMEDIES = {
    "holdout": "It needs real rows that the generator did not see: pass holdout.",
    "target": "It needs a column to predict: pass target.",
    "xgboost": "It needs XGBoost: `pip install tabdiffuse[bench]`.",
}


def evaluate(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    holdout: pd.DataFrame | None = None,
    *,
    target: str | int | None = None,
    schema: TableSchema | Mapping[Any, str] | None = None,
    metrics: Sequence[str] | None = None,
    random_state: int = 0,
    n_jobs: int | None = -1,
    progress: Progress | None = None,
) -> Report:
    """Score a synthetic table against the real one, beside real rows and shuffled columns.

    Parameters
    ----------
    real : DataFrame
        The rows that the generator learnt from.
    synthetic : DataFrame
        The rows that it made; as many as ``real`` has, to compare with published numbers.
    holdout : DataFrame, optional
        Real rows that it did not see. Some metrics need them, and only they show what a perfect
        generator would get.
    target : str or int, optional
        Column to predict for MLE: numbers, or a category with two levels.
    schema : TableSchema or mapping from column name to kind, optional
        Kinds of the columns, e.g. ``{"zip": "categorical"}``, or those to use instead of the
        inferred ones.
    metrics : sequence of str, optional
        Any of

        - "quality": Shape, Trend, and Trend on the real table's bins;
        - "support": α-precision and β-recall;
        - "c2st_logistic", "c2st_xgboost": classifier two-sample tests, the second one with
          XGBoost, against ``real`` and against ``holdout``;
        - "mle": AUROC on ``holdout`` of boosted trees trained on the synthetic rows, or their root
          mean squared error over the standard deviation of a numeric target;
        - "copies": whether rows lie nearer to ``real`` than to ``holdout``.

        By default all that the arguments and the installed packages allow; the report says which
        ones were left out, and why.
    random_state : int, default=0
        Seed of folds, validation rows and draws.
    n_jobs : int, optional
        Threads; -1 uses every core. It does not change a number.
    progress : callable, optional
        Called with the name and the seconds of each finished metric, e.g. ``print``.

    Returns
    -------
    Report
        Shows itself as a table; `Report.to_frame` gives the numbers.

    Raises
    ------
    DataError
        A table is too short, or the tables do not have the same columns, or no level of a
        category in common.
    DataTypeError
        An argument is not a DataFrame, or a numeric column does not hold numbers.
    ParameterError
        A metric is unknown, or needs an argument that was not given, or the target is unsuitable.
    ImportError
        A metric was asked for by name and XGBoost is not installed.
    """
    tables = check_tables(real, synthetic, holdout, schema)
    task = None if target is None else _task(tables, target)
    given = {"holdout": holdout is not None, "target": target is not None}
    chosen, left_out = _choose(metrics, given)
    seconds: dict[str, float] = {}
    scores: list[Score] = []
    # Every model uses one thread, and lets go of the interpreter lock in it.
    with ThreadPoolExecutor(effective_n_jobs(n_jobs)) as pool:
        judge = Judge(tables, target, task, random_state, pool)
        for name in chosen:
            start = time.perf_counter()
            scores += judge.scores(METRICS[name].compute)
            seconds[name] = time.perf_counter() - start
            if progress is not None:
                progress(name, seconds[name])
    return Report(tuple(scores), left_out, tuple(_notes(tables)), judge.detail, seconds)


def _choose(
    metrics: Sequence[str] | None, given: Mapping[str, bool]
) -> tuple[list[str], dict[str, str]]:
    """Names of the metrics to compute, and why the others are not."""
    if isinstance(metrics, str):
        raise ParameterError(
            f"metrics must be a list of names; got {metrics!r}. Pass [{metrics!r}]."
        )
    unknown = [name for name in metrics or () if name not in METRICS]
    if unknown or (metrics is not None and not metrics):
        raise ParameterError(f"metrics is {metrics!r}; it must name any of {list(METRICS)}.")
    there = {**given, "xgboost": find_spec("xgboost") is not None}
    lacking = {
        name: next((need for need in metric.needs if not there[need]), None)
        for name, metric in METRICS.items()
    }
    for name in metrics or ():
        if (need := lacking[name]) is not None:
            error = ImportError if need == "xgboost" else ParameterError
            raise error(f"Metric {name!r} cannot be computed. {_REMEDIES[need]}")
    asked = METRICS if metrics is None else dict.fromkeys(metrics)
    chosen = [name for name in asked if lacking[name] is None]
    return chosen, {
        name: _REMEDIES[need] for name, need in lacking.items() if metrics is None and need
    }


def _task(tables: Tables, target: Any) -> Task:
    """Tell what there is to predict."""
    if target not in tables.real:
        raise ParameterError(
            f"target is {target!r}, which is no column. Columns: {list(tables.real)}."
        )
    if target not in tables.categorical:
        return "regression"
    if tables.holdout is not None:
        levels = tables.holdout[target].dropna().unique()
        if len(levels) != 2:
            raise DataError(
                f"Target {target!r} has {len(levels)} levels in the holdout table; MLE is an AUROC "
                f"and needs two. Name another column, or a numeric one."
            )
    return "binclass"


def _notes(tables: Tables) -> Iterator[str]:
    """Say what distorts a comparison."""
    counts = {"synthetic": len(tables.synthetic), "real": len(tables.real)}
    if tables.holdout is not None:
        counts["held-out"] = len(tables.holdout)
    yield "Rows: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) + "."
    if min(counts.values()) < 0.8 * max(counts.values()):
        yield (
            "The fewer the rows, the further any table is from the law of its rows, in Shape and "
            "Trend above all."
        )
