"""The metrics of an ablation: those that take seconds and tell variants apart."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.data import Dataset
from benchmarks.environment import cores
from benchmarks.scores import EVALUATION_SEED, check_columns
from tabdiffuse.metrics.detection import detection
from tabdiffuse.metrics.mle import utility
from tabdiffuse.metrics.quality import quality


@dataclass(frozen=True)
class FastScores:
    """Scores of one table, by the names they have in :class:`benchmarks.scores.Scores`."""

    shape: float
    trend: float
    trend_real_edges: float
    c2st: float
    mle_repaired: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def score(dataset: Dataset, synthetic: pd.DataFrame) -> FastScores:
    """Score one table; of the held-out rows only MLE sees any."""
    check_columns(dataset, synthetic)
    rows = synthetic[list(dataset.train)]
    categories = dataset.categorical
    marginal = quality(dataset.train, rows, categories)
    # Models run side by side, each on one thread: no thread count can change a score.
    with ThreadPoolExecutor(cores()) as pool, threadpool_limits(1):
        told_apart = detection(dataset.train, rows, categories, seed=EVALUATION_SEED, pool=pool)
        useful = utility(
            rows,
            dataset.test,
            categories,
            dataset.target,
            task=cast(Literal["binclass", "regression"], dataset.task),
            protocol="repaired",
            seed=EVALUATION_SEED,
            pool=pool,
        )
    return FastScores(
        shape=marginal.shape,
        trend=marginal.trend,
        trend_real_edges=marginal.trend_real_edges,
        c2st=told_apart,
        mle_repaired=useful.score,
    )
