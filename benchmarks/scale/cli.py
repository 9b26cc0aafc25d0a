"""Command line of the scale benchmark: ``rows``, ``columns``, ``report``."""

import json
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.reporter import make_console
from benchmarks.scale.figure import draw
from benchmarks.scale.measure import Size, measure
from benchmarks.scale.report import findings, tables
from benchmarks.scale.sweep import LINES, SWEEPS, MeasureError, append, read, run

FIGURE = Path(__file__).resolve().parents[1] / "figures" / "scale.png"
QUICK_STEPS, QUICK_SAMPLE = 50, 512


@click.group()
def main() -> None:
    """Measure how cost, memory and quality grow with a table."""


def _sweep(name: str) -> click.Command:
    """Make the command of one sweep."""

    @click.option(
        "--output", type=click.Path(dir_okay=False, path_type=Path), default=LINES, help="File."
    )
    @click.option("--largest", type=click.IntRange(min=1), help=f"Leave out more {name} than that.")
    @click.option("--quick", is_flag=True, help="Few steps, no scores: times and memory only.")
    def sweep(output: Path, largest: int | None, quick: bool) -> None:
        sizes = [size for size in SWEEPS[name] if not largest or getattr(size, name) <= largest]
        if quick:
            sizes = [_quick(size) for size in sizes]
        try:
            for line in run(name, sizes):
                append(line, output)
                click.echo(f"{getattr(Size(**line['size']), name):,} {name}: {line['measured']}")
        except MeasureError as error:
            raise click.ClickException(str(error)) from error

    return click.command(name, help=f"Measure tables of more and more {name}.")(sweep)


for _name in SWEEPS:
    main.add_command(_sweep(_name))


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=LINES)
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), default=FIGURE)
def report(file: Path, figure: Path) -> None:
    """Print the tables and exponents of the newest lines in FILE, and draw them."""
    sweeps = read(file)
    console = make_console()
    for table in tables(sweeps):
        console.print(table)
    for finding in findings(sweeps):
        click.echo(finding)
    draw(sweeps, figure)
    click.echo(f"Drew {figure}")


@main.command("measure", hidden=True)
@click.argument("size")
def measure_one(size: str) -> None:
    """Measure one SIZE, given as JSON, in this process; print JSON."""
    click.echo(json.dumps(measure(Size(**json.loads(size)))))


def _quick(size: Size) -> Size:
    steps, rows = min(size.steps, QUICK_STEPS), min(size.sample_rows, QUICK_SAMPLE)
    return replace(size, steps=steps, sample_rows=rows, score=False)
