"""Which questions are asked, of which models, on which data."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.questions.rival import RIVALS
from benchmarks.questions.task import OURS, Task
from benchmarks.questions.tasks import TASKS
from benchmarks.results import Config
from benchmarks.settings import estimator_arguments

DATASETS = ("adult", "default", "beijing")
SEEDS = (0, 1, 2)
ROWS = 2000
PRESET = "fast"
BASELINES = "baselines"

PARTS = ("model", *RIVALS, BASELINES)


@dataclass(frozen=True)
class Settings:
    """What a command asks for.

    Parameters
    ----------
    datasets, seeds, tasks : sequence
        Each data set, seed and task is combined with each other.
    rows : int
        Test rows that a task uses at most.
    device : str
        Where the model is trained and asked.
    overrides : mapping of str to object
        Parameters of the estimator or fields of its preset that are changed.
    rivals : sequence of str
        Those of `RIVALS` that are asked too, each in an environment of its own.
    """

    datasets: Sequence[str] = DATASETS
    seeds: Sequence[int] = SEEDS
    tasks: Sequence[str] = tuple(TASKS)
    rows: int = ROWS
    device: str = "auto"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    rivals: Sequence[str] = ()

    def config(self, dataset: str, seed: int) -> Config:
        """Spell out the training of a model; it is that of ``benchmarks run``."""
        return Config(
            dataset, preset=PRESET, seed=seed, device=self.device, overrides=self.overrides
        )

    def jobs(self, dataset: str, seed: int, kind: str) -> Iterator["Job"]:
        """List what there is to do for one data set and seed, the baselines first."""
        tasks = [TASKS[name] for name in self.tasks if kind in TASKS[name].kinds]
        alone = Config(dataset, BASELINES, "default", seed)
        yield from (Job(task, BASELINES, alone, self.rows) for task in tasks if task.baselines)
        for rival in self.rivals:
            theirs = Config(dataset, rival, "default", seed)
            asked = [task for task in tasks if task.name in RIVALS[rival].tasks]
            yield from (Job(task, rival, theirs, self.rows) for task in asked)
        config = self.config(dataset, seed)
        yield from (Job(task, "model", config, self.rows) for task in tasks)

    @property
    def command(self) -> str:
        """The command that makes the lines, without what is the default."""
        words = ["python -m benchmarks questions run"]
        for name, given, usual in (
            ("dataset", self.datasets, DATASETS),
            ("seed", self.seeds, SEEDS),
            ("task", self.tasks, tuple(TASKS)),
        ):
            if tuple(given) != usual:
                words += [f"--{name} {value}" for value in given]
        if self.rows != ROWS:
            words.append(f"--rows {self.rows}")
        words += [f"--set {name}={value}" for name, value in sorted(self.overrides.items())]
        words += [f"--rival {name}" for name in self.rivals]
        if self.device != "auto":
            words.append(f"--device {self.device}")
        return " ".join(words)


@dataclass(frozen=True)
class Job:
    """One task for a model, or for its baselines.

    Parameters
    ----------
    task : Task
        What is asked.
    part : str
        Who answers, one of `PARTS`.
    config : Config
        Data set, seed, and training of the model.
    rows : int
        Test rows used at most.
    """

    task: Task
    part: str
    config: Config
    rows: int

    @property
    def title(self) -> str:
        """What it is, for a reader."""
        who = OURS if self.part == "model" else self.part
        return f"{self.task.name} of {who} on {self.config.dataset}, seed {self.config.seed}"

    def digest(self, data_sha256: str) -> str:
        """Short hash of everything that is asked for: the data, the recipe, the task."""
        recipe = trained_by(self.config, data_sha256) if self.part == "model" else data_sha256
        said = [recipe, self.part, self.config.seed, self.task.name, self.rows]
        if self.part in RIVALS and RIVALS[self.part].overrides:
            said.append(dict(RIVALS[self.part].overrides))
        return _short(said)


def trained_by(config: Config, data_sha256: str) -> str:
    """Short hash of the data and of every constant of the recipe that decides the weights."""
    from tabdiffuse import PRESETS, TabularDiffusion

    arguments = estimator_arguments(TabularDiffusion, config.preset, config.overrides)
    preset = arguments.pop("preset")
    recipe = (PRESETS[preset] if isinstance(preset, str) else preset).to_dict()
    return _short([config.digest(data_sha256), recipe, arguments])


def _short(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
