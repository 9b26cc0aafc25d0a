"""One size of table, measured in this process: time, memory and quality of a short fit."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.scale.fidelity import bounds, fidelity
from benchmarks.scale.law import Law
from benchmarks.scale.memory import PeakMemory
from tabdiffuse import TabularDiffusion

TRAIN_SEED, FRESH_SEED = 1, 2
WARM_UP_ROWS = 64

# Processor time of this process: what else runs on the machine lengthens it little. The sweep
# allows one thread, so it is the time that a quiet machine would take with one thread.
clock = time.process_time


@dataclass(frozen=True)
class Size:
    """What to measure.

    Parameters
    ----------
    rows, columns : int
        Size of the table.
    steps : int
        Training steps, at least two.
    sample_rows : int
        Rows to draw from the model.
    score : bool
        Whether to compare these with the law.
    preset : str
        Preset of the model.
    """

    rows: int
    columns: int
    steps: int
    sample_rows: int
    score: bool
    preset: str = "fast"


class StepClock:
    """A callback that notes when the training loop reports."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.seconds: list[float] = []

    def __call__(self, progress: Any, state: Any) -> None:
        """Take a note."""
        self.steps.append(progress.step)
        self.seconds.append(clock())

    def median(self) -> float | None:
        """Median time of a step between two reports; None where there is one report only."""
        if len(self.steps) < 2:
            return None
        return float(np.median(np.diff(self.seconds) / np.diff(self.steps)))


def measure(size: Size) -> dict[str, Any]:
    """Fit one model and say what it took.

    Returns
    -------
    dict
        Numbers by name; times in seconds of one processor, memory in bytes.
    """
    law = Law.make(size.columns)
    table = law.sample(size.rows, TRAIN_SEED)
    _estimator(size, 2).fit(table.head(WARM_UP_ROWS)).sample(1, n_steps=2)
    steps = StepClock()
    model = _estimator(size, size.steps, callbacks=[steps])
    start = clock()
    with PeakMemory() as peak:
        model.fit(table)
    per_step = steps.median() or _mean_step(size, table, clock() - start)
    before = steps.seconds[0] - steps.steps[0] * per_step - start
    arrays, encode_seconds = _timed(lambda: model.codec_.encode(table))
    layout = model.codec_.layout
    synthetic, sample_seconds = _timed(lambda: model.sample(size.sample_rows))
    return {
        "tokens": len({*layout.numeric_sources, *layout.categorical_sources}),
        "parameters": model.n_parameters_,
        "table_bytes": int(table.memory_usage(index=False, deep=True).sum()),
        "encoded_bytes": sum(array.nbytes for array in arrays.values()),
        "peak_bytes": peak.bytes,
        "prepare_seconds": max(before, 0.0),
        "encode_seconds": encode_seconds,
        "step_seconds": per_step,
        "rows_per_step": model.batch_size_,
        "sample_rows_per_second": size.sample_rows / sample_seconds,
        "quality": _quality(law, synthetic) if size.score else None,
    }


def _estimator(size: Size, steps: int, callbacks: list[StepClock] | None = None) -> Any:
    return TabularDiffusion(
        preset=size.preset,  # type: ignore[arg-type]  # the estimator checks it
        max_steps=steps,
        device="cpu",
        random_state=0,
        verbose=0,
        callbacks=callbacks,
    )


def _mean_step(size: Size, table: pd.DataFrame, seconds: float) -> float:
    """Mean time of a step, given the time of the whole fit: by a second fit, of one step."""
    _, one_step = _timed(lambda: _estimator(size, 1).fit(table))
    return (seconds - one_step) / (size.steps - 1)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = clock()
    result = work()
    return result, clock() - start


def _quality(law: Law, synthetic: pd.DataFrame) -> dict[str, Any]:
    fresh, shuffled = bounds(law, len(synthetic), FRESH_SEED)
    scores = {"model": fidelity(law, synthetic), "fresh": fresh, "shuffled": shuffled}
    return {name: asdict(score) for name, score in scores.items()}
