"""The metrics of an ablation: those that take seconds and tell variants apart."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast

import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.data import Dataset
from benchmarks.environment import cores
from benchmarks.questions.question import Question
from benchmarks.questions.task import OURS
from benchmarks.questions.tasks import conditional
from benchmarks.scores import EVALUATION_SEED, check_columns
from tabdiffuse.metrics.detection import detection
from tabdiffuse.metrics.mle import utility
from tabdiffuse.metrics.quality import quality

ROWS = 2000  # held-out rows completed at most


@dataclass(frozen=True)
class FastScores:
    """Scores of one table, by the names they have in :class:`benchmarks.scores.Scores`."""

    shape: float
    trend: float
    trend_real_edges: float
    c2st: float
    mle_repaired: float
    completion: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def score(dataset: Dataset, synthetic: pd.DataFrame, model: Any, seed: int) -> FastScores:
    """Score one table and the model that made it; of the held-out rows MLE and completion see any.

    ``completion`` is XGB-C2ST of held-out rows of which the model filled a random half of the cells
    in, against other held-out rows: how good one network is at any conditional.
    """
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
        completion=_completion(dataset, model, seed),
    )


def _completion(dataset: Dataset, model: Any, seed: int) -> float:
    """Fill held-out rows in; one with a category that was not trained on cannot be asked about."""
    seen = pd.Series(True, index=dataset.test.index)
    for name in dataset.categorical:
        seen &= dataset.test[name].isin(dataset.train[name].unique())
    held_out = replace(dataset, test=dataset.test[seen])
    return conditional.ask(Question.of(held_out, seed, ROWS), model)[OURS]["c2st"]
