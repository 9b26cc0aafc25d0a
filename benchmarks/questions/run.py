"""Ask every task that has no line yet, and append its line."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks import results
from benchmarks.data import Dataset, load
from benchmarks.deadline import CAUTION, Deadline, TimeIsUp
from benchmarks.methods import Info
from benchmarks.questions.models import Models
from benchmarks.questions.question import Question, Scores
from benchmarks.questions.rival import RIVALS, answers
from benchmarks.questions.scarce import scarce
from benchmarks.questions.settings import BASELINES, Job, Settings
from benchmarks.reporter import Reporter
from benchmarks.results import Line, read_lines
from benchmarks.runner import FIRST_STEPS

UNKNOWN = 120.0  # seconds assumed of a task that was never run


@dataclass(frozen=True)
class Answers:
    """Scores of one job, for its line."""

    scores: Scores

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dict(self.scores)


class Questions:
    """Runs jobs within one command.

    Parameters
    ----------
    output : Path
        File of the lines.
    scratch : Path
        Folder of the trained models.
    deadline : Deadline
        When the command ends.
    reporter : Reporter
        Where to say what happens.
    force : bool
        Ask again what has a line; models are kept.

    Attributes
    ----------
    left : list of str
        What is still to be done, in words.
    """

    def __init__(
        self,
        output: Path,
        scratch: Path,
        deadline: Deadline,
        reporter: Reporter,
        *,
        force: bool = False,
    ) -> None:
        self.output = output
        self.models = Models(scratch)
        self.deadline = deadline
        self.reporter = reporter
        self.left: list[str] = []
        self._lines = read_lines([output]) if output.is_file() else []
        self._finished = set() if force else {line["config_hash"] for line in self._lines}
        self._load = lru_cache(maxsize=2)(load)

    def run(self, settings: Settings) -> None:
        """Run everything that is not finished, as far as time allows."""
        for seed in settings.seeds:
            for name in settings.datasets:
                dataset = self._load(name)
                question = Question.of(dataset, seed, settings.rows)
                jobs = [
                    job
                    for job in settings.jobs(name, seed, dataset.task)
                    if job.digest(dataset.sha256) not in self._finished
                ]
                for part in (BASELINES, *RIVALS, "train", "scarce"):
                    self._together([job for job in jobs if _group(job) == part], dataset, question)

    def _together(self, jobs: Sequence[Job], dataset: Dataset, question: Question) -> None:
        """Run the jobs that share a model, or need none."""
        if not jobs:
            return
        if jobs[0].part == BASELINES:
            for job in jobs:
                assert job.task.baselines is not None
                self._ask(job, dataset, partial(job.task.baselines, question), {})
            return
        if jobs[0].part in RIVALS:
            self._rival(jobs, dataset, question)
            return
        try:
            model, info = self._model(jobs, dataset, question)
        except TimeIsUp as stop:
            self.reporter.note(f"{stop}; the same command goes on from there")
            self.left += [job.title for job in jobs]
            return
        for job in jobs:
            self._ask(job, dataset, partial(job.task.ask, question, model), info)

    def _model(self, jobs: Sequence[Job], dataset: Dataset, question: Question) -> tuple[Any, Info]:
        """Load or train the model of some jobs."""
        config, rows = jobs[0].config, jobs[0].task.trained_on
        training = self.models.training(config, dataset.sha256, rows)
        if found := self.models.find(training):
            return found
        reserve = self._expected(jobs[0])
        if not self.deadline.allows(reserve + FIRST_STEPS):
            raise TimeIsUp("no time to train")
        table = scarce(question) if rows == "scarce" else question.train
        with self.reporter.phase(f"Train {config.stem}, {len(table):,} rows"):
            return self.models.train(training, table, self.deadline, reserve)

    def _ask(
        self,
        job: Job,
        dataset: Dataset,
        answer: Callable[[], Scores],
        info: Info,
    ) -> None:
        """Run one job, and keep its line."""
        if not self.deadline.allows(self._expected(job)):
            self.left.append(job.title)
            return
        with self.reporter.phase(job.title):
            start = time.perf_counter()
            # The network may use what it is given; all else takes one thread.
            with threadpool_limits(1 if job.part == BASELINES else None):
                scores = answer()
            self._keep(job, dataset, scores, time.perf_counter() - start, info)

    def _rival(self, jobs: Sequence[Job], dataset: Dataset, question: Question) -> None:
        """Train a rival once for all jobs, and keep their lines."""
        expected = sum(self._expected(job) for job in jobs)
        if not self.deadline.allows(expected):
            self.left += [job.title for job in jobs]
            return
        limit = None if self.deadline.limit is None else self.deadline.left()
        rival = RIVALS[jobs[0].part]
        with self.reporter.phase(f"Train and ask {rival.title}, seed {question.seed}"):
            start = time.perf_counter()
            complete = partial(rival.complete, time_limit=limit)
            tasks = [job.task for job in jobs]
            scores, info = answers(tasks, question, rival.title, complete)
            seconds = (time.perf_counter() - start) / len(jobs)
            for job in jobs:
                self._keep(job, dataset, scores[job.task.name], seconds, info)

    def _keep(self, job: Job, dataset: Dataset, scores: Scores, seconds: float, info: Info) -> None:
        """Write the line of a finished job."""
        told = {"task": job.task.name, "part": job.part, "rows": job.rows, **info}
        record = results.made(job.config, dataset, told)
        record["config_hash"] = job.digest(dataset.sha256)
        line = results.line(record, Answers(scores), seconds)
        results.append(line, self.output)
        self._finished.add(line["config_hash"])
        self._lines.append(line)

    def _expected(self, job: Job) -> float:
        """Seconds a job will take, by what like ones took."""
        taken = [line["evaluate_seconds"] for line in self._lines if _is_like(line, job)]
        return CAUTION * max(taken) if taken else UNKNOWN


def _group(job: Job) -> str:
    return job.task.trained_on if job.part == "model" else job.part


def _is_like(line: Line, job: Job) -> bool:
    asked = (job.task.name, job.part, job.rows, job.config.dataset)
    return (line["task"], line["part"], line["rows"], line["config"]["dataset"]) == asked
