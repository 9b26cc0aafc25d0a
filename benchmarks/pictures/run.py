"""Run a task on pictures: train each method, ask it, keep its line, draw what they showed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import RenderableType

from benchmarks import results
from benchmarks.deadline import TimeIsUp, Watch
from benchmarks.formats import duration
from benchmarks.pictures.report import render
from benchmarks.pictures.task import PictureTask, Scores, Shown, Training
from benchmarks.results import OWN_METHOD, Config
from benchmarks.runner import FIRST_STEPS, Outcome, Runner

NO_MODEL = {"fit_seconds": 0.0, "n_parameters": None, "recipe": None}


@dataclass(frozen=True)
class Asked:
    """Scores as a line wants them."""

    scores: Scores

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return dict(self.scores)


def run(
    task: PictureTask[Any], configs: Sequence[Config], runner: Runner, outcome: Outcome
) -> RenderableType | None:
    """Run what is not finished, as far as time allows.

    Returns
    -------
    RenderableType or None
        The table of these runs; None if none is finished.
    """
    _check(task, configs, runner)
    mine = Outcome()
    tasks = Experiment(task, configs[0].train_rows, runner, mine)
    for config in configs:
        tasks.run(config)
    for config in _references(task, configs[0]):
        tasks.refer(config)
    for seed in dict.fromkeys(config.seed for config in configs):
        tasks.draw(replace(configs[0], seed=seed))
    outcome.lines += mine.lines
    outcome.left += mine.left
    return render(task, mine.lines) if mine.lines else None


def settings(task: PictureTask[Any], config: Config) -> dict[str, Any]:
    """Everything of the recipe that a run decides by itself: the task's, then the command's."""
    return {"max_steps": task.steps, **task.recipe, **config.overrides}


class Experiment:
    """The runs of one task within one command.

    Parameters
    ----------
    task : PictureTask
        What to run.
    train_rows : int or None
        Rows of a quick look.
    runner : Runner
        Keeps lines and the time limit.
    outcome : Outcome
        Takes finished lines, and what is left.
    """

    def __init__(
        self, task: PictureTask[Any], train_rows: int | None, runner: Runner, outcome: Outcome
    ) -> None:
        self.task = task
        self.runner = runner
        self.outcome = outcome
        self._data = lru_cache(maxsize=1)(lambda: task.load(train_rows))
        self._new: set[int] = set()  # seeds with a run of this call
        self._trained: tuple[object, Any, Training, float] | None = None  # the newest training

    def run(self, config: Config) -> None:
        """Train one method with one seed and ask it, unless that is done."""
        data, digest = self._data(), self._digest(config)
        if self.runner.skips(config, digest, self.outcome):
            return
        name = f"{config.method}, seed {config.seed}, on {self.task.name}"
        reserve = self._after(config)
        if not self.runner.deadline.allows(reserve + FIRST_STEPS):
            self._leave(config, reserve + FIRST_STEPS)
            return
        try:
            model, training, seconds = self._train(config, reserve, name)
        except TimeIsUp as stop:
            self.runner.reporter.note(f"{stop}; the same command goes on from there")
            self.outcome.left.append(f"train {config.stem} (begun, {stop})")
            return
        asked = self._asked(config, model, f"Ask {name}")
        info = {"config_hash": digest, "fit_seconds": seconds, **training.info}
        self._keep(config, info, *asked)
        with self.runner.reporter.phase(f"Draw what {config.method} shows"):
            shown = self.task.show(model, data, config.seed, config.method)
            _write_arrays(shown, self._shown_file(config))
        self._new.add(config.seed)

    def refer(self, config: Config) -> None:
        """Score a reference, unless that is done."""
        data, digest = self._data(), self._digest(config)
        if self.runner.skips(config, digest, self.outcome):
            return
        needed = self.runner.expected.evaluation(config)
        if not self.runner.deadline.allows(needed):
            self._leave(config, needed)
            return
        score = self.task.references[config.method]
        info = {"config_hash": digest, **NO_MODEL}
        title = f"Score {config.method} on {self.task.name}"
        self._keep(config, info, *self._timed(lambda: score(data), title))

    def draw(self, config: Config) -> None:
        """Draw the grid of a seed from what its methods showed, where any did."""
        shown = {
            method: arrays
            for method in self.task.methods
            if (arrays := _read_arrays(self._shown_file(replace(config, method=method))))
        }
        path = self.runner.output / f"{picture_stem(config)}.png"
        if shown and (config.seed in self._new or not path.is_file()):
            self.task.draw(shown, self._data(), path)
            self.runner.reporter.note(f"drawn: {path}")

    def _train(self, config: Config, reserve: float, name: str) -> tuple[Any, Training, float]:
        """Train, or take the model of the method before, which trained in the same way."""
        fit = self.task.methods[config.method].fit
        # What differs in the method only has the same training where `fit` is the same.
        key = (fit, replace(config, method=OWN_METHOD))
        if self._trained is not None and self._trained[0] == key:
            return self._trained[1:]
        training = self._training(config, reserve)
        if self.runner.force:
            training.forget()
        with self.runner.reporter.phase(f"Train {name}"):
            model = fit(self._data(), training)
            seconds = sum(float(model.fit_time_) for model in training.models.values())
            self.runner.reporter.note(f"training {duration(seconds)}")
        self._trained = (key, model, training, seconds)
        return model, training, seconds

    def _training(self, config: Config, reserve: float) -> Training:
        recipe = settings(self.task, config)
        self.runner.output.mkdir(parents=True, exist_ok=True)
        return Training(
            config.seed,
            recipe.pop("max_steps"),
            recipe,
            self.task.preset,
            config.device,
            config.max_time,
            Watch(self.runner.deadline, reserve),
            self.runner.output / f"{config.stem}.checkpoint",
        )

    def _asked(self, config: Config, model: Any, title: str) -> tuple[Scores, float]:
        data = self._data()
        return self._timed(lambda: self.task.ask(model, data, config.seed, config.method), title)

    def _timed(self, ask: Callable[[], Scores], title: str) -> tuple[Scores, float]:
        with self.runner.reporter.phase(title):
            start = time.perf_counter()
            scores = ask()
            return scores, time.perf_counter() - start

    def _keep(
        self, config: Config, info: Mapping[str, Any], scores: Scores, seconds: float
    ) -> None:
        record = results.made(config, self._data(), {"sample_seconds": 0.0, **info})
        self.runner.keep(results.line(record, Asked(scores), seconds), self.outcome)

    def _digest(self, config: Config) -> str:
        """Name everything that decides the result; for a reference, the data alone."""
        whole = {} if config.method in self.task.references else settings(self.task, config)
        whole_config = replace(config, preset=self.task.preset, overrides=whole)
        return whole_config.digest(self._data().sha256)

    def _after(self, config: Config) -> float:
        """Seconds to keep for what follows a training."""
        return self.runner.expected.evaluation(config)

    def _leave(self, config: Config, needed: float) -> None:
        self.outcome.left.append(f"run {config.stem} (needs about {duration(needed)})")

    def _shown_file(self, config: Config) -> Path:
        return self.runner.output / f"{config.stem}.npz"


def picture_stem(config: Config) -> str:
    """Name the grid of all methods of a seed."""
    return replace(config, method=OWN_METHOD, preset="").stem


def _references(task: PictureTask[Any], config: Config) -> list[Config]:
    """Give references the rows of the runs; they have no seed and no recipe."""
    plain = replace(config, seed=0, max_time=None, overrides={})
    return [replace(plain, method=name) for name in task.references]


def _check(task: PictureTask[Any], configs: Sequence[Config], runner: Runner) -> None:
    """Refuse what means nothing here, before any work."""
    refused = {
        "--split": any(config.split != "protocol" for config in configs),
        "--only": runner.only is not None,
        "--models": runner.models is not None,
    }
    for option, is_given in refused.items():
        if is_given:
            raise click.UsageError(f"{task.name} has one split and runs as a whole: no {option}.")


def _write_arrays(arrays: Shown, path: Path) -> None:
    content = BytesIO()
    # Text as fixed-width strings: objects would need pickle.
    plain: dict[str, Any] = {
        name: a.astype(str) if a.dtype == object else a for name, a in arrays.items()
    }
    np.savez_compressed(content, **plain)
    results.write_atomically(content.getvalue(), path)


def _read_arrays(path: Path) -> Shown:
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)
