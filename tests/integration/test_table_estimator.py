"""What comes out of a fitted table model looks like what went in, for columns of every mix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.tiny_tables import assert_like, mixed_frame, tiny_model

N = 150
RNG = np.random.default_rng(7)
HOLES = RNG.random(N) < 0.3
NUMBERS = RNG.normal(size=N)
COUNTS = RNG.poisson(40, N)
CITIES = RNG.choice(["Łódź", "Paris", "São Paulo"], N).tolist()
LEVELS = ["low", "mid", "high", "never"]


def levels(codes, categories, **settings):
    return pd.Categorical.from_codes(codes, categories=categories, **settings)


def series(values, dtype=None):
    return pd.Series(values, dtype=dtype)


def with_holes(column):
    return column.mask(pd.Series(HOLES))


FRAMES: dict[str, dict[Any, Any]] = {
    "numeric only": {"a": NUMBERS, "b": COUNTS, "c": np.round(NUMBERS, 2)},
    "categorical only": {"a": CITIES, "b": NUMBERS > 0},
    "one number": {"a": NUMBERS},
    "one category": {"a": CITIES},
    "one bool": {"a": NUMBERS > 0},
    "one integer": {"a": COUNTS},
    "one two-valued number": {"a": np.where(NUMBERS > 0, 1.5, -2.0)},
    "one value or nothing": {"a": with_holes(series([3.5] * N))},
    "one level or nothing": {"a": with_holes(series(["x"] * N, object))},
    "constants beside others": {
        "k": 7,
        "a": NUMBERS,
        "text": "same",
        "t": pd.Timestamp("2024-02-29"),
    },
    "all missing beside others": {"a": CITIES, "n": np.nan, "o": series([None] * N, object)},
    "integer names": {0: NUMBERS, 1: CITIES, -5: COUNTS},
    "names of both types": {"1": NUMBERS, 1: CITIES, "": COUNTS, "a b|c\n[red]": NUMBERS > 0},
    "small integers": {
        "i8": series(COUNTS, "int8"),
        "u16": series(COUNTS + 60_000, "uint16"),
        "i32": series(-COUNTS, "int32"),
    },
    "wide integers": {"a": COUNTS * 10**9 + RNG.integers(0, 10**9, N)},
    "single precision": {"a": series(NUMBERS, "float32"), "b": series(COUNTS / 4, "float32")},
    "nullable": {
        "i": with_holes(series(COUNTS, "Int64")),
        "f": with_holes(series(NUMBERS, "Float64")),
        "b": with_holes(series(NUMBERS > 0, "boolean")),
        "s": with_holes(series(CITIES, "string")),
    },
    "nullable without holes": {"i": series(COUNTS, "Int16"), "b": series(NUMBERS > 0, "boolean")},
    "holes": {
        "f": with_holes(series(NUMBERS)),
        "s": with_holes(series(CITIES, object)),
        "none": series([None if h else c for h, c in zip(HOLES, CITIES, strict=True)], object),
        "b": series([None if h else bool(c) for h, c in zip(HOLES, NUMBERS > 0, strict=True)]),
        "c": with_holes(series(CITIES, "category")),
    },
    "ordered": {
        "c": levels(COUNTS % 3, LEVELS, ordered=True),
        "d": levels(COUNTS % 3 - 1, LEVELS),
    },
    "category of numbers and times": {
        "n": levels(COUNTS % 3, [30, 10, 20]),
        "t": levels(COUNTS % 2, pd.date_range("2020", periods=2)),
    },
    "python numbers": {
        "i": series([int(v) for v in COUNTS], object),
        "f": series([float(v) for v in NUMBERS], object),
    },
}


@pytest.mark.parametrize("columns", FRAMES.values(), ids=FRAMES)
def test_samples_look_like_the_training_data(columns):
    frame = pd.DataFrame(columns, index=range(N))
    before = frame.copy(deep=True)
    model = tiny_model().fit(frame)
    pd.testing.assert_frame_equal(frame, before)
    sample = model.sample(600)
    assert len(sample) == 600
    assert_like(sample, frame)
    for name in frame.columns:
        share = frame[name].isna().mean()
        assert abs(sample[name].isna().mean() - share) <= 0.15 * (0 < share < 1), name


def test_lattices_are_kept():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "fives": 5 * rng.integers(0, 60, 300) + 2,
            "wide fives": 5 * rng.integers(0, 10**6, 300),
            "cents": np.round(rng.lognormal(3, 1, 300), 2),
            "eighths": rng.integers(-4000, 4000, 300) / 1000,
            "float counts": rng.poisson(1000, 300).astype(float),
        }
    )
    sample = tiny_model().fit(frame).sample(1000)
    assert (sample["fives"] % 5 == 2).all()
    assert (sample["wide fives"] % 5 == 0).all()
    for name, decimals in {"cents": 2, "eighths": 3, "float counts": 0}.items():
        assert (sample[name] == sample[name].round(decimals)).all(), name
    # Numbers between the ones seen are written too, where there are many.
    assert not set(sample["wide fives"]) <= set(frame["wide fives"])


def test_atoms_and_unused_levels(tiny_frame):
    sample = tiny_model().fit(tiny_frame).sample(1000)
    assert abs((sample["gain"] == 0).mean() - (tiny_frame["gain"] == 0).mean()) < 0.1
    assert list(sample["colour"].cat.categories) == ["blue", "green", "red"]
    assert not (sample["colour"] == "green").any()


def test_index_of_the_training_data_does_not_matter():
    frame = mixed_frame(100)
    odd = frame.set_axis(["same label"] * 100)
    rows = tiny_model().fit(frame).sample(10)
    assert isinstance(rows.index, pd.RangeIndex)
    pd.testing.assert_frame_equal(tiny_model().fit(odd).sample(10), rows)


def test_read_only_data_are_enough():
    values = np.random.default_rng(0).normal(size=(50, 3))
    values.setflags(write=False)
    frame = pd.DataFrame(values, columns=["a", "b", "c"], copy=False)
    assert_like(tiny_model().fit(frame).sample(10), frame)


def test_columns_kept_by_pyarrow_come_back_as_such(tmp_path):
    frame = mixed_frame().convert_dtypes(dtype_backend="pyarrow")
    assert all(isinstance(frame[name].dtype, pd.ArrowDtype) for name in ("x", "sign"))
    model = tiny_model().fit(frame)
    assert_like(model.sample(40), frame)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model").set_params(verbose=0)
    pd.testing.assert_frame_equal(loaded.sample(9, random_state=1), model.sample(9, random_state=1))


def test_two_rows_are_enough():
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    assert_like(tiny_model().fit(frame).sample(50), frame)


def test_kinds_can_be_chosen():
    frame = pd.DataFrame({"zip": RNG.integers(10_000, 99_999, 40).repeat(5), "x": range(200)})
    model = tiny_model(schema={"zip": "categorical"}).fit(frame)
    assert model.schema_["zip"].kind == "categorical"
    sample = model.sample(300)
    assert set(sample["zip"]) <= set(frame["zip"])
    assert sample["zip"].dtype == frame["zip"].dtype


@pytest.mark.parametrize("solver", ["2m", "euler", "heun", "heun-tau"])
def test_every_solver_samples(solver):
    frame = mixed_frame()
    assert_like(tiny_model(solver=solver).fit(frame).sample(30), frame)


def test_training_teaches_dependence():
    frame = mixed_frame(1000)
    model = tiny_model(max_steps=400, batch_size=256, learning_rate=1e-2, n_steps=20).fit(frame)
    sample = model.sample(1000)
    assert np.corrcoef(sample["x"], sample["twice"])[0, 1] > 0.8
    assert ((sample["x"] > 0) == (sample["sign"] == "plus")).mean() > 0.8
    untrained = tiny_model(max_steps=1).fit(frame).sample(1000)
    assert abs(np.corrcoef(untrained["x"], untrained["twice"])[0, 1]) < 0.3
