"""The lines of the sweeps as tables, and the exponents they show."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from benchmarks.scale.growth import column, exponent, slope
from benchmarks.scale.sweep import Line

MEGABYTE = 1e6
UP_TO_COLUMNS = 200  # the range of the target


def tables(sweeps: dict[str, list[Line]]) -> list[Table]:
    """Lay out each sweep that has lines."""
    return [_table(name, lines) for name, lines in sweeps.items() if lines]


def findings(sweeps: dict[str, list[Line]]) -> list[str]:
    """Say how fast things grow, each with the range it was fitted in."""
    found: list[str] = []
    if len(sweeps["rows"]) > 1:
        found += _row_findings(sweeps["rows"])
    if len(sweeps["columns"]) > 1:
        found += _column_findings(sweeps["columns"])
    return found


def _table(name: str, lines: Sequence[Line]) -> Table:
    heading = ["ms a step", "s before step 1", "s to encode", "rows/s drawn"]
    heading += ["table MB", "encoded MB", "peak MB", "pairs", "fresh", "shuffled"]
    table = Table(name, "tokens", *heading, title=f"Growing {name}")
    for line in lines:
        numbers = line["measured"]
        table.add_row(
            f"{line['size'][name]:,}",
            str(numbers["tokens"]),
            f"{1000 * numbers['step_seconds']:.1f}",
            f"{numbers['prepare_seconds']:.2f}",
            f"{numbers['encode_seconds']:.2f}",
            f"{numbers['sample_rows_per_second']:,.0f}",
            *(_megabytes(numbers[f"{what}_bytes"]) for what in ("table", "encoded", "peak")),
            *_scores(numbers["quality"]),
        )
    return table


def _megabytes(size: int | None) -> str:
    return "-" if size is None else f"{size / MEGABYTE:,.1f}"


def _scores(quality: dict[str, Any] | None) -> Iterable[str]:
    if quality is None:
        return ["-"] * 3
    return [f"{quality[name]['pairs']:.3f}" for name in ("model", "fresh", "shuffled")]


def _row_findings(lines: Sequence[Line]) -> list[str]:
    rows = column(lines, "size", "rows")
    span = f"{min(rows):,} to {max(rows):,} rows"
    steps = column(lines, "measured", "step_seconds")
    found = [f"time of a step ~ rows^{exponent(rows, steps):.2f} ({span})"]
    start, rate = slope(rows, column(lines, "measured", "prepare_seconds"))
    found.append(
        f"time before the first step = {start:.2f} s + {1e6 * rate:.2f} s a million rows ({span})"
    )
    peaks = column(lines, "measured", "peak_bytes")
    if None not in peaks:
        start, rate = slope(rows, peaks)
        last = lines[-1]["measured"]
        found.append(
            f"peak memory above the table = {start / MEGABYTE:.0f} MB + {rate:.1f} bytes a row; "
            f"the table has {last['table_bytes'] / rows[-1]:.1f}, "
            f"encoded {last['encoded_bytes'] / rows[-1]:.1f} ({span})"
        )
    return found


def _column_findings(lines: Sequence[Line]) -> list[str]:
    found = []
    within = [line for line in lines if line["size"]["columns"] <= UP_TO_COLUMNS]
    for chosen in (within, within[-2:], lines[-2:]):
        if len(chosen) < 2:
            continue
        columns = column(chosen, "size", "columns")
        steps = column(chosen, "measured", "step_seconds")
        found.append(
            f"time of a step ~ columns^{exponent(columns, steps):.2f} "
            f"({min(columns)} to {max(columns)} columns)"
        )
    return list(dict.fromkeys(found))
