"""Numbers to intervals of their distribution and codes of their events, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from tabdiffuse.tables.codec_base import (
    Arrays,
    Codes,
    Encoded,
    Floats,
    check_missing,
    checked_codes,
    code_dtype,
)
from tabdiffuse.tables.column import Column
from tabdiffuse.tables.lattice import Lattice, find_lattice
from tabdiffuse.tables.quantiles import CellTable, SmoothTable, distinct, inner_intervals
from tabdiffuse.tables.values import MISSING_MARKERS, drop_missing, missing_mask, numbers

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = [
    "MAX_ATOMS",
    "MIN_ATOM_MASS",
    "NumericCodec",
    "nearest",
    "restore_numbers",
    "stored_dtype",
]

MIN_ATOM_MASS = 0.04
MAX_ATOMS = 20

_MAX_FREQUENT_ATOMS = 16
_MAX_CELLS = 1000
_LATTICE_REPEATS = 2  # mean count from which the values seen are taken for all there are
_FLOAT_REPEATS = 5


@dataclass(frozen=True)
class NumericCodec:
    """Numbers to intervals of their distribution, and value events to codes.

    An *event* is "continuous", one of the atoms, or missing, with codes in that order; the ones
    that never occur are left out, and with one event only there is no categorical cell. Rows on
    an atom or missing have the interval (0, 1): the number itself says nothing.

    Decoding what `encode` gives, after a trip through float32 normal scores, is exact for atoms,
    for numbers with their own cells, and for lattices whose cells are wider than float32 can
    blur (about 2**-22 of the mass). Otherwise the error is at most `precision`. A number never
    seen goes to the nearest one there is.

    Parameters
    ----------
    column : Column
        A numeric column.
    atoms : ndarray of float64, shape (A,)
        Values with a code of their own, increasing.
    lattice : Lattice or None
        The lattice of the other values.
    table : CellTable, SmoothTable or None
        Their distribution; None if there are none.
    """

    column: Column
    atoms: Floats
    lattice: Lattice | None
    table: CellTable | SmoothTable | None

    @classmethod
    def fit(
        cls,
        values: Series,
        column: Column,
        *,
        min_atom_mass: float = MIN_ATOM_MASS,
        max_atoms: int = MAX_ATOMS,
    ) -> NumericCodec:
        """Find atoms, lattice and distribution.

        Parameters
        ----------
        values : Series
            The column, with at least one number.
        column : Column
            Its description.
        min_atom_mass : float, default=0.04
            Share of the non-missing rows from which a value is an atom; at most 16 are.
        max_atoms : int, default=20
            Number of distinct values up to which all are atoms.

        Returns
        -------
        NumericCodec
            The codec.
        """
        present = drop_missing(values, missing_mask(values))
        support, counts = distinct(numbers(present, np.zeros(len(present), dtype=bool)))
        if len(support) <= max_atoms:
            return cls(column, support, None, None)
        frequent = np.flatnonzero(counts >= min_atom_mass * counts.sum())
        frequent = frequent[np.argsort(-counts[frequent], kind="stable")[:_MAX_FREQUENT_ATOMS]]
        is_atom = np.zeros(len(support), dtype=bool)
        is_atom[frequent] = True
        lattice = find_lattice(support, stored_dtype(column))
        atoms = support[is_atom]
        if len(atoms):
            support, counts = support[~is_atom], counts[~is_atom]
        return cls(column, atoms, lattice, _fit_table(support, counts, lattice))

    @property
    def is_numeric(self) -> bool:
        """Whether there is a numeric model column."""
        return self.table is not None

    @property
    def cardinality(self) -> int:
        """Number of events, 0 if there is only one."""
        events = self.is_numeric + len(self.atoms) + bool(self.column.missing)
        return events if events > 1 else 0

    def codes(self, values: Series, *, allow_missing: bool = False) -> Codes | None:
        """Map numbers to events.

        Parameters
        ----------
        values, allow_missing
            As for `encode`.

        Returns
        -------
        ndarray of int, shape (n,), or None
            Events, in their `code_dtype`; None if there is only one.
        """
        missing, number = self._read(values, allow_missing)
        return self._events(missing, number) if self.cardinality else None

    def encode(self, values: Series, *, allow_missing: bool = False) -> Encoded:
        """Map numbers to intervals and events.

        Parameters
        ----------
        values : Series
            Values of the column.
        allow_missing : bool, default=False
            Give code 0 and the interval (0, 1) to missing values if none was seen in training,
            instead of refusing them; the caller then knows that these cells hold no information.

        Returns
        -------
        Encoded
            Intervals, codes, or both.

        Raises
        ------
        DataError
            A value is missing, and none was in training.
        """
        missing, number = self._read(values, allow_missing)
        events = self._events(missing, number)
        codes = events if self.cardinality else None
        if self.table is None:
            return Encoded(None, codes)
        intervals = np.tile(np.array([0.0, 1.0], dtype=np.float32), (len(values), 1))
        inside = (events == 0) & ~missing
        intervals[inside] = self._intervals(number[inside])
        return Encoded(intervals, codes)

    def decode(self, n_rows: int, scores: Floats | None, codes: Codes | None) -> Series:
        """Map normal scores and events to numbers.

        Parameters
        ----------
        n_rows : int
            Number of rows.
        scores : ndarray of float, shape (n_rows,), or None
            Normal scores; None without a numeric cell.
        codes : ndarray of int, shape (n_rows,), or None
            Events; None without a categorical cell.

        Returns
        -------
        Series
            Numbers in the dtype of the column, within the range seen.
        """
        events = np.zeros(n_rows, dtype=np.int64)
        if self.cardinality:
            events = checked_codes(codes, n_rows, self).astype(np.int64, copy=False)
        number = np.zeros(n_rows)
        if self.table is not None:
            assert scores is not None
            assert scores.shape == (n_rows,), f"{scores.shape} scores for {n_rows} rows"
            assert not np.isnan(scores).any(), f"NaN scores for column {self.column.name!r}"
            number = self._quantile(ndtr(scores.astype(np.float64)))
        atom = events - self.is_numeric
        on_atom = (atom >= 0) & (atom < len(self.atoms))
        number[on_atom] = self.atoms[atom[on_atom]]
        missing = atom == len(self.atoms)
        return restore_numbers(self.column, number, missing & bool(self.column.missing))

    def precision(self, values: Series) -> Floats:
        """Bound the error of encoding and decoding in float32.

        Parameters
        ----------
        values : Series
            Values of the column, from the training data.

        Returns
        -------
        ndarray of float64, shape (n,)
            For each value, how far the quantile function moves when u moves by 2**-23 (a
            rounding of u and one of x), plus four roundings of the value itself. 0 where the
            round trip is exact.
        """
        missing = missing_mask(values)
        number = numbers(values, missing)
        bound = np.zeros(len(number))
        if not isinstance(self.table, SmoothTable):
            return bound
        rows = np.flatnonzero(~missing & ~np.isin(number, self.atoms))
        inside = number[rows]
        place = inside if self.lattice is None else self.lattice.index(inside).astype(np.float64)
        width = 0 if self.lattice is None else 1
        low = np.clip(self.table.lower(place) - 2.0**-23, 0, 1)
        high = np.clip(self.table.upper(place + width) + 2.0**-23, 0, 1)
        with np.errstate(over="ignore"):
            reach = np.maximum(self._quantile(high) - inside, inside - self._quantile(low))
        if self.lattice is None:
            info = np.finfo(stored_dtype(self.column))
            bound[rows] = reach + 4 * (info.eps * np.abs(inside) + info.smallest_subnormal)
        else:
            narrow = self._intervals(inside)
            bound[rows] = np.where(narrow[:, 0] >= narrow[:, 1], reach, 0.0)
        return bound

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Give what is not in the column: atoms, lattice and table.

        Returns
        -------
        tuple of dict and dict
            JSON values, and arrays.
        """
        arrays: Arrays = {"atoms": self.atoms}
        kind = None
        if isinstance(self.table, CellTable):
            kind = "cells"
            arrays |= {"support": self.table.support, "edges": self.table.edges}
        elif isinstance(self.table, SmoothTable):
            kind = "smooth"
            arrays |= {"places": self.table.places, "knots": self.table.knots}
        lattice = None
        if self.lattice is not None:
            lattice = [self.lattice.decimals, self.lattice.offset, self.lattice.step]
        return {"table": kind, "lattice": lattice}, arrays

    @classmethod
    def from_state(cls, column: Column, json: dict[str, Any], arrays: Arrays) -> NumericCodec:
        """Build the codec that gave this `state`.

        Parameters
        ----------
        column : Column
            Its column.
        json, arrays : dict
            What `state` returned.

        Returns
        -------
        NumericCodec
            The same codec.
        """
        table: CellTable | SmoothTable | None = None
        if json["table"] == "cells":
            table = CellTable(arrays["support"], arrays["edges"])
        elif json["table"] == "smooth":
            table = SmoothTable(arrays["places"], arrays["knots"])
        lattice = None if json["lattice"] is None else Lattice(*json["lattice"])
        return cls(column, arrays["atoms"], lattice, table)

    def _read(self, values: Series, allow_missing: bool) -> tuple[NDArray[np.bool_], Floats]:
        """Give where values are missing, which may be refused, and the numbers."""
        missing = missing_mask(values)
        if not self.column.missing:
            check_missing(missing, self.column, allow_missing)
        return missing, numbers(values, missing)

    def _events(self, missing: NDArray[np.bool_], number: Floats) -> Codes:
        events = np.zeros(len(number), dtype=code_dtype(self.cardinality))
        if len(self.atoms):
            atom = nearest(self.atoms, number)
            on_atom = ~missing & ((self.atoms[atom] == number) | (self.table is None))
            events[on_atom] = atom[on_atom] + self.is_numeric
        if self.column.missing:
            events[missing] = self.is_numeric + len(self.atoms)
        return events

    def _intervals(self, number: Floats) -> NDArray[np.float32]:
        if isinstance(self.table, CellTable):
            return self.table.intervals(number)
        assert self.table is not None
        if self.lattice is None:
            inside = np.clip(number, self.table.knots[0], self.table.knots[-1])
            return inner_intervals(*self.table.ends(inside))
        index = self.lattice.index(number).astype(np.float64)
        index = np.clip(index, self.table.knots[0], self.table.knots[-1] - 1)
        return inner_intervals(self.table.lower(index), self.table.upper(index + 1))

    def _quantile(self, u: Floats) -> Floats:
        assert self.table is not None
        found = self.table.quantile(u)
        if isinstance(self.table, CellTable) or self.lattice is None:
            return found
        index = np.clip(np.floor(found), self.table.knots[0], self.table.knots[-1] - 1)
        return self.lattice.value(index.astype(np.int64))


def nearest(levels: Floats, values: Floats) -> NDArray[np.intp]:
    """Find the level nearest to each value.

    Parameters
    ----------
    levels : ndarray of float64, shape (K,)
        Increasing numbers, at least one.
    values : ndarray of float64, shape (n,)
        Numbers.

    Returns
    -------
    ndarray of int, shape (n,)
        Places in the levels; of two that are as near, the right one.
    """
    right = np.clip(np.searchsorted(levels, values), 0, len(levels) - 1)
    left = np.maximum(right - 1, 0)
    with np.errstate(over="ignore"):
        return np.where(values - levels[left] < levels[right] - values, left, right)


def stored_dtype(column: Column) -> Any:
    """Find the float dtype whose roundings the numbers already carry."""
    dtype = column.pandas_dtype
    dtype = getattr(dtype, "numpy_dtype", dtype)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _fit_table(
    support: Floats, counts: NDArray[np.int64], lattice: Lattice | None
) -> CellTable | SmoothTable | None:
    if len(support) == 0:
        return None
    repeats = _FLOAT_REPEATS if lattice is None else _LATTICE_REPEATS
    if len(support) <= _MAX_CELLS and counts.sum() >= repeats * len(support):
        return CellTable.fit(support, counts)
    if lattice is None:
        return SmoothTable.fit(support, counts, width=0)
    return SmoothTable.fit(lattice.index(support).astype(np.float64), counts, width=1)


def restore_numbers(column: Column, number: Floats, missing: NDArray[np.bool_]) -> Series:
    """Build a column, in its own dtype, from numbers.

    Parameters
    ----------
    column : Column
        A numeric column.
    number : ndarray of float64, shape (n,)
        Numbers that its dtype can hold; anything where missing.
    missing : ndarray of bool, shape (n,)
        Where values are missing.

    Returns
    -------
    Series
        The values, under the name of the column.
    """
    dtype = column.pandas_dtype
    if pd.api.types.is_object_dtype(dtype):
        cast = int if column.item == "int" else float
        cells = np.empty(len(number), dtype=object)
        cells[:] = [cast(value) for value in number]
        cells[missing] = MISSING_MARKERS[column.missing or "nan"]
        return pd.Series(cells, dtype=object, name=column.name)
    plain = getattr(dtype, "numpy_dtype", dtype)
    restored = pd.Series(number.astype(plain), name=column.name)
    if plain is not dtype:
        restored = restored.astype(dtype)
    if missing.any():
        restored = restored.mask(missing)
    return restored
