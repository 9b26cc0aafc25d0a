"""Command line of the questions: ``run`` and ``report``."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from benchmarks.data import DataError, known
from benchmarks.deadline import Deadline
from benchmarks.formats import duration
from benchmarks.questions.rival import RIVALS
from benchmarks.questions.settings import DATASETS, PRESET, ROWS, SEEDS, Settings
from benchmarks.questions.tasks import TASKS
from benchmarks.reporter import Reporter, make_console
from benchmarks.results import COMMITTED, OWN_METHOD, ResultsError, read_lines
from benchmarks.settings import parse_overrides

LINES = COMMITTED / "questions.jsonl"
SCRATCH = Path("results") / "questions"
SHOWN_LEFT = 20
LEFT = 75  # exit status: there is more to do, call again (EX_TEMPFAIL of sysexits.h)


def _environments() -> str:
    return " ".join(
        f"`{name}`: {rival.title}, in the environment `{rival.environment}`."
        for name, rival in RIVALS.items()
    )


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which questions."""
    options = [
        click.option(
            "--dataset", "datasets", multiple=True, type=click.Choice(known()), default=DATASETS
        ),
        click.option("--seed", "seeds", multiple=True, type=click.IntRange(min=0), default=SEEDS),
        click.option(
            "--task",
            "tasks",
            multiple=True,
            type=click.Choice(list(TASKS)),
            default=tuple(TASKS),
            help="Only these.  [default: all]",
        ),
        click.option(
            "--rows",
            type=click.IntRange(min=50),
            default=ROWS,
            show_default=True,
            help="Test rows that a task uses at most.",
        ),
        click.option(
            "--max-steps",
            type=click.IntRange(min=2),
            help="Training steps, for a quick look.  [default: the preset's]",
        ),
        click.option(
            "--set",
            "sets",
            multiple=True,
            metavar="NAME=VALUE",
            help="Parameter of the model, or field of its preset.",
        ),
        click.option(
            "--rival",
            "rivals",
            multiple=True,
            type=click.Choice(list(RIVALS)),
            help=f"Complete rows by it too. {_environments()}",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda."),
        click.option(
            "--lines",
            "path",
            type=click.Path(dir_okay=False, path_type=Path),
            default=LINES,
            help="File of finished lines.  [default: benchmarks/results/questions.jsonl]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group("questions")
def questions() -> None:
    """Ask trained models what else they can answer: conditions, holes, odd rows."""


@questions.command("run")
@_settings
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds within which the command ends; call it again for the rest.",
)
@click.option("--force", is_flag=True, help="Ask again what has a line; models are kept.")
@click.pass_obj
def run(
    started: float | None, /, path: Path, time_limit: float | None, force: bool, **chosen: Any
) -> None:
    """Train the models that are not there, ask what has no line yet, append the lines."""
    from benchmarks.questions.run import Questions

    started = started or time.perf_counter()
    settings = _chosen(**chosen)
    deadline = Deadline(time_limit, started)
    try:
        runner = Questions(path, SCRATCH, deadline, Reporter(make_console()), force=force)
        runner.run(settings)
    except (DataError, ResultsError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"From the command to its end: {duration(time.perf_counter() - started)}.")
    if runner.left:
        click.echo(f"Left, for another call of the same command: {len(runner.left)} jobs.")
        for item in runner.left[:SHOWN_LEFT]:
            click.echo(f"  {item}")
        raise SystemExit(LEFT)


@questions.command("report")
@_settings
@click.option(
    "--page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.  [default: benchmarks/QUESTIONS.md]",
)
def report(path: Path, page: Path | None, **chosen: Any) -> None:
    """Rebuild the page from finished lines; it names the jobs that are missing."""
    from benchmarks.questions.report import PAGE, missing, render

    try:
        lines = read_lines([path]) if path.is_file() else []
    except ResultsError as error:
        raise click.ClickException(str(error)) from error
    settings = _chosen(**chosen)
    page = page or PAGE
    page.write_text(render(lines, settings), encoding="utf-8")
    click.echo(f"Wrote {page}; {len(missing(lines, settings))} jobs are missing.")


def _chosen(sets: tuple[str, ...], max_steps: int | None, **chosen: Any) -> Settings:
    """Put the options together."""
    from tabdiffuse import TabularDiffusion

    if max_steps is not None:
        sets = (*sets, f"max_steps={max_steps}")
    overrides = parse_overrides(sets, [OWN_METHOD], TabularDiffusion, [PRESET])
    return Settings(overrides=overrides, **chosen)
