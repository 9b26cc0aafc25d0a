"""Two rows of the tables, side by side, and whether they differ by more than chance."""

import math
from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text
from scipy import stats

from benchmarks.columns import score_columns
from benchmarks.report import value
from benchmarks.results import Line
from benchmarks.rows import Cell, Row, own_rows

LEVEL = 0.95
NOTE = (
    "Difference: B less A, with its 95 % interval by Welch's t. An interval without 0 is more than "
    "the spread of the seeds explains; by chance alone that happens in one comparison of twenty. "
    "Scores share one train and one test table, whose own chance no number of seeds removes."
)


class UnknownRow(ValueError):
    """There is no row of that title."""


def render(
    lines: Sequence[Line], first: str, second: str, names: Sequence[str], split: str
) -> Group:
    """Build one table for each data set that has runs of both.

    Parameters
    ----------
    lines : sequence of dict
        Finished runs.
    first, second : str
        Titles of rows, as the tables show them.
    names : sequence of str
        Data sets.
    split : str
        Which lines to use.

    Raises
    ------
    UnknownRow
        If no data set has both; names the titles there are.
    """
    tables, known = [], set()
    for name in names:
        rows = own_rows(lines, name, split)
        known |= {row.title for row in rows}
        pairs = [(a, b) for a in rows for b in rows if (a.title, b.title) == (first, second)]
        tables += [_table(name, a, b) for a, b in pairs]
    if not tables:
        there = ", ".join(sorted(known)) or "none"
        raise UnknownRow(
            f"No data set among {', '.join(names)} has finished runs of both {first!r} and "
            f"{second!r} with split {split!r}. Rows there are: {there}."
        )
    return Group(*tables, Text(NOTE, style="dim"))


def verdict(first: Cell, second: Cell, digits: int) -> str:
    """Say in words whether two means differ by more than the spread of their seeds.

    Parameters
    ----------
    first, second : Cell
        Means and standard deviations of independent trainings.
    digits : int
        Decimals shown.
    """
    if first.sd is None or second.sd is None:
        return "one seed: spread unknown"
    half = half_width(first, second)
    difference = second.mean - first.mean
    low, high = (f"{difference + sign * half:+.{digits}f}" for sign in (-1, 1))
    if half == 0:
        return "the same in every seed" if difference == 0 else "differs in every seed alike"
    beyond = abs(difference) > half
    return f"{'exceeds' if beyond else 'within'} the seeds' spread ({low} to {high})"


def half_width(first: Cell, second: Cell) -> float:
    """Half the interval of the difference of two means, variances not assumed equal (Welch)."""
    assert first.sd is not None
    assert second.sd is not None
    parts = [cell.sd**2 / cell.count for cell in (first, second) if cell.sd is not None]
    variance = sum(parts)
    if variance == 0:
        return 0.0
    counts = (first.count, second.count)
    freedom = variance**2 / sum(
        part**2 / (count - 1) for part, count in zip(parts, counts, strict=True)
    )
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom) * math.sqrt(variance))


def _table(name: str, first: Row, second: Row) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column(name)
    for letter, row in (("A", first), ("B", second)):
        table.add_column(f"{letter} {row.title}\n{len(row.seeds)} seeds", justify="right")
    table.add_column("B - A", justify="right")
    table.add_column("difference")
    for column in score_columns(name):
        a, b = first.cells.get(column.key), second.cells.get(column.key)
        if a is not None and b is not None:
            moved = f"{b.mean - a.mean:+.{column.digits}f}"
            shown = (value(a, column), value(b, column))
            table.add_row(column.title, *shown, moved, verdict(a, b, column.digits))
    if first.machine != second.machine:
        table.caption = f"A on {first.machine}, B on {second.machine}"
    return table
