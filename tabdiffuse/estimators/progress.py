"""A bar that shows how many rows of an answer are done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress, TaskID

from tabdiffuse.training.callbacks import make_console

__all__ = ["RowsBar", "rows_bar"]


class RowsBar:
    """Counts rows; one without a bar counts for nobody."""

    def __init__(self, bar: Progress | None = None, task: TaskID | None = None) -> None:
        self._bar, self._task = bar, task

    def reach(self, done: int) -> None:
        """Show that so many rows are done in all."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)

    def add(self, rows: int) -> None:
        """Show that so many rows more are done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=rows)


@contextmanager
def rows_bar(title: str, total: int, *, shown: bool) -> Iterator[RowsBar]:
    """Show a bar on standard error as long as the block runs, and remove it then.

    Parameters
    ----------
    title : str
        What is done.
    total : int
        Number of rows.
    shown : bool
        Whether there is a bar at all.
    """
    if not shown:
        yield RowsBar()
        return
    with Progress(console=make_console(), transient=True) as bar:
        yield RowsBar(bar, bar.add_task(title, total=total))
