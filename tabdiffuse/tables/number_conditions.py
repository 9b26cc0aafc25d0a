"""Conditions on a column of numbers, as laws of its cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from tabdiffuse.errors import DataError, DataTypeError
from tabdiffuse.tables.cell_law import CellLaw, restricted_to
from tabdiffuse.tables.codec_base import Floats
from tabdiffuse.tables.column import Column
from tabdiffuse.tables.conditions import (
    PRESENT,
    Approx,
    Between,
    Condition,
    Missing,
    OneOf,
    is_real,
)
from tabdiffuse.tables.numeric_codec import NumericCodec, stored_dtype
from tabdiffuse.tables.places import (
    covered,
    log_likelihood,
    measured,
    score_bounds,
    seen_range,
)
from tabdiffuse.tables.quantiles import SmoothTable
from tabdiffuse.tables.values import show

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["check_holdable", "note_on_range", "number_law", "rounded"]

Places = tuple[float, float]

_SHOWN = 5
_FARTHEST = 4.5  # state of a number at any time
_LEAST_KEPT = 0.9  # of the share of a number, once narrowed for float32
_LEAST_VARIANCE = 1e-6  # of a measured score


def number_law(codec: NumericCodec, condition: Condition) -> CellLaw:
    """Say what a condition means for the cells of a column of numbers.

    Parameters
    ----------
    codec : NumericCodec
        The codec of the column.
    condition : Condition
        A condition that is no plain value.

    Returns
    -------
    CellLaw
        Known cells, or weights and intervals.

    Raises
    ------
    DataError
        No number of the column satisfies it.
    DataTypeError
        A value of `OneOf` is no number.
    """
    if isinstance(condition, Between):
        return _between(codec, condition)
    if isinstance(condition, Approx):
        return _approx(codec, condition)
    if isinstance(condition, OneOf):
        return _one_of(codec, condition)
    weights = _no_weights(codec)
    if condition is Missing:
        assert codec.column.missing
        weights[-1] = 0.0
    else:
        assert condition is PRESENT
        weights[: len(weights) - bool(codec.column.missing)] = 0.0
    return restricted_to(weights, is_numeric=codec.is_numeric)


def rounded(codec: NumericCodec, values: Floats) -> Floats:
    """Round numbers to the float dtype in which those of the column are stored."""
    dtype = stored_dtype(codec.column)
    with np.errstate(over="ignore"):
        return values.astype(dtype).astype(np.float64)


def _no_weights(codec: NumericCodec) -> Floats:
    return np.full(codec.cardinality, -np.inf)


def _between(codec: NumericCodec, condition: Between) -> CellLaw:
    low, high = rounded(codec, np.array(condition.ends))
    weights = _no_weights(codec)
    on_atom = np.flatnonzero((codec.atoms >= low) & (codec.atoms <= high))
    weights[on_atom + codec.is_numeric] = 0.0
    places = None if codec.table is None else covered(codec, low, high)
    return _weighted(codec, weights, [] if places is None else [places], condition)


def _one_of(codec: NumericCodec, condition: OneOf) -> CellLaw:
    weights = _no_weights(codec)
    places: list[Places] = []
    for value in condition.values:
        if value is Missing:
            weights[-1] = 0.0
            continue
        if not is_real(value):
            raise DataTypeError(
                f"Column {codec.column.name!r} holds numbers; OneOf has {show(value)} of type "
                f"{type(value).__name__}. Write numbers."
            )
        (number,) = rounded(codec, np.array([float(value)]))
        (on_atom,) = np.nonzero(codec.atoms == number)
        own = None if codec.table is None else covered(codec, number, number)
        if on_atom.size:
            weights[on_atom + codec.is_numeric] = 0.0
        elif own is not None:
            places.append(own)
        else:
            raise _impossible(codec, f"{show(value)} of OneOf", single=_is_between(codec, number))
    return _weighted(codec, weights, _merged(places), condition)


def _is_between(codec: NumericCodec, number: float) -> bool:
    """Tell whether a number is possible, and one of so many that it has no share by itself."""
    low, high = seen_range(codec)
    return isinstance(codec.table, SmoothTable) and codec.lattice is None and low <= number <= high


def _merged(places: Sequence[Places]) -> list[Places]:
    """Merge stretches of the distribution that touch, as those of neighbouring numbers do."""
    merged: list[Places] = []
    for low, high in sorted(places):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _weighted(
    codec: NumericCodec, weights: Floats, places: Sequence[Places], condition: Condition
) -> CellLaw:
    """Restrict a cell to some events and, at "continuous", to some places."""
    others = bool((weights > -np.inf).any())
    if not places and not others:
        raise _impossible(codec, repr(condition))
    found = [score_bounds(place) for place in places]
    intervals = tuple(bounds for bounds in found if bounds is not None)
    if len(places) == 1 and not intervals and not others:
        # Narrower than float32 can tell: one point, up to the precision of the codec.
        score = float(ndtri(0.5 * sum(places[0])))
        return CellLaw(code=0 if codec.cardinality else None, score=score)
    if isinstance(condition, OneOf) and (others or len(places) > 1):
        _check_shares(codec, places, found, condition)
    if not intervals:
        return restricted_to(weights, is_numeric=codec.is_numeric)
    if not codec.cardinality:
        return CellLaw(intervals=intervals)
    weights[0] = 0.0
    return restricted_to(weights, is_numeric=True, intervals=intervals)


def _check_shares(
    codec: NumericCodec,
    places: Sequence[Places],
    found: Sequence[Places | None],
    condition: OneOf,
) -> None:
    """Refuse numbers of which float32 tells too little apart to weigh them among others."""
    for (low, high), bounds in zip(places, found, strict=True):
        if bounds is None or np.ptp(ndtr(bounds)) < _LEAST_KEPT * (high - low):
            raise _impossible(codec, repr(condition), single=True)


def _approx(codec: NumericCodec, condition: Approx) -> CellLaw:
    """Turn a measurement into a number at partial noise, and into weights of the events.

    A state x at the time ``2 phi / pi`` is a measurement of the score, whose law it leaves with
    mean ``cos(phi) x`` and variance ``sin(phi)**2`` in a column by itself. Both are set to what the
    measurement of the value leaves there. At an atom the network takes x for N(0, 1), which it is
    among the other numbers as well; so what remains to be said of an atom is how much more probable
    it makes the measurement than they do on average.
    """
    value, sd = float(condition.value), float(condition.sd)
    likelihood = log_likelihood(codec, codec.atoms, value, sd)
    weights = _no_weights(codec)
    if codec.table is None:
        weights[: len(likelihood)] = likelihood - likelihood.max()
        return restricted_to(weights, is_numeric=False)
    left = measured(codec, value, sd)
    # No state of N(0, 1) is as far out as one that would say much more of the mean than of the
    # variance, as a measurement beyond the range does.
    most = max(1 - (left.mean / _FARTHEST) ** 2, _LEAST_VARIANCE)
    angle = math.asin(math.sqrt(min(max(left.variance, _LEAST_VARIANCE), most)))
    score, time = left.mean / math.cos(angle), 2 * angle / math.pi
    if not codec.cardinality:
        return CellLaw(score=score, time=time)
    if len(likelihood) == 0:
        return CellLaw(code=0, score=score, time=time)
    weights[0] = 0.0
    weights[1 : 1 + len(likelihood)] = likelihood - left.log_probability
    return CellLaw(score=score, time=time, log_weights=weights)


def _impossible(codec: NumericCodec, what: str, *, single: bool = False) -> DataError:
    """Say that nothing satisfies a condition, or that a single number has too little mass."""
    if single:
        return DataError(
            f"Column {codec.column.name!r} holds so many different numbers that a single one has "
            f"no probability to speak of; so none is drawn that satisfies {what}. Write "
            f"Between(low, high) or Approx(value, sd=...) for numbers near one, or ask for each "
            f"in a call of its own, as a plain value."
        )
    low, high = seen_range(codec)
    if codec.table is None:
        known = f"The training data hold {_shown(codec.atoms)}"
    else:
        known = f"The training data lie between {low:g} and {high:g}"
        if codec.lattice is not None:
            first, second = codec.lattice.value(np.array([0, 1]))
            known += f", in steps of {second - first:g}"
    return DataError(
        f"Column {codec.column.name!r}: no possible value satisfies {what}. {known}. "
        f"Ask for one of these."
    )


def _shown(values: Floats) -> str:
    if not len(values):
        return "none"
    tail = f", and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(f"{value:g}" for value in values[:_SHOWN]) + tail


def check_holdable(number: Floats, column: Column) -> None:
    """Refuse numbers that the dtype of a column cannot hold.

    Parameters
    ----------
    number : ndarray of float64, shape (n,)
        Numbers that fix cells; NaN where there is none.
    column : Column
        A numeric column.

    Raises
    ------
    DataError
        A number out of range, or a fraction where the dtype is one of integers.
    """
    dtype = column.pandas_dtype
    dtype = np.dtype("int64") if column.item == "int" else getattr(dtype, "numpy_dtype", dtype)
    if dtype.kind not in "iuf":
        return
    given = ~np.isnan(number)
    is_whole = dtype.kind in "iu"
    limits = np.iinfo(dtype) if is_whole else np.finfo(dtype)
    outside = (number < limits.min) | (number > limits.max)
    wrong = np.flatnonzero(given & (outside | (is_whole & (np.floor(number) != number))))
    if not wrong.size:
        return
    value = number[wrong[0]]
    if outside[wrong[0]]:
        remedy = f"Stay between {limits.min} and {limits.max}"
    else:
        low = math.floor(value)
        remedy = (
            f"Write {low} or {low + 1}, Between({low}, {low + 1}) for either, or "
            f"Approx({value:g}, sd=...) for numbers near it"
        )
    raise DataError(
        f"Column {column.name!r} holds {'whole ' * is_whole}numbers ({dtype}); {wrong.size} of "
        f"{int(given.sum())} values do not fit (first: {value:g}, row {wrong[0]}). {remedy}."
    )


def note_on_range(codec: NumericCodec, number: Floats) -> str:
    """Say which numbers were not seen and are read as others.

    Parameters
    ----------
    codec : NumericCodec
        The codec of the column.
    number : ndarray of float64, shape (n,)
        Numbers; NaN where there is none.

    Returns
    -------
    str
        For a warning; empty if there is nothing to say.
    """
    low, high = seen_range(codec)
    strange = (number < low) | (number > high)
    what = f"outside the range seen in training, {low:g} to {high:g}"
    if codec.table is None and not strange.any():
        strange = ~np.isnan(number) & ~np.isin(number, codec.atoms)
        what = f"not among the {len(codec.atoms)} numbers seen in training"
    rows = np.flatnonzero(strange)
    if not rows.size:
        return ""
    count = int((~np.isnan(number)).sum())
    return (
        f"column {codec.column.name!r}: {rows.size} of {count} values are {what} (first: "
        f"{number[rows[0]]:g}, row {rows[0]})"
    )
