"""Digits: 8x8 images and their labels, any one from the other, scored by a judge of real digits."""

from benchmarks.digits.data import NAME, TITLE
from benchmarks.digits.task import report, run

__all__ = ["NAME", "TITLE", "report", "run"]
