"""Resident memory of a process, or of a tree of processes, while it runs.

One MB is 10^6 bytes. What is counted is the resident set as Linux reports it, sampled from time to
time: a peak shorter than the sampling interval can be missed, and in a tree, pages that processes
share are counted once for each of them. GPU memory is not part of it.
"""

import os
import threading
from pathlib import Path
from types import TracebackType

PROC = Path("/proc")
INTERVAL = 0.1
MB = 1e6


class PeakMemory:
    """Sample the memory of this process in a thread; ``mb`` is the peak, None outside Linux.

    Parameters
    ----------
    interval : float
        Seconds between two samples.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self.interval = interval
        self.mb: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def _watch(self) -> None:
        while not self._stop.wait(self.interval):
            self._sample()

    def _sample(self) -> None:
        self.mb = larger(self.mb, process_mb(os.getpid()))


def larger(first: int | None, second: int | None) -> int | None:
    """Give the larger of two numbers, of which each may be unknown."""
    known = [number for number in (first, second) if number is not None]
    return max(known, default=None)


def process_mb(process: int) -> int | None:
    """Resident memory of one process; None where the kernel does not tell."""
    try:
        pages = int((PROC / str(process) / "statm").read_text().split()[1])
    except (OSError, ValueError):
        return None
    return round(pages * _page() / MB)


def tree_mb(root: int) -> int | None:
    """Resident memory of a process and all its descendants; None where the kernel does not tell."""
    table = _processes()
    if root not in table:
        return None
    children: dict[int, list[int]] = {}
    for process, (parent, _) in table.items():
        children.setdefault(parent, []).append(process)
    members = [root]
    for process in members:  # the list grows while it is walked
        members += children.get(process, [])
    return round(sum(table[process][1] for process in members) * _page() / MB)


def _processes() -> dict[int, tuple[int, int]]:
    """Parent and resident pages of every process."""
    table = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            # The name, in parentheses, may hold anything; the fields after it are numbered.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended in the meantime
        table[int(folder.name)] = (int(fields[1]), int(fields[21]))
    return table


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")
