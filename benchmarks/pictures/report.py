"""The table of a task on pictures in the terminal, and its section of MULTIMODAL.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.columns import ARROWS
from benchmarks.commands import commands
from benchmarks.formats import BLANK, count, duration
from benchmarks.page import emphasised, markdown
from benchmarks.pictures.catalogue import NAMES, find
from benchmarks.pictures.task import PictureTask
from benchmarks.report import value
from benchmarks.results import COMMITTED, Line, machine, newest
from benchmarks.rows import Cell, Row, cell_of, config_of

PAGE = Path(__file__).resolve().parents[1] / "MULTIMODAL.md"
INTRODUCTION = """\
# Pictures, text, vectors and tables through one core

Rebuilt by `python -m benchmarks report` from `results/*.jsonl`. Each section is one command. Mean ±
standard deviation over trainings with different seeds; within a section every method has the same
network and equal steps unless its name says otherwise. **Bold**: the best value of a column,
references left out; arrows say what is better. Parameters and times are sums where a method trains
several models; methods that differ only in how they sample share one training, and its time. The
pictures are not shipped: [datasets/README.md](../datasets/README.md) says where they come from.
"""
COSTS = ("n_parameters", "fit_seconds", "steps")


def render(task: PictureTask[Any], lines: Sequence[Line]) -> Group:
    """Build the table for the terminal, with what a reader must know below it."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column(task.name, min_width=16)
    for heading in (*(column.title for column in task.columns), "Params", "Training"):
        table.add_column(heading, justify="right")
    shown = rows(task, lines)
    for place, row in enumerate(shown):
        if place and row.kind != shown[place - 1].kind:
            table.add_section()
        values = (value(row.cells.get(column.key), column) for column in task.columns)
        table.add_row(row.title, *values, *_costs(row)[:2])
    notes = [
        f"{row.title}: seeds {', '.join(map(str, row.seeds))}; {row.machine}."
        for row in shown
        if row.kind == "ours"
    ]
    return Group(table, *(Text(note, style="dim") for note in notes))


def write_page(lines: Sequence[Line]) -> Path | None:
    """Write MULTIMODAL.md from finished lines; None where no task has any."""
    ran = {line["config"]["dataset"] for line in lines}
    tasks = [find(name) for name in NAMES if name in ran]
    parts = [part for task in tasks for part in section(task, _of(task, lines))]
    if not parts:
        return None
    PAGE.write_text("\n\n".join([INTRODUCTION.strip(), *parts]) + "\n", encoding="utf-8")
    return PAGE


def section(task: PictureTask[Any], lines: Sequence[Line]) -> list[str]:
    """Write one task: text, table, remarks, picture, commands; nothing without lines."""
    shown = rows(task, lines)
    own = [row for row in shown if row.kind == "ours"]
    if not own:
        return []
    said = [f"`{name}`: {method.text}." for name, method in task.methods.items()]
    parts = [f"## {task.title}", task.text.strip(), "  \n".join(said), _table(task, shown)]
    trained = dict.fromkeys(row.machine for row in own)
    parts.append(f"Trained on {'; '.join(trained)}.")
    plain = {row.title: [line["scores"] for line in row.lines] for row in own}
    parts += task.remarks(plain)
    parts += [
        f"![{task.title}](results/{path.name})"
        for path in sorted(COMMITTED.glob(f"{task.name}-seed*.png"))[:1]
    ]
    asked = commands((line for row in own for line in row.lines), every_method=True)
    return [*parts, "```sh\n" + "\n".join(asked) + "\n```"]


def rows(task: PictureTask[Any], lines: Sequence[Line]) -> list[Row]:
    """Group runs that differ in the seed only: methods in the order of the task, then references.

    Runs of other settings than the task's follow those with its own.
    """
    names = [*task.methods, *task.references]
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in newest(line for line in lines if line["config"]["method"] in names):
        if line["config"]["method"] in task.references:
            groups[_title(line), ""] = [line]  # the same on every machine
        else:
            groups.setdefault((_title(line), machine(line)), []).append(line)
    found = [_row(task, *key, members) for key, members in groups.items()]
    return sorted(found, key=lambda row: (row.kind == "reference", *_place(row, names)))


def _place(row: Row, names: Sequence[str]) -> tuple[bool, int]:
    config = row.lines[0]["config"]
    return config_of(row.lines[0]).title != _plain(config), names.index(config["method"])


def _row(task: PictureTask[Any], title: str, trained_on: str, lines: list[Line]) -> Row:
    lines = sorted(lines, key=lambda line: line["config"]["seed"])
    is_reference = lines[0]["config"]["method"] in task.references
    cells: dict[str, Cell] = {}
    for column in task.columns:
        scores = [line["scores"].get(column.key) for line in lines]
        if known := [score for score in scores if score is not None]:
            cells[column.key] = cell_of(known, column.factor)
    for name in () if is_reference else COSTS:
        cells[name] = cell_of([line[name] for line in lines])
    return Row(title, "reference" if is_reference else "ours", cells, trained_on, lines)


def _title(line: Line) -> str:
    """Name what runs of several seeds have in common, without what all runs have."""
    return config_of(line).title.replace(_plain(line["config"]), line["config"]["method"], 1)


def _plain(config: Any) -> str:
    """Title of a run without settings of its own."""
    return f"{config['method']}:{config['preset']}"


def _costs(row: Row) -> list[str]:
    known = {name: row.cells[name].mean for name in COSTS if name in row.cells}
    steps = f"{known['steps']:,.0f}" if "steps" in known else BLANK
    return [count(known.get("n_parameters")), duration(known.get("fit_seconds")), steps]


def _table(task: PictureTask[Any], shown: Sequence[Row]) -> str:
    """Lay the rows out in Markdown, the best value of each score in bold."""
    headings = [f"{column.title} {ARROWS[column.better]}" for column in task.columns]
    titles = ["", "Seeds", *headings, "Parameters", "Training", "Steps"]
    cells = [[_name(row), str(len(row.seeds)) if row.kind == "ours" else BLANK] for row in shown]
    for column in task.columns:
        for cell, text in zip(cells, emphasised(shown, column), strict=True):
            cell.append(text)
    for cell, row in zip(cells, shown, strict=True):
        cell += _costs(row)
    return markdown(titles, cells)


def _name(row: Row) -> str:
    return f"`{row.title}`" if row.kind == "ours" else row.title


def _of(task: PictureTask[Any], lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line["config"]["dataset"] == task.name]
