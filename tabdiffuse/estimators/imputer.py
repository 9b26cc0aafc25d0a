"""DiffusionImputer: the holes of a table filled, as a scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.estimators.adapting import (
    as_frame,
    check_flag,
    check_names,
    frozen_model,
    frozen_seed,
    own_model,
    unfitted_model,
)
from tabdiffuse.estimators.parameters import check_parameters
from tabdiffuse.estimators.table import TabularDiffusion
from tabdiffuse.tables.values import missing_mask

if TYPE_CHECKING:
    Answer = pd.DataFrame | NDArray[Any]

__all__ = ["DiffusionImputer"]


class DiffusionImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill missing values with draws from their law given the rest of the row.

    A `TabularDiffusion` learns the joint distribution of the columns from a table that may have
    holes itself; `transform` then calls its `impute`. Numbers, categories and truth values are
    filled alike, each with what the others of its row say about it.

    Parameters
    ----------
    model : TabularDiffusion or FrozenEstimator, optional
        Settings of the model, of which a copy is fitted; the defaults if it is None. A fitted model
        within scikit-learn's `FrozenEstimator` is used as it is.
    n_draws : int, default=1
        Draws of each hole. More than one need ``agg``; for multiple imputation, which keeps them
        apart, call ``model_.impute(X, n_draws=...)``.
    agg : {"mean", "median", "mode"}, optional
        How one value is made of the draws: the mean or the median of numbers, or the most frequent
        one; of categories always the most frequent one. A single draw keeps the spread of the data;
        means have a smaller error and too little spread.
    add_indicator : bool, default=False
        Whether columns follow that say where values were missing, one for each column that had
        missing values at `fit`, named ``missingindicator_NAME``.
    random_state : int, numpy random generator or None
        Seed of the fit and of the draws; with a frozen model, the ``random_state`` of its
        `TabularDiffusion.impute`. With None the ``random_state`` of the model decides both. The
        draws of a fitted imputer are the same in every call.

    Attributes
    ----------
    model_ : TabularDiffusion
        The fitted model; a frozen one is not copied.
    indicator_features_ : ndarray of int
        Places of the columns that have an indicator.
    seed_ : int
        Seed of the draws.
    n_features_in_ : int
        Number of columns seen.
    feature_names_in_ : ndarray
        Names of the columns, if all are strings.

    Notes
    -----
    A DataFrame comes back as a DataFrame with its dtypes, and anything else as an array: of floats
    if it was numeric, else of objects. ``set_output`` changes that. A column without any value at
    `fit` stays empty.

    With a frozen model, `fit` trains nothing: it compares the columns of ``X`` with those of the
    model, which may be in another order. An array is read by position.

    Examples
    --------
    >>> import pandas as pd
    >>> from tabdiffuse import DiffusionImputer, TabularDiffusion
    >>> people = pd.DataFrame({"age": [31, 42, None, 58] * 25, "sex": ["F", "M", "F", None] * 25})
    >>> model = TabularDiffusion(max_steps=20, verbose=0)
    >>> full = DiffusionImputer(model, random_state=0).fit_transform(people)
    >>> int(full.isna().sum().sum())
    0

    A model that is there already, fitted or loaded, is not fitted again:

    >>> from sklearn.frozen import FrozenEstimator
    >>> fitted = model.fit(people)
    >>> imputer = DiffusionImputer(FrozenEstimator(fitted)).fit(people)
    >>> imputer.model_ is fitted
    True
    """

    model_: TabularDiffusion
    indicator_features_: NDArray[np.intp]
    seed_: int

    def __init__(
        self,
        model: TabularDiffusion | FrozenEstimator | None = None,
        *,
        n_draws: int = 1,
        agg: Literal["mean", "median", "mode"] | None = None,
        add_indicator: bool = False,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.n_draws = n_draws
        self.agg = agg
        self.add_indicator = add_indicator
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> DiffusionImputer:
        """Learn the joint distribution of the columns.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, d)
            At least two rows, with or without missing values. It is not changed.
        y : None
            Ignored.

        Returns
        -------
        DiffusionImputer
            This transformer.

        Raises
        ------
        ParameterError
            A parameter is out of range, or there are several draws and no ``agg``.
        NotFittedError
            The model is frozen and not fitted.
        DataError, DataTypeError, SchemaError
            As `TabularDiffusion.fit`; or the columns are others than those of a frozen model.
        """
        self._check_parameters()
        owner = type(self).__name__
        frozen = frozen_model(self.model, owner)
        model = unfitted_model(self.model, owner) if frozen is None else frozen
        frame = as_frame(self, X, reset=True)
        if frozen is None:
            self.model_, self.seed_ = own_model(model, frame, self.random_state)
        else:
            names = frozen.schema_.names
            by_place = not isinstance(X, pd.DataFrame) and frame.shape[1] == len(names)
            check_names(frame.set_axis(names, axis=1) if by_place else frame, names, owner)
            self.model_, self.seed_ = frozen, frozen_seed(frozen, self.random_state)
        had_gaps = _gaps(frame).any(axis=0) & bool(self.add_indicator)
        self.indicator_features_ = np.flatnonzero(had_gaps)
        return self

    def transform(self, X: Any) -> Answer:
        """Fill the holes of a table; observed values stay as they are.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, d)
            Rows with the columns of `fit`. Any of them may have holes. It is not changed.

        Returns
        -------
        DataFrame or ndarray
            ``X`` without holes, followed by the indicators.

        Raises
        ------
        NotFittedError
            Before `fit`.
        DataError, DataTypeError, ValueError
            The columns are others than at `fit`, or hold what those could not.
        """
        check_is_fitted(self, "model_")
        self._check_parameters()
        frame = as_frame(self, X, reset=False)
        full = self.model_.impute(
            self._named_as_at_fit(frame),
            n_draws=self.n_draws,
            agg=self.agg,
            random_state=self.seed_,
        )
        assert isinstance(full, pd.DataFrame), "several draws were made one"
        full = full.set_axis(frame.columns, axis=1)
        gaps = _gaps(frame)[:, self.indicator_features_]
        if isinstance(X, pd.DataFrame):
            return self._with_indicators(full, gaps)
        values = full.to_numpy(dtype=_array_dtype(frame))
        return np.hstack([values, gaps.astype(values.dtype)])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Give the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the columns, which must be those of `fit`; needed only for others than x0, x1,
            ... where `fit` saw no names.

        Returns
        -------
        ndarray of str
            The names of the columns, then those of the indicators.
        """
        names = super().get_feature_names_out(input_features)
        of_gaps = [_indicator_name(names[place]) for place in self.indicator_features_]
        return np.concatenate([names, np.array(of_gaps, dtype=object)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inputs = tags.input_tags
        inputs.allow_nan = inputs.string = inputs.categorical = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        check_parameters(owner, self.get_params(deep=False))
        check_flag(self.add_indicator, "add_indicator", owner)
        if self.n_draws > 1 and self.agg is None:
            raise ParameterError(
                f"{owner} fills a hole with one value: n_draws={self.n_draws} draws need agg='mean'"
                f", 'median' or 'mode'. To keep the draws apart, call "
                f"model_.impute(X, n_draws={self.n_draws})."
            )

    def _named_as_at_fit(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Name the columns as at `fit`, where one of the two tables had no names."""
        names = self.model_.schema_.names
        if set(frame.columns) == set(names):
            return frame  # in any order
        return frame.set_axis(names, axis=1)

    def _with_indicators(self, full: pd.DataFrame, gaps: NDArray[np.bool_]) -> pd.DataFrame:
        names = [_indicator_name(full.columns[place]) for place in self.indicator_features_]
        if not names:
            return full
        taken = [name for name in names if name in full.columns]
        if taken:
            raise DataError(
                f"X has columns named {taken}, as the indicators of {type(self).__name__} would "
                f"be. Rename them, or set add_indicator=False."
            )
        indicators = pd.DataFrame(gaps, index=full.index, columns=names)
        return pd.concat([full, indicators], axis=1)


def _indicator_name(name: Any) -> str:
    return f"missingindicator_{name}"


def _gaps(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which cells are missing, (n, d)."""
    columns = [missing_mask(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return np.stack(columns, axis=1) if columns else np.zeros(frame.shape, dtype=bool)


def _array_dtype(frame: pd.DataFrame) -> np.dtype[Any]:
    """Choose the dtype of an array with the filled cells: that of its floats, else objects."""
    kinds = {dtype.kind for dtype in frame.dtypes}
    if kinds == {"f"}:
        return np.result_type(*frame.dtypes)
    return np.dtype(np.float64 if kinds <= set("fiub") else object)
