"""score_samples, score_cells, score, predict and predict_proba on tables."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from tabdiffuse import TabularDiffusion
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.estimators import progress
from tabdiffuse.tables.marginals import log_marginal, middles
from tests.tiny_tables import SETTINGS, fit_codec, tiny_model

QUICK = {"n_draws": 1, "n_steps": 2}


@pytest.fixture(scope="module")
def table():
    """Columns of every sort, some of which say much about others."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    frame = pd.DataFrame(
        {
            "x": x,
            "twice": 2 * x + 0.1 * rng.normal(size=400),
            "sign": np.where(x > 0, "plus", "minus"),
            "age": rng.integers(18, 80, 400),
            "gain": np.where(rng.random(400) < 0.6, 0.0, rng.gamma(2.0, 100.0, 400)),
            "rooms": rng.integers(1, 6, 400),
            "colour": pd.Categorical(
                rng.choice(["blue", "red"], 400), categories=["red", "green", "blue"]
            ),
            "member": rng.random(400) < 0.3,
            "unit": "kg",
            "gap": np.where(rng.random(400) < 0.2, np.nan, x),
        }
    )
    frame["height"] = np.where(rng.random(400) < 0.2, np.nan, rng.normal(170, 9, 400))
    frame["city"] = np.where(rng.random(400) < 0.2, None, rng.choice(["Rom", "Ulm"], 400))
    return frame


@pytest.fixture(scope="module")
def model(table):
    return TabularDiffusion(**SETTINGS | {"max_steps": 20}).fit(table)


@pytest.fixture(scope="module")
def trained(table):
    """A model that has learnt that the sign of x is in ``sign``."""
    steps = {"max_steps": 300, "width": 16, "learning_rate": 1e-2, "batch_size": 128}
    own = table[["x", "sign", "member", "rooms"]]
    return TabularDiffusion(**SETTINGS | steps).fit(own.assign(gap=table["gap"]))


VERBS = {
    "score_samples": lambda m, x: m.score_samples(x, **QUICK),
    "score_samples given": lambda m, x: m.score_samples(x, given=["x", "city"], **QUICK),
    "score_cells": lambda m, x: m.score_cells(x, **QUICK).to_numpy(),
    "predict_proba": lambda m, x: m.predict_proba(x, "sign").to_numpy(),
    "predict": lambda m, x: m.predict(x, "gain", **QUICK).to_numpy(),
}


@pytest.mark.parametrize("verb", VERBS)
def test_rows_are_answered_one_by_one(model, table, verb):
    rows = table.iloc[:40].copy()
    rows.loc[rows.index[::5], "age"] = np.nan  # not known: these rows take another way
    ask, order = VERBS[verb], np.random.default_rng(1).permutation(40)[:25]
    whole = ask(model, rows)
    np.testing.assert_allclose(ask(model, rows.iloc[order]), whole[order], rtol=1e-7, atol=1e-7)
    np.testing.assert_array_equal(ask(model, rows), whole)
    np.testing.assert_array_equal(ask(model, rows[rows.columns[::-1]]), whole)
    known = np.flatnonzero(rows["age"].notna())
    np.testing.assert_allclose(ask(model, rows.iloc[known]), whole[known], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("verb", VERBS)
def test_asking_changes_neither_rows_nor_samples(model, table, verb):
    rows = table.iloc[:5].copy()
    model.reset_sampling()
    VERBS[verb](model, rows)
    pd.testing.assert_frame_equal(rows, table.iloc[:5])
    assert model.n_sample_calls_ == 0


def test_score_is_the_mean_log_probability(model, table):
    rows = table.iloc[:20]
    scores = model.score_samples(rows)
    assert scores.shape == (20,)
    assert scores.dtype == np.float64
    assert model.score(rows) == pytest.approx(scores.mean())
    assert np.isfinite(scores).all()


def test_given_all_columns_nothing_is_left_to_be_surprised_at(model, table):
    scores = model.score_samples(table.iloc[:9], given=list(table.columns), **QUICK)
    np.testing.assert_array_equal(scores, 0.0)


def test_likely_rows_score_higher_than_contradictory_ones(trained, table):
    rows = table.loc[table["x"].abs() > 0.5, ["x", "sign", "member", "rooms", "gap"]].head(60)
    flipped = rows.assign(sign=rows["sign"].map({"plus": "minus", "minus": "plus"}))
    assert (trained.score_samples(rows) > trained.score_samples(flipped)).mean() > 0.9
    cells = trained.score_cells(flipped)
    assert (cells["sign"] > trained.score_cells(rows)["sign"]).mean() > 0.9
    # sign and x accuse each other; columns that know nothing of it stay calm.
    assert cells["sign"].mean() > cells["member"].mean() + 0.5


def test_cells_have_the_labels_of_the_rows_and_nan_where_nothing_is_known(model, table):
    rows = table.iloc[3:9].set_axis(list("abcdef")).copy()
    rows.loc["b", "age"] = np.nan  # never missing in training
    rows.loc["c", "height"] = np.nan  # sometimes missing: a value like any other
    cells = model.score_cells(rows, **QUICK)
    assert list(cells.index) == list("abcdef")
    assert list(cells.columns) == list(table.columns)
    assert np.isnan(cells.loc["b", "age"])
    assert cells.isna().to_numpy().sum() == 1
    assert np.isfinite(cells.loc["c", "height"])
    assert (cells["unit"] == 0).all()
    assert np.isfinite(model.score_samples(rows, **QUICK)).all()


@pytest.mark.parametrize(("column", "band"), [("sign", 0.01), ("x", 0.3), ("age", 0.3)])
def test_surprise_of_a_cell_is_its_log_probability_given_the_others(model, table, column, band):
    rows = table.iloc[:8]
    others = [name for name in table.columns if name != column]
    expected = -model.score_samples(rows, given=others, n_draws=8, n_steps=16)
    found = model.score_cells(rows, relative=False)
    np.testing.assert_allclose(found[column], expected, atol=band)


def test_relative_surprise_is_what_the_column_alone_does_not_explain(model, table):
    rows = table.iloc[:30]
    gap = model.score_cells(rows, relative=False) - model.score_cells(rows)
    shares = table["sign"].value_counts(normalize=True)
    np.testing.assert_allclose(gap["sign"], -np.log(rows["sign"].map(shares)))
    assert (gap["unit"] == 0).all()


def test_a_cell_that_the_others_say_nothing_about_is_not_relatively_surprising():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"many": rng.permutation(600), "few": rng.choice(["a", "b"], 600)})
    alone = tiny_model(max_steps=1, learning_rate=1e-9).fit(frame)  # the columns, no dependence
    cells = alone.score_cells(frame.head(20))
    np.testing.assert_allclose(cells, 0, atol=1e-4)
    assert (alone.score_cells(frame.head(20), relative=False)["many"] > 5).all()  # log 600 = 6.4


def test_unknown_cells_are_no_evidence(model, table):
    rows = table.iloc[:6].copy()
    for column in ("age", "rooms"):
        rows[column] = rows[column].astype(float)
    rows["age"] = np.nan
    probabilities = model.predict_proba(rows, "sign")
    seen = model.predict_proba(table.iloc[:6], "sign")
    assert np.abs(probabilities.to_numpy() - seen.to_numpy()).max() > 1e-6


@pytest.mark.parametrize(
    ("target", "values"),
    [
        ("sign", ["minus", "plus"]),
        ("member", [False, True]),
        ("colour", ["red", "blue"]),
        ("rooms", [1, 2, 3, 4, 5]),
        ("city", ["Rom", "Ulm"]),  # missing is left out
    ],
)
def test_probabilities_of_each_value_add_up(model, table, target, values):
    rows = table.iloc[5:25]
    found = model.predict_proba(rows, target)
    assert sorted(found.columns) == sorted(values)
    assert found.columns.name == target
    pd.testing.assert_index_equal(found.index, rows.index)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    pd.testing.assert_frame_equal(model.predict_proba(rows.drop(columns=target)), found)


@pytest.mark.parametrize("target", ["sign", "member", "colour", "city"])
def test_predicted_category_is_the_likeliest_in_the_dtype_of_the_column(model, table, target):
    rows = table.iloc[5:25]
    found = model.predict(rows, target)
    likeliest = model.predict_proba(rows, target).idxmax(axis=1)
    assert found.dtype == table[target].dtype
    assert found.name == target
    assert found.tolist() == likeliest.tolist()
    pd.testing.assert_index_equal(found.index, rows.index)


def test_predicted_number_is_a_mean(model, trained, table):
    rows = table.iloc[:30]
    few = model.predict_proba(rows, "rooms")
    expected = few.to_numpy() @ few.columns.to_numpy(dtype=float)
    np.testing.assert_allclose(model.predict(rows, "rooms"), expected)
    for target in ("x", "age", "gain", "height"):
        found = model.predict(rows, target, **QUICK)
        assert found.dtype == np.float64
        assert found.between(table[target].min(), table[target].max()).all()
    own = table[["x", "sign", "member", "rooms", "gap"]].head(60)
    for target in ("x", "gap"):  # one of them sometimes missing
        by_sign = trained.predict(own, target).groupby(own["sign"]).mean()
        assert by_sign["plus"] > 0.3
        assert by_sign["minus"] < -0.3


def test_prediction_does_not_look_at_the_target(model, table):
    rows = table.iloc[:8]
    changed = rows.assign(sign="plus", gain=0.0)
    pd.testing.assert_frame_equal(
        model.predict_proba(rows.assign(gain=0.0), "sign"), model.predict_proba(changed, "sign")
    )
    one, other = (model.predict(r, "gain", **QUICK) for r in (rows, rows.assign(gain=1.0)))
    pd.testing.assert_series_equal(one, other)


def test_prediction_is_conditioned_on_a_number_that_is_there(model, table):
    """Not on the event "missing", which is how the rows without their target read."""
    asked = []

    def spy(answers, rows, *rest):
        asked.append(rows)
        return np.zeros(len(rows))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabdiffuse.estimators.answers.TableAnswers.mean", spy)
        for target in ("gap", "age"):
            model.predict(table.head(), target)
    gap, age = asked
    event = gap.cell_of(list(table.columns).index("gap"), "categorical")
    assert (gap.x0["categorical"][:, event] == 0).all()
    assert not gap.hidden.any()
    assert not age.hidden.any()


def test_no_rows_give_empty_answers(model, table):
    none = table.iloc[:0]
    assert model.score_samples(none).shape == (0,)
    assert model.score_cells(none).shape == (0, len(table.columns))
    assert model.predict_proba(none, "sign").shape == (0, 2)
    assert len(model.predict(none, "gain")) == len(model.predict(none, "sign")) == 0


def test_scores_survive_the_model_file(model, table, tmp_path):
    model.save(tmp_path / "m.tabdiffuse")
    again = TabularDiffusion.load(tmp_path / "m.tabdiffuse")
    rows = table.iloc[:7]
    np.testing.assert_array_equal(
        again.score_samples(rows, **QUICK), model.score_samples(rows, **QUICK)
    )


def test_marginal_probability_is_the_share_of_a_value_or_a_density():
    frame = pd.DataFrame({"few": np.repeat(np.arange(25), np.arange(1, 26)), "many": 0.0})
    frame["many"] = np.random.default_rng(0).normal(size=len(frame))
    codec = fit_codec(frame, max_atoms=2, min_atom_mass=1.0)
    few, many = np.moveaxis(codec.encode(frame)["numeric"], 1, 0)
    share = frame["few"].map(frame["few"].value_counts(normalize=True))
    np.testing.assert_allclose(log_marginal(codec.codecs[0], few), np.log(share), rtol=1e-6)
    density = log_marginal(codec.codecs[1], many)
    assert density.max() == pytest.approx(-0.5 * np.log(2 * np.pi), abs=1e-3)
    assert middles(many).min() > 0
    nothing = np.array([[0.0, 1.0]], dtype=np.float32)
    assert log_marginal(codec.codecs[0], nothing)[0] == 0


FAULTS = {
    "no frame": (lambda m, t: m.score_samples(t.to_numpy()), DataTypeError, "DataFrame"),
    "missing column": (lambda m, t: m.score_samples(t.drop(columns="x")), DataError, "'x'"),
    "unknown column": (lambda m, t: m.score_cells(t.assign(z=1)), DataError, "'z'"),
    "unseen category": (lambda m, t: m.score_samples(t.assign(sign="odd")), DataError, "'odd'"),
    "given unknown": (lambda m, t: m.score_samples(t, given=["z"]), ParameterError, "'z'"),
    "given a name": (lambda m, t: m.score_samples(t, given="sign"), ParameterError, r"\['sign'\]"),
    "given a number": (lambda m, t: m.score_samples(t, given=3), ParameterError, "Got 3"),
    "no draws": (lambda m, t: m.score_samples(t, n_draws=0), ParameterError, "n_draws"),
    "half a step": (lambda m, t: m.score_cells(t, n_steps=0.5), ParameterError, "n_steps"),
    "no rows": (lambda m, t: m.score(t.iloc[:0]), ParameterError, "at least one row"),
    "unknown target": (lambda m, t: m.predict_proba(t, "z"), ParameterError, "'z'"),
    "target unclear": (lambda m, t: m.predict(t), ParameterError, "target="),
    "constant target": (lambda m, t: m.predict(t, "unit"), ParameterError, "constant"),
    "continuous": (lambda m, t: m.predict_proba(t, "gain"), ParameterError, "predict"),
    "missing other": (lambda m, t: m.predict(t.drop(columns="x"), "sign"), DataError, "'x'"),
    "array to predict": (lambda m, t: m.predict(t.to_numpy(), "sign"), DataTypeError, "DataFrame"),
    "unseen beside": (lambda m, t: m.predict(t.assign(sign="odd"), "x"), DataError, "'odd'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_refused_in_words(model, table, fault):
    call, error, words = FAULTS[fault]
    with pytest.raises(error, match=words):
        call(model, table.head())


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_answered_before_fit(table, verb):
    with pytest.raises(NotFittedError):
        VERBS[verb](TabularDiffusion(), table.head())


def test_scoring_shows_progress_on_standard_error_unless_it_is_silent(model, table, monkeypatch):
    shown = []

    class Bar(progress.RowsBar):
        def add(self, rows):
            shown.append(rows)

    monkeypatch.setattr(progress, "RowsBar", Bar)
    loud = copy.copy(model).set_params(verbose=1)
    for ask in (VERBS["score_samples"], VERBS["predict"]):
        shown.clear()
        ask(loud, table.head(9))
        assert sum(shown) == 9


def test_a_bar_counts_rows(capsys):
    with progress.rows_bar("Rows", 10, shown=True) as bar:
        bar.add(3)
        bar.add(3)
        assert bar._bar.tasks[0].completed == 6
        bar.reach(10)
        assert bar._bar.tasks[0].finished
    with progress.rows_bar("Rows", 10, shown=False) as bar:
        bar.add(3)
        bar.reach(10)
    assert capsys.readouterr().out == ""
