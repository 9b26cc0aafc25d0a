"""The first half of a run: train and sample. It needs what the library needs, nothing more.

Two files come out of it, the rows (``STEM.csv``) and what made them (``STEM.json``). The second is
written last, so where it is, the first is whole. They may be carried to another machine to be
scored.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import click
import pandas as pd

from benchmarks import results
from benchmarks.data import Dataset
from benchmarks.deadline import Deadline, TimeIsUp, Watch
from benchmarks.methods import METHODS
from benchmarks.results import Config, Line
from benchmarks.rivals.environments import RivalError
from benchmarks.trainings import Training

RESUMABLE = ("tabdiffuse",)  # methods that take a checkpoint and callbacks
OWN_OPTIONS = ("checkpoint", "callbacks")  # of the harness: they decide nothing


def generate(
    config: Config,
    dataset: Dataset,
    output: Path,
    deadline: Deadline,
    reserve: float,
    *,
    models: Path | None = None,
) -> Line:
    """Train, sample, and write the rows and their record.

    Parameters
    ----------
    config : Config
        What to run.
    dataset : Dataset
        What to train on.
    output : Path
        Folder of the files.
    deadline : Deadline
        When the whole command ends.
    reserve : float
        Seconds that must be left after the training.
    models : Path, optional
        Folder in which trained models are kept, and found again.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    TimeIsUp
        When the deadline came first. A checkpoint is kept.
    """
    from tabdiffuse.errors import ModelFileError

    output.mkdir(parents=True, exist_ok=True)
    watch = Watch(deadline, reserve)
    method = METHODS[config.method]()
    training = None if models is None else Training(config, dataset.sha256, models)
    try:
        rows, info = method.generate(
            dataset.train,
            len(dataset.train),
            config.seed,
            {**config.options, "target": dataset.target, **_means(config, output, watch, training)},
        )
    except ModelFileError as error:
        raise click.ClickException(f"{error} --force deletes it.") from error
    except RivalError as error:
        if deadline.allows(0):
            raise
        raise TimeIsUp("ended at the limit") from error
    _check(rows, dataset, config.method)
    results.write_table(rows, output / f"{config.stem}.csv")
    record = results.made(config, dataset, _without_own(info))
    record["table_sha256"] = _sha256(output / f"{config.stem}.csv")
    content = json.dumps(record, default=str, indent=2) + "\n"
    results.write_atomically(content.encode(), output / f"{config.stem}.json")
    return record


def generated(config: Config, dataset: Dataset, output: Path) -> Line | None:
    """Read the record of rows that are there and belong to these settings and data.

    Raises
    ------
    ClickException
        When the rows are not those the record was written with.
    """
    path = output / f"{config.stem}.json"
    if not path.is_file():
        return None
    record: Line = json.loads(path.read_text(encoding="utf-8"))
    if record.get("format") != results.FORMAT:
        return None
    if record["config_hash"] != config.digest(dataset.sha256):
        return None
    table = output / f"{config.stem}.csv"
    if not table.is_file():
        return None
    if _sha256(table) != record["table_sha256"]:
        raise click.ClickException(
            f"{table} is not the table that {path.name} describes: it was cut or changed. "
            "Copy it again, or run with --force."
        )
    return record


def checkpoint_file(config: Config, output: Path) -> Path:
    """Name the file in which a training keeps its state."""
    return output / f"{config.stem}.checkpoint"


def forget(config: Config, output: Path) -> None:
    """Delete what a run has left, finished or not."""
    for ending in ("csv", "json", "checkpoint"):
        (output / f"{config.stem}.{ending}").unlink(missing_ok=True)


def _means(config: Config, output: Path, watch: Watch, training: Training | None) -> dict[str, Any]:
    """Give the method what it needs to keep to the limit, and its model."""
    if config.method in RESUMABLE:
        own = {"checkpoint": checkpoint_file(config, output), "callbacks": [watch]}
        return {**own, "training": training}
    return {} if watch.deadline.limit is None else {"time_limit": watch.deadline.left()}


def _without_own(info: dict[str, Any]) -> dict[str, Any]:
    """Drop what the harness itself put among the parameters."""
    if "parameters" not in info:
        return info
    kept = {name: value for name, value in info["parameters"].items() if name not in OWN_OPTIONS}
    return {**info, "parameters": kept}


def _check(rows: pd.DataFrame, dataset: Dataset, method: str) -> None:
    """Refuse a table of the wrong size: scores depend on it."""
    if len(rows) != len(dataset.train):
        raise click.ClickException(
            f"{method} returned {len(rows)} rows where {len(dataset.train)} were asked for."
        )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
