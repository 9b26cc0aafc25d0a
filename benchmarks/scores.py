"""All scores of one table against one data set."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import pandas as pd

from benchmarks.data import Dataset
from benchmarks.environment import cores
from benchmarks.metrics.detection import detection
from benchmarks.metrics.mle import utility
from benchmarks.metrics.quality import quality

EVALUATION_SEED = 0  # folds, validation split, subsample: the same for every table

T = TypeVar("T")


@dataclass(frozen=True)
class Scores:
    """Scores of one table, all in [0, 1], higher is better.

    Parameters
    ----------
    shape, trend : float
        Marginals and pairs of columns against the train rows.
    mle : float
        AUROC on the test rows of a classifier trained on the table.
    c2st : float
        XGB-C2ST against the train rows.
    c2st_holdout : float
        XGB-C2ST against the test rows, equally many of each.
    detail : dict
        Scores per column and per pair, what MLE chose.
    seconds : dict of str to float
        Wall time of each metric.
    """

    shape: float
    trend: float
    mle: float
    c2st: float
    c2st_holdout: float
    detail: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def evaluate(
    dataset: Dataset,
    synthetic: pd.DataFrame,
    *,
    for_utility: pd.DataFrame | None = None,
    progress: Callable[[str, float], None] = lambda metric, seconds: None,
) -> Scores:
    """Score one table.

    Parameters
    ----------
    dataset : Dataset
        Train and test rows to score against.
    synthetic : DataFrame
        Rows to score.
    for_utility : DataFrame, optional
        Rows to use in place of ``synthetic`` where those could not be the real test rows
        themselves: MLE, and XGB-C2ST against the test rows.
    progress : callable
        Called with the name and the seconds of each finished metric.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    check_columns(dataset, synthetic)
    other = synthetic if for_utility is None else for_utility
    seconds: dict[str, float] = {}

    def timed(metric: str, compute: Callable[[], T]) -> T:
        start = time.perf_counter()
        result = compute()
        seconds[metric] = time.perf_counter() - start
        progress(metric, seconds[metric])
        return result

    with _pool() as pool:
        marginal = timed(
            "Shape, Trend", lambda: quality(dataset.train, synthetic, dataset.categorical)
        )
        c2st = timed(
            "XGB-C2ST", lambda: _detection(dataset.train, synthetic, dataset.categorical, pool)
        )
        held_out, sampled = equally_many(dataset.test, other)
        c2st_holdout = timed(
            "XGB-C2ST held out", lambda: _detection(held_out, sampled, dataset.categorical, pool)
        )
        useful = timed("MLE", lambda: _utility(dataset, other, pool))
    detail = {
        "columns": marginal.columns,
        "pairs": marginal.pairs,
        "unscored": marginal.unscored,
        "mle": {"validation": useful.validation_auroc, "chosen": useful.chosen},
    }
    return Scores(marginal.shape, marginal.trend, useful.auroc, c2st, c2st_holdout, detail, seconds)


def check_columns(dataset: Dataset, synthetic: pd.DataFrame) -> None:
    """Refuse a table that lacks a column of the data set, or is empty."""
    missing = [name for name in dataset.train if name not in synthetic]
    if missing or synthetic.empty:
        raise ValueError(
            f"The table to score has {len(synthetic)} rows and lacks the columns {missing}; "
            f"{dataset.name} has {list(dataset.train)}."
        )


def equally_many(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Random rows of the longer table, as many as the shorter one has."""
    count = min(len(first), len(second))
    pick = [
        table if len(table) == count else table.sample(count, random_state=EVALUATION_SEED)
        for table in (first, second)
    ]
    return pick[0], pick[1]


def _detection(
    real: pd.DataFrame, synthetic: pd.DataFrame, categorical: list[str], pool: Executor
) -> float:
    return detection(real, synthetic[list(real)], categorical, pool=pool, seed=EVALUATION_SEED)


def _utility(dataset: Dataset, table: pd.DataFrame, pool: Executor) -> Any:
    return utility(
        table[list(dataset.train)],
        dataset.test,
        dataset.categorical,
        dataset.target,
        pool=pool,
        seed=EVALUATION_SEED,
    )


def _pool() -> ThreadPoolExecutor:
    """One single-threaded model per core; XGBoost lets go of the interpreter lock."""
    return ThreadPoolExecutor(cores())
