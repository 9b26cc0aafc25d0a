"""Command line of the ablations: ``run`` and ``report``."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks.ablations.variants import DATASETS, HEADINGS, MAX_STEPS, SEEDS, Settings
from benchmarks.data import DataError, known
from benchmarks.deadline import Deadline
from benchmarks.formats import duration
from benchmarks.reporter import Reporter, make_console
from benchmarks.results import COMMITTED, ResultsError, read_lines

LINES = COMMITTED / "ablations.jsonl"
SCRATCH = Path("results") / "ablations"
SHOWN_LEFT = 20
LEFT = 75  # exit status: there is more to do, call again (EX_TEMPFAIL of sysexits.h)


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which ablations."""
    options = [
        click.option(
            "--dataset", "datasets", multiple=True, type=click.Choice(known()), default=DATASETS
        ),
        click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), default=SEEDS),
        click.option(
            "--heading",
            "headings",
            multiple=True,
            type=click.Choice(HEADINGS, case_sensitive=False),
            help="Only these.  [default: all]",
        ),
        click.option(
            "--max-steps",
            type=click.IntRange(min=2),
            default=MAX_STEPS,
            show_default=True,
            help="Training steps of the base.",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda."),
        click.option(
            "--lines",
            "path",
            type=click.Path(dir_okay=False, path_type=Path),
            default=LINES,
            help="File of finished lines.  [default: benchmarks/results/ablations.jsonl]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group("ablations")
def ablations() -> None:
    """Change one thing at a time in the fast preset, and see whether it matters."""


@ablations.command("run")
@_settings
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds within which the command ends; call it again for the rest.",
)
@click.pass_obj
def run(started: float | None, /, path: Path, time_limit: float | None, **chosen: Any) -> None:
    """Train the variants that have no line yet, and append their lines."""
    from benchmarks.ablations.run import Ablations

    started = started or time.perf_counter()
    deadline = Deadline(time_limit, started)
    try:
        runner = Ablations(path, SCRATCH, deadline, Reporter(make_console()))
        runner.run(Settings(**chosen))
    except (DataError, ResultsError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"From the command to its end: {duration(time.perf_counter() - started)}.")
    if runner.left:
        click.echo(f"Left, for another call of the same command: {len(runner.left)} runs.")
        for item in runner.left[:SHOWN_LEFT]:
            click.echo(f"  {item}")
        raise SystemExit(LEFT)


@ablations.command("report")
@_settings
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.  [default: benchmarks/ABLATIONS.md]",
)
def report(path: Path, page: Path | None, **chosen: Any) -> None:
    """Rebuild the page from finished lines; it names the runs that are missing."""
    from benchmarks.ablations.report import PAGE, missing, render

    try:
        lines = read_lines([path]) if path.is_file() else []
    except ResultsError as error:
        raise click.ClickException(str(error)) from error
    settings = Settings(**chosen)
    page = page or PAGE
    page.write_text(render(lines, settings), encoding="utf-8")
    click.echo(f"Wrote {page}; {len(missing(lines, settings))} runs are missing.")
