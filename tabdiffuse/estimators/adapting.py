"""What the adapters to scikit-learn share: arrays as tables, and a model of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from tabdiffuse._random import child_seed
from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.estimators.parameters import resolve_seed
from tabdiffuse.estimators.rules import FLAG
from tabdiffuse.estimators.table import TabularDiffusion

__all__ = [
    "as_frame",
    "check_flag",
    "check_names",
    "frozen_model",
    "frozen_seed",
    "own_model",
    "unfitted_model",
]


def as_frame(estimator: BaseEstimator, X: Any, *, reset: bool) -> pd.DataFrame:
    """Make a table of what scikit-learn takes, and note or compare its column names.

    Parameters
    ----------
    estimator : BaseEstimator
        The estimator that was given ``X``; its ``n_features_in_`` and ``feature_names_in_`` are set
        or compared.
    X : DataFrame, array-like of shape (n, d)
        A DataFrame is returned as it is. The columns of anything else are named x0, x1, ...
    reset : bool
        Whether this is a fit.

    Returns
    -------
    DataFrame
        The table.

    Raises
    ------
    ValueError, TypeError
        The errors of scikit-learn for what is no table, or has other columns than at `fit`.
    """
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return X
    if isinstance(X, list | tuple):
        X = np.array(X, dtype=object)  # beside strings, numpy would make the string 'nan' of a NaN
    array = validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
    columns = [f"x{place}" for place in range(array.shape[1])]
    return pd.DataFrame(array, columns=columns).infer_objects()


def check_flag(value: Any, name: str, owner: str) -> None:
    """Refuse a parameter of an adapter that is neither True nor False.

    Parameters
    ----------
    value : object
        The parameter.
    name, owner : str
        Its name and that of the adapter, for the message.

    Raises
    ------
    ParameterError
        It is something else.
    """
    if not FLAG.accepts(value):
        raise ParameterError(
            f"The {name!r} parameter of {owner} must be {FLAG.text}. Got {value!r} instead."
        )


def unfitted_model(model: Any, owner: str) -> TabularDiffusion:
    """Copy the settings of a model, or take the defaults.

    Parameters
    ----------
    model : TabularDiffusion or None
        The ``model`` parameter of an adapter.
    owner : str
        Name of the adapter, for the message.

    Returns
    -------
    TabularDiffusion
        A new estimator that is not fitted.

    Raises
    ------
    ParameterError
        It is neither a `TabularDiffusion` nor None.
    """
    if model is None:
        return TabularDiffusion()
    if not isinstance(model, TabularDiffusion):
        raise _no_model(model, owner)
    copy: TabularDiffusion = clone(model)
    return copy


def frozen_model(model: Any, owner: str) -> TabularDiffusion | None:
    """Take the fitted model out of a `FrozenEstimator`.

    Parameters
    ----------
    model : object
        The ``model`` parameter of an adapter.
    owner : str
        Name of the adapter, for the message.

    Returns
    -------
    TabularDiffusion or None
        The model itself, no copy; None if it is not frozen.

    Raises
    ------
    NotFittedError
        The frozen model is not fitted.
    ParameterError
        It is no `TabularDiffusion`.
    """
    if not isinstance(model, FrozenEstimator):
        return None
    inner = model.estimator
    if not isinstance(inner, TabularDiffusion):
        raise _no_model(model, owner)
    message = (
        f"The FrozenEstimator given to {owner} holds a %(name)s that is not fitted. Fit it first, "
        f"or give it without FrozenEstimator: then {owner} fits a copy."
    )
    check_is_fitted(inner, "denoiser_", msg=message)
    return inner


def frozen_seed(model: TabularDiffusion, random_state: Any) -> int:
    """Give the seed of the answers of a model that is used as it is.

    Parameters
    ----------
    model : TabularDiffusion
        The fitted model.
    random_state : int, numpy random generator or None
        Seed of the adapter; with None the fit of the model decides.

    Returns
    -------
    int
        Seed for the ``random_state`` of the model's methods: that of the adapter, where it is one.
    """
    if random_state is None:
        return child_seed(model.seed_, "adapter")
    return resolve_seed(random_state)


def check_names(frame: pd.DataFrame, names: Sequence[Any], owner: str) -> None:
    """Refuse a table whose columns are not those that a frozen model was fitted on.

    Parameters
    ----------
    frame : DataFrame
        The table, its columns in any order.
    names : sequence
        The names wanted.
    owner : str
        Name of the adapter, for the message.

    Raises
    ------
    DataError
        Columns are absent or unknown.
    """
    absent = [name for name in names if name not in frame.columns]
    extra = [name for name in frame.columns if name not in names]
    if absent or extra:
        raise DataError(
            f"The frozen model of {owner} was fitted on other columns than those of X: absent are "
            f"{absent}, unknown are {extra}. Give X the columns {list(names)}, or {owner} the "
            f"model without FrozenEstimator: then a copy is fitted to X."
        )


def own_model(
    model: TabularDiffusion, frame: pd.DataFrame, random_state: Any
) -> tuple[TabularDiffusion, int]:
    """Fit the model of an adapter, and give the seed of its answers.

    Parameters
    ----------
    model : TabularDiffusion
        The estimator to fit.
    frame : DataFrame
        The table.
    random_state : int, numpy random generator or None
        Seed of the adapter, which decides fit and answers; with None, the model's own does.

    Returns
    -------
    model : TabularDiffusion
        The fitted estimator.
    seed : int
        Seed for its ``random_state`` in each later call.
    """
    if random_state is not None:
        model.set_params(random_state=child_seed(resolve_seed(random_state), "fit"))
    model.fit(frame)
    return model, child_seed(model.seed_, "adapter")


def _no_model(model: Any, owner: str) -> ParameterError:
    return ParameterError(
        f"The 'model' parameter of {owner} must be a TabularDiffusion, fitted or not, a "
        f"FrozenEstimator that holds a fitted one, or None for the defaults. Got {model!r} instead."
    )
