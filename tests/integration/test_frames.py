"""A DataFrame with pictures: what fit refuses, what comes back, and the laws between the columns.

The laws are held with the exact denoiser in place of a trained network, so that only the way from
columns to cells and back can be wrong; one small network is trained as well.
"""

from __future__ import annotations

import copy
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from tabdiffuse import (
    Between,
    CategoricalModality,
    ImageModality,
    Missing,
    MultimodalDiffusion,
    OneOf,
    Shared,
)
from tabdiffuse.errors import (
    DataError,
    DataTypeError,
    ParameterError,
    SchemaError,
    TabdiffuseWarning,
)
from tabdiffuse.schedules import VPCosine
from tests.oracles import RARE, law_p_value, noise
from tests.tiny_tables import SETTINGS, assert_like, assert_same_rows

ROWS = 40


def frame(rows: int = ROWS) -> pd.DataFrame:
    """Make one column of each sort, the picture and the label of modalities among them."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "picture": list(rng.random((rows, 4, 4)).astype(np.float32)),
            "kind": rng.choice(["cat", "dog"], rows),
            "flag": rng.random(rows) < 0.5,
            "count": 7 * rng.permutation(rows),
            "gap": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
            "label": rng.integers(0, 3, rows).astype("int8"),
            "grade": pd.Categorical(rng.choice(["x", "y", "z"], rows), ordered=True),
        }
    )


def modalities():
    return {"picture": ImageModality(4, 4), "label": CategoricalModality(3)}


def make(**changes):
    return MultimodalDiffusion(**{"modalities": modalities(), **SETTINGS, **changes})


@pytest.fixture(scope="module")
def model():
    return make().fit(frame())


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Check that two frames are equal bit for bit, pictures included."""
    assert list(one.columns) == list(other.columns)
    assert_same_rows(one.drop(columns="picture"), other.drop(columns="picture"))
    for mine, theirs in zip(one["picture"], other["picture"], strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


# --- What fit refuses -----------------------------------------------------------------------------


def with_cell(row, value, column="picture"):
    """Make a change of a frame: one cell."""

    def change(data):
        cells = data[column].astype(object).copy()
        cells.iloc[row] = value
        return data.assign(**{column: cells})

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            lambda x: x.drop(columns="picture"),
            DataError,
            "modalities name ['picture'], which are no columns of X. Columns: ['size', 'kind'",
        ),
        (
            lambda x: x.assign(more=x["picture"]),
            DataTypeError,
            "Column 'more' holds arrays (first: row 0), and no modality has its name",
        ),
        (
            with_cell(7, np.zeros((5, 4))),
            DataError,
            "Column 'picture': the entry of row 7 has the shape (5, 4), but the first of the "
            "training data has (4, 4)",
        ),
        (
            with_cell(3, None),
            DataError,
            "Column 'picture': 1 of 40 entries are missing (first: row 3)",
        ),
        (with_cell(3, np.full((4, 4), 2.0)), DataError, "'picture': Pixels must lie within"),
        (with_cell(0, np.full((4, 4), np.nan)), DataError, "'picture': Pixels must lie within"),
        (with_cell(5, 3, "label"), DataError, "'label': Row 5: code 3 is not one of the known"),
        (with_cell(5, 3, "kind"), DataTypeError, "Column 'kind' mixes the types"),
        (lambda x: x.assign(size=np.inf), DataError, "Column 'size': 40 of 40 values are infinite"),
        (lambda x: x.head(1), DataError, "fewer than 2 rows"),
        (lambda x: pd.concat([x, x["picture"]], axis=1), DataError, "Column names must differ"),
        (
            lambda x: x.assign(day=pd.date_range("2020", periods=len(x))),
            SchemaError,
            "Column 'day'",
        ),
    ],
)
def test_bad_frames_are_refused_in_words_before_training(change, error, message, no_training):
    with pytest.raises(error, match=re.escape(message)):
        make().fit(change(frame()))


@pytest.mark.parametrize("name", ["numeric", "categorical"])
def test_a_picture_cannot_take_the_name_of_the_table_itself(name, no_training):
    unfitted = make(modalities={name: ImageModality(4, 4)})
    with pytest.raises(ParameterError, match=f"beside a table cannot be named '{name}'"):
        unfitted.fit(frame().drop(columns="label").rename(columns={"picture": name}))


@pytest.mark.parametrize("name", ["values", "my.picture", "", "training"])
def test_a_name_that_torch_keeps_is_refused_in_words(name, no_training):
    unfitted = make(modalities={name: ImageModality(4, 4)})
    for data in (frame().rename(columns={"picture": name}), {name: np.zeros((9, 4, 4))}):
        with pytest.raises(ParameterError, match="modality cannot be named"):
            unfitted.fit(data)


def test_a_schema_is_for_frames(no_training):
    with pytest.raises(ParameterError, match="is for the columns of a DataFrame"):
        make(schema={"count": "categorical"}).fit({"picture": np.zeros((9, 4, 4))})
    with pytest.raises(SchemaError, match="unknown column 'counts'"):
        make(schema={"counts": "categorical"}).fit(frame())


# --- What comes back ------------------------------------------------------------------------------


def test_samples_have_columns_order_and_dtypes_of_the_data(model):
    sample, data = model.sample(9), frame()
    assert list(sample.columns) == list(data.columns)
    assert list(sample.dtypes) == list(data.dtypes)
    assert_like(sample.drop(columns="picture"), data.drop(columns="picture"))
    for picture in sample["picture"]:
        assert picture.shape == (4, 4)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() <= picture.max() <= 1


def test_kinds_can_be_overridden():
    data = frame().assign(count=np.arange(ROWS) % 4)
    model = make(schema={"count": "categorical"}).fit(data)
    assert model.schema_["count"].kind == "categorical"
    assert model.schema_.names == ["size", "kind", "flag", "count", "gap", "grade"]


def test_a_column_of_the_table_is_one_token_and_each_patch_another(model):
    joint = model.denoiser_.joint
    cells = {"numeric": 3, "categorical": 4, "picture": 4, "label": 1}
    assert joint.cells == cells  # the categories: kind, flag, grade, and whether gap is missing
    state = joint.prior(2, noise())
    times = {name: torch.ones(2, count) for name, count in cells.items()}
    assert joint.tokenize(state, times)[0].shape[1] == 6 + 4 + 1


def test_a_frame_may_have_no_table_beside_its_modalities():
    data = frame()[["label", "picture"]]
    model = make().fit(data)
    sample = model.sample(3)
    assert list(sample.columns) == ["label", "picture"]
    given = pd.DataFrame({"label": [2, np.nan], "id": [5, 6]}, index=["a", "b"])
    sample = model.sample(conditions=given)
    assert list(sample.columns) == ["label", "picture", "id"]
    assert list(sample.index) == ["a", "b"]
    assert sample["label"].dtype == np.int8
    assert sample["label"].iloc[0] == 2


def test_a_fit_to_arrays_follows_one_to_a_frame(model):
    twin = copy.deepcopy(model)
    arrays = {"picture": np.stack(frame()["picture"]), "label": frame()["label"].to_numpy()}
    sample = twin.fit(arrays).sample(2)
    assert list(sample) == ["picture", "label"]
    assert sample["picture"].shape == (2, 4, 4)
    assert not hasattr(twin, "schema_")


def test_fit_and_sample_leave_the_frame_alone(model):
    data = frame()
    make().fit(data)
    sample = model.sample(conditions=data)
    sample["picture"].iloc[0][:] = 7
    assert_same(data, frame())


def test_equal_seeds_give_equal_models_and_samples(model):
    assert_same(make().fit(frame()).sample(4, random_state=1), model.sample(4, random_state=1))
    one, other = model.sample(4, random_state=1), model.sample(4, random_state=2)
    assert not np.array_equal(one["picture"][0], other["picture"][0])


@pytest.mark.parametrize("conditions", [None, {"kind": "cat", "size": Between(0, 1)}])
@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_small_sample_is_the_head_of_a_large_one(model, conditions, batch_size):
    few = model.sample(3, conditions=conditions, random_state=0)
    many = model.sample(600, conditions=conditions, random_state=0, batch_size=batch_size)
    assert_same(few, many.head(3))


def test_a_pickled_model_draws_the_same_samples(model):
    twin = pickle.loads(pickle.dumps(model))
    assert_same(twin.sample(3, random_state=0), model.sample(3, random_state=0))


# --- Conditions -----------------------------------------------------------------------------------


def test_whole_rows_come_back_bit_identical(model):
    data = frame().head(6).set_axis([3, 5, 4, 1, 1, 0])
    gaps = data["gap"].astype(object).where(data["gap"].notna(), Missing)
    asked = data.assign(gap=gaps)
    assert_same(model.sample(conditions=asked), data)
    rows = asked.to_dict("records")
    assert_same(model.sample(conditions=rows).set_axis(data.index), data)


def test_gaps_of_a_frame_are_drawn_and_the_rest_stays(model):
    data = frame().head(4).set_axis([7, 5, 9, 8])
    holes = data.astype({"count": float, "label": float, "flag": object})
    half = data["picture"].iloc[2].copy()
    half[:2] = np.nan
    holes["picture"] = pd.Series([data["picture"].iloc[0], None, half, np.nan], index=holes.index)
    holes.iloc[1, holes.columns.get_indexer(["kind", "count", "label", "flag", "grade"])] = None
    full = model.sample(conditions=holes.assign(id=[1, 2, 3, 4]), n_samples=2, random_state=0)
    assert list(full.columns) == [*data.columns, "id"]
    assert list(full.index) == [7, 7, 5, 5, 9, 9, 8, 8]
    assert list(full.dtypes)[:-1] == list(data.dtypes)
    known = holes.drop(columns="picture").notna()
    for name in known:
        own = np.flatnonzero(known[name])
        np.testing.assert_array_equal(full[name].iloc[2 * own], data[name].iloc[own])
        np.testing.assert_array_equal(full[name].iloc[2 * own + 1], data[name].iloc[own])
    pictures = full["picture"].to_list()
    np.testing.assert_array_equal(pictures[0], data["picture"].iloc[0])
    np.testing.assert_array_equal(pictures[4][2:], half[2:])
    assert np.isfinite(np.stack(pictures)).all()
    assert not np.array_equal(pictures[2], pictures[3])
    assert not np.array_equal(pictures[4][:2], pictures[5][:2])


def test_a_value_for_all_rows_is_one_for_each(model):
    picture = frame()["picture"].iloc[0]
    once = model.sample(3, conditions={"picture": picture, "kind": "dog"}, random_state=0)
    spread = {"picture": [picture] * 3, "kind": "dog"}
    each = model.sample(3, conditions=spread, random_state=0)
    arrays = {"picture": np.stack([picture] * 3), "kind": np.array(["dog"] * 3)}
    rows = model.sample(conditions=pd.DataFrame(spread), random_state=0)
    assert_same(once, each)
    assert_same(once, model.sample(3, conditions=arrays, random_state=0))
    assert_same(once, rows.reset_index(drop=True))


def test_ranges_sets_and_gaps_can_be_asked_for_beside_a_picture(model):
    asked = {
        "picture": frame()["picture"].iloc[0],
        "size": Between(0.2, 0.9),
        "grade": OneOf(["x", "z"]),
        "gap": Missing,
    }
    sample = model.sample(30, conditions=asked)
    assert sample["size"].between(0.2, 0.9).all()
    assert set(sample["grade"]) == {"x", "z"}
    assert sample["gap"].isna().all()


def test_only_wanted_and_given_columns_come_back(model):
    sample = model.sample(4, only=["grade"], conditions={"size": 0.5})
    assert list(sample.columns) == ["size", "grade"]
    assert list(model.sample(2, only=["picture"]).columns) == ["picture"]
    with pytest.raises(ParameterError, match="only names an unknown modality 'colour'"):
        model.sample(2, only=["colour"])


def test_pictures_can_be_given_always_but_not_the_table():
    """The names under which the columns of a table go are none of the user's."""
    always = make(given=["categorical"])
    with pytest.raises(ParameterError, match=r"'categorical'. Known: \['label', 'picture'\]"):
        always.fit(frame())
    always.set_params(given=["picture", "label"]).fit(frame())
    known = frame()[["picture", "label"]].head(2)
    assert len(always.sample(conditions=known)) == 2


def test_no_conditions_give_no_rows(model):
    sample = model.sample(conditions=frame().head(0))
    assert list(sample.columns) == list(frame().columns)
    assert len(sample) == 0


@pytest.mark.parametrize(
    ("conditions", "error", "message"),
    [
        ({"colour": 1}, DataError, "unknown column 'colour'. Known columns: ['size', 'picture'"),
        ([{"kind": "cat"}, {"colour": 1}], DataError, "unknown column 'colour' (row 1)"),
        ({"kind": "cow"}, DataError, "Column 'kind'"),
        ({"kind": ["cat", "dog"]}, DataError, "conditions['kind'] has 2 rows, but n_samples=3"),
        ({"picture": np.zeros((2, 4, 4))}, DataError, "conditions['picture'] has 2 rows"),
        ({"picture": np.zeros((5, 4))}, DataError, "entry of row 0 has the shape (5, 4), but"),
        (
            pd.DataFrame({"picture": [None, np.zeros((5, 4))]}),
            DataError,
            "Column 'picture': the entry of row 1 has the shape (5, 4)",
        ),
        ({"picture": np.full((4, 4), 2.0)}, DataError, "'picture': Pixels must lie within"),
        ({"label": 3}, DataError, "'label': Row 0: code 3 is not one of the known categories"),
        ({"label": 0.5}, DataError, "'label': Codes must be integers"),
        ("kind", DataTypeError, "conditions must be a dictionary of column names"),
    ],
)
def test_bad_conditions_are_refused_in_words(model, conditions, error, message):
    with pytest.raises(error, match=re.escape(message)):
        model.sample(3, conditions=conditions)


def test_guidance_needs_a_condition_that_says_something(model):
    with pytest.raises(ParameterError, match="was given none"):
        model.sample(2, conditions={"kind": None, "picture": None}, guidance=2.0)
    assert len(model.sample(2, conditions={"kind": "cat"}, guidance=2.0)) == 2


def test_a_number_never_seen_is_warned_of_where_it_was_written(model):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.sample(2, conditions={"size": 99.0})
    (warning,) = caught
    assert issubclass(warning.category, TabdiffuseWarning)
    assert "column 'size'" in str(warning.message)
    assert warning.filename == __file__


# --- The laws -------------------------------------------------------------------------------------

SHARES = np.array([0.4, 0.6])  # of dark and light
LEVELS = np.array([-0.3, 0.3])
SLOPE, GRAIN = 0.15, 0.08  # of a pixel in z, and its own
DRAWS = 2000
# KS distance that 200 steps, float32 and the quantile table of z leave. Measured on 10,000 rows, it
# is 0.009 at most, which is hardly more than their noise; 50 steps leave 0.06.
BIAS = 0.02
# A row: z, then four pixels. Given the kind it is normal.
FACTOR = np.hstack([np.array([[1.0], *[[SLOPE]] * 4]), np.vstack([np.zeros(4), GRAIN * np.eye(4)])])
COVARIANCE = FACTOR @ FACTOR.T
MEANS = np.array([[0.0, *[level] * 4] for level in LEVELS])


def lamps(rows: int = 4000) -> pd.DataFrame:
    """Pictures whose brightness a category and a number decide."""
    rng = np.random.default_rng(0)
    z = stats.norm.ppf((rng.permutation(rows) + 0.5) / rows)  # its own normal scores
    kind = rng.choice(2, rows, p=SHARES)
    pixels = LEVELS[kind, None] + SLOPE * z[:, None] + GRAIN * rng.normal(size=(rows, 4))
    pictures = list(pixels.clip(-1.5, 1.5).reshape(-1, 2, 2))
    return pd.DataFrame({"picture": pictures, "kind": np.array(["dark", "light"])[kind], "z": z})


class LampOracle:
    """The exact denoiser of `lamps`, with the time of each cell."""

    def __init__(self, joint):
        self.joint = joint

    def __call__(self, state, times):
        x_t = torch.cat([state["numeric"][..., 0], state["picture"][..., 0]], dim=1).double()
        t = torch.cat([times["numeric"].expand(-1, 1), times["picture"].expand(-1, 4)], dim=1)
        levels = VPCosine()(t.double())
        scale = torch.tensor([1.0, *[1 / 1.5] * 4], dtype=torch.float64)  # pixels in [-1, 1]
        covariance = torch.as_tensor(COVARIANCE) * scale[:, None] * scale
        means = torch.as_tensor(MEANS) * scale
        a, s = levels.alpha, levels.sigma
        noised = a[:, :, None] * covariance * a[:, None, :] + torch.diag_embed(s.square())
        centred = x_t[:, None] - a[:, None] * means  # (B, kinds, cells)
        solved = torch.linalg.solve(noised, centred.transpose(1, 2)).transpose(1, 2)
        log_weight = torch.as_tensor(SHARES).log() - (centred * solved).sum(dim=2) / 2
        code = state["categorical"]
        log_weight = log_weight.masked_fill((code < 2) & (code != torch.arange(2)), -torch.inf)
        log_probs = log_weight.log_softmax(dim=1)
        each = means + (a[:, None] * solved) @ covariance
        x0 = (log_probs.exp()[..., None] * each).sum(dim=1).float()[..., None]
        return {"numeric": x0[:, :1], "picture": x0[:, 1:], "categorical": log_probs[:, None]}


@pytest.fixture(scope="module")
def exact():
    """Fit the way from columns to cells, and put the exact denoiser in the place of the network."""
    parts = {"picture": ImageModality(2, 2, patch=1, value_range=(-1.5, 1.5))}
    model = make(modalities=parts, max_steps=1, n_steps=200).fit(lamps())
    model.denoiser_ = LampOracle(model.denoiser_.joint)
    return model


def given(values, kind):
    """Mean and covariance of a row of a kind, given some of its numbers (NaN where open)."""
    known = ~np.isnan(values)
    gain = np.linalg.solve(COVARIANCE[np.ix_(known, known)], COVARIANCE[known]).T
    mean = MEANS[kind] + gain @ (values - MEANS[kind])[known]
    return mean, COVARIANCE - gain @ COVARIANCE[known]


def brightness(sample):
    return np.stack(sample["picture"]).mean(axis=(1, 2))


def ks(values, mean, variance):
    return stats.kstest(values, stats.norm(mean, np.sqrt(variance)).cdf).statistic


def dkw(rows):
    """KS distance from the law that a sample exceeds for one seed in a million."""
    return np.sqrt(np.log(2 / RARE) / (2 * rows))


@pytest.mark.parametrize(("kind", "is_right"), [("light", True), ("dark", False)])
def test_pictures_follow_their_law_given_columns(exact, kind, is_right):
    """The negative control asks for the other category."""
    sample = exact.sample(DRAWS, conditions={"kind": kind, "z": 1.0}, random_state=0)
    mean, covariance = given(np.array([1.0, *[np.nan] * 4]), 1)
    distance = ks(brightness(sample), mean[1:].mean(), covariance[1:, 1:].mean())
    assert (distance < dkw(DRAWS) + BIAS) == is_right


@pytest.mark.parametrize(("level", "is_right"), [(0.0, True), (0.05, False)])
def test_columns_follow_their_law_given_a_picture(exact, level, is_right):
    """Between the two levels both kinds explain it; the negative control is a lighter picture."""
    sample = exact.sample(DRAWS, conditions={"picture": np.full((2, 2), level)}, random_state=0)
    light = (sample["kind"] == "light").to_numpy()
    counts = np.array([(~light).sum(), light.sum()])
    assert (law_p_value(counts, SHARES) > RARE) == is_right
    mean, covariance = given(np.array([np.nan, *[0.0] * 4]), 1)
    distance = ks(sample["z"][light], mean[0], covariance[0, 0])
    assert (distance < dkw(light.sum()) + BIAS) == is_right


@pytest.mark.parametrize("is_right", [True, False])
def test_half_a_picture_is_completed_by_the_other_half_and_a_column(exact, is_right):
    """The negative control leaves the kind open, and the other kind explains the half as well."""
    half = np.array([[0.0, 0.0], [np.nan, np.nan]])
    asked = {"picture": half, "kind": "dark"} if is_right else {"picture": half}
    sample = exact.sample(DRAWS, conditions=asked, random_state=0)
    pictures = np.stack(sample["picture"])
    np.testing.assert_array_equal(pictures[:, 0], 0.0)
    mean, covariance = given(np.array([np.nan, 0.0, 0.0, np.nan, np.nan]), 0)
    distance = ks(sample["z"], mean[0], covariance[0, 0])
    assert (distance < dkw(DRAWS) + BIAS) == is_right
    if is_right:
        distance = ks(pictures[:, 1].mean(axis=1), mean[3:].mean(), covariance[3:, 3:].mean())
        assert distance < dkw(DRAWS) + BIAS


@pytest.mark.parametrize(("low", "is_right"), [(0.5, True), (0.9, False)])
def test_pictures_follow_a_number_within_bounds(exact, low, is_right):
    """The negative control asks for other bounds."""
    sample = exact.sample(
        DRAWS, conditions={"kind": "light", "z": Between(low, None)}, random_state=0
    )
    assert (sample["z"] >= low).all()
    rng = np.random.default_rng(1)
    z = stats.truncnorm.ppf(rng.random(200_000), 0.5, np.inf)
    truth = LEVELS[1] + SLOPE * z + GRAIN / 2 * rng.normal(size=len(z))
    distance = stats.ks_2samp(brightness(sample), truth).statistic
    assert (distance < dkw(DRAWS) + dkw(len(z)) + BIAS) == is_right


@pytest.mark.parametrize(("steps", "is_right"), [(500, True), (1, False)])
def test_a_small_network_learns_both_ways(steps, is_right):
    """A band, not a law; the negative control is a network that was not trained."""
    parts = {"picture": ImageModality(2, 2, patch=1, value_range=(-1.5, 1.5))}
    settings = {"width": 24, "depth": 2, "n_steps": 20, "batch_size": 128, "max_steps": steps}
    model = make(modalities=parts, **settings, learning_rate=1e-2).fit(lamps(2000))
    asked = pd.DataFrame({"kind": ["dark", "light"] * 200, "z": 0.0})
    drawn = brightness(model.sample(conditions=asked, random_state=0))
    apart = drawn[1::2].mean() - drawn[::2].mean()
    assert (0.5 < apart < 0.7) == is_right
    truth = lamps(400)
    answers = model.sample(conditions=truth[["picture"]], random_state=0)
    assert ((answers["kind"] == truth["kind"]).mean() > 0.85) == is_right


# --- Predictions ----------------------------------------------------------------------------------


def kinds_by_bayes(rows):
    """P(kind | z, picture), (n, 2)."""
    values = np.column_stack([rows["z"], np.stack(rows["picture"]).reshape(len(rows), -1)])
    laws = [stats.multivariate_normal(mean, COVARIANCE) for mean in MEANS]
    weights = SHARES * np.column_stack([law.pdf(values) for law in laws])
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("is_right", [True, False])
def test_a_category_has_its_law_given_a_picture_and_a_number(exact, is_right):
    """The negative control pairs the pictures with other numbers."""
    rows = lamps(300).sample(300, random_state=1)
    expected = kinds_by_bayes(rows)
    asked = rows if is_right else rows.assign(z=rows["z"].to_numpy()[::-1])
    found = exact.predict_proba(asked, "kind")
    assert list(found.columns) == ["dark", "light"]
    assert found.index.equals(rows.index)
    assert (np.abs(found.to_numpy() - expected).max() < 0.05) == is_right
    likeliest = exact.predict(asked.drop(columns="kind"))
    assert likeliest.name == "kind"
    assert (likeliest == found.idxmax(axis=1)).all()


@pytest.mark.parametrize("is_right", [True, False])
def test_a_number_has_its_mean_given_a_picture_and_a_category(exact, is_right):
    """The negative control does not show the pictures."""
    rows = lamps(200)
    asked = rows if is_right else rows.assign(picture=None)
    found = exact.predict(asked, "z", n_draws=32, n_steps=32)
    pixels = np.stack(rows["picture"]).reshape(len(rows), -1)
    values = np.column_stack([np.full(len(rows), np.nan), pixels])
    kinds = (rows["kind"] == "light").astype(int)
    expected = [given(value, kind)[0][0] for value, kind in zip(values, kinds, strict=True)]
    assert (np.abs(found - expected).mean() < 0.03) == is_right


@pytest.mark.parametrize("is_right", [True, False])
def test_a_picture_has_its_mean_given_columns(exact, is_right):
    """The negative control asks for the other category."""
    rows = lamps(50)
    kinds = (rows["kind"] == "light").to_numpy()
    told = rows[["z"]].assign(kind=np.where(kinds == is_right, "light", "dark"))
    found = exact.predict(told, "picture")
    open_pixels = [np.nan] * 4
    pairs = zip(rows["z"], kinds.astype(int), strict=True)
    expected = np.stack([given(np.array([z, *open_pixels]), kind)[0][1:] for z, kind in pairs])
    off = np.abs(np.stack(found).reshape(-1, 4) - expected).max()
    assert (off < 0.05) == is_right


def test_every_column_of_a_frame_is_predicted(model):
    rows = frame(6).sample(6, random_state=2)
    for name in rows:
        found = model.predict(rows.drop(columns=name))
        assert found.index.equals(rows.index)
        assert found.name == name
    assert model.predict(rows, "kind").isin(["cat", "dog"]).all()
    assert model.predict(rows, "picture").iloc[0].shape == (4, 4)
    assert model.predict(rows, "label").dtype == "int8"
    for name, values in {"kind": ["cat", "dog"], "label": [0, 1, 2], "flag": [False, True]}.items():
        chances = model.predict_proba(rows, name)
        assert list(chances.columns) == values
        np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    # Gaps in a column that had some are a value; a picture that is missing is not known.
    blank = rows.assign(picture=None, gap=np.nan)
    assert model.predict_proba(blank, "kind").shape == (6, 2)


def test_columns_that_a_frame_lacks_are_not_known(exact):
    rows = lamps(100)
    brief = exact.predict_proba(rows[["picture"]], "kind")
    laws = [stats.multivariate_normal(mean[1:], COVARIANCE[1:, 1:]) for mean in MEANS]
    pixels = np.stack(rows["picture"]).reshape(len(rows), -1)
    weights = SHARES * np.column_stack([law.pdf(pixels) for law in laws])
    expected = weights / weights.sum(axis=1, keepdims=True)
    assert np.abs(brief.to_numpy() - expected).max() < 0.05
    assert np.abs(exact.predict_proba(rows, "kind").to_numpy() - expected).max() > 0.05
    np.testing.assert_allclose(exact.predict_proba(rows[["z"]], "kind"), [SHARES] * 100, atol=0.05)


@pytest.mark.parametrize(
    ("change", "target", "error", "message"),
    [
        (lambda x: x, "sky", ParameterError, "must be one of"),
        (lambda x: x.assign(more=1), "kind", DataError, "each once: ['size', 'picture'"),
        (lambda x: pd.concat([x, x[["picture"]]], axis=1), "kind", DataError, "each once"),
        (lambda x: x.assign(grade="w"), "kind", DataError, "'grade'"),
        (lambda x: x.to_dict("list"), "kind", DataTypeError, "X must be a DataFrame"),
        (lambda x: 5, "kind", DataTypeError, "X must be a DataFrame"),
        (lambda x: x.drop(columns=["flag", "kind"]), None, ParameterError, "X lacks"),
        (lambda x: x.head(0), "kind", DataError, "X must have at least one row"),
    ],
)
@pytest.mark.parametrize("verb", ["predict", "predict_proba"])
def test_bad_predictions_of_a_frame_are_refused(model, verb, change, target, error, message):
    with pytest.raises(error, match=re.escape(message)):
        getattr(model, verb)(change(frame(3)), target)


@pytest.mark.parametrize("name", ["size", "picture"])
def test_numbers_of_a_frame_have_no_table_of_probabilities(model, name):
    with pytest.raises(ParameterError, match=f"'{name}' holds numbers"):
        model.predict_proba(frame(3), name)


def test_what_is_always_given_is_given_in_predictions_too():
    model = make(given=["picture"]).fit(frame())
    assert model.predict(frame(3), "kind").isin(["cat", "dog"]).all()
    for lacking in (frame(3).drop(columns="picture"), frame(3).assign(picture=None)):
        with pytest.raises(ParameterError, match="'picture' was given in training"):
            model.predict(lacking, "kind")
    with pytest.raises(ParameterError, match="must be one of"):
        model.predict(frame(3), "picture")


def test_columns_of_a_shared_process_are_not_predicted():
    rows = frame()[["picture", "kind"]]
    model = make(modalities={"picture": ImageModality(4, 4)}, joint=Shared("picture")).fit(rows)
    with pytest.raises(ParameterError, match=r"a process of its own\. Got a SharedProcess"):
        model.predict(rows, "kind")


def test_a_call_of_the_network_has_as_many_rows_as_are_asked_for(model, monkeypatch):
    sizes = []
    forward = type(model.denoiser_).forward

    def counting(self, state, times):
        sizes.append(len(state["picture"]))
        return forward(self, state, times)

    monkeypatch.setattr(type(model.denoiser_), "forward", counting)
    for name in ("kind", "picture", "label"):
        model.predict(frame(5), name, batch_size=2)
    assert set(sizes) <= {1, 2}
    sizes.clear()
    model.predict(frame(5), "size", batch_size=8, n_draws=4, n_steps=2)
    assert set(sizes) == {8}


def test_frames_of_nothing_but_pictures_are_predicted():
    rows = frame()[["picture", "label"]]
    model = make().fit(rows)
    assert model.predict(rows.head(4), "label").isin([0, 1, 2]).all()
    assert model.predict_proba(rows.head(4)[["picture"]]).shape == (4, 3)


def test_a_constant_column_of_a_frame_is_not_predicted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TabdiffuseWarning)
        model = make().fit(frame().assign(same=1))
    for verb in (model.predict, model.predict_proba):
        with pytest.raises(ParameterError, match=r"'same' was constant .* nothing to predict"):
            verb(frame(3), "same")


def test_names_of_columns_may_be_numbers():
    """An absent column is not known, whatever its name and those of others are."""
    rows = frame().rename(columns={"gap": 1, "size": "1"})
    model = make().fit(rows)
    brief = model.predict_proba(rows.drop(columns=1), "kind")
    blank = model.predict_proba(rows.assign(**{"1": rows["1"]}).assign(kind="cat"), "kind")
    missing = rows.copy()
    missing[1] = np.nan
    assert not brief.equals(blank)
    assert not brief.equals(model.predict_proba(missing, "kind"))  # there a gap is a value
