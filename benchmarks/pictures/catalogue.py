"""Which tasks on pictures there are, and how the command line runs one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from benchmarks.pictures.task import PictureTask
from benchmarks.results import Config, Line

if TYPE_CHECKING:
    from benchmarks.runner import Outcome, Runner

NAMES = (
    "restoration",
    "image-label",
    "transition",
    "emoji-vectors",
    "emoji-text",
    "table-pictures",
)
"""Names of the tasks on the command line, in the order of the page."""


def find(name: str) -> PictureTask[Any]:
    """Import the tasks, and give one of them."""
    from benchmarks.pictures import image_label, restoration, table_pictures, transition
    from benchmarks.pictures.emoji import text, vectors

    tasks: list[PictureTask[Any]] = [
        restoration.TASK,
        image_label.TASK,
        transition.TASK,
        vectors.TASK,
        text.TASK,
        table_pictures.TASK,
    ]
    assert tuple(task.name for task in tasks) == NAMES, "NAMES must be those of the tasks"
    return {task.name: task for task in tasks}[name]


class Experiments:
    """What the command line wants of a task: its title, its runs, its table.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    """

    def __init__(self, name: str) -> None:
        self.task = find(name)

    @property
    def TITLE(self) -> str:
        """One line for ``list``."""
        return self.task.title

    def run(
        self, configs: Sequence[Config], runner: Runner, outcome: Outcome
    ) -> RenderableType | None:
        """Run what is not finished; return the table."""
        from benchmarks.pictures.run import run

        return run(self.task, configs, runner, outcome)

    def report(self, lines: Sequence[Line]) -> RenderableType:
        """Build the table from finished lines."""
        from benchmarks.pictures.report import render

        return render(self.task, lines)
