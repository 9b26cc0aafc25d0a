"""What can be asked of a cell besides one value: the types that users write.

A plain value fixes a cell, and NaN, None or NA leave it open. The objects here say the rest, in a
dictionary of conditions or in the cells of a DataFrame.
"""

from __future__ import annotations

import math
import numbers as abstract
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tabdiffuse.errors import ParameterError

__all__ = ["PRESENT", "Approx", "Between", "Condition", "Missing", "OneOf", "is_real"]


def is_real(value: Any) -> bool:
    """Tell whether a value is a real number that a float can hold, not NaN; a bool is none."""
    is_bool = isinstance(value, bool) or pd.api.types.is_bool(value)
    try:
        return isinstance(value, abstract.Real) and not is_bool and not math.isnan(value)
    except OverflowError:
        return False


class Condition:
    """Root of the conditions that are no plain value."""

    __slots__ = ()


@dataclass(frozen=True)
class Between(Condition):
    """A number within bounds, both included.

    Parameters
    ----------
    low, high : float or None
        Bounds; None or an infinite one is open. ``Between()`` is any number: not missing.

    Raises
    ------
    ParameterError
        A bound is no number, or ``low`` lies above ``high``.

    Examples
    --------
    >>> Between(30, 40)
    Between(low=30, high=40)
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        for name, bound in (("low", self.low), ("high", self.high)):
            if bound is not None and not is_real(bound):
                raise ParameterError(
                    f"The {name!r} of Between must be a number or None. Got {bound!r} instead."
                )
        low, high = self.ends
        if low > high:
            raise ParameterError(
                f"Between needs low <= high. Got low={self.low!r} and high={self.high!r} instead; "
                f"did you mean Between({self.high!r}, {self.low!r})?"
            )

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds, infinite where open."""
        low = -math.inf if self.low is None else float(self.low)
        return low, math.inf if self.high is None else float(self.high)


@dataclass(frozen=True, init=False)
class OneOf(Condition):
    """One of some values.

    Parameters
    ----------
    values : iterable
        At least one value of the column; `Missing` may be among them.

    Raises
    ------
    ParameterError
        There is none, it is a string, or one of the values is missing, a list or a condition.

    Examples
    --------
    >>> OneOf(["Paris", "Oslo"])
    OneOf(values=('Paris', 'Oslo'))
    """

    values: tuple[Any, ...]

    def __init__(self, values: Iterable[Any]) -> None:
        if isinstance(values, str) or not pd.api.types.is_list_like(values):
            raise ParameterError(
                f"OneOf needs a list of values. Got {values!r} instead; write OneOf([{values!r}])."
            )
        chosen = tuple(dict.fromkeys(_check_choice(value) for value in values))
        if not chosen:
            raise ParameterError("OneOf needs at least one value. Got none.")
        object.__setattr__(self, "values", chosen)


def _check_choice(value: Any) -> Any:
    if value is Missing:
        return value
    nested = isinstance(value, Condition) or pd.api.types.is_list_like(value)
    if nested or pd.isna(value):
        raise ParameterError(
            f"The values of OneOf must be plain values, or Missing for a gap. Got {value!r}."
        )
    return value


@dataclass(frozen=True)
class Approx(Condition):
    """A number seen through noise: near ``value``, give or take ``sd``.

    The law of the row is the model's given a measurement of the number with normal error. The error
    is normal in the normal scores of the column, with the mean and the spread that a measurement in
    units of the column would leave there. At values with an event of their own its likelihood is
    exact.

    Parameters
    ----------
    value : float
        The measured number.
    sd : float
        Standard deviation of the error, in units of the column, above 0.

    Raises
    ------
    ParameterError
        One of them is no finite number, or ``sd`` is not positive.

    Examples
    --------
    >>> Approx(1500, sd=200)
    Approx(value=1500, sd=200)
    """

    value: float
    sd: float

    def __post_init__(self) -> None:
        if not is_real(self.value) or math.isinf(self.value):
            raise ParameterError(
                f"The 'value' of Approx must be a finite number. Got {self.value!r} instead."
            )
        if not is_real(self.sd) or not 0 < self.sd < math.inf:
            raise ParameterError(
                f"The 'sd' of Approx must be a positive, finite number. Got {self.sd!r} instead; "
                f"a value that is known exactly is written as {self.value!r}."
            )


class _Singleton(Condition):
    """A condition without parameters: one object, also after a copy or a pickle."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> str:
        return self._name


Missing = _Singleton("Missing")
"""The condition that a cell is missing; NaN, None and NA leave a cell open instead."""

PRESENT = _Singleton("PRESENT")
"""The condition that a cell is not missing; what `impute` asks of a hole."""
