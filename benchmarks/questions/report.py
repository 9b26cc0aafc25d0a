"""QUESTIONS.md: every task with its tables, rebuilt from finished lines and nothing else."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.columns import ARROWS, Column
from benchmarks.data import read_recipe
from benchmarks.formats import BLANK, estimate
from benchmarks.page import markdown
from benchmarks.questions.published import PUBLISHED, Row
from benchmarks.questions.settings import BASELINES, PARTS, PRESET, ROWS, Job, Settings
from benchmarks.questions.task import OURS, Task
from benchmarks.questions.tasks import TASKS
from benchmarks.results import Line, machine
from benchmarks.rows import Cell, config_of

PAGE = Path(__file__).resolve().parents[1] / "QUESTIONS.md"
INTRODUCTION = """\
# Questions

What one trained model answers beside making rows, on real tables: the same model, preset
`{preset}`, for all tasks of a data set and seed, trained on the train rows of the published
split and told of no task. Rebuilt by `python -m benchmarks questions report` from
[results/questions.jsonl](results/questions.jsonl), whose lines come from

```sh
{command}
```

Finished lines are skipped; `--task`, `--dataset`, `--seed`, `--rows` (test rows a task uses at
most, {rows:,}) bound what is done, `--time-limit` ends it in time for another call,
`--max-steps` trains shorter for a quick look, `--force` asks again. Models are kept in
`results/questions/` and found again by a hash of recipe and data. Every method answers the same:
the same rows, holes and errors, drawn from the seed.

Mean ± standard deviation over the seeds {seeds}, which also choose the rows. **Bold**: the best
mean of a column; rows in *italics* are bounds, not contestants. Arrows say what is better.
"""
RECALLED = "† recalled, not read again in its source: {}."

EXPECTED = {"model": OURS, BASELINES: "baselines"}  # a rival may be absent

Found = dict[tuple[str, str, str, int, int], Line]  # task, part, data set, seed, rows


def render(lines: Iterable[Line], settings: Settings) -> str:
    """Write the page.

    Parameters
    ----------
    lines : iterable of dict
        Finished jobs; of equal ones the newest counts.
    settings : Settings
        What the page is about.
    """
    found = _by_job(lines, settings)
    parts = [
        INTRODUCTION.format(
            preset=PRESET,
            command=settings.command,
            rows=ROWS,
            seeds=", ".join(map(str, settings.seeds)),
        ),
        _state(found, settings),
    ]
    for name in settings.tasks:
        parts += _section(TASKS[name], found, settings)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def missing(lines: Iterable[Line], settings: Settings) -> list[str]:
    """Name the jobs that have no line."""
    found = _by_job(lines, settings)
    return [job.title for job in _jobs(settings) if _key(job) not in found]


def _by_job(lines: Iterable[Line], settings: Settings) -> Found:
    """Find the newest line of each job, of the recipe the page is about."""
    wanted = dict(settings.overrides)
    found: Found = {}
    for line in sorted(lines, key=lambda line: str(line["finished"])):
        config = config_of(line)
        if line["part"] != "model" or dict(config.overrides) == wanted:
            key = (line["task"], line["part"], config.dataset, config.seed, line["rows"])
            found[key] = line
    return found


def _jobs(settings: Settings) -> list[Job]:
    return [
        job
        for seed in settings.seeds
        for dataset in settings.datasets
        for job in settings.jobs(dataset, seed, read_recipe(dataset)["task"])
    ]


def _key(job: Job) -> tuple[str, str, str, int, int]:
    return (job.task.name, job.part, job.config.dataset, job.config.seed, job.rows)


def _state(found: Found, settings: Settings) -> str:
    """Say how much of the page is there, and what made it."""
    jobs = _jobs(settings)
    lines = [found[_key(job)] for job in jobs if _key(job) in found]
    said = [f"{len(lines)} of {len(jobs)} jobs are finished."]
    if lines:
        said.append(f"Run on {'; '.join(dict.fromkeys(map(machine, lines)))}.")
        commits = dict.fromkeys(str(line["git"]["commit"])[:7] for line in lines)
        said.append(f"Commits: {', '.join(commits)}.")
    return " ".join(said)


def _section(task: Task, found: Found, settings: Settings) -> list[str]:
    """Describe a task, give its command, lay out its tables."""
    parts = [f"## {task.title}", task.text, f"```sh\n{_command(task, settings)}\n```"]
    for dataset in settings.datasets:
        if read_recipe(dataset)["task"] not in task.kinds:
            continue
        lines = {
            part: [
                found[key]
                for seed in settings.seeds
                if (key := (task.name, part, dataset, seed, settings.rows)) in found
            ]
            for part in PARTS
        }
        methods = _methods(lines)
        beside = PUBLISHED.get(task.name, []) if methods else []
        for heading, columns in task.tables.items():
            if methods:
                title = ", ".join(filter(None, [read_recipe(dataset)["title"], heading]))
                parts.append(_table(title, columns, methods, task, dataset, beside))
        if lacking := _lacking(lines, task, settings):
            parts.append(f"Missing on {dataset}: {'; '.join(lacking)}.")
    if named := dict.fromkeys(row.source for row in PUBLISHED.get(task.name, [])):
        parts.append(RECALLED.format("; ".join(named)))
    return parts


def _command(task: Task, settings: Settings) -> str:
    return replace(settings, tasks=(task.name,)).command


def _methods(lines: Mapping[str, Sequence[Line]]) -> dict[str, list[dict[str, float]]]:
    """Collect the scores of each method over the seeds, ours first."""
    found: dict[str, list[dict[str, float]]] = {}
    for part in PARTS:
        for line in lines[part]:
            for method, scores in line["scores"].items():
                found.setdefault(method, []).append(scores)
    return found


def _lacking(lines: Mapping[str, Sequence[Line]], task: Task, settings: Settings) -> list[str]:
    said = []
    for part, who in EXPECTED.items():
        if part == BASELINES and task.baselines is None:
            continue
        there = {line["config"]["seed"] for line in lines[part]}
        seeds = [str(seed) for seed in settings.seeds if seed not in there]
        if seeds:
            said.append(f"{who} (seeds {', '.join(seeds)})")
    return said


def _table(
    title: str,
    columns: Sequence[Column],
    methods: Mapping[str, Sequence[dict[str, float]]],
    task: Task,
    dataset: str,
    beside: Sequence[Row],
) -> str:
    """Lay out one table; columns and rows without a value are left out."""
    cells = {
        (method, column.key): cell
        for method, scores in methods.items()
        for column in columns
        if (cell := _cell(column, scores)) is not None
    }
    shown = [column for column in columns if any(key == column.key for _, key in cells)]
    best = {column.key: _best(column, cells, task) for column in shown}
    rows = []
    for method in methods:
        contests = {} if method in task.bounds else best
        texts = [_text(method, column, cells, contests.get(column.key)) for column in shown]
        if any(text != BLANK for text in texts):
            name = f"*{method}*" if method in task.bounds else method
            rows.append([name, str(len(methods[method])), *texts])
    for row in beside:
        numbers = [row.number(dataset, column.key) for column in shown]
        if any(numbers):
            texts = [f"{n.mean:.{n.digits}f}{'†' * n.recalled}" if n else BLANK for n in numbers]
            rows.append([row.method, BLANK, *texts])
    headings = [f"{column.title} {ARROWS[column.better]}" for column in shown]
    return markdown([title, "Seeds", *headings], rows)


def _cell(column: Column, scores: Sequence[dict[str, float]]) -> Cell | None:
    values = [each[column.key] for each in scores if each.get(column.key) is not None]
    if not values:
        return None
    values = [column.factor * value for value in values]
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Cell(statistics.fmean(values), sd, len(values))


def _best(column: Column, cells: Mapping[tuple[str, str], Cell], task: Task) -> float | None:
    """Rank of the best contestant; None where there is no contest."""
    ranks = [
        column.rank(cell.mean)
        for (method, key), cell in cells.items()
        if key == column.key and method not in task.bounds
    ]
    return max(ranks) if task.ranked and len(ranks) > 1 else None


def _text(
    method: str, column: Column, cells: Mapping[tuple[str, str], Cell], best: float | None
) -> str:
    cell = cells.get((method, column.key))
    if cell is None:
        return BLANK
    text = estimate(cell.mean, cell.sd, column.digits)
    return f"**{text}**" if best is not None and column.rank(cell.mean) == best else text
