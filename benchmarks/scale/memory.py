"""Memory of this process, as the kernel counts it. Linux only: elsewhere it is not measured."""

import ctypes
import gc
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # see proc(5)


class PeakMemory:
    """The most memory that a block of code holds above what there was at its start.

    Attributes
    ----------
    bytes : int or None
        Set at the end of the block; None where the kernel does not tell.
    """

    bytes: int | None = None

    def __enter__(self) -> "PeakMemory":
        gc.collect()
        self._start = None
        if CLEAR.exists():
            _give_back_free_memory()
            CLEAR.write_text(_RESET_PEAK)
            self._start = _field("VmRSS")
        return self

    def __exit__(self, *error: object) -> None:
        if self._start is not None:
            self.bytes = _field("VmHWM") - self._start


def _field(name: str) -> int:
    """Read a size from the status of this process, in bytes."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return 1024 * int(line.split()[1])


def _give_back_free_memory() -> None:
    """Return what the allocator keeps, or a block could fill it without being seen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not
    if trim is not None:
        trim(0)
