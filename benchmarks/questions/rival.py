"""Our side of the rivals that complete rows: each is trained once for all that is asked of it."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.questions.question import Question, Scores
from benchmarks.questions.task import OURS, Task
from benchmarks.rivals.exchange import Info
from benchmarks.rivals.external import External

CTGAN_EPOCHS = 60  # the default of 300 takes an hour on one thread


@dataclass(frozen=True)
class Request:
    """A table to complete, and how often."""

    rows: pd.DataFrame
    draws: int


# Completes each table of a question as often as it says.
Complete = Callable[[Question, Sequence[Request]], tuple[list[list[pd.DataFrame]], Info]]


@dataclass
class Recorder:
    """A model that notes what is asked, and answers with any value."""

    question: Question
    requests: list[Request] = field(default_factory=list)

    def sample(self, *, conditions: pd.DataFrame, random_state: int) -> pd.DataFrame:
        """Complete rows once."""
        return self.impute(conditions, n_draws=1, random_state=random_state)[0]

    def impute(self, rows: pd.DataFrame, *, n_draws: int, random_state: int) -> list[pd.DataFrame]:
        """Complete rows several times."""
        self.requests.append(Request(rows, n_draws))
        return [rows.fillna(self.question.train.iloc[0].to_dict())] * n_draws


@dataclass
class Replay:
    """A model that gives completed tables, in the order they were asked for."""

    answers: list[list[pd.DataFrame]]

    def sample(self, *, conditions: pd.DataFrame, random_state: int) -> pd.DataFrame:
        """Give the next table."""
        return self.answers.pop(0)[0]

    def impute(self, rows: pd.DataFrame, *, n_draws: int, random_state: int) -> list[pd.DataFrame]:
        """Give the next tables."""
        return self.answers.pop(0)


def answers(
    tasks: Sequence[Task], question: Question, title: str, complete: Complete
) -> tuple[dict[str, Scores], Info]:
    """Score a rival in several tasks.

    Parameters
    ----------
    tasks : sequence of Task
        Those that the rival answers.
    question : Question
        What is asked about.
    title : str
        Name of the rival on the page.
    complete : callable
        Runs it. What it tells as ``scores`` of itself joins those of the tasks.

    Returns
    -------
    scores : dict
        By the name of the task.
    info : dict
        What the rival tells of itself.
    """
    recorder = Recorder(question)
    for task in tasks:
        task.ask(question, recorder)
    completed, info = complete(question, recorder.requests)
    replay = Replay(completed)
    found = {task.name: task.ask(question, replay) for task in tasks}
    told = info.pop("scores", {})
    renamed = {
        name: {method.replace(OURS, title): {**own, **told} for method, own in scores.items()}
        for name, scores in found.items()
    }
    return renamed, info


@dataclass(frozen=True)
class Rival:
    """A method of others that completes rows, in an environment of its own.

    Parameters
    ----------
    title : str
        Its name on the page.
    environment : str
        Environment whose Python runs the script.
    script : str
        File in this folder.
    tasks : tuple of str
        Tasks that it answers, among those that ask for nothing but completed rows.
    overrides : mapping of str to object
        Arguments of the rival's own class that are not its defaults.
    """

    title: str
    environment: str
    script: str
    tasks: tuple[str, ...]
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def complete(
        self, question: Question, requests: Sequence[Request], time_limit: float | None = None
    ) -> tuple[list[list[pd.DataFrame]], Info]:
        """Complete tables; what was seen is kept as it was, what stays open is missing.

        Raises
        ------
        RivalError
            If the environment is missing, or the script fails or runs too long.
        """
        external = External(self.title, self.environment, Path(__file__).with_name(self.script))
        options: dict[str, Any] = {"target": question.target, "time_limit": time_limit}
        options["overrides"] = dict(self.overrides)
        with tempfile.TemporaryDirectory(prefix="requests-") as folder:
            options["requests"] = []
            for place, request in enumerate(requests):
                file = Path(folder) / f"{place}.csv"
                request.rows.to_csv(file, index=False)
                options["requests"].append({"file": str(file), "draws": request.draws})
            count = sum(len(request.rows) * request.draws for request in requests)
            made, info = external.generate(question.train, count, question.seed, options)
        return split(made, requests), info


RIVALS = {
    "argn": Rival("TabularARGN", "mostlyai", "argn.py", ("conditional", "imputation")),
    "ctgan": Rival(
        "CTGAN, rejection", "sdv", "rejection.py", ("conditional",), {"epochs": CTGAN_EPOCHS}
    ),
}
"""Rivals by the name of their part."""


def split(made: pd.DataFrame, requests: Sequence[Request]) -> list[list[pd.DataFrame]]:
    """Cut completed tables that lie one below another; seen cells are those of the request."""
    found, start = [], 0
    for request in requests:
        draws = []
        for _ in range(request.draws):
            part = made[start : start + len(request.rows)].set_axis(request.rows.index, axis=0)
            draws.append(request.rows.where(request.rows.notna(), part[list(request.rows)]))
            start += len(request.rows)
        found.append(draws)
    return found
