"""Command line of the benchmarks: ``run``, ``compare``, ``report``, ``list`` and more."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import RenderableType

from benchmarks.ablations.cli import ablations
from benchmarks.data import SPLITS, DataError, Dataset, describe, known, load, read_recipe
from benchmarks.deadline import Deadline
from benchmarks.formats import duration
from benchmarks.methods import METHODS
from benchmarks.pictures.catalogue import NAMES as PICTURES
from benchmarks.pictures.catalogue import Experiments
from benchmarks.questions.cli import questions
from benchmarks.reporter import Reporter, make_console
from benchmarks.results import COMMITTED, LINES, OWN_METHOD, Config, Line, ResultsError, read_lines
from benchmarks.runner import Outcome, Runner
from benchmarks.settings import configurations, parse_overrides

RESULTS = Path("results")
ALL = "all"
TASKS = ("digits", *PICTURES)  # what is no table brings its own run and report
LEFT = 75  # exit status: there is more to do, call again (EX_TEMPFAIL of sysexits.h)

_output = click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    show_default=True,
    help="Folder for tables, scores and figures.",
)
_device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda.")
_split = click.option(
    "--split",
    type=click.Choice(SPLITS),
    default="protocol",
    show_default=True,
    help="How train and test rows are cut; dcr: two halves, for the distance to closest records.",
)


@click.group()
def main() -> None:
    """Benchmark tabdiffuse on public data, with the metrics of published work."""


main.add_command(ablations)
main.add_command(questions)


@main.command("list")
def list_datasets() -> None:
    """List the data sets and the methods."""
    for name in known():
        click.echo(describe(name))
    for name in TASKS:
        click.echo(f"{name}: {_task(name).TITLE}")
    click.echo(f"methods: {', '.join(METHODS)}")


@main.command()
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True)
@click.option(
    "--method",
    "methods",
    multiple=True,
    help="Method.  [default: tabdiffuse; of a task on pictures, each of its own]",
)
@click.option("--preset", "presets", multiple=True, help="Preset of the model.  [default: fast]")
@click.option("--seed", "seeds", type=int, multiple=True, help="Seed.  [default: 0]")
@click.option(
    "--max-time",
    "max_times",
    type=click.FloatRange(min=0, min_open=True),
    multiple=True,
    help="Training seconds.",
)
@click.option(
    "--max-steps",
    type=click.IntRange(min=1),
    help="Training steps; short for --set max_steps=N.",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME=VALUE",
    help="Parameter of the model, or field of its preset.",
)
@_device
@_split
@_output
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds within which the command ends; call it again for the rest.",
)
@click.option("--only", type=click.Choice(["generate", "evaluate"]), help="One half of each run.")
@click.option("--force", is_flag=True, help="Run anew what is finished or begun.")
@click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep trained models of ours in this folder; one that is there only samples.",
)
@click.option(
    "--train-rows",
    type=click.IntRange(min=30),
    help="Quick look: as many random train rows. Not comparable with published numbers.",
)
@click.pass_obj
def run(
    started: float | None,
    datasets: tuple[str, ...],
    methods: tuple[str, ...],
    presets: tuple[str, ...],
    seeds: tuple[int, ...],
    max_times: tuple[float, ...],
    max_steps: int | None,
    sets: tuple[str, ...],
    device: str,
    split: str,
    output: Path,
    time_limit: float | None,
    only: str | None,
    force: bool,
    models: Path | None,
    train_rows: int | None,
) -> None:
    """Train on each DATASET, sample as many rows, score them, print the tables.

    Method, preset, seed and max-time may be repeated: every combination is run. DATASET "all" is
    every table. What is finished in the output folder is skipped.
    """
    started = started or time.perf_counter()
    names = _names(datasets)
    sets += () if max_steps is None else (f"max_steps={max_steps}",)
    groups = _groups(names, methods)
    configs = [
        config
        for members, chosen in groups
        for config in configurations(
            members,
            methods=chosen,
            presets=presets,
            seeds=seeds,
            max_times=max_times,
            overrides=_overrides(sets, members, chosen, presets),
            device=device,
            split=split,
            train_rows=train_rows,
        )
    ]
    reporter = Reporter(make_console())
    try:
        runner = Runner(
            output, Deadline(time_limit, started), reporter, only=only, force=force, models=models
        )
        outcome = _run(configs, runner)
    except (DataError, ResultsError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"\nFrom the command to its end: {duration(time.perf_counter() - started)}.")
    click.echo(f"Tables, figures and the line of each run ({LINES}) are in {output}.")
    if outcome.left:
        click.echo("Left, for another call of the same command:")
        for item in outcome.left:
            click.echo(f"  {item}")
        raise SystemExit(LEFT)


@main.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--dataset", "datasets", multiple=True, help="Only these.  [default: all]")
@_split
@_output
def compare(first: str, second: str, datasets: tuple[str, ...], split: str, output: Path) -> None:
    """Compare two rows of the tables, A and B, for instance tabdiffuse:fast and tabdiffuse:best.

    Lines are the committed ones and those in the output folder.
    """
    from benchmarks import compare as comparison

    names = _names(datasets or (ALL,))
    lines = _lines([*_committed(names), *_own(output)])
    try:
        shown = comparison.render(lines, first, second, names, split)
    except comparison.UnknownRow as error:
        raise click.UsageError(str(error)) from error
    make_console().print(shown)


@main.command()
@click.argument("dataset", required=False)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_split
def report(dataset: str | None, files: tuple[Path, ...], split: str) -> None:
    """Print the table of DATASET from finished lines: the committed ones, or those in FILES.

    Without DATASET: rebuild RESULTS.md and its figures from all committed lines.
    """
    if dataset is None:
        _rebuild()
        return
    lines = _lines(files or _committed([dataset]))
    if dataset in TASKS:
        mine = [line for line in lines if line["config"]["dataset"] == dataset]
        make_console().print(_task(dataset).report(mine))
        return
    from benchmarks.report import render
    from benchmarks.rows import all_rows

    (name,) = _names([dataset])
    make_console().print(render(name, all_rows(lines, name, split)))


@main.command("speed")
@click.argument("dataset")
@click.option("--preset", default="fast", show_default=True, help="Preset of the model.")
@_device
def measure_speed(dataset: str, preset: str, device: str) -> None:
    """Measure training and sampling on DATASET: rows a second, and where the time goes."""
    from benchmarks import speed

    reporter = Reporter(make_console())
    data = _load(dataset, reporter)
    with reporter.phase("Measure"):
        speeds = speed.measure(data.train, preset, device)
    reporter.console.print(speed.render(speeds))


@main.command("references")
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True)
@_split
def write_references(datasets: tuple[str, ...], split: str) -> None:
    """Score real, resampled and shuffled rows of DATASET anew; write the committed file."""
    from benchmarks import references

    reporter = Reporter(make_console())
    for name in _names(datasets):
        data = _load(name, reporter, split)
        path = references.committed(name, split)
        with reporter.phase("Score the reference rows"):
            references.save(references.compute(data, reporter.metric), path)
        click.echo(f"Wrote {path}")


def _run(configs: Sequence[Config], runner: Runner) -> Outcome:
    """Run tables and tasks; print the table of each data set with finished runs."""
    outcome = runner.run([config for config in configs if config.dataset not in TASKS])
    shown = outcome.lines if runner.only != "generate" else []  # that half has no scores' libraries
    for name in dict.fromkeys(line["config"]["dataset"] for line in shown):
        config = next(config for config in configs if config.dataset == name)
        _print(runner, _table(name, outcome.lines, config, runner))
    for name in dict.fromkeys(config.dataset for config in configs if config.dataset in TASKS):
        mine = [config for config in configs if config.dataset == name]
        table = _task(name).run(mine, runner, outcome)
        if table is not None:
            _print(runner, table)
    return outcome


def _table(name: str, lines: Sequence[Line], config: Config, runner: Runner) -> RenderableType:
    """Build the table of a data set from the runs of this call."""
    from benchmarks.report import render
    from benchmarks.rows import all_rows

    bounds = runner.references(runner.dataset(config))
    return render(name, all_rows(lines, name, config.split, vars(bounds) if bounds else {}))


def _print(runner: Runner, table: RenderableType) -> None:
    runner.reporter.console.print()
    runner.reporter.console.print(table)


def _rebuild() -> None:
    """Write RESULTS.md and its figures."""
    from benchmarks import curve, page
    from benchmarks.rows import all_rows

    lines = _lines(_committed(known()))
    for name in known():
        if path := curve.draw(name, all_rows(lines, name)):
            click.echo(f"Wrote {path}")
    page.PAGE.write_text(page.render(lines), encoding="utf-8")
    click.echo(f"Wrote {page.PAGE}")
    from benchmarks.pictures.report import write_page

    if path := write_page(_lines(_committed(list(PICTURES)))):
        click.echo(f"Wrote {path}")


def _names(given: Sequence[str]) -> list[str]:
    """Spell out ``all``, and refuse unknown names before any work."""
    names = [name for item in given for name in (known() if item == ALL else [item])]
    for name in names:
        if name not in TASKS:
            try:
                read_recipe(name)
            except DataError as error:
                beside = f"Beside the tables: {', '.join(TASKS)}."
                raise click.ClickException(f"{error} {beside}") from error
    return list(dict.fromkeys(names))


def _estimator(names: Sequence[str]) -> type:
    """Class whose parameters ``--set`` sets."""
    import tabdiffuse

    tasks = [name for name in names if name in TASKS]
    if tasks and len(tasks) < len(names):
        raise click.UsageError(f"{tasks[0]} is no table: run it on its own.")
    return tabdiffuse.MultimodalDiffusion if tasks else tabdiffuse.TabularDiffusion


def _groups(names: Sequence[str], given: Sequence[str]) -> list[tuple[list[str], Sequence[str]]]:
    """Give the methods to run: one list for tables and digits, one for each task on pictures."""
    usual = [name for name in names if name not in PICTURES]
    groups = [(usual, given or (OWN_METHOD,), tuple(METHODS))] if usual else []
    for name in names:
        if name in PICTURES:
            own = tuple(Experiments(name).task.methods)
            groups.append(([name], given or own, own))
    for members, chosen, known_ones in groups:
        for method in chosen:
            if method not in known_ones:
                there = ", ".join(known_ones)
                raise click.UsageError(f"{members[0]} has no method {method!r}. Known: {there}.")
    return [(members, chosen) for members, chosen, _ in groups]


def _overrides(
    sets: Sequence[str], names: Sequence[str], methods: Sequence[str], presets: Sequence[str]
) -> dict[str, Any]:
    """Read ``--set``; all methods of a task on pictures are trainings of ours."""
    if names[0] not in PICTURES:
        return parse_overrides(sets, methods, _estimator(names), presets)
    task = Experiments(names[0]).task
    if presets:
        raise click.UsageError(f"{task.name} has a recipe of its own: --set changes it.")
    return parse_overrides(sets, (OWN_METHOD,), _estimator(names), (task.preset,))


def _task(name: str) -> Any:
    if name in PICTURES:
        return Experiments(name)
    from benchmarks import digits

    return {"digits": digits}[name]


def _committed(names: Sequence[str]) -> list[Path]:
    """Find the committed files of some data sets: ``adult.jsonl``, ``adult-rivals.jsonl``."""
    return sorted(path for name in names for path in COMMITTED.glob(f"{name}*.jsonl"))


def _own(output: Path) -> list[Path]:
    path = output / LINES
    return [path] if path.is_file() else []


def _lines(paths: Sequence[Path]) -> list[Line]:
    try:
        return read_lines(paths)
    except ResultsError as error:
        raise click.ClickException(str(error)) from error


def _load(name: str, reporter: Reporter, split: str = "protocol") -> Dataset:
    """Load a data set; say in words why it cannot be had."""
    try:
        with reporter.phase(f"Load {name}"):
            return load(name, split)
    except DataError as error:
        raise click.ClickException(str(error)) from error
