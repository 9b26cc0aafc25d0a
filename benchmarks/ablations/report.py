"""ABLATIONS.md: every variant beside the base, rebuilt from finished lines and nothing else."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.ablations.variants import BASE, HEADINGS, PRESET, SAMPLING, Settings, Variant
from benchmarks.columns import ARROWS, C2ST, SHAPE, TREND, TREND_REAL_EDGES, Column, mle
from benchmarks.compare import half_width
from benchmarks.data import read_recipe
from benchmarks.formats import BLANK, count, duration, estimate
from benchmarks.page import markdown
from benchmarks.results import Line, machine
from benchmarks.rows import Cell, config_of

PAGE = Path(__file__).resolve().parents[1] / "ABLATIONS.md"
INTRODUCTION = """\
# Ablations

One thing changed at a time in the preset `{preset}`, trained for {steps:,} steps: the preset itself
trains longer, so what is gained here early may be gone at its end. Rebuilt by
`python -m benchmarks ablations report` from [results/ablations.jsonl](results/ablations.jsonl),
whose lines come from

```sh
{command}
```

A random ninth of the train rows of the published split is held out for MLE (`--split validation`),
the test rows stay unseen; all other scores are against the rows that were trained on, as
[README.md](README.md) says. *Completion* is XGB-C2ST of held-out rows in which the model drew a
random half of the cells given the other half, against other held-out rows.

Mean ± standard deviation over the seeds {seeds}; beside it the difference from the base. **Bold**:
the difference is more than the spread of the seeds explains (95 %, Welch's t, one comparison at a
time: of twenty differences of nothing, one is bold). ? one seed: the spread is unknown.
Milliseconds a step and sampling times compare on one machine only.
"""
COMPLETION = Column("completion", "Completion")
MODELS = "These variants sample from the weights of the base; nothing is trained anew."
Found = dict[tuple[str, str, int], Line]


def render(lines: Iterable[Line], settings: Settings) -> str:
    """Write the page.

    Parameters
    ----------
    lines : iterable of dict
        Finished runs; of equal ones the newest counts.
    settings : Settings
        What the page is about.
    """
    found = _by_run(lines)
    parts = [
        INTRODUCTION.format(
            preset=PRESET,
            steps=settings.max_steps,
            command=settings.command,
            seeds=", ".join(map(str, settings.seeds)),
        ),
        _state(found, settings),
    ]
    for heading in settings.headings or HEADINGS:
        variants = [variant for variant in settings.variants if variant.heading == heading]
        parts += [f"## {heading}", *_section(variants, found, settings)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def missing(lines: Iterable[Line], settings: Settings) -> list[str]:
    """Name the runs that have no line."""
    found = _by_run(lines)
    return [
        config.stem
        for configs in settings.trainings()
        for config in configs
        if (config.dataset, config.title, config.seed) not in found
    ]


def _by_run(lines: Iterable[Line]) -> Found:
    """Find the newest line of each run."""
    found: Found = {}
    for line in sorted(lines, key=lambda line: str(line["finished"])):
        config = config_of(line)
        if config.split == "validation":
            found[config.dataset, config.title, config.seed] = line
    return found


def _state(found: Found, settings: Settings) -> str:
    """Say how much of the page is there, and what made it."""
    wanted = [config for configs in settings.trainings() for config in configs]
    keys = [(config.dataset, config.title, config.seed) for config in wanted]
    lines = [found[key] for key in keys if key in found]
    said = [f"{len(lines)} of {len(wanted)} runs are finished."]
    if lines:
        said.append(f"Trained on {'; '.join(dict.fromkeys(map(machine, lines)))}.")
        commits = dict.fromkeys(str(line["git"]["commit"])[:7] for line in lines)
        said.append(f"Commits: {', '.join(commits)}.")
    return " ".join(said)


def _section(variants: Sequence[Variant], found: Found, settings: Settings) -> list[str]:
    """Lay out one table for each data set, and name what it lacks."""
    parts = []
    if all(variant.stretch == 1 and _samples_only(variant) for variant in variants):
        parts.append(MODELS)
    for dataset in settings.datasets:
        rows = [
            (variant, _lines(variant, dataset, found, settings)) for variant in (BASE, *variants)
        ]
        if any(lines for variant, lines in rows if variant is not BASE):
            parts.append(_table(dataset, rows))
        lacking = [
            f"{variant.label} (seeds {', '.join(map(str, seeds))})"
            for variant, lines in rows
            if (seeds := _lacking(lines, settings.seeds))
        ]
        if lacking:
            parts.append(f"Missing on {dataset}: {'; '.join(lacking)}.")
    return parts


def _samples_only(variant: Variant) -> bool:
    return set(variant.overrides) <= set(SAMPLING)


def _lines(variant: Variant, dataset: str, found: Found, settings: Settings) -> list[Line]:
    titles = [settings.config(variant, dataset, seed) for seed in settings.seeds]
    keys = [(config.dataset, config.title, config.seed) for config in titles]
    return [found[key] for key in keys if key in found]


def _lacking(lines: Sequence[Line], seeds: Sequence[int]) -> list[int]:
    there = {line["config"]["seed"] for line in lines}
    return [seed for seed in seeds if seed not in there]


def _table(dataset: str, rows: Sequence[tuple[Variant, list[Line]]]) -> str:
    columns = score_columns(dataset)
    titles = [f"{column.title} {ARROWS[column.better]}" for column in columns]
    costs = ("Parameters", "ms a step", "Sampling")
    base = rows[0][1]
    cells = [
        [
            variant.label,
            str(len(lines)),
            *(_score(column, lines, base if variant is not BASE else []) for column in columns),
            *_costs(lines),
        ]
        for variant, lines in rows
        if lines
    ]
    return markdown([read_recipe(dataset)["title"], "Seeds", *titles, *costs], cells)


def score_columns(dataset: str) -> list[Column]:
    """Scores of an ablation, in the order of the tables."""
    useful = mle(dataset)
    repaired = replace(
        useful, key="mle_repaired", title=useful.title.replace("MLE", "MLE repaired")
    )
    return [SHAPE, TREND, TREND_REAL_EDGES, C2ST, repaired, COMPLETION]


def _score(column: Column, lines: Sequence[Line], base: Sequence[Line]) -> str:
    """Write a mean with its spread, and the difference from the base."""
    own = _cell(column, lines)
    if own is None:
        return BLANK
    shown = estimate(own.mean, own.sd, column.digits)
    usual = _cell(column, base)
    return shown if usual is None else f"{shown} ({_difference(usual, own, column.digits)})"


def _difference(base: Cell, own: Cell, digits: int) -> str:
    moved = own.mean - base.mean
    text = f"{moved:+.{digits}f}".replace("+0.", "+.").replace("-0.", "-.").replace("-", "−")
    if base.sd is None or own.sd is None:
        return f"{text}?"
    return f"**{text}**" if abs(moved) > half_width(base, own) else text


def _cell(column: Column, lines: Sequence[Line]) -> Cell | None:
    values = [line["scores"].get(column.key) for line in lines]
    values = [column.factor * value for value in values if value is not None]
    if not values:
        return None
    sd = statistics.stdev(values) if len(values) > 1 else None
    return Cell(statistics.fmean(values), sd, len(values))


def _costs(lines: Sequence[Line]) -> list[str]:
    """Give parameters, milliseconds a step and sampling time; medians over the seeds."""
    steps = [1e3 * line["fit_seconds"] / line["steps"] for line in lines if line.get("steps")]
    return [
        count(lines[-1]["n_parameters"]),
        f"{statistics.median(steps):.1f}" if steps else BLANK,
        duration(statistics.median(line["sample_seconds"] for line in lines)),
    ]
