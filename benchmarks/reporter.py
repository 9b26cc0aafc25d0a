"""Say what is going on, and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from benchmarks.formats import duration

LOG_WIDTH = 140  # characters of a line where there is no terminal that has a width of its own


def make_console() -> Console:
    """Make a console; a log file or a pipe is wide enough for every table."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, LOG_WIDTH))


class Reporter:
    """Announce phases and what happens in them.

    Parameters
    ----------
    console : Console
        Where to say it.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Announce a phase, and its time at the end."""
        self.console.print(f"[bold]▸ {title}[/bold]", highlight=False)
        start = time.perf_counter()
        yield
        self.note(f"done in {duration(time.perf_counter() - start)}")

    def note(self, text: str) -> None:
        """Say one thing inside a phase."""
        self.console.print(f"  {text}", style="dim", highlight=False, markup=False, soft_wrap=True)

    def metric(self, name: str, seconds: float) -> None:
        """Report one finished metric."""
        self.note(f"{name}: {duration(seconds)}")
