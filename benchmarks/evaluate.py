"""The second half of a run: read generated rows back, score them, draw them, keep the line."""

import time
from pathlib import Path

from benchmarks import results
from benchmarks.data import Dataset
from benchmarks.figure import draw
from benchmarks.references import References
from benchmarks.reporter import Reporter
from benchmarks.results import Config, Line
from benchmarks.scores import Scores
from benchmarks.scores import evaluate as score


def evaluate(
    config: Config, record: Line, dataset: Dataset, output: Path, reporter: Reporter
) -> Line:
    """Score generated rows, and build their line.

    Parameters
    ----------
    config : Config
        What was run.
    record : dict
        What `generate` wrote beside the rows.
    dataset : Dataset
        What to score against.
    output : Path
        Folder of the files.
    reporter : Reporter
        Told of each finished metric.
    """
    start = time.perf_counter()
    rows = results.read_table(output / f"{config.stem}.csv", dataset)
    scores = score(dataset, rows, progress=reporter.metric)
    return results.line(record, scores, time.perf_counter() - start)


def picture(
    config: Config, record: Line, dataset: Dataset, bounds: References, output: Path
) -> Path:
    """Draw the figure of a finished run from its files."""
    path = output / f"{config.stem}.png"
    rows = results.read_table(output / f"{config.stem}.csv", dataset)
    draw(dataset, rows, Scores(**record["scores"]), bounds, path, label=config.title)
    return path
