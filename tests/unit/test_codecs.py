"""Codecs restore values, dtypes and marginals; the exact cases are exact."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from tabdiffuse.errors import DataError
from tabdiffuse.tables.numeric_codec import NumericCodec
from tabdiffuse.tables.quantiles import SmoothTable
from tests.tiny_tables import fit_codec as fit
from tests.tiny_tables import round_trip

ENDS = ["inside", "low", "high"]


def sample_marginals(codec, n, seed=0):
    """Rows whose cells are independent draws from the fitted marginals."""
    rng = np.random.default_rng(seed)
    layout = codec.layout
    arrays = {}
    if layout.n_numeric:
        arrays["numeric"] = rng.standard_normal((n, layout.n_numeric)).astype(np.float32)
    if layout.cardinalities:
        codes = [rng.choice(len(shares), n, p=shares) for shares in layout.frequencies]
        arrays["categorical"] = np.stack(codes, axis=1)
    return codec.decode(arrays)


# --- numbers: round trips ---------------------------------------------------------------------


@pytest.mark.parametrize("where", ENDS)
def test_25000_distinct_integers_come_back_exactly(where):
    rng = np.random.default_rng(3)
    pool = rng.choice(60_000, 25_000, replace=False)
    frame = pd.DataFrame({"x": np.concatenate([pool, rng.choice(pool, 15_000)])})
    codec = fit(frame)
    assert isinstance(codec.codecs[0].table, SmoothTable)
    pd.testing.assert_frame_equal(round_trip(codec, frame, where), frame)


@pytest.mark.parametrize("where", ENDS)
def test_few_distinct_values_come_back_exactly_however_far_apart(where):
    rng = np.random.default_rng(4)
    pool = rng.integers(-(2**53), 2**53, 900)
    frame = pd.DataFrame(
        {
            "int": rng.choice(pool, 40_000),
            "float": rng.choice(rng.standard_cauchy(900) * 1e200, 40_000),
        }
    )
    pd.testing.assert_frame_equal(round_trip(fit(frame), frame, where), frame, check_exact=True)


def test_integers_in_a_heavy_tail_come_back_within_the_stated_precision():
    values = np.random.default_rng(5).lognormal(15, 4, 40_000).astype(np.int64)
    frame = pd.DataFrame({"x": values})
    codec = fit(frame)
    error = np.abs(round_trip(codec, frame)["x"] - frame["x"])
    bound = codec.codecs[0].precision(frame["x"])
    assert (error <= bound).all()
    assert (bound == 0).any()
    assert (error > 0).any()  # float32 cannot tell them all apart, and says so


@pytest.mark.parametrize("where", ENDS)
@pytest.mark.parametrize("scale", [1e-310, 1e-6, 1.0, 1e12])
def test_reals_come_back_within_the_stated_precision(where, scale):
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(
        {
            "normal": rng.standard_normal(20_000) * scale,
            "heavy": rng.standard_cauchy(20_000) * scale,
            "offset": 1e9 + rng.standard_normal(20_000),
            "single": (rng.standard_normal(20_000) * max(scale, 1e-30)).astype(np.float32),
        }
    )
    codec = fit(frame)
    decoded = round_trip(codec, frame, where)
    for own in codec.codecs:
        name = own.column.name
        bound = own.precision(frame[name])
        error = np.abs(decoded[name].astype(float) - frame[name].astype(float))
        assert (error <= bound).all(), name
        if name == "normal":  # the bound is not idle: 1e-5 of the scale in the bulk
            assert np.median(bound) < 1e-5 * scale
    assert decoded.dtypes.equals(frame.dtypes)


@pytest.mark.parametrize(
    "dtype",
    [f"{sign}{width}" for sign in ("int", "uint", "Int", "UInt") for width in (8, 16, 32, 64)],
)
def test_whole_range_of_integer_dtypes(dtype):
    info = np.iinfo(dtype.lower())
    low, high = max(info.min, -(2**53)), min(info.max, 2**53)
    inside = np.random.default_rng(7).integers(max(low, -100), min(high, 100), 500)
    values = pd.Series([low, high, *inside.tolist()] * 10, dtype=dtype)
    if dtype[0] in "IU":
        values[3] = pd.NA
    frame = pd.DataFrame({"x": values})
    pd.testing.assert_frame_equal(round_trip(fit(frame), frame), frame)


def test_python_numbers_stay_python_numbers():
    frame = pd.DataFrame(
        {
            "int": pd.Series([*range(30), None], dtype=object),
            "float": pd.Series([*(k / 8 for k in range(30)), pd.NA], dtype=object),
        }
    )
    decoded = round_trip(fit(frame), frame)
    pd.testing.assert_frame_equal(decoded, frame)
    assert (type(decoded["int"][0]), type(decoded["float"][0])) == (int, float)
    assert decoded["int"][30] is None
    assert decoded["float"][30] is pd.NA


# --- numbers: events --------------------------------------------------------------------------


def test_atoms_and_missing_are_events_without_information():
    rng = np.random.default_rng(8)
    values = rng.normal(size=1000)
    values[:300], values[300:400], values[400:430] = 0.0, np.nan, 7.0
    frame = pd.DataFrame({"x": values})
    codec = fit(frame)
    assert codec.codecs[0].atoms.tolist() == [0.0]  # 7.0 has only 3.3 %
    assert codec.layout.cardinalities == (3,)
    np.testing.assert_allclose(codec.layout.frequencies[0], [0.6, 0.3, 0.1])
    arrays = codec.encode(frame)
    assert (arrays["categorical"][:, 0] == np.repeat([1, 2, 0], [300, 100, 600])).all()
    assert (arrays["numeric"][:400, 0] == [0, 1]).all()
    assert (arrays["numeric"][400:, 0] != [0, 1]).any(axis=1).all()
    decoded = round_trip(codec, frame)["x"]
    assert (decoded[400:430] == 7.0).all()  # ties own their interval


def test_few_distinct_values_are_all_atoms():
    frame = pd.DataFrame({"x": [1 / 3, np.nan, 2 / 3, 1 / 3]})
    codec = fit(frame)
    assert codec.layout.n_numeric == 0
    assert codec.layout.cardinalities == (3,)
    pd.testing.assert_frame_equal(round_trip(codec, frame), frame)


def test_a_single_event_needs_no_codes():
    codec = fit(pd.DataFrame({"x": np.random.default_rng(9).normal(size=100)}))
    assert codec.layout.cardinalities == ()
    assert "categorical" not in codec.encode(pd.DataFrame({"x": [0.5]}))


def test_thresholds_are_options():
    frame = pd.DataFrame({"x": np.repeat(np.arange(30), [70] + [1] * 29)})
    assert fit(frame).codecs[0].atoms.tolist() == [0]
    assert fit(frame, min_atom_mass=0.8).layout.cardinalities == ()
    assert fit(frame, max_atoms=30).layout.n_numeric == 0


def test_the_sixteen_most_frequent_values_are_atoms():
    frame = pd.DataFrame({"x": np.repeat(np.arange(18), [40, 41, *range(50, 66)])})
    codec = fit(frame, min_atom_mass=0.03, max_atoms=0)
    assert codec.codecs[0].atoms.tolist() == list(range(2, 18))
    pd.testing.assert_frame_equal(round_trip(codec, frame), frame)


# --- marginals --------------------------------------------------------------------------------


def ks_distance(one, other):
    grid = np.unique(np.concatenate([one, other]))
    below = [
        np.searchsorted(np.sort(values), grid, side="right") / len(values)
        for values in (one, other)
    ]
    return np.abs(below[0] - below[1]).max()


MARGINALS = {
    "normal": lambda rng: rng.standard_normal(20_000),
    "cauchy": lambda rng: rng.standard_cauchy(20_000),
    "tenths": lambda rng: np.round(rng.gamma(2, 10, 20_000), 1),
    "integers": lambda rng: np.floor(rng.lognormal(8, 1, 20_000)),
    "ties": lambda rng: np.where(rng.random(20_000) < 0.03, 0.5, rng.random(20_000)),
    "atoms": lambda rng: np.where(rng.random(20_000) < 0.6, 0, rng.exponential(1, 20_000)),
}

# Two-sample Kolmogorov-Smirnov at n = m = 20,000: exceeded with probability 2 exp(-n D^2) = 1e-7.
KS_LIMIT = 0.029


@pytest.mark.parametrize("name", sorted(MARGINALS))
def test_standard_normal_scores_give_the_empirical_marginal(name):
    frame = pd.DataFrame({"x": MARGINALS[name](np.random.default_rng(10))})
    decoded = sample_marginals(fit(frame), 20_000)["x"].to_numpy()
    assert ks_distance(decoded, frame["x"].to_numpy()) < KS_LIMIT
    assert decoded.min() >= frame["x"].min()
    assert decoded.max() <= frame["x"].max()


@pytest.mark.parametrize("name", ["normal", "cauchy", "tenths", "integers", "ties"])
def test_scores_of_a_wrong_spread_do_not(name):
    frame = pd.DataFrame({"x": MARGINALS[name](np.random.default_rng(10))})
    scores = 1.1 * np.random.default_rng(0).standard_normal((20_000, 1))
    decoded = fit(frame).decode({"numeric": scores})["x"].to_numpy()
    assert ks_distance(decoded, frame["x"].to_numpy()) > 0.7 * KS_LIMIT


@pytest.mark.parametrize("name", ["normal", "integers", "cauchy"])
def test_extremes_own_the_outermost_share(name):
    values = MARGINALS[name](np.random.default_rng(11))
    frame = pd.DataFrame({"x": values})
    u = (np.arange(10 * len(values)) + 0.5) / (10 * len(values))
    decoded = fit(frame).decode({"numeric": ndtri(u)[:, None]})["x"]
    for extreme in (values.min(), values.max()):
        expected = 10 * (values == extreme).sum()
        assert abs((decoded == extreme).sum() - expected) <= 1 + 0.01 * expected


def test_frequent_lattice_values_keep_their_exact_share():
    rng = np.random.default_rng(12)
    values = rng.integers(0, 50_000, 20_000)
    values[:600] = 12_345  # 3 %: no atom
    decoded = sample_marginals(fit(pd.DataFrame({"x": values})), 200_000)["x"]
    assert abs((decoded == 12_345).mean() - 0.03) < 5.3 * np.sqrt(0.03 / 200_000)


def test_only_tenths_come_out_of_tenths():
    frame = pd.DataFrame({"x": MARGINALS["tenths"](np.random.default_rng(13))})
    for n_rows in (300, 20_000):  # interpolated, and from cells
        decoded = sample_marginals(fit(frame[:n_rows]), 5000)["x"]
        assert (decoded == decoded.round(1)).all()


# --- categories -------------------------------------------------------------------------------


def test_sentinels_stay_themselves():
    values = ["nan", "", " ?", "<NA>", "None", "NaN", None]
    for dtype in ("object", "string", "category"):
        frame = pd.DataFrame({"c": pd.Series(values, dtype=dtype)})
        codec = fit(frame)
        assert codec.layout.cardinalities == (7,)
        pd.testing.assert_frame_equal(round_trip(codec, frame), frame)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_is_restored_as_its_own_sort(missing):
    frame = pd.DataFrame({"c": pd.Series(["a", missing, "b"], dtype=object)})
    value = round_trip(fit(frame), frame)["c"][1]
    assert type(value) is type(missing)


@pytest.mark.parametrize("ordered", [True, False])
def test_category_dtypes_are_restored(ordered):
    values = pd.Categorical(["b", None, "a"], categories=["b", "never", "a"], ordered=ordered)
    frame = pd.DataFrame({"c": values})
    codec = fit(frame)
    assert codec.layout.cardinalities == (3,)
    decoded = round_trip(codec, frame)
    pd.testing.assert_frame_equal(decoded, frame)
    assert decoded["c"].dtype == frame["c"].dtype


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64", "Int64", "bool", "object"])
def test_numbers_declared_categorical(dtype):
    frame = pd.DataFrame({"c": pd.Series([1, 0, 1, 1, 0], dtype=dtype)})
    codec = fit(frame, {"c": "categorical"})
    assert codec.layout.cardinalities == (2,)
    pd.testing.assert_frame_equal(round_trip(codec, frame), frame)


def test_an_unseen_category_is_refused():
    codec = fit(pd.DataFrame({"c": ["a", "b"]}))
    with pytest.raises(DataError, match="never seen"):
        codec.encode(pd.DataFrame({"c": ["a", "z"]}))


def test_numeric_codec_is_what_numbers_get():
    assert isinstance(fit(pd.DataFrame({"x": [1, 2]})).codecs[0], NumericCodec)
