"""Results on disk: synthetic tables as CSV, one line of JSON for each finished run."""

import hashlib
import json
from collections.abc import Iterable, Sized
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from benchmarks.data import Dataset
from benchmarks.environment import describe

COMMITTED = Path(__file__).resolve().parent / "results"
LINES = "results.jsonl"
DIGITS = 6

Line = dict[str, Any]


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
    """

    dataset: str
    method: str = "tabdiffuse"
    preset: str = "fast"
    seed: int = 0
    device: str = "auto"
    max_time: float | None = None
    train_rows: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Options of the method."""
        return {"preset": self.preset, "device": self.device, "max_time": self.max_time}

    @property
    def stem(self) -> str:
        """Name of the run's files, without ending."""
        method = "" if self.method == "tabdiffuse" else f"{self.method}-"
        rows = "" if self.train_rows is None else f"-{self.train_rows}rows"
        return f"{self.dataset}-{method}{self.preset}-seed{self.seed}{rows}"

    def digest(self, data_sha256: str) -> str:
        """Short hash of the run's settings and data."""
        settings = json.dumps({**vars(self), "data": data_sha256}, sort_keys=True)
        return hashlib.sha256(settings.encode()).hexdigest()[:12]


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


def line(
    config: Config, dataset: Data, info: dict[str, Any], scores: Scored, evaluate_seconds: float
) -> Line:
    """Build the record of one finished run."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": vars(config),
        "config_hash": config.digest(dataset.sha256),
        "data_sha256": dataset.sha256,
        "train_rows": len(dataset.train),
        **info,
        "evaluate_seconds": evaluate_seconds,
        "scores": _rounded(scores.to_dict()),
        **describe(),
    }


def append(record: Line, path: Path) -> None:
    """Add one line to a JSONL file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, default=str) + "\n")


def read_lines(paths: Iterable[Path]) -> list[Line]:
    """All lines of several JSONL files."""
    texts = (path.read_text(encoding="utf-8") for path in paths)
    return [json.loads(row) for text in texts for row in text.splitlines() if row.strip()]


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a synthetic table as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)


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


def _rounded(value: Any) -> Any:
    """Round every float, however deep."""
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
