"""What is changed, one thing at a time, against the fast preset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.results import Config
from benchmarks.trainings import SAMPLING_PARAMETERS

PRESET = "fast"
SPLIT = "validation"
SAMPLING = SAMPLING_PARAMETERS

DATASETS = ("adult", "default", "beijing")
SEEDS = (0, 1, 2)
MAX_STEPS = 3000


@dataclass(frozen=True)
class Variant:
    """The preset with something changed.

    Parameters
    ----------
    heading : str
        What it is about; empty for the base, in which nothing is changed.
    label : str
        What differs, for a reader.
    overrides : mapping of str to object
        Parameters of the estimator or fields of its preset.
    stretch : float
        Training steps, in units of the base's.
    """

    heading: str
    label: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    stretch: float = 1.0


@dataclass(frozen=True)
class Settings:
    """Which ablations, on what.

    Parameters
    ----------
    datasets : sequence of str
        Names of data sets.
    seeds : sequence of int
        One training each.
    headings : sequence of str
        Which variants; all where it is empty.
    max_steps : int
        Training steps of the base.
    device : str
        Where to train.
    """

    datasets: Sequence[str] = DATASETS
    seeds: Sequence[int] = SEEDS
    headings: Sequence[str] = ()
    max_steps: int = MAX_STEPS
    device: str = "auto"

    @property
    def variants(self) -> list[Variant]:
        """The base, and the variants under the headings."""
        return [BASE, *(v for v in VARIANTS if not self.headings or v.heading in self.headings)]

    def config(self, variant: Variant, dataset: str, seed: int) -> Config:
        """Spell a variant out as a run; it is the run of ``benchmarks run`` with these options."""
        overrides = {"max_steps": round(self.max_steps * variant.stretch), **variant.overrides}
        return Config(
            dataset, preset=PRESET, seed=seed, device=self.device, split=SPLIT, overrides=overrides
        )

    def trainings(self) -> list[list[Config]]:
        """Group the runs that share one training; all of one seed before the next."""
        groups: dict[Any, list[Config]] = {}
        for seed in self.seeds:
            for dataset in self.datasets:
                for variant in self.variants:
                    config = self.config(variant, dataset, seed)
                    groups.setdefault((seed, dataset, *trained_by(config)), []).append(config)
        return list(groups.values())

    @property
    def command(self) -> str:
        """The command that makes the lines, without what is the default."""
        words = ["python -m benchmarks ablations run"]
        if tuple(self.datasets) != DATASETS:
            words += [f"--dataset {name}" for name in self.datasets]
        if tuple(self.seeds) != SEEDS:
            words += [f"--seed {seed}" for seed in self.seeds]
        words += [f'--heading "{heading}"' for heading in self.headings]
        if self.max_steps != MAX_STEPS:
            words.append(f"--max-steps {self.max_steps}")
        if self.device != "auto":
            words.append(f"--device {self.device}")
        return " ".join(words)


def trained_by(config: Config) -> list[tuple[str, Any]]:
    """List the overrides that decide the weights."""
    return sorted((k, v) for k, v in config.overrides.items() if k not in SAMPLING)


def _one_by_one(heading: str, name: str, values: Sequence[Any]) -> list[Variant]:
    return [Variant(heading, f"`{name}={value}`", {name: value}) for value in values]


def _together(heading: str, *changes: Mapping[str, Any]) -> list[Variant]:
    return [
        Variant(heading, ", ".join(f"`{k}={v}`" for k, v in change.items()), change)
        for change in changes
    ]


BASE = Variant("", "base")

VARIANTS = [
    *_one_by_one("Width", "width", (16, 24, 48, 64)),
    *_one_by_one("Depth", "depth", (1, 2, 4, 6)),
    *_one_by_one("Heads", "heads", (1, 4, 8)),
    *_one_by_one("Batch", "batch_size", (128, 512)),
    Variant("Batch", "`batch_size=128`, as many rows seen", {"batch_size": 128}, stretch=2),
    Variant("Batch", "`batch_size=512`, as many rows seen", {"batch_size": 512}, stretch=0.5),
    Variant("Steps", "half as many", stretch=0.5),
    Variant("Steps", "twice as many", stretch=2),
    Variant("Steps", "four times as many", stretch=4),
    *_one_by_one("Learning rate", "learning_rate", (2e-3, 4e-3, 9e-3)),
    *_one_by_one("Learning rate", "warmup", (0.0, 0.1)),
    *_one_by_one("Learning rate", "final_lr", (0.1, 1.0)),
    *_one_by_one("Learning rate", "weight_decay", (0.0, 0.1)),
    *_one_by_one("Learning rate", "beta2", (0.999,)),
    *_one_by_one("Learning rate", "clip", (10.0,)),
    *_one_by_one("EMA", "ema_gamma", (4.0, 64.0)),
    Variant("EMA", "`ema_gamma=1e9`: the last weights alone", {"ema_gamma": 1e9}),
    *_one_by_one("Loss weights", "categorical_weight", (0.25, 0.5, 2.0, 4.0)),
    *_together(
        "Time law",
        {"clean": 0.0, "independent": 0.0},
        {"clean": 0.2, "independent": 0.0},
        {"clean": 0.0, "independent": 0.2},
        {"clean": 0.3, "independent": 0.3},
    ),
    *_one_by_one("Embedding of numbers", "frequencies", (0, 3, 12)),
    *_one_by_one("One token per column", "one_token", (False,)),
    *_one_by_one("Masks", "mask_coupling", ("independent",)),
    *_one_by_one("adaLN time features", "time_features", (4, 8, 32)),
    *_one_by_one("Event thresholds", "min_atom_mass", (0.01, 0.1)),
    *_one_by_one("Event thresholds", "max_atoms", (5, 50)),
    Variant("Event thresholds", "no events", {"min_atom_mass": 1.0, "max_atoms": 0}),
    *_one_by_one("Solver and sampling steps", "solver", ("euler", "heun")),
    *_one_by_one("Solver and sampling steps", "eta", (0.5, 1.0)),
    *_one_by_one("Solver and sampling steps", "n_steps", (5, 10, 50, 100)),
    *_together("Solver and sampling steps", {"eta": 1.0, "n_steps": 100}),
]

HEADINGS = list(dict.fromkeys(variant.heading for variant in VARIANTS))
