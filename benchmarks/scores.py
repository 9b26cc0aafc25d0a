"""All scores of one table against one data set."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar, cast

import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.data import Dataset
from benchmarks.environment import cores
from tabdiffuse.metrics.copies import nn_ratio
from tabdiffuse.metrics.detection import detection
from tabdiffuse.metrics.mle import Utility, utility
from tabdiffuse.metrics.privacy import dcr_share
from tabdiffuse.metrics.quality import quality
from tabdiffuse.metrics.rows import equally_many
from tabdiffuse.metrics.support import support

EVALUATION_SEED = 0  # folds, validation split, subsample: the same for every table

T = TypeVar("T")


@dataclass(frozen=True)
class Scores:
    """Scores of one table; in [0, 1] and better when higher, unless said otherwise.

    Parameters
    ----------
    shape, trend : float
        Marginals and pairs of columns against the train rows.
    trend_real_edges : float
        Trend with numbers of both tables in the bins of the train rows.
    mle : float
        On the test rows: AUROC of a classifier trained on the table, or RMSE of the log target,
        which is better when lower. The published protocol, faults included.
    mle_repaired : float
        The same without its faults.
    alpha_precision, beta_recall : float
        Whether rows lie where the train rows do, and everywhere they do. For β-recall .5 is what a
        perfect sampler gets.
    c2st, c2st_holdout : float
        C2ST by boosted trees against the train rows, and against the test rows, equally many.
    c2st_lr, c2st_lr_holdout : float
        The same by a linear model.
    nn_ratio : float
        Median distance to the nearest test row over that to the nearest of equally many train rows;
        above 1 hints at copies.
    dcr_share : float or None
        Share of rows nearer to the train half than to the held-out half, .5 at best; None where
        the data set is not split in halves.
    detail : dict
        Scores per column and per pair, what MLE chose.
    seconds : dict of str to float
        Wall time of each metric.
    """

    shape: float
    trend: float
    trend_real_edges: float
    mle: float
    mle_repaired: float
    alpha_precision: float
    beta_recall: float
    c2st: float
    c2st_holdout: float
    c2st_lr: float
    c2st_lr_holdout: float
    nn_ratio: float
    dcr_share: float | None = None
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
        Given where ``synthetic`` is the real test rows themselves: the rows to use in their place
        in MLE and in C2ST against the test rows. Distances then compare one half of the test rows
        with the other half and with the train rows.
    progress : callable
        Called with the name and the seconds of each finished metric.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    check_columns(dataset, synthetic)
    synthetic = synthetic[list(dataset.train)]
    other = synthetic if for_utility is None else for_utility[list(dataset.train)]
    clock = _Clock(progress)
    train, categories = dataset.train, dataset.categorical
    # Models run side by side, each on one thread: no thread count can change a score.
    with ThreadPoolExecutor(cores()) as pool, threadpool_limits(1):
        marginal = clock("Shape, Trend", lambda: quality(train, synthetic, categories))
        pair = equally_many(train, synthetic, seed=EVALUATION_SEED)
        covered = clock("α-precision, β-recall", lambda: support(*pair, categories, pool=pool))
        tests = _two_sample_tests(dataset, synthetic, other, pool, clock)
        useful = clock("MLE", lambda: _utility(dataset, other, "published", pool))
        repaired = clock("MLE, repaired", lambda: _utility(dataset, other, "repaired", pool))
        distances = _distances(dataset, synthetic, for_utility is not None, clock)
    return Scores(
        shape=marginal.shape,
        trend=marginal.trend,
        trend_real_edges=marginal.trend_real_edges,
        mle=useful.score,
        mle_repaired=repaired.score,
        alpha_precision=covered.alpha_precision,
        beta_recall=covered.beta_recall,
        **tests,
        **cast("dict[str, Any]", distances),
        detail={
            "columns": marginal.columns,
            "pairs": marginal.pairs,
            "unscored": marginal.unscored,
            "mle": asdict(useful),
            "mle_repaired": asdict(repaired),
        },
        seconds=clock.seconds,
    )


def check_columns(dataset: Dataset, synthetic: pd.DataFrame) -> None:
    """Refuse a table that lacks a column of the data set, or is empty."""
    missing = [name for name in dataset.train if name not in synthetic]
    if missing or synthetic.empty:
        raise ValueError(
            f"The table to score has {len(synthetic)} rows and lacks the columns {missing}; "
            f"{dataset.name} has {list(dataset.train)}."
        )


class _Clock:
    """Runs metrics, and keeps their wall times."""

    def __init__(self, progress: Callable[[str, float], None]) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    def __call__(self, metric: str, compute: Callable[[], T]) -> T:
        start = time.perf_counter()
        result = compute()
        self.seconds[metric] = time.perf_counter() - start
        self.progress(metric, self.seconds[metric])
        return result


def _two_sample_tests(
    dataset: Dataset,
    synthetic: pd.DataFrame,
    other: pd.DataFrame,
    pool: Executor,
    clock: _Clock,
) -> dict[str, float]:
    """All four C2ST scores, by field."""
    pairs = {
        "": (dataset.train, synthetic),
        "_holdout": equally_many(dataset.test, other, seed=EVALUATION_SEED),
    }
    found = {}
    for end, (real, rows) in pairs.items():
        title = " held out" if end else ""
        trees = partial(detection, real, rows, dataset.categorical)
        linear = partial(detection, *as_read_from_csv(real, rows, dataset.categorical))
        settings: dict[str, Any] = {"seed": EVALUATION_SEED, "pool": pool}
        found[f"c2st{end}"] = clock(f"XGB-C2ST{title}", partial(trees, **settings))
        found[f"c2st_lr{end}"] = clock(
            f"LR-C2ST{title}", partial(linear, classifier="logistic", **settings)
        )
    return found


def as_read_from_csv(
    real: pd.DataFrame, synthetic: pd.DataFrame, categorical: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Turn categories that are written in digits into numbers.

    The published code of the linear test reads both tables from CSV files, and takes for a number
    whatever looks like one: the month of Beijing, the sex of Default.

    Parameters
    ----------
    real, synthetic : DataFrame
        Tables with the same columns.
    categorical : list of str
        Categorical columns.

    Returns
    -------
    tuple of two DataFrame and a list of str
        The tables, and the columns that stay categorical.
    """
    digits = {
        name: float
        for name in categorical
        if all(_is_numeric(table[name]) for table in (real, synthetic))
    }
    kept = [name for name in categorical if name not in digits]
    return real.astype(digits), synthetic.astype(digits), kept


def _is_numeric(column: pd.Series) -> bool:
    levels = pd.Series(column.dropna().unique(), dtype=object)
    return bool(pd.to_numeric(levels, errors="coerce").notna().all())


def _utility(
    dataset: Dataset,
    table: pd.DataFrame,
    protocol: Literal["published", "repaired"],
    pool: Executor,
) -> Utility:
    return utility(
        table,
        dataset.test,
        dataset.categorical,
        dataset.target,
        task=cast(Literal["binclass", "regression"], dataset.task),
        protocol=protocol,
        pool=pool,
        seed=EVALUATION_SEED,
    )


def _distances(
    dataset: Dataset, rows: pd.DataFrame, rows_are_test: bool, clock: _Clock
) -> dict[str, float | None]:
    """How much nearer to train than to test, by field."""
    train, test = dataset.train, dataset.test
    if rows_are_test:
        drawn = test.sample(len(test) // 2, random_state=EVALUATION_SEED)
        rows, test = drawn, test.drop(drawn.index)
        train = train.sample(min(len(train), len(test)), random_state=EVALUATION_SEED)
    tables = (rows, train, test, dataset.categorical)
    found: dict[str, float | None] = {
        "nn_ratio": clock("NN ratio", lambda: nn_ratio(*tables, seed=EVALUATION_SEED))
    }
    if dataset.split == "dcr":
        found["dcr_share"] = clock("DCR", lambda: dcr_share(*tables))
    return found
