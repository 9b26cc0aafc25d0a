"""The table of a benchmark: ours, the two reference rows, published methods."""

import statistics
from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.published import PUBLISHED, Published
from benchmarks.references import References
from benchmarks.results import Line

BLANK = "–"

Row = tuple[str, ...]


def render(name: str, lines: Sequence[Line], references: References) -> Group:
    """Build the table for one data set, with what a reader must know below it."""
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column(name, min_width=18)  # wraps where numbers need the room
    for heading in ("Shape", "Trend", "MLE", "XGB-C2ST", "Params", "Training"):
        table.add_column(heading, justify="right", no_wrap=True)
    groups = grouped(lines)
    for title, members in groups.items():
        table.add_row(*_own_row(title, members), style="bold")
    table.add_section()
    table.add_row(*_reference_row("real rows", references.real))
    table.add_row(*_reference_row("columns shuffled", references.shuffled))
    table.add_section()
    for method in PUBLISHED.get(name, ()):
        table.add_row(*_published_row(method), style="dim")
    return Group(table, *(Text(note, style="dim") for note in _notes(groups, references)))


def duration(seconds: float | None) -> str:
    """Seconds as a reader would say them."""
    if seconds is None:
        return BLANK
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 100:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def count(number: float | None) -> str:
    """Write a number of parameters with three digits: 68.2K, 10.7M."""
    if number is None:
        return BLANK
    for size, unit in ((1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return f"{number:.0f}"


def spread(values: Sequence[float], digits: int) -> str:
    """Mean, with the standard deviation where there are several values."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    if len(values) < 2:
        return mean
    return f"{mean}±{statistics.stdev(values):.{digits}f}".replace("±0.", "±.")


def grouped(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Lines that differ in the seed only, under a title; the newest line of a seed counts."""
    groups: dict[str, dict[int, Line]] = {}
    for record in sorted(lines, key=lambda record: str(record["finished"])):
        config = record["config"]
        title = f"{config['method']} {config['preset']}"
        if config["max_time"] is not None:
            title += f" {config['max_time']:g} s"
        if config["train_rows"] is not None:
            title += f" {record['train_rows']} rows"
        groups.setdefault(title, {})[config["seed"]] = record
    return {title: [seeds[seed] for seed in sorted(seeds)] for title, seeds in groups.items()}


def _own_row(title: str, lines: Sequence[Line]) -> Row:
    scores = [record["scores"] for record in lines]
    return (
        title,
        spread([100 * score["shape"] for score in scores], 2),
        spread([100 * score["trend"] for score in scores], 2),
        spread([score["mle"] for score in scores], 3),
        spread([score["c2st"] for score in scores], 3),
        count(lines[-1].get("n_parameters")),
        duration(statistics.fmean(record["fit_seconds"] for record in lines)),
    )


def _reference_row(title: str, scores: dict[str, float]) -> Row:
    return (
        title,
        f"{100 * scores['shape']:.2f}",
        f"{100 * scores['trend']:.2f}",
        f"{scores['mle']:.3f}",
        f"{scores['c2st']:.3f}",
        BLANK,
        BLANK,
    )


def _published_row(method: Published) -> Row:
    return (
        method.method,
        BLANK if method.shape is None else f"{method.shape:.2f}",
        BLANK if method.trend is None else f"{method.trend:.2f}",
        BLANK if method.mle is None else f"{method.mle:.3f}",
        BLANK if method.c2st is None else f"{method.c2st:.3f}",
        count(method.parameters),
        duration(method.train_seconds),
    )


def _notes(groups: dict[str, list[Line]], references: References) -> list[str]:
    """Write down what the table cannot say in its cells."""
    held_out = [
        f"{title} {spread([record['scores']['c2st_holdout'] for record in lines], 3)}"
        for title, lines in groups.items()
    ]
    held_out.append(f"real {references.real['c2st_holdout']:.3f}")
    held_out.append(f"shuffled {references.shuffled['c2st_holdout']:.3f}")
    notes = [
        "Higher is better in every score. Shape and Trend in percent, MLE is an AUC.",
        "Real rows: the test rows, scored as if they were synthetic; for MLE the train rows.",
        f"XGB-C2ST against held-out test rows: {', '.join(held_out)}.",
        "Lower block: published numbers, sources in benchmarks/published.py; training on a GPU.",
    ]
    lost = {
        item
        for lines in groups.values()
        for record in lines
        for item in record["scores"]["detail"]["unscored"]
    }
    for title, lines in groups.items():
        if len(lines) > 1:
            seeds = ", ".join(str(record["config"]["seed"]) for record in lines)
            notes.append(f"{title}: mean ± standard deviation of trainings with seeds {seeds}.")
    if lost:
        notes.append(f"Not scored, so missing from Shape and Trend: {', '.join(sorted(lost))}.")
    return notes
