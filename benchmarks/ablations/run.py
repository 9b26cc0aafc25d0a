"""Train each variant, sample, score, and append its line; what has a line is skipped."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.ablations.scores import score
from benchmarks.ablations.variants import SAMPLING, Settings
from benchmarks.data import Dataset, load
from benchmarks.deadline import Deadline, Expectations, TimeIsUp, Watch
from benchmarks.formats import duration
from benchmarks.generate import checkpoint_file
from benchmarks.methods import METHODS, Info
from benchmarks.reporter import Reporter
from benchmarks.results import OWN_METHOD, Config, Line, read_lines
from benchmarks.runner import FIRST_STEPS


class Ablations:
    """Runs variants within one command.

    Parameters
    ----------
    output : Path
        File of the lines.
    scratch : Path
        Folder of the checkpoint of a training that was stopped.
    deadline : Deadline
        When the command ends.
    reporter : Reporter
        Where to say what happens.

    Attributes
    ----------
    left : list of str
        What is still to be done, in words.
    """

    def __init__(self, output: Path, scratch: Path, deadline: Deadline, reporter: Reporter) -> None:
        self.output = output
        self.scratch = scratch
        self.deadline = deadline
        self.reporter = reporter
        self.left: list[str] = []
        lines = read_lines([output]) if output.is_file() else []
        self._finished = {line["config_hash"] for line in lines}
        self._expected = Expectations(lines)
        self._load = lru_cache(maxsize=2)(load)

    def run(self, settings: Settings) -> None:
        """Run everything that is not finished, as far as time allows."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        for configs in settings.trainings():
            dataset = self._load(configs[0].dataset, configs[0].split)
            left = [c for c in configs if c.digest(dataset.sha256) not in self._finished]
            if left:
                self._train(left, dataset)

    def _train(self, configs: Sequence[Config], dataset: Dataset) -> None:
        """Train once for all configurations, which differ in how they sample; then sample each."""
        first = configs[0]
        reserve = self._after(first)
        if not self.deadline.allows(reserve + FIRST_STEPS):
            self.left += [config.stem for config in configs]
            return
        # A group whose base is finished is led by a variant of sampling; training ignores that.
        kept = {k: v for k, v in first.overrides.items() if k not in SAMPLING}
        with self.reporter.phase(f"Train {first.title}, seed {first.seed}, on {first.dataset}"):
            try:
                model, info = self._fit(replace(first, overrides=kept), dataset, reserve)
            except TimeIsUp as stop:
                self.reporter.note(f"{stop}; the same command goes on from there")
                self.left += [f"{config.stem} (begun)" for config in configs]
                return
            self.reporter.note(f"training {duration(info['fit_seconds'])}")
        usual = {name: model.get_params()[name] for name in SAMPLING}
        for config in configs:
            if self.deadline.allows(self._after(config)):
                own = {k: v for k, v in config.overrides.items() if k in SAMPLING}
                self._finish(config, dataset, model.set_params(**usual | own), info)
            else:
                self.left.append(config.stem)

    def _fit(self, config: Config, dataset: Dataset, reserve: float) -> tuple[Any, Info]:
        """Train, from a checkpoint where there is one."""
        watch = Watch(self.deadline, reserve)
        method: Any = METHODS[OWN_METHOD]()
        means = {"checkpoint": checkpoint_file(config, self.scratch), "callbacks": [watch]}
        model, info = method.fit(dataset.train, config.seed, {**config.options, **means})
        del info["parameters"]  # the recipe and the overrides say it all
        return model, info

    def _finish(self, config: Config, dataset: Dataset, model: Any, info: Info) -> None:
        """Sample, score, keep the line."""
        with self.reporter.phase(f"Sample and score {config.stem}"):
            start = time.perf_counter()
            rows = model.sample(len(dataset.train), random_state=config.seed)
            sampled = time.perf_counter()
            scores = score(dataset, rows, model, config.seed)
            record = results.made(config, dataset, {**info, "sample_seconds": sampled - start})
            line = results.line(record, scores, time.perf_counter() - sampled)
            self._keep(line)

    def _keep(self, line: Line) -> None:
        results.append(line, self.output)
        self._finished.add(line["config_hash"])
        self._expected.add(line)

    def _after(self, config: Config) -> float:
        """Seconds to keep for what follows the training."""
        return self._expected.sampling(config) + self._expected.evaluation(config)
