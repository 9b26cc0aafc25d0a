"""Results on disk: synthetic tables as CSV, one line of JSON for each finished run."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from benchmarks.data import Dataset

COMMITTED = Path(__file__).resolve().parent / "results"
LINES = "results.jsonl"
OWN_METHOD = "tabdiffuse"
FORMAT = 2
DIGITS = 6

Line = dict[str, Any]


class ResultsError(ValueError):
    """A file of results cannot be read, or is of another version."""


@dataclass(frozen=True)
class Config:
    """What a run is asked to do.

    Parameters
    ----------
    dataset, method, preset : str
        Names.
    seed : int
        Seed of training and sampling.
    device : str
        Passed on to the method.
    max_time : float or None
        Training budget in seconds.
    train_rows : int or None
        Random train rows to use instead of all, for a quick look.
    split : str
        How the data are cut into train and test rows.
    overrides : mapping of str to object
        Parameters of the estimator that differ from the preset's.
    """

    dataset: str
    method: str = OWN_METHOD
    preset: str = "fast"
    seed: int = 0
    device: str = "auto"
    max_time: float | None = None
    train_rows: int | None = None
    split: str = "protocol"
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """Options of the method."""
        return {
            "preset": self.preset,
            "device": self.device,
            "max_time": self.max_time,
            "overrides": dict(self.overrides),
        }

    @property
    def title(self) -> str:
        """What runs that differ in seed, split and device have in common, for a reader."""
        budget = [] if self.max_time is None else [f"{self.max_time:g}s"]
        rows = [] if self.train_rows is None else [f"{self.train_rows}rows"]
        return ":".join([self.method, self.preset, *budget, *self._overridden(), *rows])

    @property
    def stem(self) -> str:
        """Name of the run's files, without ending."""
        parts = [self.dataset, "" if self.method == OWN_METHOD else self.method, self.preset]
        parts += ["" if self.max_time is None else f"{self.max_time:g}s", *self._overridden()]
        parts += ["" if self.split == "protocol" else self.split, f"seed{self.seed}"]
        parts += ["" if self.train_rows is None else f"{self.train_rows}rows"]
        return re.sub(r"[^\w.=+-]", "_", "-".join(part for part in parts if part))

    def digest(self, data_sha256: str) -> str:
        """Short hash of the data and of every setting that decides the result.

        The device is left out: it decides how fast a result comes, not what is asked for.
        """
        settings = {**self.to_dict(), "data": data_sha256}
        del settings["device"]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**vars(self), "overrides": dict(self.overrides)}

    def _overridden(self) -> list[str]:
        return [f"{name}={value}" for name, value in sorted(self.overrides.items())]


class Data(Protocol):
    """What a line says about the data."""

    @property
    def sha256(self) -> str:
        """Digest of all of them."""

    @property
    def train(self) -> Sized:
        """Rows to learn from."""


class Scored(Protocol):
    """Scores of any kind."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""


def made(config: Config, dataset: Data, info: Mapping[str, Any]) -> Line:
    """Build the record of a generated table: what was asked, what it took, on which machine."""
    from benchmarks.environment import describe

    return {
        "format": FORMAT,
        "generated": now(),
        "config": config.to_dict(),
        "config_hash": config.digest(dataset.sha256),
        "data_sha256": dataset.sha256,
        "train_rows": len(dataset.train),
        **info,
        **describe(),
    }


def line(record: Line, scores: Scored, evaluate_seconds: float) -> Line:
    """Complete the record of a generated table by its scores.

    ``git``, ``versions`` and ``hardware`` stay those of the training; ``evaluation`` holds those
    of the scores, which may come from another machine.
    """
    from benchmarks.environment import describe

    return {
        **record,
        "finished": now(),
        "evaluate_seconds": evaluate_seconds,
        "scores": rounded(scores.to_dict()),
        "evaluation": describe(),
    }


def now() -> str:
    """Say what time it is, for a record."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def append(record: Line, path: Path) -> None:
    """Add one line to a JSONL file, in a single write: the file never holds half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(record, default=str) + "\n"
    with path.open("ab", buffering=0) as file:
        file.write(content.encode())


def read_lines(paths: Iterable[Path]) -> list[Line]:
    """All lines of several JSONL files.

    Raises
    ------
    ResultsError
        Names the file and the line that is no JSON, or was written in another format.
    """
    return [
        _parsed(text, f"{path}:{number}")
        for path in paths
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if text.strip()
    ]


def newest(lines: Iterable[Line]) -> list[Line]:
    """Of lines that answer the same question on the same machine, keep the latest.

    An older line may have been made with other data or metrics: it is replaced, not joined.
    """
    kept: dict[tuple[Any, ...], Line] = {}
    for record in sorted(lines, key=lambda record: str(record["finished"])):
        config = Config(**record["config"])
        question = (config.dataset, config.title, config.split, config.seed)
        kept[*question, machine(record)] = record
    return list(kept.values())


def machine(record: Line) -> str:
    """Name the processor that trained the model."""
    hardware = record["hardware"]
    if hardware["gpu"] and not str(record["config"]["device"]).startswith("cpu"):
        return str(hardware["gpu"])
    used = min(hardware["threads"], hardware["cores"])
    return f"{used} core{'s' if used > 1 else ''} of {hardware['cpu']}"


def write_atomically(content: bytes, path: Path) -> None:
    """Write a file as a whole: under another name first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a synthetic table as CSV."""
    write_atomically(table.to_csv(index=False).encode(), path)


def read_table(path: Path, dataset: Dataset) -> pd.DataFrame:
    """Read a synthetic table back; an empty cell is a missing one, ``?`` and ``NA`` are text."""
    text = dict.fromkeys(dataset.categorical, str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])


def quick_look(dataset: Dataset, rows: int | None, seed: int = 0) -> Dataset:
    """Keep a random part of the train rows; all of them where ``rows`` is None or too many."""
    if rows is None or rows >= len(dataset.train):
        return dataset
    train = dataset.train.sample(rows, random_state=seed).reset_index(drop=True)
    return replace(dataset, train=train)


def rounded(value: Any) -> Any:
    """Round every float, however deep; what is not finite is None, as JSON knows no infinity."""
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def _parsed(text: str, place: str) -> Line:
    try:
        record: Line = json.loads(text)
    except json.JSONDecodeError as error:
        raise ResultsError(f"{place} is no JSON ({error}). Remove that line.") from error
    if record.get("format") != FORMAT:
        raise ResultsError(
            f"{place} is of format {record.get('format')}, this version reads format {FORMAT}. "
            "Remove that line and run it again."
        )
    return record
