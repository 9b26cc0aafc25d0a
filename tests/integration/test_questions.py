"""A fitted table model answers in the words of the question: what was given comes back as it is."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from tabdiffuse import Approx, Between, Missing, OneOf
from tabdiffuse.errors import TabdiffuseWarning
from tabdiffuse.nn.dit import DiT
from tests.tiny_tables import assert_like, assert_same_rows, mixed_frame, tiny_model

ROWS = 200
RNG = np.random.default_rng(3)


def wide_frame() -> pd.DataFrame:
    """Build a table with a column of each kind."""
    age = RNG.integers(18, 80, ROWS)
    price = np.round(RNG.lognormal(3.0, 0.5, ROWS) + 0.1 * age, 2)
    holes = pd.Series(RNG.random(ROWS) < 0.2)
    return pd.DataFrame(
        {
            "age": age,
            "price": price,
            "gain": np.where(RNG.random(ROWS) < 0.7, 0.0, RNG.gamma(2.0, 1000.0, ROWS)),
            "debt": pd.Series(
                np.where(RNG.random(ROWS) < 0.5, 0.0, RNG.gamma(2.0, 100.0, ROWS))
            ).mask(RNG.random(ROWS) < 0.5),
            "height": pd.Series(RNG.normal(170.0, 9.0, ROWS)).mask(holes),
            "single": RNG.normal(size=ROWS).astype("float32"),
            "stars": pd.Series(RNG.integers(1, 6, ROWS), dtype="Int64").mask(
                RNG.random(ROWS) < 0.2
            ),
            "city": RNG.choice(["Łódź", "Paris", "São Paulo"], ROWS),
            "colour": pd.Categorical(RNG.choice(["red", "blue"], ROWS), ["blue", "green", "red"]),
            "note": pd.Series(RNG.choice(["yes", "no"], ROWS), dtype=object).mask(holes),
            "member": RNG.random(ROWS) < 0.4,
            "same": 7,
        }
    )


FRAME = wide_frame()


@pytest.fixture(scope="module")
def model():
    return tiny_model().fit(FRAME)


@pytest.fixture(scope="module")
def trained():
    """Give a model that has learnt how its columns depend on one another."""
    settings = {"max_steps": 400, "batch_size": 256, "learning_rate": 1e-2, "n_steps": 20}
    return tiny_model(**settings).fit(mixed_frame(1000))


def new_rows(count):
    """Make rows that the trained model has not seen, within the range that it has."""
    rows = mixed_frame(2 * count, seed=1)
    return rows[rows["x"].between(-2.5, 2.5)].head(count).reset_index(drop=True)


def holed(frame, share=0.4, seed=0):
    """Make holes."""
    return frame.mask(np.random.default_rng(seed).random(frame.shape) < share)


# --- sample ------------------------------------------------------------------------------------


def test_given_values_come_back_bit_identical(model):
    given = {"age": 33, "price": 12.345678, "gain": 17.25, "height": 171.123456789012}
    given |= {"single": 0.1, "stars": 2, "city": "Paris", "colour": "red", "member": True}
    sample = model.sample(20, given)
    assert_like(sample.drop(columns="price"), FRAME.drop(columns="price"))
    for name, value in given.items():
        expected = np.float32(value) if name == "single" else value
        assert (sample[name] == expected).all()
        assert sample[name].dtype == FRAME[name].dtype
    assert sample["note"].nunique(dropna=False) > 1  # the rest is drawn


def test_every_condition_holds_in_every_row(model):
    conditions = {
        "age": Between(30, 40),
        "price": Between(None, 30.005),
        "gain": Between(0, 800),
        "height": Missing,
        "single": Between(-0.3, 0.4),
        "stars": OneOf([1, 5, Missing]),
        "city": OneOf(["Paris", "Łódź"]),
        "note": OneOf(["no"]),
        "same": 7,
    }
    sample = model.sample(300, conditions)
    assert_like(sample, FRAME)
    assert sample["age"].between(30, 40).all()
    assert set(sample["age"]) >= {30, 40}  # both ends
    assert (sample["price"] <= 30).all()
    assert sample["gain"].between(0, 800).all()
    assert 0 < (sample["gain"] == 0).mean() < 1
    assert sample["height"].isna().all()
    assert sample["single"].between(-0.3, 0.4).all()
    assert set(sample["stars"].dropna()) == {1, 5}
    assert sample["stars"].isna().any()
    assert set(sample["city"]) == {"Paris", "Łódź"}
    assert (sample["note"] == "no").all()


def test_frame_gives_one_row_for_each_with_its_index_and_other_columns(model):
    frame = pd.DataFrame(
        {
            "zip": ["x", "y", "z"],
            "city": ["Paris", None, OneOf(["Łódź"])],
            "age": [30.0, np.nan, 50.0],
            7: [1, 2, 3],
        },
        index=pd.Index(["a", "b", "a"], name="who"),
    )
    before = frame.copy(deep=True)
    sample = model.sample(conditions=frame)
    pd.testing.assert_frame_equal(frame, before)
    assert list(sample.columns) == [*FRAME.columns, "zip", 7]
    pd.testing.assert_index_equal(sample.index, frame.index)
    pd.testing.assert_frame_equal(sample[["zip", 7]], frame[["zip", 7]])
    assert sample["age"].iloc[[0, 2]].tolist() == [30, 50]
    assert sample["age"].dtype == FRAME["age"].dtype
    assert sample["city"].iloc[[0, 2]].tolist() == ["Paris", "Łódź"]


def test_each_entry_gets_as_many_rows_as_wanted(model):
    sample = model.sample(3, [{"age": 30}, {"age": Between(40, 50)}])
    assert (sample["age"].iloc[:3] == 30).all()
    assert sample["age"].iloc[3:].between(40, 50).all()
    assert sample.index.tolist() == [0, 0, 0, 1, 1, 1]


def test_list_and_frame_give_the_same_rows(model):
    rows = [{"age": 30, "city": "Paris"}, {"gain": Between(0, 10)}, {}]
    from_list = model.sample(conditions=rows, random_state=1)
    frame = pd.DataFrame(index=range(3), columns=["age", "city", "gain"], dtype=object)
    frame.loc[0, "age"], frame.loc[0, "city"], frame.loc[1, "gain"] = 30, "Paris", Between(0, 10)
    pd.testing.assert_frame_equal(model.sample(conditions=frame, random_state=1), from_list)


@pytest.mark.parametrize(
    "conditions",
    [
        {"age": 30, "city": "Paris"},
        {"age": Between(30, 40), "city": OneOf(["Paris", "Łódź"])},
        {"price": Approx(20, 3)},
    ],
)
def test_first_rows_of_a_large_sample_are_a_small_one(model, conditions):
    large = model.sample(600, conditions, random_state=5)
    assert_same_rows(model.sample(5, conditions, random_state=5), large.head(5))
    assert not model.sample(5, conditions, random_state=6).equals(large.head(5))


def test_rows_do_not_depend_on_the_batch_size(model):
    frame = pd.DataFrame({"age": [30, Between(40, 60), None, Approx(50, 4)] * 150})
    one, other = (
        model.sample(conditions=frame, random_state=2, batch_size=size) for size in (512, 2048)
    )
    pd.testing.assert_frame_equal(one, other, rtol=1e-4)


def test_row_that_is_all_known_comes_back_and_one_that_is_all_open_is_a_new_row(model):
    rows = FRAME.dropna().head(4)
    assert_frame_same(model.sample(conditions=rows), rows)
    open_rows = pd.DataFrame(np.nan, index=range(50), columns=FRAME.columns)
    sample = model.sample(conditions=open_rows, random_state=1)
    pd.testing.assert_frame_equal(sample, model.sample(50, random_state=1))


def assert_frame_same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_no_rows_give_no_rows_with_the_right_dtypes(model):
    none = FRAME.head(0).assign(zip=1)
    for answer in (model.sample(conditions=none), model.vary(none.drop(columns="zip"))):
        assert len(answer) == 0
        assert list(answer[FRAME.columns].dtypes) == list(FRAME.dtypes)
    assert "zip" in model.sample(conditions=none)
    assert_frame_same(model.impute(FRAME.head(0)), FRAME.head(0))


def test_number_beyond_the_range_is_taken_with_a_warning(model):
    ends = f"{FRAME['age'].min()} to {FRAME['age'].max()}"
    match = rf"column 'age': 1 of 2 values are outside .*{ends} \(first: 120, row 1\)"
    with pytest.warns(TabdiffuseWarning, match=match) as caught:
        sample = model.sample(conditions=[{"age": 30}, {"age": 120}])
    assert sample["age"].tolist() == [30, 120]
    assert caught[0].filename == __file__


def test_misspelt_case_of_a_column_is_pointed_out(model):
    with pytest.warns(TabdiffuseWarning, match=r"'Age', which the table has not.*meant 'age'"):
        model.sample(conditions=pd.DataFrame({"Age": [30]}))


def test_guidance_leans_towards_the_conditions(trained):
    plain, far = (
        trained.sample(500, {"sign": "plus"}, guidance=omega, random_state=1) for omega in (1, 3)
    )
    assert_same_rows(plain, trained.sample(500, {"sign": "plus"}, random_state=1))
    assert (far["x"] > 0).mean() > (plain["x"] > 0).mean() - 0.02
    assert far["x"].mean() > plain["x"].mean() + 0.1


def test_condition_changes_the_law_of_the_rest(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        above = trained.sample(600, {"x": Between(0.2, 0.8)}, random_state=1)
        approx = trained.sample(600, {"x": Approx(-1.0, 0.3)}, random_state=1)
    assert (above["sign"] == "plus").mean() > 0.8
    assert 0.2 < above["twice"].mean() < 1.8
    assert (approx["sign"] == "minus").mean() > 0.8
    # The law of N(0, 1) given a measurement -1 with error 0.3, within the bias of the tiny model:
    # no spread, as under a deterministic solver, and that of all rows are far from it.
    variance = 0.3**2 / (1 + 0.3**2)
    assert abs(approx["x"].mean() + 1 / (1 + 0.3**2)) < 0.15
    assert 0.5 * variance**0.5 < approx["x"].std() < 2 * variance**0.5


def test_number_known_up_to_noise_is_drawn_from_its_posterior():
    """A network that knows nothing is right about a column of its own: N(0, 1) in scores."""
    numbers = pd.DataFrame({"x": np.random.default_rng(0).normal(size=4000)})
    blank = tiny_model(max_steps=1, learning_rate=1e-9, n_steps=40).fit(numbers)
    x = blank.sample(2000, {"x": Approx(1.0, 0.5)}, random_state=0)["x"]
    # Standard errors are 0.01 and 0.007; the steps and the column's own moments are off by less.
    assert abs(x.mean() - 1 / 1.25) < 0.06
    assert abs(x.std() - (0.25 / 1.25) ** 0.5) < 0.05


def test_restricted_rows_follow_the_law_of_the_data(trained):
    """In mean and spread; the bands hold the bias of the tiny model."""
    data = mixed_frame(20_000, seed=2)
    wanted = data["x"].between(-1.2, 0.4) & (data["sign"] == "minus")
    drawn = trained.sample(1500, {"x": Between(-1.2, 0.4), "sign": OneOf(["minus", "plus"])})
    kept = trained.sample(1500, {"x": Between(-1.2, 0.4), "sign": OneOf(["minus"])})
    for rows, law in ((drawn, data[data["x"].between(-1.2, 0.4)]), (kept, data[wanted])):
        assert abs(rows["x"].mean() - law["x"].mean()) < 0.15
        assert abs(rows["x"].std() - law["x"].std()) < 0.15
    assert abs((drawn["sign"] == "minus").mean() - 0.72) < 0.15
    assert kept["x"].mean() < drawn["x"].mean() - 0.1


def test_one_of_numbers_that_lie_apart_gives_these_in_the_shares_of_the_law():
    """Against the closed form and against rejection; the band holds the bias of the tiny model."""
    ages, centres, wanted = np.arange(5, 76), {"a": 28, "b": 46}, [20, 30, 40, 55]
    law = {
        group: (p := np.exp(-0.5 * ((ages - centre) / 12) ** 2)) / p.sum()
        for group, centre in centres.items()
    }
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b"], 2000)
    age = np.array([rng.choice(ages, p=law[own]) for own in group])
    settings = {"max_steps": 400, "batch_size": 256, "learning_rate": 1e-2, "n_steps": 20}
    model = tiny_model(**settings).fit(pd.DataFrame({"age": age, "group": group}))

    free = model.sample(20_000)
    exact, found = {}, {}
    for name, own in law.items():
        shares = own[np.isin(ages, wanted)]
        exact[name] = shares / shares.sum()
        drawn = model.sample(2000, {"age": OneOf(wanted), "group": name})["age"]
        assert sorted(drawn.unique()) == wanted
        assert drawn.dtype == np.int64
        found[name] = drawn.value_counts(normalize=True)[wanted].to_numpy()
        kept = free.loc[(free["group"] == name) & free["age"].isin(wanted), "age"]
        rejected = kept.value_counts(normalize=True)[wanted].to_numpy()
        assert abs(found[name] - exact[name]).max() < 0.12
        assert abs(found[name] - rejected).max() < 0.1
    assert abs(found["a"] - exact["b"]).max() > 0.24


# --- balance -----------------------------------------------------------------------------------


def test_balance_gives_the_wanted_counts_in_random_order(model):
    sample = model.sample(101, balance={"city": "uniform"}, random_state=0)
    assert sample["city"].value_counts().tolist() == [34, 34, 33]
    assert sample["city"].iloc[:20].nunique() == 3
    assert isinstance(sample.index, pd.RangeIndex)
    shares = {True: 0.9, False: 0.1}
    sample = model.sample(50, {"age": Between(30, 40)}, balance={"member": shares})
    assert sample["member"].sum() == 45
    assert sample["age"].between(30, 40).all()
    sample = model.sample(10, balance={"note": {"yes": 0.5, Missing: 0.5}})
    assert sample["note"].isna().sum() == 5


def test_balance_of_conditions_row_by_row(model):
    frame = pd.DataFrame({"age": np.arange(20, 40)}, index=np.arange(100, 120))
    sample = model.sample(2, frame, balance={"member": {True: 0.25, False: 0.75}})
    assert sample["age"].tolist() == np.repeat(np.arange(20, 40), 2).tolist()
    assert sample.index.tolist() == np.repeat(np.arange(100, 120), 2).tolist()
    assert sample["member"].sum() == 10


# --- impute ------------------------------------------------------------------------------------


def test_holes_are_filled_and_the_rest_is_untouched(model):
    X = holed(FRAME.drop(columns="same").assign(same=7)).sample(frac=1, random_state=0)
    X = X[X.columns[::-1]]
    before = X.copy(deep=True)
    full = model.impute(X)
    pd.testing.assert_frame_equal(X, before)
    assert list(full.columns) == list(X.columns)
    assert list(full.dtypes) == list(X.dtypes)
    pd.testing.assert_index_equal(full.index, X.index)
    assert not full.isna().any().any()  # gaps are no event here
    pd.testing.assert_frame_equal(full.where(X.notna()), X.where(X.notna()), check_exact=True)
    for name in X:
        new = full[name][X[name].isna()]
        if name in ("age", "price", "gain", "debt", "height", "single"):
            assert new.between(FRAME[name].min(), FRAME[name].max()).all()
        else:
            assert set(new) <= set(FRAME[name].dropna())


def test_rows_with_equally_many_holes_are_drawn_together(monkeypatch):
    """Few rows are modulated one by one; in the order of the table all of them are."""
    table = FRAME.dropna(axis=1)
    assert table.shape[1] > 5
    model = tiny_model().fit(table)
    X = holed(table.sample(2000, replace=True, random_state=0).reset_index(drop=True))

    def share_apart() -> float:
        calls = []
        transform = DiT._transform

        def spy(self, tokens, times):
            calls.append((len(tokens), len(times) > 1))
            return transform(self, tokens, times)

        with monkeypatch.context() as patch:
            patch.setattr(DiT, "_transform", spy)
            full = model.impute(X, random_state=0, n_steps=2)
        pd.testing.assert_frame_equal(full.where(X.notna()), X.where(X.notna()), check_exact=True)
        return sum(n for n, apart in calls if apart) / sum(n for n, _ in calls)

    assert share_apart() < 0.5
    monkeypatch.setattr(
        type(model), "_similar_together", lambda self, evidence, rows: torch.arange(len(rows))
    )
    assert share_apart() > 0.9


def test_table_without_holes_is_a_copy(model):
    X = FRAME.dropna()
    full = model.impute(X)
    assert_frame_same(full, X)
    assert full is not X


def test_first_draw_is_the_only_one_of_one(model):
    X = holed(FRAME.head(30))
    one = model.impute(X, random_state=1)
    draws = model.impute(X, n_draws=3, random_state=1)
    assert len(draws) == 3
    pd.testing.assert_frame_equal(draws[0], one)
    assert not draws[1].equals(one)


def test_draws_become_one_table(model):
    X = holed(FRAME.head(40))
    draws = model.impute(X, n_draws=5, random_state=1)
    for agg in ("mean", "median", "mode"):
        full = model.impute(X, n_draws=5, agg=agg, random_state=1)
        assert list(full.dtypes) == list(X.dtypes)
        assert not full.isna().any().any()
        pd.testing.assert_frame_equal(full.where(X.notna()), X.where(X.notna()), check_exact=True)
        assert (full["age"] % 1 == 0).all()
        holes = X["height"].isna()
        values = np.stack([draw["height"][holes] for draw in draws])
        if agg != "mode":
            np.testing.assert_allclose(full["height"][holes], getattr(np, agg)(values, axis=0))
    most = pd.concat([draw["city"] for draw in draws], axis=1).mode(axis=1)
    single = most[1].isna() if 1 in most else slice(None)
    assert (full["city"][single] == most[0][single]).all()


def test_imputation_uses_the_other_cells(trained):
    X = new_rows(400)
    full = trained.impute(X.assign(sign=None, twice=np.nan))
    assert (full["sign"] == X["sign"]).mean() > 0.7
    assert np.corrcoef(full["twice"], X["twice"])[0, 1] > 0.8


# --- vary --------------------------------------------------------------------------------------


def test_strength_zero_keeps_rows_bit_for_bit(model):
    X = FRAME.sample(frac=0.5, random_state=1)
    assert_frame_same(model.vary(X, strength=0), X)


def test_more_strength_means_less_likeness(trained):
    X = new_rows(500)
    near, middle, far = (
        np.corrcoef(trained.vary(X, strength=s, random_state=1)["x"], X["x"])[0, 1]
        for s in (0.1, 0.4, 1.0)
    )
    assert near > 0.95
    assert near > middle + 0.1
    assert abs(far) < 0.25  # 5.4 / sqrt(500): new rows
    varied = trained.vary(X, strength=0.3)
    assert ((varied["x"] > 0) == (varied["sign"] == "plus")).mean() > 0.8


def test_columns_and_keep_choose_what_varies(model):
    X = FRAME.head(100)
    for choice in ({"columns": ["age", "city"]}, {"keep": set(X.columns) - {"age", "city"}}):
        varied = model.vary(X, strength=1, **{k: list(v) for k, v in choice.items()})
        others = X.columns.drop(["age", "city"])
        assert_frame_same(varied[others], X[others])
        assert (varied["age"] != X["age"]).mean() > 0.8
    varied = model.vary(X, strength={"age": 1.0, "city": 0})
    assert_frame_same(varied[X.columns.drop("age")], X[X.columns.drop("age")])


def test_varied_rows_depend_on_seed_and_row_alone(model):
    X = pd.concat([FRAME.dropna()] * 8, ignore_index=True)
    varied = model.vary(X, random_state=4)
    pd.testing.assert_frame_equal(model.vary(X, random_state=4, batch_size=4096), varied, rtol=1e-4)
    pd.testing.assert_frame_equal(model.vary(X.head(9), random_state=4), varied.head(9), rtol=1e-4)
    assert not model.vary(X, random_state=5).equals(varied)


def test_gaps_stay_gaps_where_training_saw_them_and_are_filled_elsewhere(model):
    X = FRAME.head(40).assign(age=np.nan, height=np.nan)
    varied = model.vary(X, strength=0)
    assert varied["height"].isna().all()
    assert varied["age"].notna().all()
    assert varied["age"].dtype == FRAME["age"].dtype


def test_counterfactuals_hold_the_new_value_and_move_the_rest_a_little(trained):
    X = new_rows(400)
    X = X[X["sign"] == "minus"].set_axis(range(1000, 1000 + (X["sign"] == "minus").sum()))
    other = trained.vary(X, strength=0.5, conditions={"sign": "plus"}, random_state=1)
    same = trained.vary(X, strength=0.5, conditions={"sign": "minus"}, random_state=1)
    assert (other["sign"] == "plus").all()
    pd.testing.assert_index_equal(other.index, X.index)
    assert other["x"].mean() > same["x"].mean() + 0.2
    rows = pd.DataFrame({"x": [Between(0.5, None)] * len(X)}, index=X.index)
    assert (trained.vary(X, strength=0.5, conditions=rows)["x"] >= 0.5).all()


def test_noisy_evidence_takes_four_times_the_steps_of_the_preset(model):
    taken = {}
    for name, value in {"exact": 33, "noisy": Approx(33, 2)}.items():
        calls = []
        hook = model.denoiser_.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        copied = copy.copy(model).set_params(n_steps=None)
        copied.sample(3, {"age": value})
        hook.remove()
        taken[name] = len(calls)
    steps = model.preset_.n_steps
    assert taken == {"exact": steps, "noisy": 4 * steps + 1}  # one call asks for the event
