"""A limit for a whole command: what can still be finished, and when a training must stop."""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.results import Config, Line

MARGIN = 5.0  # seconds kept for writing files and leaving
CAUTION = 1.5  # a job is expected to take as much longer than the longest one known
# Seconds assumed of what was never measured.
UNKNOWN_GENERATION, UNKNOWN_SAMPLING, UNKNOWN_EVALUATION = 900.0, 60.0, 240.0


class TimeIsUp(Exception):
    """Raised out of a training when the limit of the command is near."""


class Deadline:
    """The moment by which a command has ended.

    Parameters
    ----------
    limit : float or None
        Seconds from ``started``; None is no limit.
    started : float, optional
        A reading of ``clock``; by default now.
    clock : callable
        Seconds from any origin.
    """

    def __init__(
        self,
        limit: float | None,
        started: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.limit = limit
        self.clock = clock
        begun = clock() if started is None else started
        self._end = math.inf if limit is None else begun + limit - MARGIN

    def left(self) -> float:
        """Seconds that are left."""
        return self._end - self.clock()

    def allows(self, seconds: float) -> bool:
        """Tell whether something of that length can still be finished."""
        return self.left() >= seconds


class Watch:
    """A training callback: stops the training when the limit is near.

    It raises `TimeIsUp` instead of returning True, which would end the training as if it were done:
    an exception leaves the checkpoint where it is, so that another call goes on from there.

    Parameters
    ----------
    deadline : Deadline
        When the whole command ends.
    reserve : float
        Seconds that must be left after the training.
    """

    def __init__(self, deadline: Deadline, reserve: float) -> None:
        self.deadline = deadline
        self.reserve = reserve

    def __call__(self, progress: Any, state: Any) -> None:
        """Take in the progress of the training."""
        if not self.deadline.allows(self.reserve):
            raise TimeIsUp(f"stopped after step {progress.step:,}")


class Expectations:
    """How long jobs will take, by what finished ones took.

    Parameters
    ----------
    lines : iterable of dict
        Finished runs.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = list(lines)

    def add(self, record: Line) -> None:
        """Take in one more finished run."""
        self._lines.append(record)

    def generation(self, config: Config) -> float:
        """Seconds of training and sampling."""
        taken = [r["fit_seconds"] + r["sample_seconds"] for r in self._like(config)]
        return _longest(taken, UNKNOWN_GENERATION)

    def sampling(self, config: Config) -> float:
        """Seconds of sampling alone."""
        return _longest([r["sample_seconds"] for r in self._like(config)], UNKNOWN_SAMPLING)

    def evaluation(self, config: Config) -> float:
        """Seconds of scoring; that does not depend on what made the rows."""
        taken = [
            record["evaluate_seconds"]
            for record in self._lines
            if record["config"]["dataset"] == config.dataset
            and record["config"]["train_rows"] == config.train_rows
        ]
        return _longest(taken, UNKNOWN_EVALUATION)

    def _like(self, config: Config) -> list[Line]:
        wanted = {**config.to_dict(), "seed": None, "split": None, "device": None}
        return [
            record
            for record in self._lines
            if {**record["config"], "seed": None, "split": None, "device": None} == wanted
        ]


def _longest(taken: list[float], otherwise: float) -> float:
    return CAUTION * max(taken) if taken else otherwise
