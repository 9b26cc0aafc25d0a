"""What a parameter may be: a test and the words for it, from which refusals are made."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "COUNT",
    "COUNT_OR_NONE",
    "COUNT_OR_ZERO",
    "FLAG",
    "NON_NEGATIVE",
    "POSITIVE",
    "POSITIVE_OR_NONE",
    "SHARE",
    "SHARE_BELOW_ONE",
    "WIDTH",
    "WIDTH_OR_NONE",
    "Rule",
    "is_int",
    "is_number",
    "one_of",
]


class Rule(NamedTuple):
    """A test, and how a message ends: "must be ..."."""

    accepts: Callable[[Any], bool]
    text: str

    def or_none(self) -> Rule:
        """Allow None too."""
        return Rule(lambda v: v is None or self.accepts(v), f"{self.text} or None")


def is_int(value: Any) -> bool:
    """Tell whether a value is an integer of Python or numpy; a bool is none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Tell whether a value is a real number of Python or numpy; a bool is none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def one_of(names: tuple[str, ...]) -> Rule:
    """Make a rule for words."""
    return Rule(
        lambda v: isinstance(v, str) and v in names, "one of " + ", ".join(map(repr, names))
    )


COUNT = Rule(lambda v: is_int(v) and v >= 1, "a positive integer")
COUNT_OR_NONE = COUNT.or_none()
COUNT_OR_ZERO = Rule(lambda v: is_int(v) and v >= 0, "a non-negative integer")
WIDTH = Rule(lambda v: COUNT.accepts(v) and v % 8 == 0, "a positive multiple of 8")
WIDTH_OR_NONE = WIDTH.or_none()
POSITIVE = Rule(lambda v: is_number(v) and v > 0 and math.isfinite(v), "a positive, finite number")
POSITIVE_OR_NONE = POSITIVE.or_none()
NON_NEGATIVE = Rule(
    lambda v: is_number(v) and v >= 0 and math.isfinite(v), "a non-negative, finite number"
)
SHARE = Rule(lambda v: is_number(v) and 0 <= v <= 1, "a number from 0 to 1")
SHARE_BELOW_ONE = Rule(lambda v: is_number(v) and 0 <= v < 1, "a number from 0 to below 1")
FLAG = Rule(lambda v: isinstance(v, bool | np.bool_), "True or False")
