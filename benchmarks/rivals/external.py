"""Our side of the exchange: run a rival's script in its environment, and read what it wrote."""

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from benchmarks.rivals.environments import HERE, RivalError, installed_python
from benchmarks.rivals.exchange import CATEGORICAL, NUMERIC, Info, read_table
from benchmarks.rivals.memory import larger, tree_mb

ROOT = HERE.parent.parent
POLL_SECONDS = 0.2
TAIL_LINES = 20


@dataclass(frozen=True)
class External:
    """A method that runs as a script in a virtual environment of its own.

    Parameters
    ----------
    name : str
        Name of the method, for messages.
    environment : str
        Environment whose Python runs the script.
    script : Path
        Script that takes the arguments of :func:`benchmarks.rivals.exchange.parser`.
    options : dict
        Options that make this method; those of a run are put on top, ``overrides`` key by key.
    interpreter : Path, optional
        Python to use in place of the environment's.
    """

    name: str
    environment: str
    script: Path
    options: dict[str, Any] = field(default_factory=dict)
    interpreter: Path | None = None

    def generate(
        self, train: pd.DataFrame, n: int, seed: int, options: dict[str, Any]
    ) -> tuple[pd.DataFrame, Info]:
        """Train on a table and sample from it.

        Parameters
        ----------
        train : DataFrame
            All rows to learn from: numbers, and categories as strings.
        n : int
            Number of rows to sample.
        seed : int
            Seed, where the rival takes one.
        options : dict
            ``device``, ``max_time`` (training seconds, for rivals that have a budget), ``target``
            (for rivals that condition on a label), ``overrides`` (arguments of the rival's class),
            ``time_limit`` (seconds after which the whole run is ended).

        Returns
        -------
        synthetic : DataFrame
            ``n`` rows with the columns of ``train``.
        info : dict
            What the script reports, ``wall_seconds`` and ``peak_memory_mb``: see
            :mod:`benchmarks.rivals.memory` for what is counted.

        Raises
        ------
        RivalError
            If the environment is missing, the script fails or runs too long, or its table is not
            the one asked for.
        """
        interpreter = self.interpreter or installed_python(self.environment)
        kinds = column_kinds(train)
        with tempfile.TemporaryDirectory(prefix="rival-") as name:
            folder = Path(name)
            self._write(folder, train, kinds, options)
            usage = self._run(interpreter, folder, n, seed, options.get("time_limit"))
            synthetic = self._read(folder / "synthetic.csv", kinds)
            info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        self._check(synthetic, kinds, n)
        own = info.pop("script_peak_memory_mb", None)
        return synthetic[list(kinds)], {
            **info,
            "wall_seconds": usage.seconds,
            "peak_memory_mb": larger(usage.peak_mb, own),
        }

    def _write(
        self, folder: Path, train: pd.DataFrame, kinds: dict[str, str], options: dict[str, Any]
    ) -> None:
        """Write what the script reads."""
        overrides = {**self.options.get("overrides", {}), **options.get("overrides", {})}
        merged = {**self.options, **options, "overrides": overrides}
        train.to_csv(folder / "train.csv", index=False)
        for name, content in {"kinds": kinds, "options": merged}.items():
            text = json.dumps(content, default=str)
            (folder / f"{name}.json").write_text(text, encoding="utf-8")

    def _run(
        self, interpreter: Path, folder: Path, n: int, seed: int, limit: float | None
    ) -> "Usage":
        """Run the script to its end, its output in a file."""
        command = [str(interpreter), "-P", str(self.script), "--rows", str(n), "--seed", str(seed)]
        for name in ("train.csv", "kinds.json", "options.json", "info.json"):
            command += [f"--{name.partition('.')[0]}", str(folder / name)]
        command += ["--out", str(folder / "synthetic.csv")]
        log = folder / "log.txt"
        # A fixed hash seed, for libraries whose draws follow the order of a set.
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
            usage = watch(process, limit)
        if usage.timed_out:
            raise RivalError(
                f"{self.name} was ended after its time limit of {limit:g} s. Raise the limit, or "
                f"override its settings.{_tail(log)}"
            )
        if process.returncode:
            raise RivalError(f"{self.name} ended with status {process.returncode}.{_tail(log)}")
        return usage

    def _read(self, path: Path, kinds: dict[str, str]) -> pd.DataFrame:
        if not path.is_file():
            raise RivalError(f"{self.name} ended without writing a table ({self.script.name}).")
        return read_table(path, kinds)

    def _check(self, synthetic: pd.DataFrame, kinds: dict[str, str], n: int) -> None:
        """Refuse a table of another shape: scores depend on it."""
        missing = [name for name in kinds if name not in synthetic]
        if missing or len(synthetic) != n:
            raise RivalError(
                f"{self.name} returned {len(synthetic)} rows where {n} were asked for, and lacks "
                f"the columns {missing}."
            )


@dataclass(frozen=True)
class Usage:
    """What a finished process took.

    Parameters
    ----------
    seconds : float
        Wall time from start to end, imports included.
    peak_mb : int or None
        Largest sampled memory of its process tree.
    timed_out : bool
        Whether it was ended.
    """

    seconds: float
    peak_mb: int | None
    timed_out: bool


def watch(process: "subprocess.Popen[bytes]", limit: float | None) -> Usage:
    """Wait for a process, sample its memory, end it and its children at the limit."""
    start = time.monotonic()
    peak, timed_out = None, False
    try:
        while process.poll() is None and not timed_out:
            peak = larger(peak, tree_mb(process.pid))
            timed_out = limit is not None and time.monotonic() - start > limit
            if not timed_out:
                _wait(process, POLL_SECONDS)
    finally:
        if process.poll() is None:  # too long, or we were interrupted ourselves
            _end(process)
    return Usage(time.monotonic() - start, peak, timed_out)


def column_kinds(train: pd.DataFrame) -> dict[str, str]:
    """Kind of each column from its dtype: a number is numeric, all else is a category."""
    return {
        str(name): NUMERIC
        if is_numeric_dtype(column) and not is_bool_dtype(column)
        else CATEGORICAL
        for name, column in train.items()
    }


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and those it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _tail(log: Path) -> str:
    """Last lines of a script's output, for a message."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return "\nIts last lines:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
