"""Command line of the benchmarks: ``run``, ``list``, ``report``, ``speed``, ``references``."""

import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console, RenderableType

from benchmarks import digits, references, runner, speed
from benchmarks.data import DataError, Dataset, known, load, read_recipe
from benchmarks.methods import METHODS
from benchmarks.report import duration, render
from benchmarks.results import COMMITTED, LINES, Config, quick_look, read_lines
from benchmarks.runner import Reporter

RESULTS = Path("results")
DEFAULT_METHOD = "tabdiffuse"
TASKS = {digits.NAME: digits}  # what is no table brings its own run and report


@click.group()
def main() -> None:
    """Benchmark tabdiffuse on public data, with the metrics of published work."""


@main.command("list")
def list_datasets() -> None:
    """List the data sets."""
    for name in known():
        recipe = read_recipe(name)
        rows = " + ".join(f"{recipe['files'][part]['rows']:,}" for part in ("train", "test"))
        click.echo(f"{name}: {recipe['title']}, {rows} rows, {len(recipe['columns'])} columns")
        click.echo(f"  {recipe['source']}, doi:{recipe['doi']}, {recipe['licence']}")
    for name, task in TASKS.items():
        click.echo(f"{name}: {task.TITLE}")


@main.command()
@click.argument("dataset")
@click.option(
    "--method", default=DEFAULT_METHOD, show_default=True, type=click.Choice(sorted(METHODS))
)
@click.option("--preset", default="fast", show_default=True, help="Preset of the model.")
@click.option(
    "--seed", "seeds", type=int, multiple=True, help="Seed; may be repeated.  [default: 0]"
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda.")
@click.option("--max-time", type=click.FloatRange(min=0, min_open=True), help="Training seconds.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    show_default=True,
    help="Folder for tables, scores and figures.",
)
@click.option(
    "--train-rows",
    type=click.IntRange(min=30),
    help="Quick look: as many random train rows. Not comparable with published numbers.",
)
@click.option("--fresh-references", is_flag=True, help="Score the real and shuffled rows anew.")
@click.pass_obj
def run(
    started: float | None,
    dataset: str,
    method: str,
    preset: str,
    seeds: tuple[int, ...],
    device: str,
    max_time: float | None,
    output: Path,
    train_rows: int | None,
    fresh_references: bool,
) -> None:
    """Train on DATASET, sample as many rows, score them, print the table."""
    started = started or time.perf_counter()
    reporter = Reporter(Console())
    configs = [
        Config(dataset, method, preset, seed, device, max_time, train_rows)
        for seed in dict.fromkeys(seeds or (0,))
    ]
    if dataset in TASKS:
        if method != DEFAULT_METHOD:
            raise click.UsageError(f"{dataset} runs with --method {DEFAULT_METHOD} only.")
        table = TASKS[dataset].run(configs, output, reporter)
    else:
        table = _run_table(configs, output, reporter, fresh=fresh_references)
    reporter.console.print()
    reporter.console.print(table)
    click.echo(f"\nFrom the command to this table: {duration(time.perf_counter() - started)}.")
    click.echo(f"Tables, figures and the line of each run ({LINES}) are in {output}.")


@main.command()
@click.argument("dataset")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def report(dataset: str, files: tuple[Path, ...]) -> None:
    """Print the table of DATASET from finished lines: the committed ones, or those in FILES."""
    reporter = Reporter(Console())
    lines = read_lines(files or sorted(COMMITTED.glob("*.jsonl")))
    mine = [line for line in lines if line["config"]["dataset"] == dataset]
    if dataset in TASKS:
        reporter.console.print(TASKS[dataset].report(mine))
        return
    bounds = runner.reference_rows(_load(dataset, reporter), RESULTS, reporter)
    reporter.console.print(render(dataset, mine, bounds))


@main.command("speed")
@click.argument("dataset")
@click.option("--preset", default="fast", show_default=True, help="Preset of the model.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda.")
def measure_speed(dataset: str, preset: str, device: str) -> None:
    """Measure training and sampling on DATASET: rows a second, and where the time goes."""
    reporter = Reporter(Console())
    data = _load(dataset, reporter)
    with reporter.phase("Measure"):
        speeds = speed.measure(data.train, preset, device)
    reporter.console.print(speed.render(speeds))


@main.command("references")
@click.argument("dataset")
def write_references(dataset: str) -> None:
    """Score the real and the shuffled rows of DATASET anew; write the file that is committed."""
    reporter = Reporter(Console())
    data = _load(dataset, reporter)
    references.save(runner.score_references(data, reporter), references.committed(dataset))
    click.echo(f"Wrote {references.committed(dataset)}")


def _run_table(
    configs: Sequence[Config], output: Path, reporter: Reporter, *, fresh: bool
) -> RenderableType:
    """Run each configuration on one table; all of them differ in the seed only."""
    first = configs[0]
    data = quick_look(_load(first.dataset, reporter), first.train_rows)
    bounds = runner.reference_rows(data, output, reporter, fresh=fresh)
    lines = []
    for config in configs:
        lines.append(runner.run(config, data, output, reporter))
        runner.picture(config, data, lines[-1], bounds, output, reporter)
    return render(first.dataset, lines, bounds)


def _load(name: str, reporter: Reporter) -> Dataset:
    """Load a data set; say in words why it cannot be had."""
    try:
        with reporter.phase(f"Load {name}"):
            dataset = load(name)
            reporter.note(
                f"{len(dataset.train):,} train and {len(dataset.test):,} test rows, "
                f"{dataset.train.shape[1]} columns; SHA-256 verified"
            )
    except DataError as error:
        beside = "" if name in known() else f" Beside the tables: {', '.join(TASKS)}."
        raise click.ClickException(f"{error}{beside}") from error
    return dataset
