"""DiffusionResampler: rows for rare classes, with the interface of imbalanced-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

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
from tabdiffuse.estimators.classes import check_classes, evened_places, rows_to_make
from tabdiffuse.estimators.parameters import check_parameters, make_guidance
from tabdiffuse.estimators.table import TabularDiffusion
from tabdiffuse.sampling.guidance import Guidance
from tabdiffuse.tables import check_same_columns

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["DiffusionResampler"]


class DiffusionResampler(BaseEstimator):
    """Add synthetic rows of rare classes to a classification problem.

    A `TabularDiffusion` learns features and class together, from the rows of all classes, and draws
    new rows given the class. What the rare class shares with the others is thereby learnt from all
    rows, and categories and missing values are drawn as such.

    Parameters
    ----------
    model : TabularDiffusion or FrozenEstimator, optional
        Settings of the model, of which a copy is fitted; the defaults if it is None. A fitted model
        within scikit-learn's `FrozenEstimator` is used as it is.
    sampling_strategy : str, float or mapping, default="auto"
        Which classes get how many rows. "not majority" (which "auto" is) and "all" bring each class
        up to the largest, "not minority" each but the smallest, "minority" the smallest only. A
        number in (0, 1] is the wanted ratio of the smaller of two classes to the larger. A mapping
        gives for some classes the number of rows wanted in all.
    guidance : float or Guidance, optional
        How far to lean towards the class, as in `TabularDiffusion.sample`. Above 1, rows are more
        typical of their class and less diverse.
    even_training : bool, default=False
        Whether the rows of rare classes are repeated in training, until the model sees all classes
        equally often. Then a short training learns rare classes too; a long one may come close to
        copying their rows, if there are few.
    random_state : int, numpy random generator or None
        Seed of the fit and of the rows; with a frozen model, the ``random_state`` of its
        `TabularDiffusion.sample`. With None the ``random_state`` of the model decides both.

    Attributes
    ----------
    model_ : TabularDiffusion
        The fitted model; a frozen one is not copied.
    sampling_strategy_ : dict of class to int
        The rows that are made, class by class.
    target_name_ : str
        The name of the class in the columns of the model.
    seed_ : int
        Seed of the rows.
    n_features_in_ : int
        Number of columns of ``X``.
    feature_names_in_ : ndarray
        Their names, if all are strings.

    Notes
    -----
    Resample the training part only, never rows on which something is measured. The pipeline of
    imbalanced-learn takes this class as one of its steps and does so by itself.

    A frozen model must know the columns of ``X``, in any order, and one more: the class. It must
    not have seen the rows on which something is measured either.

    Examples
    --------
    >>> import pandas as pd
    >>> from tabdiffuse import DiffusionResampler, TabularDiffusion
    >>> X = pd.DataFrame({"age": range(20, 60), "sex": ["F", "M"] * 20})
    >>> y = pd.Series(["no"] * 30 + ["yes"] * 10, name="ill")
    >>> model = TabularDiffusion(max_steps=20, verbose=0)
    >>> more_X, more_y = DiffusionResampler(model, random_state=0).fit_resample(X, y)
    >>> more_y.value_counts().to_dict()
    {'no': 30, 'yes': 30}

    A model that is there already, fitted or loaded, is not fitted again:

    >>> from sklearn.frozen import FrozenEstimator
    >>> fitted = model.fit(X.assign(ill=y))
    >>> more_X, more_y = DiffusionResampler(FrozenEstimator(fitted)).fit_resample(X, y)
    >>> more_y.value_counts().to_dict()
    {'no': 30, 'yes': 30}
    """

    model_: TabularDiffusion
    sampling_strategy_: dict[Any, int]
    target_name_: Any
    seed_: int

    def __init__(
        self,
        model: TabularDiffusion | FrozenEstimator | None = None,
        *,
        sampling_strategy: (
            Literal["auto", "not majority", "not minority", "minority", "all"]
            | float
            | Mapping[Any, int]
        ) = "auto",
        guidance: float | Guidance | None = None,
        even_training: bool = False,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.sampling_strategy = sampling_strategy
        self.guidance = guidance
        self.even_training = even_training
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> DiffusionResampler:
        """Learn features and class together.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, d)
            The features; missing values are allowed.
        y : Series or array-like of shape (n,)
            The class of each row, two or more in all.

        Returns
        -------
        DiffusionResampler
            This estimator.

        Raises
        ------
        ParameterError
            A parameter is out of range, names a class that is not there, or asks for fewer rows of
            a class than there are.
        NotFittedError
            The model is frozen and not fitted.
        DataError, DataTypeError, SchemaError
            ``y`` holds no classes, only one, missing values, or has another length than ``X``; a
            frozen model has other columns, or never saw a class; or as `TabularDiffusion.fit`.
        """
        self._learn(X, y)
        return self

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Learn the rows, and add synthetic ones of the classes that need them.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, d)
            The features.
        y : Series or array-like of shape (n,)
            The class of each row.

        Returns
        -------
        X : DataFrame or ndarray
            The given rows in their order, then the synthetic ones, class by class. A DataFrame has
            a new index, as the new rows have no names.
        y : Series or ndarray
            The classes.

        Raises
        ------
        ParameterError, DataError, DataTypeError, SchemaError
            As `fit`.
        """
        frame, classes = self._learn(X, y)
        labels = _repeated(classes, self.sampling_strategy_)
        all_y = pd.concat([classes, labels], ignore_index=True)
        rows = frame
        if len(labels):
            rows = pd.concat([frame, self._draw(labels)], ignore_index=True)
        return _like(rows, X), _like(all_y, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inputs = tags.input_tags
        inputs.allow_nan = inputs.string = inputs.categorical = True
        tags.target_tags.required = True
        return tags

    def _learn(self, X: Any, y: Any) -> tuple[pd.DataFrame, Series]:
        """Fit the model, and give the features and the classes as pandas objects."""
        owner = type(self).__name__
        check_parameters(owner, self.get_params(deep=False))
        make_guidance(self.guidance, owner)
        check_flag(self.even_training, "even_training", owner)
        frozen = frozen_model(self.model, owner)
        model = unfitted_model(self.model, owner) if frozen is None else frozen
        frame = as_frame(self, X, reset=True).reset_index(drop=True)
        classes = check_classes(y, len(frame))
        self.sampling_strategy_ = rows_to_make(self.sampling_strategy, classes, owner)
        if frozen is None:
            self._fit_own(model, frame, classes)
        else:
            self._use_frozen(model, frame, classes)
        return frame, classes

    def _fit_own(self, model: TabularDiffusion, frame: pd.DataFrame, classes: Series) -> None:
        """Fit a model to the features and the classes."""
        self.target_name_ = _free_name(classes.name, frame)
        kind = "boolean" if pd.api.types.is_bool_dtype(classes.dtype) else "categorical"
        model.set_params(schema={**(model.schema or {}), self.target_name_: kind})
        table = pd.concat([frame, classes.rename(self.target_name_)], axis=1)
        if self.even_training:
            table = table.iloc[evened_places(classes)].reset_index(drop=True)
        self.model_, self.seed_ = own_model(model, table, self.random_state)

    def _use_frozen(self, model: TabularDiffusion, frame: pd.DataFrame, classes: Series) -> None:
        """Take a fitted model as it is, if it knows these features and classes."""
        owner = type(self).__name__
        if self.even_training:
            raise ParameterError(
                f"even_training=True of {owner} is about training, and a frozen model is not "
                f"trained. Leave it False, or give the model without FrozenEstimator."
            )
        self.target_name_ = _known_target(model, frame, classes.name, owner)
        labels = classes.rename(self.target_name_).to_frame()
        check_same_columns(labels, model.schema_, partial=True)
        self.model_, self.seed_ = model, frozen_seed(model, self.random_state)

    def _draw(self, labels: Series) -> pd.DataFrame:
        """Draw the features of rows of these classes."""
        rows: pd.DataFrame = self.model_.sample(
            conditions=labels.rename(self.target_name_).to_frame(),
            guidance=self.guidance,
            random_state=self.seed_,
        )
        features: pd.DataFrame = rows.drop(columns=self.target_name_)
        return features


def _like(rows: Any, given: Any) -> Any:
    """Make pandas objects the container that was given: an array, unless it was one of them."""
    if isinstance(given, pd.DataFrame | pd.Series):
        return rows
    return rows.to_numpy(dtype=given.dtype if isinstance(given, np.ndarray) else None)


def _repeated(classes: Series, counts: Mapping[Any, int]) -> Series:
    """Repeat each class as often as wanted, in the dtype of the classes."""
    firsts = [int(np.flatnonzero(classes == label)[0]) for label in counts]
    places = np.repeat(np.array(firsts, dtype=np.intp), list(counts.values()))
    return classes.iloc[places].reset_index(drop=True)


def _free_name(name: Any, frame: pd.DataFrame) -> Any:
    """Name the class in a table that may have a column of that name."""
    if frame.columns.nlevels > 1:
        raise DataError("X has column names of several levels. Flatten them first.")
    name = "target" if name is None else name
    while name in frame.columns:
        name = f"{name}_"
    return name


def _known_target(model: TabularDiffusion, frame: pd.DataFrame, name: Any, owner: str) -> Any:
    """Find the column of a fitted model that holds the class."""
    names = model.schema_.names
    left = [known for known in names if known not in frame.columns]
    if name is None and len(left) == 1:
        name = left[0]
    if name not in left:
        raise DataError(
            f"The frozen model of {owner} has no column for the class: y is named {name!r}, and "
            f"the columns of the model that X lacks are {left}. Name y after the column of its "
            f"class, e.g. y.rename({left[0] if left else name!r}), and leave that out of X."
        )
    check_names(frame, [known for known in names if known != name], owner)
    return name
