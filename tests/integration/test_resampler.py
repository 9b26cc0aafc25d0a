"""DiffusionResampler adds rows of rare classes, and behaves as imbalanced-learn's samplers do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks

from tabdiffuse import TabularDiffusion
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.estimators.classes import evened_places
from tabdiffuse.estimators.resampler import DiffusionResampler
from tests.tiny_tables import assert_same_rows, mixed_frame, tiny_model

COUNTS = {"a": 60, "b": 25, "c": 10}
X = mixed_frame(95).set_axis(range(1000, 1095))
Y = pd.Series(np.repeat(list(COUNTS), list(COUNTS.values())), name="class", index=X.index)


def resampler(**changes):
    """Make a resampler that fits in no time."""
    return DiffusionResampler(tiny_model(n_steps=2), **{"random_state": 0} | changes)


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_estimator_tags_renamed,
    ],
    ids=lambda check: check.__name__,
)
def test_common_check(check):
    check("DiffusionResampler", resampler())


@pytest.mark.parametrize(
    ("strategy", "made"),
    [
        ("auto", {"b": 35, "c": 50}),
        ("not majority", {"b": 35, "c": 50}),
        ("all", {"b": 35, "c": 50}),
        ("minority", {"c": 50}),
        ("not minority", {"b": 35}),
        ({"c": 30, "a": 61}, {"a": 1, "c": 20}),
        ({"c": 10}, {}),
    ],
)
def test_strategy_decides_the_rows_of_each_class(strategy, made):
    model = resampler(sampling_strategy=strategy)
    more, labels = model.fit_resample(X, Y)
    assert model.sampling_strategy_ == made
    new = labels.iloc[95:]
    assert new.tolist() == np.repeat(list(made), list(made.values())).tolist()
    assert len(more) == len(labels) == 95 + sum(made.values())


TWO = Y.where(Y == "a", "b")  # 60 and 35


@pytest.mark.parametrize(("ratio", "rows"), [(1.0, 60), (0.8, 48), (35 / 60, 35)])
def test_number_is_the_ratio_of_two_classes(ratio, rows):
    _, labels = resampler(sampling_strategy=ratio).fit_resample(X, TWO)
    assert labels.value_counts().to_dict() == {"a": 60, "b": rows}


def test_ratio_that_would_drop_rows_is_refused(no_training):
    message = "wants 0.5 rows of class 'b' .* there are 0.583 already. Rows are added, never"
    with pytest.raises(ParameterError, match=message):
        resampler(sampling_strategy=0.5).fit_resample(X, TWO)


def test_given_rows_come_first_and_as_they_were():
    before = X.copy(deep=True), Y.copy(deep=True)
    more, labels = resampler().fit_resample(X, Y)
    assert_same_rows(X, before[0])
    pd.testing.assert_series_equal(Y, before[1])
    assert_same_rows(more.head(95), X.reset_index(drop=True))
    pd.testing.assert_series_equal(labels.head(95), Y.reset_index(drop=True))
    assert list(more.dtypes) == list(X.dtypes)
    assert isinstance(more.index, pd.RangeIndex)
    assert labels.name == "class"
    assert labels.index.equals(more.index)


def test_new_rows_follow_their_class():
    """The class is the sign of a number, which is therefore of one sign in the new rows."""
    rows = mixed_frame(1500)
    keep = (rows["sign"] == "plus") | (np.random.default_rng(0).random(1500) < 0.2)
    rows = rows[keep]
    settings = {"max_steps": 400, "batch_size": 256, "learning_rate": 1e-2, "n_steps": 20}
    model = DiffusionResampler(tiny_model(**settings))
    more, labels = model.fit_resample(rows[["x", "twice"]], rows["sign"])
    new = slice(len(rows), None)
    assert set(labels[new]) == {"minus"}
    assert (more["x"][new] < 0).mean() > 0.9
    assert (rows["x"] < 0).mean() < 0.25  # as the new rows would be without their class


def test_only_classes_that_need_rows_cost_sampling(monkeypatch):
    drawn = []
    original = TabularDiffusion.sample

    def sample(self, n_samples=None, conditions=None, **options):
        drawn.append(len(conditions))
        return original(self, n_samples, conditions, **options)

    monkeypatch.setattr(TabularDiffusion, "sample", sample)
    resampler(sampling_strategy={"b": 30}).fit_resample(X, Y)
    assert drawn == [5]
    resampler(sampling_strategy={"b": 25}).fit_resample(X, Y)
    assert drawn == [5]


def test_rows_follow_the_seed():
    one, _ = resampler().fit_resample(X, Y)
    again, _ = clone(resampler()).fit_resample(X, Y)
    other, _ = resampler(random_state=1).fit_resample(X, Y)
    assert_same_rows(one, again)
    assert not one.equals(other)


def test_fit_learns_without_drawing():
    model = resampler()
    assert model.fit(X, Y) is model
    assert model.sampling_strategy_ == {"b": 35, "c": 50}
    assert model.model_.n_rows_ == 95
    assert model.target_name_ == "class"
    assert model.n_features_in_ == 4
    assert not hasattr(model.model, "denoiser_")


def test_even_training_shows_the_model_all_classes_equally_often():
    model = resampler(even_training=True)
    more, labels = model.fit_resample(X, Y)
    assert model.model_.n_rows_ == 60 + 2 * 25 + 6 * 10
    assert_same_rows(more.head(95), X.reset_index(drop=True))
    assert labels.value_counts().to_dict() == {"a": 60, "b": 60, "c": 60}
    places = evened_places(Y.reset_index(drop=True))
    assert np.bincount(places).tolist() == [1] * 60 + [2] * 25 + [6] * 10


@pytest.mark.parametrize(
    "labels",
    [
        Y.map({"a": 0, "b": 1, "c": 2}),
        Y.map({"a": 0.5, "b": 1.0, "c": 2.0}).map({0.5: 0.0, 1.0: 1.0, 2.0: 2.0}),
        Y.map({"a": 0, "b": 1, "c": 2}).astype("Int64"),
        Y.astype("category"),
        Y.astype("string"),
        Y == "a",
        (Y == "a").astype("boolean"),
        (Y == "a").astype(object),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_keep_their_dtype(labels):
    _, more = resampler().fit_resample(X, labels)
    assert more.dtype == labels.dtype
    assert more.value_counts().nunique() == 1
    assert set(more) == set(labels)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_arrays_stay_arrays(dtype):
    rows = (10 * X[["x", "twice"]]).to_numpy().astype(dtype)
    more, labels = resampler().fit_resample(rows, Y.to_numpy(dtype="<U1"))
    assert isinstance(more, np.ndarray)
    assert isinstance(labels, np.ndarray)
    assert more.dtype == dtype
    assert labels.dtype == "<U1"
    assert more.shape == (180, 2)
    np.testing.assert_array_equal(more[:95], rows)


def test_lists_become_arrays():
    more, labels = resampler().fit_resample(X[["x", "sign"]].to_numpy().tolist(), Y.tolist())
    assert more.shape == (180, 2)
    assert more.dtype == object
    assert labels.tolist()[:95] == Y.tolist()


@pytest.mark.parametrize("name", ["x", "twice", None])
def test_name_of_the_target_may_be_taken(name):
    rows = X.rename(columns={"big": "target"})
    model = resampler()
    more, labels = model.fit_resample(rows, Y.rename(name))
    assert list(more) == list(rows)
    assert labels.name == name
    assert model.target_name_ == f"{name or 'target'}_"


def test_missing_values_stay_missing_in_given_rows_and_occur_in_new_ones():
    rows = X.mask(np.random.default_rng(0).random(X.shape) < 0.4)
    more, _ = resampler().fit_resample(rows, Y)
    assert_same_rows(more.head(95), rows.reset_index(drop=True))
    assert more.iloc[95:].isna().any(axis=None)


def test_step_of_a_pipeline_of_imbalanced_learn():
    pipeline = pytest.importorskip("imblearn.pipeline")
    from sklearn.linear_model import LogisticRegression

    model = pipeline.make_pipeline(resampler(), LogisticRegression())
    model.fit(X[["x", "twice"]], Y)
    assert set(model.predict(X[["x", "twice"]])) <= set(COUNTS)


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling_strategy": "most"}, r"must be one of \('auto', .* Got 'most' instead"),
        ({"sampling_strategy": 0.0}, "Got 0.0 instead"),
        ({"sampling_strategy": 1.5}, "Got 1.5 instead"),
        ({"sampling_strategy": 0.5}, r"ratio of two classes, and y has 3: \['a', 'b', 'c'\]"),
        ({"sampling_strategy": {"d": 9}}, r"not in y: \['d'\]. Classes of y: \['a', 'b', 'c'\]"),
        ({"sampling_strategy": {"a": 59}}, "wants 59 rows of class 'a', and there are 60"),
        ({"sampling_strategy": {"a": 60.5}}, "Got 60.5 for 'a'"),
        ({"model": "fast"}, "'model' parameter of DiffusionResampler"),
        ({"even_training": 2}, "'even_training' parameter .* True or False. Got 2"),
        ({"guidance": -1}, "'guidance' parameter of DiffusionResampler"),
        ({"random_state": "x"}, "'random_state' parameter of DiffusionResampler"),
    ],
)
def test_bad_parameter_is_refused_before_training(changes, message, no_training):
    with pytest.raises(ParameterError, match=message):
        resampler().set_params(**changes).fit_resample(X, Y)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (X["x"], DataError, r"must hold classes; its values are 'continuous'.*pd.qcut"),
        (Y.head(90), DataError, "X has 95 rows and y has 90"),
        (Y.mask(Y == "c"), DataError, r"10 of 95 classes are missing \(first: row 85\)"),
        (Y.where(Y == "a", "a"), DataError, "two classes or more. Got 1: 'a'"),
        (pd.get_dummies(Y), DataTypeError, r"one dimension.*\(95, 3\)"),
        (None, DataTypeError, "classes y are missing"),
    ],
)
def test_bad_target_is_refused_before_training(labels, error, message, no_training):
    with pytest.raises(error, match=message):
        resampler().fit_resample(X, labels)
