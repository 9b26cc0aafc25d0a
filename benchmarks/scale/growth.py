"""How a quantity grows: the exponent of a power law, the slope of a line."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.scale.sweep import Line

__all__ = ["column", "exponent", "slope"]


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Give b of the law ``a * size ** b`` that is nearest in least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def slope(sizes: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Give a and b of ``a + b * size``, in least squares of the relative errors.

    What does not grow, such as the memory of a training step, is in a; the largest sizes decide
    about b, and would decide about a as well if absolute errors counted.
    """
    relative = 1 / np.asarray(values, dtype=np.float64)
    design = np.stack([relative, relative * np.asarray(sizes)], axis=1)
    (start, rate), *_ = np.linalg.lstsq(design, np.ones(len(values)), rcond=None)
    return float(start), float(rate)


def column(lines: Sequence[Line], *path: str) -> list[Any]:
    """Collect one number of each line, given the keys that lead to it."""
    found: list[Any] = []
    for line in lines:
        value: Any = line
        for key in path:
            value = None if value is None else value[key]
        found.append(value)
    return found
