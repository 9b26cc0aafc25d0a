"""Many sizes, each in a process of its own, so that one leaves no memory behind for the next."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.environment import describe
from benchmarks.scale.measure import Size

LINES = Path(__file__).resolve().parents[1] / "results" / "scale.jsonl"

Line = dict[str, Any]

ROWS = tuple(
    Size(rows, columns=10, steps=1000, sample_rows=4096, score=True)
    for rows in (10_000, 100_000, 1_000_000, 10_000_000)
)
COLUMNS = (
    Size(20_000, 10, steps=600, sample_rows=4096, score=True),
    Size(20_000, 20, steps=600, sample_rows=4096, score=True),
    Size(20_000, 50, steps=600, sample_rows=4096, score=True),
    Size(20_000, 100, steps=75, sample_rows=1024, score=False),
    Size(20_000, 200, steps=50, sample_rows=512, score=False),
    Size(20_000, 500, steps=5, sample_rows=512, score=False),
)
SWEEPS: dict[str, Sequence[Size]] = {"rows": ROWS, "columns": COLUMNS}

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class MeasureError(RuntimeError):
    """A size could not be measured."""


def run(sweep: str, sizes: Sequence[Size]) -> Iterator[Line]:
    """Measure sizes one after the other; give the line of each as soon as it is done."""
    for size in sizes:
        yield {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "sweep": sweep,
            "size": asdict(size),
            "measured": measure_apart(size),
            **describe(),
        }


def measure_apart(size: Size) -> dict[str, Any]:
    """Measure one size in a fresh process with one thread.

    Raises
    ------
    MeasureError
        It failed; with what it wrote last.
    """
    command = [sys.executable, "-m", "benchmarks.scale", "measure", json.dumps(asdict(size))]
    done = subprocess.run(
        command, env={**os.environ, **_ONE_THREAD}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise MeasureError(
            f"{size.rows:,} rows of {size.columns} columns could not be measured "
            f"(exit status {done.returncode}; -9 is often too little memory). "
            f"It wrote:\n{done.stderr[-2000:]}"
        )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def append(line: Line, path: Path) -> None:
    """Add one line to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read(path: Path) -> dict[str, list[Line]]:
    """Read a file: the newest line of each size, smallest first, by sweep."""
    texts = path.read_text(encoding="utf-8").splitlines()
    lines = [json.loads(text) for text in texts if text.strip()]
    newest = {
        (line["sweep"], line["size"]["rows"], line["size"]["columns"]): line for line in lines
    }
    return {
        sweep: [line for key, line in sorted(newest.items()) if key[0] == sweep] for sweep in SWEEPS
    }
