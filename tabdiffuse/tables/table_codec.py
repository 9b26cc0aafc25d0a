"""A DataFrame to the arrays of a model and back, by its schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError
from tabdiffuse.tables.codec_base import Codec, code_dtype
from tabdiffuse.tables.codecs import codec_from_state, fit_codec
from tabdiffuse.tables.numeric_codec import MAX_ATOMS, MIN_ATOM_MASS
from tabdiffuse.tables.schema import TableSchema

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["TableCodec", "TableLayout"]

# Rows in work at a time: what is needed on the way stays in the caches, however long the table.
_BLOCK = 2**15


@dataclass(frozen=True, eq=False)
class TableLayout:
    """What a model has to know of the arrays of a `TableCodec`.

    Parameters
    ----------
    n_numeric : int
        Number of numeric model columns d.
    cardinalities : tuple of int
        Number of codes of each of the m categorical model columns.
    frequencies : tuple of ndarray of float64
        For each categorical model column, the share of each code in the training data, (K_j,).
    numeric_sources, categorical_sources : tuple of str or int
        For each model column, the name of the column it stands for.
    """

    n_numeric: int
    cardinalities: tuple[int, ...]
    frequencies: tuple[NDArray[np.float64], ...]
    numeric_sources: tuple[str | int, ...]
    categorical_sources: tuple[str | int, ...]


class TableCodec:
    """The codecs of all columns of a table.

    Made by `fit` or `from_state`.

    Parameters
    ----------
    schema : TableSchema
        The columns.
    codecs : list of Codec
        One per column.
    frequencies : list of ndarray of float64
        For each categorical model column, the share of each code in the training data.
    """

    def __init__(
        self,
        schema: TableSchema,
        codecs: list[Codec],
        frequencies: list[NDArray[np.float64]],
    ) -> None:
        self.schema = schema
        self.codecs = codecs
        pairs = list(zip(schema.names, codecs, strict=True))
        numeric = tuple(name for name, codec in pairs if codec.is_numeric)
        coded = [(name, codec) for name, codec in pairs if codec.cardinality]
        self.layout = TableLayout(
            n_numeric=len(numeric),
            cardinalities=tuple(codec.cardinality for _, codec in coded),
            frequencies=tuple(frequencies),
            numeric_sources=numeric,
            categorical_sources=tuple(name for name, _ in coded),
        )

    @classmethod
    def fit(
        cls,
        df: pd.DataFrame,
        schema: TableSchema,
        *,
        min_atom_mass: float = MIN_ATOM_MASS,
        max_atoms: int = MAX_ATOMS,
    ) -> TableCodec:
        """Fit the codec of each column.

        Parameters
        ----------
        df : DataFrame
            The training data; it is not changed.
        schema : TableSchema
            Its columns, as inferred from it.
        min_atom_mass : float, default=0.04
            Share of the non-missing rows from which a number is an event of its own.
        max_atoms : int, default=20
            Number of distinct numbers up to which each is an event of its own.

        Returns
        -------
        TableCodec
            The fitted codec.

        Raises
        ------
        DataError
            Every column is constant.
        """
        if all(column.kind == "constant" for column in schema.columns):
            raise DataError(
                f"There is nothing to learn: all {len(schema.columns)} columns are constant "
                f"({schema.names}). Pass at least one column with two different values."
            )
        codecs = [
            fit_codec(df[column.name], column, min_atom_mass=min_atom_mass, max_atoms=max_atoms)
            for column in schema.columns
        ]
        frequencies = [
            _count_codes(df[column.name], codec) / len(df)
            for column, codec in zip(schema.columns, codecs, strict=True)
            if codec.cardinality
        ]
        return cls(schema, codecs, frequencies)

    def encode(self, df: pd.DataFrame, *, allow_missing: bool = False) -> dict[str, NDArray[Any]]:
        """Map rows to arrays.

        Parameters
        ----------
        df : DataFrame
            Rows with all columns of the schema; it is not changed.
        allow_missing : bool, default=False
            Accept missing values in columns that had none in training, as code 0 and the
            interval (0, 1); the caller then knows that these cells hold no information.

        Returns
        -------
        dict of str to ndarray
            "numeric", float32 (n, d, 2): lower and upper ends within [0, 1]; "categorical",
            (n, m) in the smallest of uint8, int16 and int32 that fits. A key with no columns is
            absent. No other array is as long as the table.

        Raises
        ------
        DataError
            A category was never seen, or a value is missing where none was.
        """
        arrays = self._empty(len(df))
        numeric = coded = 0
        for name, codec in zip(self.schema.names, self.codecs, strict=True):
            intervals = arrays["numeric"][:, numeric] if codec.is_numeric else None
            codes = arrays["categorical"][:, coded] if codec.cardinality else None
            numeric, coded = numeric + codec.is_numeric, coded + (codec.cardinality > 0)
            _encode_column(df[name], codec, allow_missing, intervals, codes)
        return arrays

    def _empty(self, n_rows: int) -> dict[str, NDArray[Any]]:
        """Make room for so many encoded rows."""
        arrays: dict[str, NDArray[Any]] = {}
        layout = self.layout
        if layout.n_numeric:
            arrays["numeric"] = np.empty((n_rows, layout.n_numeric, 2), dtype=np.float32)
        if layout.cardinalities:
            shape = (n_rows, len(layout.cardinalities))
            arrays["categorical"] = np.empty(shape, code_dtype(max(layout.cardinalities)))
        return arrays

    def decode(self, arrays: dict[str, NDArray[Any]]) -> pd.DataFrame:
        """Map arrays to rows.

        Parameters
        ----------
        arrays : dict of str to ndarray
            "numeric", float (n, d): normal scores; "categorical", int (n, m).

        Returns
        -------
        DataFrame
            Rows with the columns, order and dtypes of the training data.
        """
        scores, codes = arrays.get("numeric"), arrays.get("categorical")
        n_rows = self._n_rows(scores, codes)
        columns = []
        numeric = coded = 0
        for codec in self.codecs:
            own_scores = own_codes = None
            if codec.is_numeric and scores is not None:
                own_scores, numeric = scores[:, numeric], numeric + 1
            if codec.cardinality and codes is not None:
                own_codes, coded = codes[:, coded], coded + 1
            columns.append(codec.decode(n_rows, own_scores, own_codes))
        decoded = pd.concat(columns, axis=1)
        decoded.columns = pd.Index(self.schema.names)
        return decoded

    def empty(self) -> pd.DataFrame:
        """Give no rows.

        Returns
        -------
        DataFrame
            The columns, order and dtypes of the training data, without a row.
        """
        layout = self.layout
        arrays: dict[str, NDArray[Any]] = {}
        if layout.n_numeric:
            arrays["numeric"] = np.empty((0, layout.n_numeric))
        if layout.cardinalities:
            arrays["categorical"] = np.empty((0, len(layout.cardinalities)), dtype=np.int64)
        return self.decode(arrays)

    def _n_rows(self, scores: NDArray[Any] | None, codes: NDArray[Any] | None) -> int:
        layout = self.layout
        assert (scores is not None) == (layout.n_numeric > 0), (
            "numeric scores do not fit the layout"
        )
        assert (codes is not None) == bool(layout.cardinalities), "codes do not fit the layout"
        rows = set()
        if scores is not None:
            assert scores.ndim == 2, f"scores of shape {scores.shape}"
            assert scores.shape[1] == layout.n_numeric, f"{scores.shape[1]} score columns"
            rows.add(len(scores))
        if codes is not None:
            assert codes.ndim == 2, f"codes of shape {codes.shape}"
            assert codes.shape[1] == len(layout.cardinalities), f"{codes.shape[1]} code columns"
            rows.add(len(codes))
        assert len(rows) == 1, f"arrays of {rows} rows"
        return rows.pop()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Give what is needed, beside the schema, to build this codec again.

        Returns
        -------
        tuple of dict and dict
            JSON values, and arrays by name.
        """
        json: dict[str, Any] = {"columns": []}
        arrays: dict[str, NDArray[Any]] = {}
        for place, codec in enumerate(self.codecs):
            own_json, own_arrays = codec.state()
            json["columns"].append(own_json)
            arrays |= {f"{place}.{name}": array for name, array in own_arrays.items()}
        for place, shares in enumerate(self.layout.frequencies):
            arrays[f"frequencies.{place}"] = shares
        return json, arrays

    @classmethod
    def from_state(
        cls, schema: TableSchema, json: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> TableCodec:
        """Build the codec that gave this `state`.

        Parameters
        ----------
        schema : TableSchema
            Its schema.
        json, arrays : dict
            What `state` returned.

        Returns
        -------
        TableCodec
            The same codec.
        """
        codecs = [
            codec_from_state(column, json["columns"][place], _with_prefix(arrays, f"{place}."))
            for place, column in enumerate(schema.columns)
        ]
        shares = _with_prefix(arrays, "frequencies.")
        return cls(schema, codecs, [shares[str(place)] for place in range(len(shares))])


def _encode_column(
    values: Series,
    codec: Codec,
    allow_missing: bool,
    intervals: NDArray[Any] | None,
    codes: NDArray[Any] | None,
) -> None:
    """Write the model columns of one column where they belong, block by block."""
    try:
        for rows in _blocks(len(values)):
            encoded = codec.encode(values.iloc[rows], allow_missing=allow_missing)
            if intervals is not None:
                intervals[rows] = encoded.intervals
            if codes is not None:
                codes[rows] = encoded.codes
    except DataError:
        # The refusal of a block counts within it; that of the column is what the user can find.
        codec.encode(values, allow_missing=allow_missing)
        raise


def _count_codes(values: Series, codec: Codec) -> NDArray[np.int64]:
    counts = np.zeros(codec.cardinality, dtype=np.int64)
    for rows in _blocks(len(values)):
        codes = codec.codes(values.iloc[rows])
        assert codes is not None
        counts += np.bincount(codes, minlength=codec.cardinality)
    return counts


def _blocks(n_rows: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, n_rows, _BLOCK))


def _with_prefix(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
