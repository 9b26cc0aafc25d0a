"""Adapters use a model within scikit-learn's FrozenEstimator as it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from tabdiffuse import DiffusionImputer, DiffusionResampler, TabularDiffusion
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tests.tiny_tables import assert_same_rows, mixed_frame, tiny_model, weights

FULL = mixed_frame(120)
HOLED = FULL.mask(np.random.default_rng(0).random(FULL.shape) < 0.3)
CLASSES = pd.Series(["a"] * 80 + ["b"] * 40, name="class")
NUMBERS = FULL[["x", "twice"]]
ILL = pd.Series([0] * 80 + [1] * 40, name="ill")


@pytest.fixture(scope="module")
def model():
    """Fit a model to features and classes."""
    return tiny_model().fit(FULL.assign(**{"class": CLASSES}))


@pytest.fixture(scope="module")
def of_features():
    return tiny_model().fit(FULL)


@pytest.fixture(scope="module")
def of_numbers():
    return tiny_model().fit(NUMBERS.assign(ill=ILL))


@pytest.fixture(autouse=True)
def nothing_trains(model, of_features, of_numbers, no_training):
    """Fail where an adapter trains, once the models are there."""


def imputer(model, **options):
    return DiffusionImputer(FrozenEstimator(model), **options)


def resampler(model, **options):
    return DiffusionResampler(FrozenEstimator(model), **options)


# --- answers -----------------------------------------------------------------------------------


def test_holes_are_filled_as_the_model_fills_them(of_features):
    before = weights(of_features)
    adapter = imputer(of_features, random_state=5)
    filled = adapter.fit_transform(HOLED)
    assert_same_rows(filled, of_features.impute(HOLED, random_state=5))
    assert not filled.equals(of_features.impute(HOLED, random_state=6))
    assert adapter.model_ is of_features
    assert all((value == before[name]).all() for name, value in weights(of_features).items())


def test_new_rows_are_those_the_model_samples_given_the_class(model):
    adapter = resampler(model, random_state=5)
    rows, labels = adapter.fit_resample(FULL, CLASSES)
    given = pd.DataFrame({"class": ["b"] * 40})
    drawn = model.sample(conditions=given, random_state=5)
    assert_same_rows(
        rows.iloc[120:].reset_index(drop=True), drawn[list(FULL)].reset_index(drop=True)
    )
    assert_same_rows(rows.iloc[:120], FULL)
    assert labels.tolist() == [*CLASSES, *["b"] * 40]
    assert adapter.model_ is model


def test_without_a_seed_the_fit_of_the_model_decides(model, of_features):
    one, again = (imputer(of_features).fit_transform(HOLED) for _ in range(2))
    assert_same_rows(one, again)
    first, second = (resampler(model).fit_resample(FULL, CLASSES)[0] for _ in range(2))
    assert_same_rows(first, second)
    other = resampler(model, random_state=5).fit_resample(FULL, CLASSES)[0]
    assert not first.equals(other)


def test_columns_may_come_in_another_order(model, of_features):
    names = ["big", "x", "sign", "twice"]
    filled = imputer(of_features, random_state=5).fit_transform(HOLED[names])
    assert_same_rows(filled, of_features.impute(HOLED[names], random_state=5))
    rows, _ = resampler(model, random_state=5).fit_resample(FULL[names], CLASSES)
    straight, _ = resampler(model, random_state=5).fit_resample(FULL, CLASSES)
    assert_same_rows(rows, straight[names])


def test_an_array_for_the_imputer_is_read_by_position(of_features):
    rows = HOLED.to_numpy(dtype=object)
    filled = imputer(of_features, random_state=5).fit_transform(rows)
    expected = imputer(of_features, random_state=5).fit_transform(HOLED)
    assert filled.tolist() == expected.to_numpy(dtype=object).tolist()


@pytest.mark.parametrize("name", ["class", None])
def test_the_class_is_the_column_that_the_features_lack(model, name):
    adapter = resampler(model).fit(FULL, CLASSES.rename(name))
    assert adapter.target_name_ == "class"
    assert resampler(model).fit(FULL, CLASSES.tolist()).target_name_ == "class"


def test_a_model_that_read_classes_as_numbers_is_asked_for_numbers(of_numbers):
    assert of_numbers.schema_["ill"].kind == "numeric"
    rows, labels = resampler(of_numbers, random_state=5).fit_resample(NUMBERS, ILL)
    drawn = of_numbers.sample(conditions=pd.DataFrame({"ill": [1] * 40}), random_state=5)
    assert_same_rows(
        rows.iloc[120:].reset_index(drop=True), drawn[list(NUMBERS)].reset_index(drop=True)
    )
    assert labels.tolist() == [0] * 80 + [1] * 80
    with pytest.raises(DataTypeError, match="'ill': 120 of 120 values are not numbers"):
        resampler(of_numbers).fit(NUMBERS, CLASSES.rename("ill"))


def test_a_clone_and_a_loaded_model_answer_alike(model, tmp_path):
    expected, _ = resampler(model).fit_resample(FULL, CLASSES)
    assert_same_rows(clone(resampler(model)).fit_resample(FULL, CLASSES)[0], expected)
    model.save(tmp_path / "model.tabdiffuse")
    loaded = TabularDiffusion.load(tmp_path / "model.tabdiffuse", device="cpu")
    assert_same_rows(resampler(loaded).fit_resample(FULL, CLASSES)[0], expected)


def test_step_of_a_pipeline_of_imbalanced_learn(of_numbers):
    pipeline = pytest.importorskip("imblearn.pipeline")
    steps = pipeline.make_pipeline(resampler(of_numbers), LogisticRegression())
    assert set(steps.fit(NUMBERS, ILL).predict(NUMBERS)) <= {0, 1}


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", [imputer, resampler])
def test_model_that_is_not_fitted_is_refused(adapter):
    message = "holds a TabularDiffusion that is not fitted. Fit it first, or give it without"
    with pytest.raises(NotFittedError, match=message):
        adapter(tiny_model()).fit(FULL, CLASSES)


@pytest.mark.parametrize("adapter", [imputer, resampler])
def test_frozen_estimator_of_another_kind_is_refused(adapter):
    with pytest.raises(ParameterError, match=r"'model' parameter .* FrozenEstimator that holds a"):
        adapter(LogisticRegression()).fit(FULL, CLASSES)


def test_other_columns_are_named(model, of_features):
    other = FULL.rename(columns={"x": "y"})
    for adapter in (imputer(of_features), resampler(model)):
        message = r"other columns than those of X: absent are \['x'\], unknown are \['y'\]. Give X"
        with pytest.raises(DataError, match=message):
            adapter.fit(other, CLASSES)
    with pytest.raises(DataError, match=r"absent are \['x', 'twice', 'sign', 'big'\]"):
        imputer(of_features).fit(FULL[["x", "twice"]].to_numpy())


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (FULL, CLASSES.rename("label"), r"named 'label', .* X lacks are \['class'\]. Name y"),
        (FULL.assign(**{"class": CLASSES}), CLASSES, r"that X lacks are \[\]. Name y .* leave"),
        (FULL.drop(columns="big"), CLASSES.rename(None), r"X lacks are \['big', 'class'\]"),
        (FULL, CLASSES.replace("b", "c"), "'class': 40 of 120 values were never seen .* 'a', 'b'"),
    ],
)
def test_class_that_the_model_does_not_know_is_refused(model, rows, labels, message):
    with pytest.raises(DataError, match=message):
        resampler(model).fit(rows, labels)


def test_even_training_of_a_frozen_model_is_refused(model):
    with pytest.raises(
        ParameterError, match=r"even_training=True .* a frozen model is not trained"
    ):
        resampler(model, even_training=True).fit(FULL, CLASSES)
