"""How numbers are written for a reader: durations, counts, a mean with its spread."""

import statistics
from collections.abc import Sequence

BLANK = "–"


def duration(seconds: float | None) -> str:
    """Seconds as a reader would say them."""
    if seconds is None:
        return BLANK
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 100:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"


def count(number: float | None) -> str:
    """Write a number of parameters with three digits: 68.2K, 10.7M."""
    if number is None:
        return BLANK
    for size, unit in ((1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return f"{number:.0f}"


def memory(megabytes: float | None) -> str:
    """Write an amount of memory: 640 MB, 2.1 GB."""
    if megabytes is None:
        return BLANK
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def estimate(mean: float, sd: float | None, digits: int) -> str:
    """Write a value, and its standard deviation where that is known: 98.60±.12."""
    if sd is None:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f}±{sd:.{digits}f}".replace("±0.", "±.")


def spread(values: Sequence[float], digits: int) -> str:
    """Mean, with the standard deviation where there are several values."""
    sd = statistics.stdev(values) if len(values) > 1 else None
    return estimate(statistics.fmean(values), sd, digits)
