"""The classes of a classification problem, and how many rows each one needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target

from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.estimators.rules import COUNT_OR_ZERO, is_number

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["check_classes", "evened_places", "rows_to_make"]

_STRATEGIES = ("auto", "not majority", "not minority", "minority", "all")


def check_classes(y: Any, n_rows: int) -> Series:
    """Check that a target holds two or more classes.

    Parameters
    ----------
    y : Series or array-like of shape (n,)
        The target.
    n_rows : int
        How many rows the features have.

    Returns
    -------
    Series
        The target, with the index 0, 1, ...

    Raises
    ------
    DataTypeError
        It has not one dimension.
    DataError
        It has another length, missing values, no classes, or one only.
    """
    if y is None:
        raise DataTypeError("The classes y are missing: resampling needs one for each row of X.")
    if not isinstance(y, pd.Series):
        array = np.asarray(y)
        if array.ndim != 1:
            raise DataTypeError(
                f"y must have one dimension, a class for each row. Got shape {array.shape}; pass "
                f"the labels, e.g. y.idxmax(axis=1) of indicator columns."
            )
        y = pd.Series(array)
    classes: Series = y.reset_index(drop=True)
    if len(classes) != n_rows:
        raise DataError(f"X has {n_rows} rows and y has {len(classes)}; they must be as many.")
    gaps = np.flatnonzero(classes.isna())
    if gaps.size:
        raise DataError(
            f"{gaps.size} of {n_rows} classes are missing (first: row {gaps[0]}). Drop these rows, "
            f"or make them a class of their own."
        )
    kind = type_of_target(classes.infer_objects().to_numpy())
    if kind not in ("binary", "multiclass"):
        raise DataError(
            f"y must hold classes; its values are {kind!r} (first: {classes.iloc[0]!r}). Cut "
            f"numbers into classes first, e.g. with pd.qcut(y, 4, labels=False)."
        )
    if classes.nunique() < 2:
        raise DataError(
            f"y must hold two classes or more. Got 1: {classes.iloc[0]!r}. There is nothing to "
            f"balance; use TabularDiffusion.sample for more rows."
        )
    return classes


def rows_to_make(strategy: Any, classes: Series, owner: str) -> dict[Any, int]:
    """Tell how many rows each class needs.

    Parameters
    ----------
    strategy : str, float or mapping of class to int
        The ``sampling_strategy`` parameter.
    classes : Series
        The class of each row.
    owner : str
        Name of the estimator, for the message.

    Returns
    -------
    dict of class to int
        The classes that need rows, in their order of sorting, and how many each needs.

    Raises
    ------
    ParameterError
        The strategy is unknown, names a class that is not there, or asks for fewer rows than there
        are.
    """
    present = classes.astype(object).value_counts()
    counts = {label: int(present[label]) for label in sorted(present.index, key=_order)}
    if isinstance(strategy, Mapping):
        wanted = _of_mapping(strategy, counts, owner)
    elif isinstance(strategy, str) and strategy in _STRATEGIES:
        wanted = _of_name(strategy, counts)
    elif is_number(strategy) and 0 < strategy <= 1:
        wanted = _of_ratio(float(strategy), counts, owner)
    else:
        raise ParameterError(
            f"The 'sampling_strategy' parameter of {owner} must be one of {_STRATEGIES}, a number "
            f"above 0 and up to 1, or a mapping of classes to numbers of rows. "
            f"Got {strategy!r} instead."
        )
    more = {label: wanted.get(label, count) - count for label, count in counts.items()}
    return {label: number for label, number in more.items() if number}


def evened_places(classes: Series) -> NDArray[np.intp]:
    """Repeat the rows of rare classes, so that all classes have about as many.

    Parameters
    ----------
    classes : Series
        The class of each row.

    Returns
    -------
    ndarray of int
        Places of rows; those of one class occur equally often.
    """
    counts = classes.map(classes.value_counts()).to_numpy(dtype=np.float64)
    times = np.rint(counts.max() / counts).astype(np.intp)
    return np.repeat(np.arange(len(classes), dtype=np.intp), times)


def _order(label: Any) -> tuple[str, Any]:
    """Sort labels, also those of several types."""
    return ("", label) if is_number(label) else (type(label).__name__, label)


def _of_name(strategy: str, counts: Mapping[Any, int]) -> dict[Any, int]:
    largest = max(counts.values())
    smallest = min(counts, key=counts.__getitem__)
    chosen = set(counts)
    if strategy == "minority":
        chosen = {smallest}
    elif strategy == "not minority":
        chosen.remove(smallest)
    return dict.fromkeys(chosen, largest)


def _of_ratio(ratio: float, counts: Mapping[Any, int], owner: str) -> dict[Any, int]:
    if len(counts) != 2:
        raise ParameterError(
            f"A number as 'sampling_strategy' of {owner} is the ratio of two classes, and y has "
            f"{len(counts)}: {list(counts)}. Got {ratio!r}; pass a mapping of classes to rows."
        )
    smaller = min(counts, key=counts.__getitem__)
    largest = max(counts.values())
    wanted = round(ratio * largest)
    if wanted < counts[smaller]:
        raise ParameterError(
            f"The 'sampling_strategy' of {owner} wants {ratio!r} rows of class {smaller!r} for "
            f"each of the other, and there are {counts[smaller] / largest:.3g} already. Rows are "
            f"added, never dropped; pass a larger ratio."
        )
    return {smaller: wanted}


def _of_mapping(
    strategy: Mapping[Any, int], counts: Mapping[Any, int], owner: str
) -> dict[Any, int]:
    unknown = [label for label in strategy if label not in counts]
    if unknown:
        raise ParameterError(
            f"The 'sampling_strategy' of {owner} names classes that are not in y: {unknown}. "
            f"Classes of y: {list(counts)}."
        )
    for label, wanted in strategy.items():
        if not COUNT_OR_ZERO.accepts(wanted):
            raise ParameterError(
                f"The 'sampling_strategy' of {owner} must give {COUNT_OR_ZERO.text} for each "
                f"class. Got {wanted!r} for {label!r} instead."
            )
        if wanted < counts[label]:
            raise ParameterError(
                f"The 'sampling_strategy' of {owner} wants {wanted} rows of class {label!r}, and "
                f"there are {counts[label]} already. The numbers are those of all rows, given and "
                f"synthetic; rows are added, never dropped."
            )
    return dict(strategy)
