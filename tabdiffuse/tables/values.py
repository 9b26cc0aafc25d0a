"""Scalars, dtypes and missing markers: between pandas, numpy and JSON.

What a table codec has to remember about a column is written as plain JSON: no pickle. Numbers,
strings and booleans are themselves; the rest is a dictionary with one telling key.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = [
    "MISSING_MARKERS",
    "drop_missing",
    "dtype_from_spec",
    "dtype_to_spec",
    "missing_mask",
    "numbers",
    "scalar_from_json",
    "scalar_to_json",
    "show",
]

MISSING_MARKERS: dict[str, Any] = {"nan": float("nan"), "None": None, "NA": pd.NA, "NaT": pd.NaT}

# Above this, float64 no longer tells an integer from its neighbour.
MAX_INTEGER = 2**53


# pandas prints two dtypes under this name and reads it as the other one.
_AMBIGUOUS = "string[pyarrow]"
_ARROW_STRING = "arrow:string"


def dtype_to_spec(dtype: Any) -> str:
    """Name a dtype so that `dtype_from_spec` gives it back.

    Parameters
    ----------
    dtype : numpy or pandas dtype
        Any dtype. A categorical one gives ``"category"``: its categories are kept elsewhere.

    Returns
    -------
    str
        The name.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if isinstance(dtype, pd.StringDtype):
        missing = "NA" if dtype.na_value is pd.NA else "nan"
        return f"string:{dtype.storage}:{missing}"
    if isinstance(dtype, pd.ArrowDtype) and str(dtype) == _AMBIGUOUS:
        return _ARROW_STRING
    return str(dtype)


def dtype_from_spec(spec: str) -> Any:
    """Build the dtype named by `dtype_to_spec`.

    Parameters
    ----------
    spec : str
        A name from `dtype_to_spec`, other than ``"category"``.

    Returns
    -------
    numpy or pandas dtype
        The dtype.
    """
    if spec.startswith("string:"):
        _, storage, missing = spec.split(":")
        if missing == "NA":
            return pd.StringDtype(storage)
        return pd.StringDtype(storage, na_value=np.nan)
    if spec == _ARROW_STRING:
        import pyarrow

        return pd.ArrowDtype(pyarrow.string())
    return pd.api.types.pandas_dtype(spec)


def scalar_to_json(value: Any) -> Any:
    """Write one cell value as JSON.

    Parameters
    ----------
    value : scalar
        A string, number, bool, date, timestamp, time difference or interval.

    Returns
    -------
    str, int, float, bool or dict
        Something that `json` writes and reads without loss.

    Raises
    ------
    TypeError
        The value is of another type.
    """
    if isinstance(value, pd.Timestamp):
        return {"timestamp": value.isoformat()}
    if isinstance(value, pd.Timedelta):
        return {"timedelta": value.isoformat()}
    if isinstance(value, pd.Interval):
        ends = [scalar_to_json(value.left), scalar_to_json(value.right)]
        return {"interval": ends, "closed": value.closed}
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return {"date": value.isoformat()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bool, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} values cannot be stored")


def scalar_from_json(value: Any) -> Any:
    """Read one cell value written by `scalar_to_json`.

    Parameters
    ----------
    value : str, int, float, bool or dict
        What `scalar_to_json` returned.

    Returns
    -------
    scalar
        The cell value.
    """
    if not isinstance(value, dict):
        return value
    if "timestamp" in value:
        return pd.Timestamp(value["timestamp"])
    if "timedelta" in value:
        return pd.Timedelta(value["timedelta"])
    if "date" in value:
        return dt.date.fromisoformat(value["date"])
    if "float" in value:
        return float(value["float"])
    left, right = (scalar_from_json(end) for end in value["interval"])
    return pd.Interval(left, right, closed=value["closed"])


def show(value: Any) -> str:
    """Write a cell value for an error message.

    Parameters
    ----------
    value : object
        Any cell.

    Returns
    -------
    str
        Its repr, without the numpy type, cut to 60 characters.
    """
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def missing_mask(values: Series) -> NDArray[np.bool_]:
    """Tell which cells are missing: None, NaN, pd.NA or NaT.

    Parameters
    ----------
    values : Series
        Any column. A NaN inside a nullable float column counts as missing.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where missing.
    """
    mask = values.isna().to_numpy(dtype=bool)
    if _is_extension(values.dtype) and pd.api.types.is_float_dtype(values.dtype):
        mask = mask | np.isnan(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return mask


def drop_missing(values: Series, missing: NDArray[np.bool_]) -> Series:
    """Keep the cells that are not missing, without a copy where all are kept.

    Parameters
    ----------
    values : Series
        Any column.
    missing : ndarray of bool, shape (n,)
        Its `missing_mask`.

    Returns
    -------
    Series
        The column itself, or the rest of it.
    """
    return values[~missing] if missing.any() else values


def numbers(values: Series, missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Read the numbers of a column as float64.

    Parameters
    ----------
    values : Series
        A column of integers or floats, of any width, nullable, or Python numbers as objects.
    missing : ndarray of bool, shape (n,)
        Its `missing_mask`.

    Returns
    -------
    ndarray of float64, shape (n,)
        The numbers, exactly; NaN where missing.

    Raises
    ------
    DataError
        An integer lies beyond 2**53, where float64 is no longer exact.
    """
    if _holds_integers(values, missing):
        _check_integers(values, missing)
    if pd.api.types.is_object_dtype(values.dtype):
        filled = values.to_numpy(dtype=object, copy=True)
        filled[missing] = np.nan
        return filled.astype(np.float64)
    if _is_extension(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return values.to_numpy(dtype=np.float64)


def _is_extension(dtype: Any) -> bool:
    return isinstance(dtype, pd.api.extensions.ExtensionDtype)


def _holds_integers(values: Series, missing: NDArray[np.bool_]) -> bool:
    if pd.api.types.is_object_dtype(values.dtype):
        kinds = set(map(type, values.to_numpy()[~missing]))
        return any(issubclass(kind, (int, np.integer)) for kind in kinds)
    return pd.api.types.is_integer_dtype(values.dtype)


def _check_integers(values: Series, missing: NDArray[np.bool_]) -> None:
    present = drop_missing(values, missing)
    if len(present) == 0 or (present.min() >= -MAX_INTEGER and present.max() <= MAX_INTEGER):
        return
    wide = ((present > MAX_INTEGER) | (present < -MAX_INTEGER)).to_numpy(dtype=bool)
    row = int(np.flatnonzero(~missing)[wide][0])
    raise DataError(
        f"Column {values.name!r}: {int(wide.sum())} of {len(values)} integers lie beyond 2**53 "
        f"(first: {values.iloc[row]}, row {row}), where float64 cannot tell neighbours apart. "
        f"Drop the column if it is a key, subtract an offset, or convert it with astype(float)."
    )
