"""Four panels: time of a step, memory, and quality over rows; time of a step over columns."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.figure import FAINT, INK, STYLE, SYNTHETIC
from benchmarks.scale.growth import column, exponent
from benchmarks.scale.report import MEGABYTE, UP_TO_COLUMNS
from benchmarks.scale.sweep import Line

TARGET_EXPONENT = 1.3


def draw(sweeps: dict[str, list[Line]], path: Path) -> None:
    """Write the figure of both sweeps as PNG; a panel without lines stays empty."""
    rows, columns = sweeps["rows"], sweeps["columns"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 6.4), dpi=160, layout="constrained")
        panels = figure.subplots(2, 2)
        _steps_over_rows(panels[0, 0], rows)
        _memory(panels[0, 1], rows)
        _steps_over_columns(panels[1, 0], columns)
        _quality(panels[1, 1], rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def _steps_over_rows(axes: Axes, lines: Sequence[Line]) -> None:
    _label(axes, "Time of a step", "rows of the table, 10 columns", "ms, one thread")
    if not lines:
        return
    rows = column(lines, "size", "rows")
    steps = [1000 * seconds for seconds in column(lines, "measured", "step_seconds")]
    axes.semilogx(rows, steps, "o-", color=SYNTHETIC)
    axes.set_ylim(0, 1.6 * max(steps))
    if len(rows) > 1:
        _note(axes, f"rows$^{{{exponent(rows, steps):.2f}}}$")


def _memory(axes: Axes, lines: Sequence[Line]) -> None:
    _label(axes, "Memory", "rows of the table, 10 columns", "MB")
    if not lines:
        return
    rows = column(lines, "size", "rows")
    series = (
        ("peak_bytes", "most that fit holds above the table", "o-", SYNTHETIC),
        ("encoded_bytes", "the table, encoded", "s--", INK),
        ("table_bytes", "the table itself", "^:", FAINT),
    )
    for key, label, marks, colour in series:
        sizes = column(lines, "measured", key)
        if None not in sizes:
            megabytes = [size / MEGABYTE for size in sizes]
            axes.loglog(rows, megabytes, marks, color=colour, label=label, markersize=4)
    axes.legend(frameon=False, fontsize=8)


def _steps_over_columns(axes: Axes, lines: Sequence[Line]) -> None:
    _label(axes, "Time of a step", "columns of the table", "ms, one thread")
    if not lines:
        return
    columns = column(lines, "size", "columns")
    steps = [1000 * seconds for seconds in column(lines, "measured", "step_seconds")]
    axes.loglog(columns, steps, "o-", color=SYNTHETIC, label="measured")
    limit = [steps[0] * (size / columns[0]) ** TARGET_EXPONENT for size in columns]
    axes.loglog(columns, limit, ":", color=FAINT, label=f"columns$^{{{TARGET_EXPONENT}}}$")
    axes.legend(frameon=False, fontsize=8)
    within = [place for place, size in enumerate(columns) if size <= UP_TO_COLUMNS]
    if len(within) > 1:
        power = exponent([columns[k] for k in within], [steps[k] for k in within])
        _note(axes, f"columns$^{{{power:.2f}}}$ up to {columns[within[-1]]}")


def _quality(axes: Axes, lines: Sequence[Line]) -> None:
    scored = [line for line in lines if line["measured"]["quality"] is not None]
    steps = f"{scored[0]['size']['steps']:,}" if scored else "few"
    _label(axes, f"Quality after {steps} steps", "rows of the table, 10 columns", "score of pairs")
    if not scored:
        return
    rows = column(scored, "size", "rows")
    series = (
        ("fresh", "fresh rows of the law", "--", INK),
        ("model", "model", "o-", SYNTHETIC),
        ("shuffled", "columns shuffled", ":", FAINT),
    )
    for name, label, marks, colour in series:
        scores = column(scored, "measured", "quality", name, "pairs")
        axes.semilogx(rows, scores, marks, color=colour, label=label)
    axes.legend(frameon=False, fontsize=8)


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10.5, weight="bold")
    axes.set_xlabel(x, color=FAINT)
    axes.set_ylabel(y, color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)


def _note(axes: Axes, text: str) -> None:
    axes.text(0.97, 0.06, text, transform=axes.transAxes, ha="right", color=INK, fontsize=9)
