"""The metrics of a report: each one computed for synthetic, held-out and shuffled rows alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from tabdiffuse.metrics.copies import nn_ratio
from tabdiffuse.metrics.detection import Classifier, detection
from tabdiffuse.metrics.inputs import Tables
from tabdiffuse.metrics.mle import TARGET_RANGE, Task, utility
from tabdiffuse.metrics.privacy import dcr_share
from tabdiffuse.metrics.quality import Quality, quality
from tabdiffuse.metrics.report import Score
from tabdiffuse.metrics.rows import equally_many, shuffle_columns
from tabdiffuse.metrics.support import support

Numbers: TypeAlias = dict[str, float]

_MLE_NAMES: Mapping[Task, str] = {"binclass": "MLE, AUROC", "regression": "MLE, RMSE / sd"}
# The values to come close to; 1 for all others.
_BEST = {"β-recall": 0.5, "DCR share": 0.5, _MLE_NAMES["regression"]: 0.0}


class Judge:
    """Computes a metric of the synthetic rows and of the rows to compare them with."""

    def __init__(
        self,
        tables: Tables,
        target: Any,
        task: Task | None,
        seed: int,
        pool: Executor,
    ) -> None:
        self.tables, self.target, self.task, self.seed, self.pool = tables, target, task, seed, pool
        self.shuffled = shuffle_columns(tables.real, seed)
        self.detail: Quality | None = None

    def scores(self, compute: Callable[[Judge, pd.DataFrame], Numbers]) -> list[Score]:
        """Put the three columns of a report side by side."""
        synthetic = compute(self, self.tables.synthetic)
        held_out = {} if self.tables.holdout is None else compute(self, self.tables.holdout)
        shuffled = compute(self, self.shuffled)
        return [
            Score(name, value, held_out.get(name), shuffled[name], _BEST.get(name, 1.0))
            for name, value in synthetic.items()
        ]

    def quality(self, rows: pd.DataFrame) -> Numbers:
        """Shape and Trend."""
        found = quality(self.tables.real, rows, self.tables.categorical)
        if rows is self.tables.synthetic:
            self.detail = found
        return {
            "Shape": found.shape,
            "Trend": found.trend,
            "Trend, real edges": found.trend_real_edges,
        }

    def support(self, rows: pd.DataFrame) -> Numbers:
        """α-precision and β-recall, on equally many rows."""
        pair = equally_many(self.tables.real, rows, seed=self.seed)
        found = support(*pair, self.tables.categorical, pool=self.pool)
        return {"α-precision": found.alpha_precision, "β-recall": found.beta_recall}

    def c2st_logistic(self, rows: pd.DataFrame) -> Numbers:
        """Linear two-sample test."""
        return self._c2st(rows, "logistic", "C2ST, logistic")

    def c2st_xgboost(self, rows: pd.DataFrame) -> Numbers:
        """Two-sample test by boosted trees."""
        return self._c2st(rows, "xgboost", "C2ST, XGBoost")

    def _c2st(self, rows: pd.DataFrame, classifier: Classifier, name: str) -> Numbers:
        def score(real: pd.DataFrame, other: pd.DataFrame) -> float:
            return detection(
                real,
                other,
                self.tables.categorical,
                classifier=classifier,
                seed=self.seed,
                pool=self.pool,
            )

        found = {name: score(self.tables.real, rows)}
        if self.tables.holdout is not None:
            pair = equally_many(self.tables.holdout, self._unseen(rows), seed=self.seed)
            found[f"{name}, held out"] = score(*pair)
        return found

    def mle(self, rows: pd.DataFrame) -> Numbers:
        """Train on the rows, test on the held-out ones."""
        assert self.task is not None
        assert self.tables.holdout is not None
        found = utility(
            self._with_target(self._unseen(rows)),
            self._with_target(self.tables.holdout),
            self.tables.categorical,
            self.target,
            task=self.task,
            protocol="repaired",
            seed=self.seed,
            pool=self.pool,
        )
        return {_MLE_NAMES[self.task]: found.score}

    def _with_target(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Bring a numeric target into the range of the protocol, which takes its logarithm.

        The logarithm is then the target in standard deviations of the real column, in the middle
        of the range: whatever its unit and sign, nothing within 4.9 deviations is clipped.
        """
        if self.task == "binclass":
            return rows
        real = self.tables.real[self.target].astype(float)
        deviations = (rows[self.target].astype(float) - real.mean()) / (real.std(ddof=0) or 1.0)
        middle = np.log(TARGET_RANGE).mean()
        moved = rows.copy()
        moved[self.target] = np.exp(deviations.clip(-middle, middle) + middle)
        return moved

    def copies(self, rows: pd.DataFrame) -> Numbers:
        """Distances to equally many rows seen and unseen."""
        assert self.tables.holdout is not None
        if rows is self.tables.holdout:
            return {}
        seen, unseen = equally_many(self.tables.real, self.tables.holdout, seed=self.seed)
        names = self.tables.categorical
        return {
            "DCR share": dcr_share(rows, seen, unseen, names),
            "NN distance ratio": nn_ratio(rows, seen, unseen, names, seed=self.seed),
        }

    def _unseen(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Real rows in place of the held-out ones, which a metric compares with."""
        return self.tables.real if rows is self.tables.holdout else rows


@dataclass(frozen=True)
class Metric:
    """How to compute a metric, and what it needs."""

    compute: Callable[[Judge, pd.DataFrame], Numbers]
    needs: tuple[str, ...] = ()


METRICS: Mapping[str, Metric] = {
    "quality": Metric(Judge.quality),
    "support": Metric(Judge.support),
    "c2st_logistic": Metric(Judge.c2st_logistic),
    "c2st_xgboost": Metric(Judge.c2st_xgboost, ("xgboost",)),
    "mle": Metric(Judge.mle, ("target", "holdout", "xgboost")),
    "copies": Metric(Judge.copies, ("holdout",)),
}
