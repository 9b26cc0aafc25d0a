"""The table of one data set in the terminal: ours, the bounds, published methods."""

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.columns import C2ST, C2ST_HOLDOUT, SHAPE, TREND, Column, mle
from benchmarks.formats import BLANK, count, duration, estimate
from benchmarks.rows import Cell, Row

STYLES = {"ours": "bold", "rival": "", "published": "dim", "reference": ""}
NEEDED = {"trend", "mle"}  # without both a published row says little in a narrow table


def render(dataset: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> Group:
    """Build the table, with what a reader must know below it.

    Parameters
    ----------
    dataset : str
        Name of the data set.
    rows : sequence of Row
        In order; a line is drawn where the kind changes.
    notes : sequence of str
        More lines below the table.
    """
    columns = (SHAPE, TREND, mle(dataset), C2ST)
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column(dataset, min_width=18, overflow="fold")  # numbers need the room
    for heading in ("Shape", "Trend", "MLE", "XGB-C2ST", "Params", "Training"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown = [row for row in rows if set(row.cells) >= NEEDED]
    for place, row in enumerate(shown):
        if place and row.kind != shown[place - 1].kind:
            table.add_section()
        table.add_row(*_cells(row, columns), style=STYLES[row.kind])
    below = [*_notes(dataset, shown), *notes]
    return Group(table, *(Text(note, style="dim") for note in below))


def value(cell: Cell | None, column: Column) -> str:
    """Write a value with its spread; a dagger marks a recalled one."""
    if cell is None:
        return BLANK
    digits = column.digits if cell.digits is None else min(column.digits, cell.digits)
    return estimate(cell.mean, cell.sd, digits) + ("†" if cell.recalled else "")


def unscored(rows: Sequence[Row]) -> list[str]:
    """Columns and pairs that no run could be scored on."""
    lost = {
        item
        for row in rows
        for line in row.lines
        for item in line["scores"].get("detail", {}).get("unscored", ())
    }
    return sorted(lost)


def _cells(row: Row, columns: Sequence[Column]) -> list[str]:
    costs = {name: row.cells[name].mean for name in row.cells}
    return [
        row.title,
        *(value(row.cells.get(column.key), column) for column in columns),
        count(costs.get("n_parameters")),
        duration(costs.get("fit_seconds")),
    ]


def _held_out(rows: Sequence[Row]) -> list[str]:
    return [
        f"{row.title} {value(row.cells.get(C2ST_HOLDOUT.key), C2ST_HOLDOUT)}"
        for row in rows
        if row.kind != "published"
    ]


def _notes(dataset: str, rows: Sequence[Row]) -> list[str]:
    """Write down what the table cannot say in its cells."""
    measure = mle(dataset)
    notes = [
        "Higher is better"
        + (", MLE (an RMSE of the log target) excepted." if measure.better == "down" else ".")
        + " Shape and Trend in percent.",
        "XGB-C2ST against held-out rows: " + ", ".join(_held_out(rows)) + ".",
    ]
    for row in rows:
        if row.seeds:
            seeds = ", ".join(map(str, row.seeds))
            mean = "mean ± standard deviation of trainings with seeds" if row.seeds[1:] else "seed"
            notes.append(f"{row.title}: {mean} {seeds}; trained on {row.machine}.")
    if any(row.kind == "published" for row in rows):
        notes.append(
            "Dim: published numbers, trained on GPUs; sources in benchmarks/published.py."
            " † recalled, not read again."
        )
    if lost := unscored(rows):
        notes.append(f"Not scored, so missing from Shape and Trend: {', '.join(lost)}.")
    return notes
