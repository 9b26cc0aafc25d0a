"""A DataFrame to the arrays of a model and back, by its schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabdiffuse.errors import DataError
from tabdiffuse.tables.codec_base import Codec
from tabdiffuse.tables.codecs import codec_from_state, fit_codec
from tabdiffuse.tables.numeric_codec import MAX_ATOMS, MIN_ATOM_MASS
from tabdiffuse.tables.schema import TableSchema

__all__ = ["TableCodec", "TableLayout"]


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
        codes = cls(schema, codecs, []).encode(df).get("categorical")
        frequencies = []
        for place, cardinality in enumerate(
            codec.cardinality for codec in codecs if codec.cardinality
        ):
            assert codes is not None
            counts = np.bincount(codes[:, place], minlength=cardinality)
            frequencies.append(counts / len(df))
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
            int64 (n, m). A key with no columns is absent.

        Raises
        ------
        DataError
            A category was never seen, or a value is missing where none was.
        """
        encoded = [
            codec.encode(df[name], allow_missing=allow_missing)
            for name, codec in zip(self.schema.names, self.codecs, strict=True)
        ]
        intervals = [cells.intervals for cells in encoded if cells.intervals is not None]
        codes = [cells.codes for cells in encoded if cells.codes is not None]
        arrays: dict[str, NDArray[Any]] = {}
        if intervals:
            arrays["numeric"] = np.stack(intervals, axis=1)
        if codes:
            arrays["categorical"] = np.stack(codes, axis=1)
        return arrays

    def decode(self, arrays: dict[str, NDArray[Any]]) -> pd.DataFrame:
        """Map arrays to rows.

        Parameters
        ----------
        arrays : dict of str to ndarray
            "numeric", float (n, d): normal scores; "categorical", int64 (n, m).

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


def _with_prefix(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
