"""One class per column kind: a pandas column to model columns and back.

Model columns are of two sorts. A *numeric* cell is an interval (lower, upper) of the column's
cumulative distribution, float32 within [0, 1]; the model draws u inside it, learns the normal
score ``x = ndtri(u)``, and gives normal scores back. A *categorical* cell is a code 0 .. K-1. A
column becomes at most one of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tabdiffuse.tables.codec_base import (
    Arrays,
    Codec,
    Codes,
    Encoded,
    Floats,
    check_missing,
    checked_codes,
    code_dtype,
)
from tabdiffuse.tables.column import Column, level_codes, restore_levels
from tabdiffuse.tables.numeric_codec import MAX_ATOMS, MIN_ATOM_MASS, NumericCodec

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = [
    "MAX_ATOMS",
    "MIN_ATOM_MASS",
    "BooleanCodec",
    "CategoricalCodec",
    "Codec",
    "ConstantCodec",
    "Encoded",
    "NumericCodec",
    "codec_from_state",
    "fit_codec",
]


@dataclass(frozen=True)
class CategoricalCodec:
    """Levels to codes. Missing, where it was seen, is the last code.

    Parameters
    ----------
    column : Column
        A categorical column.
    """

    column: Column

    @property
    def is_numeric(self) -> bool:
        """Whether there is a numeric model column: never."""
        return False

    @property
    def cardinality(self) -> int:
        """Number of codes."""
        return len(self.column.levels) + bool(self.column.missing)

    def codes(self, values: Series, *, allow_missing: bool = False) -> Codes:
        """Map values to codes.

        Parameters
        ----------
        values : Series
            Values of the column.
        allow_missing : bool, default=False
            Give code 0 to missing values if none was seen in training, instead of refusing them;
            the caller then knows that these cells hold no information.

        Returns
        -------
        ndarray of int, shape (n,)
            Codes, in their `code_dtype`.

        Raises
        ------
        DataError
            A value was never seen.
        """
        codes = level_codes(values, self.column)
        if not self.column.missing:
            missing = codes == len(self.column.levels)
            check_missing(missing, self.column, allow_missing)
            codes[missing] = 0
        return codes.astype(code_dtype(self.cardinality))

    def encode(self, values: Series, *, allow_missing: bool = False) -> Encoded:
        """Map values to model columns.

        Parameters
        ----------
        values, allow_missing
            As for `codes`.

        Returns
        -------
        Encoded
            Codes only.
        """
        return Encoded(None, self.codes(values, allow_missing=allow_missing))

    def decode(self, n_rows: int, scores: Floats | None, codes: Codes | None) -> Series:
        """Map codes to values.

        Parameters
        ----------
        n_rows : int
            Number of rows.
        scores : None
            Not used.
        codes : ndarray of int, shape (n_rows,)
            Codes.

        Returns
        -------
        Series
            Values, in the dtype of the column.
        """
        return restore_levels(self.column, checked_codes(codes, n_rows, self))

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Give what is not in the column: nothing.

        Returns
        -------
        tuple of dict and dict
            Both empty.
        """
        return {}, {}


class BooleanCodec(CategoricalCodec):
    """False, True and perhaps missing to codes, as `CategoricalCodec` does."""


@dataclass(frozen=True)
class ConstantCodec:
    """No model columns: one value, or all missing, restored as it was.

    Parameters
    ----------
    column : Column
        A constant column.
    """

    column: Column

    @property
    def is_numeric(self) -> bool:
        """Whether there is a numeric model column: never."""
        return False

    @property
    def cardinality(self) -> int:
        """Number of codes: none."""
        return 0

    def codes(self, values: Series, *, allow_missing: bool = False) -> None:
        """Check that the value is the known one.

        Parameters
        ----------
        values : Series
            Values of the column.
        allow_missing : bool, default=False
            Accept missing values although none was seen in training.

        Raises
        ------
        DataError
            There is another value.
        """
        missing = level_codes(values, self.column) == len(self.column.levels)
        if not self.column.missing:
            check_missing(missing, self.column, allow_missing)

    def encode(self, values: Series, *, allow_missing: bool = False) -> Encoded:
        """Check that the value is the known one; see `codes`.

        Parameters
        ----------
        values, allow_missing
            As for `codes`.

        Returns
        -------
        Encoded
            Nothing.
        """
        self.codes(values, allow_missing=allow_missing)
        return Encoded(None, None)

    def decode(self, n_rows: int, scores: Floats | None, codes: Codes | None) -> Series:
        """Repeat the value.

        Parameters
        ----------
        n_rows : int
            Number of rows.
        scores, codes : None
            Not used.

        Returns
        -------
        Series
            The constant column.
        """
        return restore_levels(self.column, np.zeros(n_rows, dtype=np.int64))

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Give what is not in the column: nothing.

        Returns
        -------
        tuple of dict and dict
            Both empty.
        """
        return {}, {}


def fit_codec(
    values: Series,
    column: Column,
    *,
    min_atom_mass: float = MIN_ATOM_MASS,
    max_atoms: int = MAX_ATOMS,
) -> Codec:
    """Fit the codec for the kind of a column.

    Parameters
    ----------
    values : Series
        The column.
    column : Column
        Its description.
    min_atom_mass : float, default=0.04
        As in `NumericCodec.fit`.
    max_atoms : int, default=20
        As in `NumericCodec.fit`.

    Returns
    -------
    Codec
        One of the codecs in this module.
    """
    if column.kind == "numeric":
        return NumericCodec.fit(values, column, min_atom_mass=min_atom_mass, max_atoms=max_atoms)
    return codec_from_state(column, {}, {})


def codec_from_state(column: Column, json: dict[str, Any], arrays: Arrays) -> Codec:
    """Build the codec that gave this state.

    Parameters
    ----------
    column : Column
        Its column.
    json, arrays : dict
        What its `state` returned.

    Returns
    -------
    Codec
        The same codec.
    """
    if column.kind == "numeric":
        return NumericCodec.from_state(column, json, arrays)
    if column.kind == "constant":
        return ConstantCodec(column)
    return BooleanCodec(column) if column.kind == "boolean" else CategoricalCodec(column)
