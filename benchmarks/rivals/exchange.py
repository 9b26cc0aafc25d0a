"""The rivals' side of the exchange: arguments, CSV in, CSV and JSON out, clocks.

Imported by every script in this folder, inside the rival's own environment: it needs the standard
library and pandas, nothing else.
"""

import argparse
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

NUMERIC, CATEGORICAL = "numeric", "categorical"

Info = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What one run of a rival is asked to do.

    Parameters
    ----------
    train : DataFrame
        Rows to learn from: numbers as pandas reads them, categories as strings.
    kinds : dict of str to str
        ``"numeric"`` or ``"categorical"`` for each column, in table order.
    rows : int
        Rows to sample.
    seed : int
        Seed of training and sampling.
    options : dict
        ``device``, ``max_time``, ``target``, ``overrides`` (arguments of the rival's own class that
        replace its defaults), and what a rival defines for itself.
    """

    train: pd.DataFrame
    kinds: dict[str, str]
    rows: int
    seed: int
    options: dict[str, Any]

    @property
    def categorical(self) -> list[str]:
        """Names of the categorical columns, in table order."""
        return [name for name, kind in self.kinds.items() if kind == CATEGORICAL]

    @property
    def numeric(self) -> list[str]:
        """Names of the numeric columns, in table order."""
        return [name for name, kind in self.kinds.items() if kind == NUMERIC]

    @property
    def integer(self) -> list[str]:
        """Names of the numeric columns that hold whole numbers only."""
        return [name for name in self.numeric if (self.train[name].dropna() % 1 == 0).all()]

    @property
    def target(self) -> str:
        """Column that rivals with a label condition on; the last one unless an option names it."""
        return str(self.options.get("target") or self.train.columns[-1])

    @property
    def device(self) -> str:
        """``"auto"``, ``"cpu"`` or ``"cuda"``."""
        return str(self.options.get("device") or "auto")

    @property
    def max_time(self) -> float | None:
        """Training budget in seconds, for the rivals that have one."""
        return self.options.get("max_time")

    def arguments(self, **defaults: Any) -> dict[str, Any]:
        """Arguments of the rival's class: these, with the user's overrides on top."""
        return {**defaults, **self.options.get("overrides", {})}


class Rival(Protocol):
    """One synthesizer; its constructor takes a :class:`Job` and does the imports."""

    def fit(self) -> None:
        """Learn from the train table; the time of this call is ``fit_seconds``."""

    def sample(self) -> pd.DataFrame:
        """Draw the rows asked for; the time of this call is ``sample_seconds``."""

    def describe(self) -> Info:
        """Say what was fitted: ``n_parameters``, ``parameters``, ``seeding``, ``notes``."""


class Maker(Protocol):
    """Whatever makes a rival of a job: its class."""

    def __call__(self, job: Job) -> Rival:
        """Import the package and build the model, without work on the data."""


def main(make: Maker, packages: Sequence[str], argv: Sequence[str] | None = None) -> None:
    """Run one rival from the command line.

    Parameters
    ----------
    make : callable
        Class of the rival.
    packages : sequence of str
        Distributions whose versions belong in the result.
    argv : sequence of str, optional
        Arguments, by default those of the process.
    """
    arguments = parser(make.__doc__).parse_args(argv)
    job = read_job(arguments)
    rival = make(job)
    start = time.perf_counter()
    rival.fit()
    fitted = time.perf_counter()
    synthetic = rival.sample()
    sampled = time.perf_counter()
    synthetic[list(job.kinds)].to_csv(arguments.out, index=False)
    info = {
        "fit_seconds": fitted - start,
        "sample_seconds": sampled - fitted,
        "n_parameters": None,
        **rival.describe(),
        "rival_versions": versions(packages),
        "script_peak_memory_mb": own_peak_memory_mb(),
    }
    arguments.info.write_text(json.dumps(info, default=str), encoding="utf-8")


def parser(description: str | None) -> argparse.ArgumentParser:
    """Arguments that every rival's script takes."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--train", type=Path, required=True, help="CSV to learn from")
    result.add_argument("--kinds", type=Path, required=True, help="JSON: column to kind")
    result.add_argument("--rows", type=int, required=True, help="rows to sample")
    result.add_argument("--seed", type=int, default=0)
    result.add_argument("--options", type=Path, help="JSON: options of the method")
    result.add_argument("--out", type=Path, required=True, help="CSV to write")
    result.add_argument("--info", type=Path, required=True, help="JSON to write")
    return result


def read_job(arguments: argparse.Namespace) -> Job:
    """Read the files that the arguments name."""
    kinds = json.loads(arguments.kinds.read_text(encoding="utf-8"))
    options = json.loads(arguments.options.read_text(encoding="utf-8")) if arguments.options else {}
    return Job(read_table(arguments.train, kinds), kinds, arguments.rows, arguments.seed, options)


def read_table(path: Path, kinds: dict[str, str]) -> pd.DataFrame:
    """Read a CSV: categories as strings, an empty cell is a missing one, ``NA`` is text."""
    text = {name: str for name, kind in kinds.items() if kind == CATEGORICAL}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Version of Python and of each installed distribution."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in packages
    }


def own_peak_memory_mb() -> int | None:
    """Peak resident memory of this process so far, in MB of 10^6 bytes; None outside Linux.

    It comes from the kernel's high-water mark: ``getrusage`` also holds the memory of the process
    that started this one.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    marks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
    return round(int(marks[0].split()[1]) * 1024 / 1e6) if marks else None


def count_parameters(*modules: Any) -> int:
    """Count the trained weights of torch modules."""
    weights = (weight for module in modules for weight in module.parameters())
    return sum(int(weight.numel()) for weight in weights if weight.requires_grad)
