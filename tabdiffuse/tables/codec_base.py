"""What all column codecs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError
from tabdiffuse.tables.column import Column

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = [
    "Arrays",
    "Codec",
    "Codes",
    "Encoded",
    "Floats",
    "check_missing",
    "checked_codes",
    "code_dtype",
]

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]
Arrays = dict[str, NDArray[Any]]


class Encoded(NamedTuple):
    """The model columns of one column; None where it has none of that sort."""

    intervals: NDArray[np.float32] | None  # (n, 2)
    codes: Codes | None  # (n,)


class Codec(Protocol):
    """What `TableCodec` asks of the codec of one column."""

    @property
    def is_numeric(self) -> bool:
        """Whether there is a numeric model column."""
        ...

    @property
    def cardinality(self) -> int:
        """Number of codes of the categorical model column, 0 if there is none."""
        ...

    def codes(self, values: Series, *, allow_missing: bool = False) -> Codes | None:
        """Map values to the codes of the categorical model column; None if there is none."""
        ...

    def encode(self, values: Series, *, allow_missing: bool = False) -> Encoded:
        """Map values to model columns."""
        ...

    def decode(self, n_rows: int, scores: Floats | None, codes: Codes | None) -> Series:
        """Map model columns to values."""
        ...

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Give what `codec_from_state` needs besides the column."""
        ...


def code_dtype(cardinality: int) -> np.dtype[Any]:
    """Find the smallest dtype for codes below the cardinality.

    Parameters
    ----------
    cardinality : int
        Number of codes.

    Returns
    -------
    dtype
        uint8, int16 or int32: torch has few operations for the other unsigned ones.
    """
    fitting = (kind for kind in (np.uint8, np.int16) if cardinality - 1 <= np.iinfo(kind).max)
    return np.dtype(next(fitting, np.int32))


def check_missing(missing: NDArray[np.bool_], column: Column, allowed: bool) -> None:
    """Refuse missing values in a column that had none in training.

    Parameters
    ----------
    missing : ndarray of bool, shape (n,)
        Where values are missing.
    column : Column
        The column.
    allowed : bool
        Whether to let them pass.

    Raises
    ------
    DataError
        There are some.
    """
    if allowed or not missing.any():
        return
    raise DataError(
        f"Column {column.name!r}: {int(missing.sum())} of {len(missing)} values are missing "
        f"(first: row {int(np.flatnonzero(missing)[0])}), but none was in the training data. Fill "
        f"them, or drop these rows."
    )


def checked_codes(codes: Codes | None, n_rows: int, codec: Codec) -> Codes:
    """Assert that codes are there, one per row, and below the cardinality.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,), or None
        Codes from a model.
    n_rows : int
        Number of rows.
    codec : Codec
        Whose codes they are.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        The same codes.
    """
    assert codes is not None
    assert codes.shape == (n_rows,), f"{codes.shape} codes for {n_rows} rows"
    valid = (codes >= 0) & (codes < codec.cardinality)
    assert valid.all(), f"codes {codes[~valid][:3]} are not below {codec.cardinality}"
    return codes
