"""What the user sees while a model trains and samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from tabdiffuse.training.loop import Callback, TrainState
from tabdiffuse.training.loop import Progress as TrainProgress

__all__ = ["STOP_REASONS", "clock", "make_console", "training_bar"]

STOP_REASONS = {
    "max_steps": "all steps done",
    "max_time": "time budget spent",
    "callback": "a callback asked to stop",
}
_FULL = 1000


def make_console() -> Console:
    """Return a console that leaves standard output to the user's own program."""
    return Console(stderr=True)


def clock(seconds: float) -> str:
    """Format a duration, for instance ``"4:05"``."""
    if seconds == float("inf"):
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


@contextmanager
def training_bar(console: Console) -> Iterator[Callback]:
    """Show a progress bar; yields the callback that moves it.

    The bar counts the share of the budget, in steps or in time, whichever is nearer its end, beside
    the loss, the speed and the time left. Where nothing can move, as in a log file, there is a line
    for each tenth of the budget instead.
    """
    if not (console.is_terminal or console.is_jupyter):
        yield _lines(console)
        return
    bar = Progress(
        TextColumn("[bold]Training"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task("starting", total=_FULL)

        def show(progress: TrainProgress, state: TrainState) -> None:
            bar.update(task, completed=_FULL * progress.fraction, description=_describe(progress))

        yield show


def _lines(console: Console) -> Callback:
    """Make a callback that prints a line for each tenth of the budget."""
    printed = 0

    def show(progress: TrainProgress, state: TrainState) -> None:
        nonlocal printed
        tenth = int(10 * progress.fraction)
        if tenth > printed:
            printed = tenth
            text = f"Training {progress.fraction:4.0%} · {_describe(progress)}"
            console.print(text, highlight=False, soft_wrap=True)

    return show


def _describe(progress: TrainProgress) -> str:
    return (
        f"step {progress.step:,} · loss {progress.loss:.3f} · "
        f"{progress.steps_per_second:.0f} steps/s · {clock(progress.time_left)} left"
    )
