"""One benchmark run: load, train, sample, write, read back, score, draw."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich.console import Console

from benchmarks import references, results
from benchmarks.data import Dataset
from benchmarks.figure import draw
from benchmarks.methods import METHODS
from benchmarks.references import References
from benchmarks.report import duration
from benchmarks.results import Config, Line
from benchmarks.scores import Scores, evaluate


class Reporter:
    """Say what is going on, and how long it took.

    Parameters
    ----------
    console : Console
        Where to say it.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Announce a phase, and its time at the end."""
        self.console.print(f"[bold]▸ {title}[/bold]", highlight=False)
        start = time.perf_counter()
        yield
        self.note(f"done in {duration(time.perf_counter() - start)}")

    def note(self, text: str) -> None:
        """Say one thing inside a phase."""
        self.console.print(f"  {text}", style="dim", highlight=False, markup=False, soft_wrap=True)

    def metric(self, name: str, seconds: float) -> None:
        """Report one finished metric."""
        self.note(f"{name}: {duration(seconds)}")


def run(config: Config, dataset: Dataset, output: Path, reporter: Reporter) -> Line:
    """Train, sample and score once; files go to ``output``.

    Returns
    -------
    dict
        The line that was appended to ``results.jsonl``.
    """
    path = output / f"{config.stem}.csv"
    with reporter.phase(f"Train {config.method} ({config.preset}, seed {config.seed}) and sample"):
        info = _generate(config, dataset, path)
        reporter.note(
            f"training {duration(info['fit_seconds'])}, "
            f"sampling {len(dataset.train):,} rows {duration(info['sample_seconds'])}"
        )
    with reporter.phase("Score"):
        start = time.perf_counter()
        synthetic = results.read_table(path, dataset)
        scores = evaluate(dataset, synthetic, progress=reporter.metric)
        seconds = time.perf_counter() - start
    record = results.line(config, dataset, info, scores, seconds)
    results.append(record, output / results.LINES)
    return record


def picture(
    config: Config,
    dataset: Dataset,
    record: Line,
    bounds: References,
    output: Path,
    reporter: Reporter,
) -> Path:
    """Draw the figure of a finished run from its files."""
    path = output / f"{config.stem}.png"
    with reporter.phase("Draw"):
        synthetic = results.read_table(output / f"{config.stem}.csv", dataset)
        draw(dataset, synthetic, Scores(**record["scores"]), bounds, path, label=config.method)
        reporter.note(str(path))
    return path


def reference_rows(
    dataset: Dataset, output: Path, reporter: Reporter, *, fresh: bool = False
) -> References:
    """Take the reference rows from a file whose key fits, or compute and keep them."""
    own = output / f"{dataset.name}-references-{len(dataset.train)}.json"
    places = [references.committed(dataset.name), own]
    if not fresh and (found := references.find(dataset, places)) is not None:
        return found
    computed = score_references(dataset, reporter)
    references.save(computed, own)
    return computed


def score_references(dataset: Dataset, reporter: Reporter) -> References:
    """Score the real rows and the shuffled columns."""
    with reporter.phase("Score the reference rows: real, shuffled"):
        return references.compute(dataset, reporter.metric)


def _generate(config: Config, dataset: Dataset, path: Path) -> dict[str, Any]:
    """Train, sample, and write the rows."""
    method = METHODS[config.method]()
    synthetic, info = method.generate(
        dataset.train, len(dataset.train), config.seed, config.options
    )
    _check(synthetic, dataset, config.method)
    results.write_table(synthetic, path)
    return info


def _check(synthetic: pd.DataFrame, dataset: Dataset, method: str) -> None:
    """Refuse a table of the wrong size: scores depend on it."""
    if len(synthetic) != len(dataset.train):
        raise click.ClickException(
            f"{method} returned {len(synthetic)} rows where {len(dataset.train)} were asked for."
        )
