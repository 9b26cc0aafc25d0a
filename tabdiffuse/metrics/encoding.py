"""Tables as matrices for boosted trees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xgboost as xgb

MISSING = "\N{EMPTY SET} missing"
LARGEST = float(np.finfo(np.float32).max)  # XGBoost refuses infinity

TREE_PARAMETERS: Mapping[str, str | int] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "nthread": 1,  # models run side by side instead: no thread count can change a score
    "max_cat_to_onehot": 2**30,  # every categorical split is one level against the rest
}


@dataclass(frozen=True)
class TreeEncoder:
    """Numbers as float32, each level of a categorical column as one integer code.

    With ``TREE_PARAMETERS`` XGBoost considers exactly the splits it would find on one-hot columns,
    and finds the same trees, from a matrix as narrow as the table (a test compares the two).
    A level not seen in ``fit`` matches no level, as with an all-zero one-hot block. Missing
    categories are a level of their own; missing numbers are left to XGBoost.

    Parameters
    ----------
    levels : dict of str to array or None
        For every column, in table order: the sorted levels, or None for a numeric column.
    """

    levels: dict[Any, NDArray[np.object_] | None]

    @classmethod
    def fit(
        cls, tables: Sequence[pd.DataFrame], columns: Sequence[Any], categorical: Sequence[Any]
    ) -> "TreeEncoder":
        """Collect the levels that occur in any of the tables."""
        levels: dict[Any, NDArray[np.object_] | None] = dict.fromkeys(columns)
        for name in columns:
            if name in categorical:
                seen = [as_text(table[name]).unique() for table in tables]
                levels[name] = np.unique(np.concatenate(seen).astype(object))
        return cls(levels)

    def matrix(self, table: pd.DataFrame) -> NDArray[np.float32]:
        """Encode a table, shape (rows, columns)."""
        encoded = np.empty((len(table), len(self.levels)), dtype=np.float32)
        for position, (name, levels) in enumerate(self.levels.items()):
            if levels is None:
                values = pd.to_numeric(table[name]).to_numpy(dtype=np.float64, na_value=np.nan)
                encoded[:, position] = np.clip(values, -LARGEST, LARGEST)
            else:
                codes = pd.Index(levels).get_indexer(pd.Index(as_text(table[name])))
                encoded[:, position] = np.where(codes < 0, len(levels), codes)
        return encoded

    def dmatrix(
        self,
        matrix: NDArray[np.float32],
        labels: NDArray[np.integer[Any]] | NDArray[np.floating[Any]] | None = None,
    ) -> "xgb.DMatrix":
        """Wrap an encoded table for XGBoost."""
        kinds = ["q" if levels is None else "c" for levels in self.levels.values()]
        wrapped: xgb.DMatrix = import_xgboost().DMatrix(
            matrix, label=labels, feature_types=kinds, enable_categorical=True, nthread=1
        )
        return wrapped


def as_text(column: "pd.Series[Any]") -> "pd.Series[str]":
    """Levels of a column as strings, missing values as a level of their own."""
    return column.astype(object).where(column.notna(), MISSING).astype(str)


def import_xgboost() -> ModuleType:
    """Return the module, imported only when a metric needs it.

    Raises
    ------
    ImportError
        If XGBoost is not installed.
    """
    try:
        import xgboost
    except ImportError as error:
        raise ImportError(
            "XGB-C2ST and MLE train boosted trees and need XGBoost, which is not installed. "
            "Install it with `pip install tabdiffuse[bench]`."
        ) from error
    return xgboost
