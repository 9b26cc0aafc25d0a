"""DiffusionImputer fills holes as scikit-learn wants it of a transformer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.estimators.imputer import DiffusionImputer
from tests.tiny_tables import assert_same_rows, mixed_frame, tiny_model


def imputer(**changes):
    """Make an imputer that fits in no time."""
    return DiffusionImputer(tiny_model(n_steps=2), **{"random_state": 0} | changes)


def holed(frame, share=0.3, seed=0):
    """Make holes."""
    return frame.mask(np.random.default_rng(seed).random(frame.shape) < share)


FULL = mixed_frame(200)
HOLED = holed(FULL)


@parametrize_with_checks([DiffusionImputer(tiny_model(max_steps=2, n_steps=1))])
def test_common_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("train", [FULL, HOLED], ids=["full", "holed"])
def test_holes_are_filled_and_the_rest_is_untouched(train):
    before = HOLED.copy(deep=True)
    full = imputer().fit(train).transform(HOLED)
    assert_same_rows(HOLED, before)
    assert not full.isna().any().any()
    assert list(full.columns) == list(HOLED.columns)
    pd.testing.assert_frame_equal(full.where(HOLED.notna()), HOLED.where(HOLED.notna()))
    assert full.dtypes[["x", "twice", "sign"]].equals(FULL.dtypes[["x", "twice", "sign"]])


def test_column_without_holes_at_fit_is_filled_too():
    model = imputer().fit(HOLED.assign(x=FULL["x"]))
    rows = FULL.head(20).assign(x=np.nan)
    assert model.transform(rows)["x"].notna().all()


def test_row_without_any_value_is_filled():
    rows = FULL.head(3).mask(np.ones((3, 4), dtype=bool))
    assert imputer().fit(HOLED).transform(rows).notna().all(axis=None)


def test_column_without_any_value_stays_empty():
    filled = imputer().fit_transform(HOLED.assign(none=np.nan))
    assert filled["none"].isna().all()
    assert filled.drop(columns="none").notna().all(axis=None)


def test_draws_are_the_same_in_every_call_and_follow_the_seed():
    one, other = imputer().fit(HOLED), imputer(random_state=1).fit(HOLED)
    first = one.transform(HOLED)
    assert_same_rows(one.transform(HOLED), first)
    assert_same_rows(clone(one).fit_transform(HOLED), first)
    assert not other.transform(HOLED).equals(first)


def test_without_a_seed_that_of_the_model_decides():
    one, again = (imputer(random_state=None).fit_transform(HOLED) for _ in range(2))
    assert_same_rows(one, again)


def test_fit_copies_the_model():
    model = tiny_model()
    fitted = DiffusionImputer(model, random_state=7).fit(HOLED)
    assert fitted.model_ is not model
    assert not hasattr(model, "denoiser_")
    assert model.random_state == 0


def test_imputed_values_follow_the_row():
    """The sign of a number is told by the number, and the number by its double, as far as a tiny
    model knows.
    """
    settings = {"max_steps": 400, "batch_size": 256, "learning_rate": 1e-2, "n_steps": 20}
    model = DiffusionImputer(tiny_model(**settings)).fit(holed(mixed_frame(1000), 0.1))
    rows = mixed_frame(400, seed=1)
    rows = rows[rows["x"].between(-2.5, 2.5)]  # as seen in training
    signs = model.transform(rows.assign(sign=None))["sign"]
    numbers = model.transform(rows.assign(x=np.nan))["x"]
    assert (signs == rows["sign"]).mean() > 0.75
    assert np.corrcoef(numbers, rows["x"])[0, 1] > 0.8
    shuffled = rows["sign"].sample(frac=1, random_state=0).to_numpy()
    assert (signs == shuffled).mean() < 0.65


# --- draws -------------------------------------------------------------------------------------


def test_mean_of_draws_has_less_spread_than_one_draw():
    rows = FULL.assign(x=np.nan, twice=np.nan)
    spread = [
        imputer(n_draws=n_draws, agg="mean").fit(FULL).transform(rows)["x"].std()
        for n_draws in (1, 20)
    ]
    assert spread[1] < 0.6 * spread[0]


@pytest.mark.parametrize("agg", ["mean", "median", "mode"])
def test_draws_become_one_value_of_the_column(agg):
    filled = imputer(n_draws=3, agg=agg).fit_transform(HOLED)
    assert set(filled["sign"]) == {"plus", "minus"}
    assert set(filled["big"]) == {True, False}


# --- arrays and names --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_numeric_array_stays_one(dtype):
    rows = HOLED[["x", "twice"]].to_numpy(dtype=dtype)
    filled = imputer().fit_transform(rows)
    assert isinstance(filled, np.ndarray)
    assert filled.dtype == dtype
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~np.isnan(rows)], rows[~np.isnan(rows)])


def test_whole_numbers_become_floats_as_holes_are():
    rows = np.random.default_rng(0).integers(0, 50, (60, 2))
    filled = imputer().fit(rows).transform(rows + np.where(np.eye(60, 2) > 0, np.nan, 0))
    assert filled.dtype == np.float64
    assert (filled == np.rint(filled)).all()


def test_list_with_strings_is_an_array_of_objects():
    rows = [[1.5 * i, "plus" if i % 2 else "minus"] for i in range(30)] + [[None, np.nan]]
    filled = imputer().fit_transform(rows)
    assert filled.dtype == object
    assert filled.shape == (31, 2)
    assert filled[:30].tolist() == rows[:30]
    assert filled[30, 1] in {"plus", "minus"}
    assert isinstance(filled[30, 0], float)


def test_array_for_a_frame_is_read_by_position():
    model = imputer().fit(HOLED[["x", "twice"]])
    rows = HOLED[["x", "twice"]]
    with pytest.warns(UserWarning, match="feature names"):
        filled = model.transform(rows.to_numpy())
    np.testing.assert_array_equal(filled, model.transform(rows).to_numpy())


def test_frame_with_numbers_as_names():
    rows = HOLED.set_axis(range(4), axis=1)
    filled = imputer(add_indicator=True).fit_transform(rows)
    assert list(filled.columns[:4]) == [0, 1, 2, 3]
    assert filled.columns[4] == "missingindicator_0"


def test_numbers_as_names_in_another_order_keep_their_cells():
    rows = HOLED.set_axis(range(4), axis=1)
    turned = rows[[3, 1, 0, 2]]
    filled = imputer().fit(rows).transform(turned)
    assert list(filled) == list(turned)
    for name, column in turned.items():
        seen = column.notna()
        assert filled.loc[seen, name].tolist() == column[seen].tolist()


# --- indicators and set_output -----------------------------------------------------------------


def test_indicators_of_columns_with_holes_at_fit():
    train = HOLED.assign(twice=FULL["twice"])
    model = imputer(add_indicator=True).fit(train)
    filled = model.transform(HOLED)
    names = [f"missingindicator_{name}" for name in ("x", "sign", "big")]
    assert list(filled.columns) == [*HOLED.columns, *names]
    assert list(filled.columns) == list(model.get_feature_names_out())
    for name in ("x", "sign", "big"):
        assert filled[f"missingindicator_{name}"].equals(HOLED[name].isna())
    rows = train[["x", "twice"]].to_numpy()
    values = imputer(add_indicator=True).fit_transform(rows)
    assert values.shape == (200, 3)
    np.testing.assert_array_equal(values[:, 2], np.isnan(rows[:, 0]))


def test_taken_name_of_an_indicator_is_refused():
    model = imputer(add_indicator=True)
    with pytest.raises(DataError, match=r"columns named \['missingindicator_x'\]"):
        model.fit_transform(HOLED.assign(missingindicator_x=FULL["x"]))


def test_set_output_decides_the_container():
    rows = HOLED[["x", "twice"]]
    model = imputer(add_indicator=True).fit(rows)
    plain = model.transform(rows)
    array_model = imputer(add_indicator=True).fit(rows.to_numpy()).set_output(transform="pandas")
    from_array = array_model.transform(rows.to_numpy())
    assert list(from_array.columns) == [
        "x0",
        "x1",
        "missingindicator_x0",
        "missingindicator_x1",
    ]
    assert_same_rows(model.set_output(transform="pandas").transform(rows), plain)
    assert isinstance(model.set_output(transform="default").transform(rows), pd.DataFrame)


def test_set_output_polars():
    polars = pytest.importorskip("polars")
    model = imputer().set_output(transform="polars")
    filled = model.fit_transform(HOLED)
    assert isinstance(filled, polars.DataFrame)
    assert filled.columns == list(HOLED.columns)
    assert sum(filled.null_count().row(0)) == 0


def test_index_is_kept_in_a_pipeline():
    rows = HOLED.set_axis(range(1000, 1200))
    numbers = make_column_transformer((imputer(), ["x", "twice"]), verbose_feature_names_out=False)
    numbers.set_output(transform="pandas")
    assert numbers.fit_transform(rows).index.equals(rows.index)
    model = make_pipeline(numbers, LogisticRegression()).fit(rows, FULL["sign"].to_numpy())
    assert model.predict(rows).shape == (200,)


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_draws": 3}, r"n_draws=3 draws need agg='mean', 'median' or 'mode'"),
        ({"n_draws": 0}, "'n_draws' parameter of DiffusionImputer must be a positive integer"),
        ({"agg": "max"}, "'agg' parameter of DiffusionImputer must be one of 'mean'"),
        ({"add_indicator": "yes"}, "'add_indicator' parameter .* True or False. Got 'yes'"),
        ({"random_state": -1}, "'random_state' parameter of DiffusionImputer"),
        ({"model": "fast"}, "'model' parameter .* must be a TabularDiffusion.* Got 'fast'"),
    ],
)
def test_bad_parameter_is_refused_before_training(changes, message, no_training):
    with pytest.raises(ParameterError, match=message):
        imputer().set_params(**changes).fit(HOLED)


def test_new_category_is_refused():
    model = imputer().fit(HOLED)
    with pytest.raises(DataError, match="sign"):
        model.transform(FULL.assign(sign="neither"))


def test_columns_in_another_order_are_refused_as_anywhere_in_scikit_learn():
    model = imputer().fit(HOLED)
    with pytest.raises(ValueError, match="same order"):
        model.transform(HOLED[HOLED.columns[::-1]])
