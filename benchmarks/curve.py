"""Quality against training time: our curve, rivals, published methods, bounds."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.columns import ARROWS, C2ST, SHAPE, TREND, Column, mle
from benchmarks.data import read_recipe
from benchmarks.formats import duration
from benchmarks.report import value
from benchmarks.rows import REFERENCE_TITLES, Row
from benchmarks.settings import NO_PRESET

FOLDER = Path(__file__).resolve().parent / "figures"
INK, FAINT, RIVAL, BOUND = "#22262B", "#8A929C", "#2E6E9E", "#4C8C5A"
OURS = ("#C8490B", "#E8A33D", "#7A3B69")  # one colour for each machine
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "savefig.facecolor": "white",
}
MARKS = {"rival": (RIVAL, "s"), "published": (FAINT, "D")}
TICKS = (1, 10, 60, 600, 3600, 36_000)
MARGIN, WRAP = 0.08, 54
WORST_GAP = 3.0  # what is farther below, in spans of the better half, is named below the panel
LEFT, RIGHT = (0.0, 2, "left"), (1.0, -2, "right")
PLACES = {"bootstrap": RIGHT, "real": LEFT, "shuffled": LEFT}


def draw(dataset: str, rows: Sequence[Row], folder: Path = FOLDER) -> Path | None:
    """Write the figure of one data set; None where nothing of ours was run.

    Parameters
    ----------
    dataset : str
        Name of the data set.
    rows : sequence of Row
        All rows of its table.
    folder : Path
        Where to write ``DATASET.png``.
    """
    if not any(row.kind == "ours" for row in rows):
        return None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(13, 4.2), dpi=160, layout="constrained")
        columns = (SHAPE, TREND, C2ST, mle(dataset))
        for axes, column in zip(figure.subplots(1, len(columns)), columns, strict=True):
            _panel(axes, column, rows)
        title = f"{read_recipe(dataset)['title']}: quality against training time"
        figure.suptitle(title, x=0.008, ha="left", fontsize=12, weight="bold")
        _legend(figure, rows)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{dataset}.png"
        figure.savefig(path, metadata={"Software": None})
    return path


def curves(rows: Sequence[Row], column: Column) -> dict[str, list[Row]]:
    """Our rows by machine, in order of time; runs with changed settings are left out."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        plain = row.lines and not row.lines[0]["config"]["overrides"]
        if row.kind == "ours" and plain and column.key in row.cells:
            found.setdefault(row.machine, []).append(row)
    return {name: sorted(members, key=_seconds) for name, members in found.items()}


def limits(values: Sequence[float], column: Column) -> tuple[float, float]:
    """Choose the shown range: every value of ours, and others that are not far below them."""
    array = np.asarray(values, dtype=float)
    sign = -1.0 if column.better == "down" else 1.0
    good = np.sort(sign * array)[::-1]
    middle = good[: max(3, -(-len(good) // 2))]
    gap = WORST_GAP * max(middle[0] - middle[-1], 10.0**-column.digits)
    kept = good[good >= middle[0] - gap]
    low, high = sorted((sign * kept[0], sign * kept[-1]))
    room = MARGIN * max(high - low, 10.0**-column.digits)
    return float(low - room), float(high + room)


def _panel(axes: Axes, column: Column, rows: Sequence[Row]) -> None:
    axes.set_title(f"{column.title} {ARROWS[column.better]}", loc="left")
    axes.set_xscale("log")
    timed = [row for row in rows if column.key in row.cells and "fit_seconds" in row.cells]
    bounds = {
        name: row.cells[column.key].mean
        for row in rows
        for name, title in REFERENCE_TITLES.items()
        if row.title == title and column.key in row.cells
    }
    low, high = shown = limits(_ranged(timed, bounds, column), column)
    axes.set_ylim(*((high, low) if column.better == "down" else shown))
    others = [row for row in timed if row.kind in ("rival", "published")]
    far = [row for row in others if not _point(axes, row, column, shown)]
    for colour, members in zip(OURS, curves(rows, column).values(), strict=False):
        _curve(axes, members, column, colour)
    for name, at in bounds.items():
        _bound(axes, name, at, shown)
    axes.set_xlabel(_below(far, column), fontsize=7.5, loc="left")
    axes.xaxis.set_major_locator(ticker.FixedLocator(TICKS))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(_tick))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)


def _ranged(rows: Sequence[Row], bounds: Mapping[str, float], column: Column) -> list[float]:
    """Values that the range is chosen from: shuffled columns would stretch it."""
    wanted = [at for name, at in bounds.items() if name != "shuffled"]
    return [*(row.cells[column.key].mean for row in rows), *wanted]


def _below(rows: Sequence[Row], column: Column) -> str:
    """Write the label of the time axis, and what lies below the range."""
    if not rows:
        return "training time"
    values = (f"{_short(row)} {value(row.cells[column.key], column)}" for row in rows)
    listed = textwrap.fill("worse than shown: " + ", ".join(values), WRAP)
    return f"training time\n{listed}"


def _curve(axes: Axes, rows: Sequence[Row], column: Column, colour: str) -> None:
    """Join our runs; bars are one standard deviation over seeds."""
    cells = [row.cells[column.key] for row in rows]
    seconds = [_seconds(row) for row in rows]
    axes.errorbar(
        seconds,
        [cell.mean for cell in cells],
        yerr=[cell.sd or 0.0 for cell in cells],
        color=colour,
        marker="o",
        markersize=4.5,
        linewidth=1.6,
        elinewidth=0.9,
        zorder=3,
    )
    for row, at, cell in zip(rows, seconds, cells, strict=True):
        _label(axes, row.title.partition(":")[2], (at, cell.mean), colour, left=True)


def _point(axes: Axes, row: Row, column: Column, shown: tuple[float, float]) -> bool:
    """Mark one method; False if it lies outside the range."""
    at = row.cells[column.key].mean
    if not shown[0] <= at <= shown[1]:
        return False
    colour, marker = MARKS[row.kind]
    recalled = row.cells[column.key].recalled or row.cells["fit_seconds"].recalled
    filling = "none" if recalled else colour
    point = (_seconds(row), at)
    axes.plot(*point, marker, color=colour, markerfacecolor=filling, markersize=4.5, zorder=2)
    _label(axes, _short(row).replace(", re-run by ", "\nby "), point, colour)
    return True


def _label(
    axes: Axes, text: str, point: tuple[float, float], colour: str, *, left: bool = False
) -> None:
    side: Literal["left", "right"] = "right" if left else "left"
    offset = (-4, 4) if left else (4, -9)
    axes.annotate(
        text,
        point,
        offset,
        textcoords="offset points",
        ha=side,
        fontsize=6.5,
        color=colour,
        zorder=4,
    )


def _bound(axes: Axes, name: str, at: float, shown: tuple[float, float]) -> None:
    """Draw a line across, where it is within the range."""
    if not shown[0] <= at <= shown[1]:
        return
    axes.axhline(at, color=BOUND, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    x, offset, side = PLACES[name]
    axes.annotate(
        REFERENCE_TITLES[name],
        (x, at),
        (offset, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha=side,
        fontsize=6.5,
        color=BOUND,
    )


def _legend(figure: Figure, rows: Sequence[Row]) -> None:
    """Say which colour is which machine, and what the marks are."""
    machines = zip(curves(rows, SHAPE), OURS, strict=False)
    handles = [
        Line2D([], [], color=colour, marker="o", label=f"tabdiffuse on {name}, ± sd over seeds")
        for name, colour in machines
    ]
    gpu = "published, on a GPU of its source; hollow: recalled"
    said = {"rival": "others, on ", "published": gpu}
    for kind, (colour, marker) in MARKS.items():
        mine = [row for row in rows if row.kind == kind]
        ran_on = ", ".join(sorted({row.machine for row in mine if row.lines}))
        if mine:
            label = said[kind] + ran_on
            handles.append(Line2D([], [], color=colour, marker=marker, linewidth=0, label=label))
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), frameon=False)


def _short(row: Row) -> str:
    return row.title.removesuffix(f":{NO_PRESET}")


def _seconds(row: Row) -> float:
    return max(row.cells["fit_seconds"].mean, 0.1)


def _tick(seconds: float, position: int | None = None) -> str:
    return duration(seconds).replace(".0 ", " ")
