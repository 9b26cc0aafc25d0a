"""Shape and Trend against SDMetrics itself, values worked out by hand, and exact changes."""

import warnings

import numpy as np
import pandas as pd
import pytest

from tabdiffuse.metrics import quality as module
from tabdiffuse.metrics.quality import correlations, quality

REAL = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [0.0, 1, 2, 3], "c": list("aabb")})
FAKE = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [3.0, 2, 1, 0], "c": list("abbb")})


def sdmetrics_report(real, synthetic, categorical):
    """The report behind published numbers: every pair, every row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning raised inside would cost a column its score
        from sdmetrics.reports.single_table import QualityReport

        report = QualityReport()
        report.real_correlation_threshold = 0
        report.real_association_threshold = 0
        report.num_rows_subsample = None
        kinds = {
            name: {"sdtype": "categorical" if name in categorical else "numerical"} for name in real
        }
        report.generate(real, synthetic, {"columns": kinds}, verbose=False)
    return report


def assert_equals_sdmetrics(real, synthetic, categorical):
    found = quality(real, synthetic, categorical)
    report = sdmetrics_report(real, synthetic, categorical)
    shape, trend = report.get_properties()["Score"]
    columns = report.get_details("Column Shapes")
    pairs = report.get_details("Column Pair Trends")
    close = {"abs": 1e-6, "nan_ok": True}
    assert found.columns == pytest.approx(
        dict(zip(columns["Column"], columns["Score"].astype(float), strict=True)), **close
    )
    assert [(a, b) for a, b, _ in found.pairs] == list(
        zip(pairs["Column 1"], pairs["Column 2"], strict=True)
    )
    assert [score for *_, score in found.pairs] == pytest.approx(
        pairs["Score"].astype(float).tolist(), **close
    )
    assert found.shape == pytest.approx(float(shape), **close)
    assert found.trend == pytest.approx(float(trend), **close)


def mixed_table(seed, n_rows, *, shift=0.0, holes=False):
    """Dependent columns of every kind: floats with heavy tails, integers, ties, text, booleans."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n_rows) + shift
    table = pd.DataFrame(
        {
            "float": np.exp(2 * hidden + rng.normal(size=n_rows)),
            "int": (10 * hidden + rng.normal(size=n_rows)).astype(np.int64),
            "ties": np.where(rng.random(n_rows) < 0.8, 0.0, rng.integers(1, 3000, n_rows)),
            "text": np.array(list("abcde"))[np.clip(2 + hidden, 0, 4).astype(int)],
            "code": rng.integers(0, 7 + int(2 * shift), n_rows),
            "bool": hidden + rng.normal(size=n_rows) > 0,
        }
    )
    if holes:
        for name in ("float", "int", "text"):
            table[name] = table[name].where(rng.random(n_rows) > 0.1, other=None)
        table["int"] = table["int"].astype(float)
    return table


CATEGORICAL = ["text", "code", "bool"]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("n_real", "n_synthetic"), [(300, 300), (40, 157)])
def test_every_score_equals_sdmetrics(seed, n_real, n_synthetic):
    real, fake = mixed_table(seed, n_real), mixed_table(seed + 100, n_synthetic, shift=0.5)
    assert_equals_sdmetrics(real, fake, CATEGORICAL)


@pytest.mark.parametrize("seed", range(2))
def test_every_score_equals_sdmetrics_with_missing_values(seed):
    real = mixed_table(seed, 200, holes=True)
    fake = mixed_table(seed + 100, 150, shift=0.5, holes=True)
    assert real["float"].isna().any()
    assert fake["text"].isna().any()
    assert_equals_sdmetrics(real, fake, CATEGORICAL)
    assert_equals_sdmetrics(real, mixed_table(seed, 150), CATEGORICAL)


@pytest.mark.parametrize("side", [0, 1])
def test_every_score_equals_sdmetrics_with_constant_columns(side):
    tables = [mixed_table(0, 100), mixed_table(1, 100)]
    tables[side] = tables[side].assign(float=0.1, text="a", ties=0.1)
    assert_equals_sdmetrics(*tables, CATEGORICAL)
    assert "float x int" in quality(*tables, CATEGORICAL).unscored


def test_every_score_equals_sdmetrics_with_categories_of_one_table_only():
    real, fake = mixed_table(0, 100), mixed_table(1, 100)
    fake["text"] = fake["text"].replace("c", "never seen")
    assert_equals_sdmetrics(real, fake[fake["text"] != "b"], CATEGORICAL)


def test_every_score_equals_sdmetrics_on_columns_without_values():
    real, fake = mixed_table(0, 60, holes=True), mixed_table(1, 60, holes=True)
    assert_equals_sdmetrics(real, fake.assign(float=np.nan, text=None), CATEGORICAL)


def test_single_precision_cuts_bins_where_sdmetrics_does():
    """Edges are in the precision of the column: some values change bins otherwise."""
    rng = np.random.default_rng(0)
    tables = [
        pd.DataFrame(
            {
                "x": (rng.integers(0, 11, 500) / 10).astype(np.float32),
                "c": rng.choice(list("ab"), 500),
            }
        )
        for _ in range(2)
    ]
    assert_equals_sdmetrics(*tables, ["c"])


@pytest.mark.parametrize("categorical", [[], ["float", "int", "ties", *CATEGORICAL]])
def test_tables_of_one_kind_equal_sdmetrics(categorical):
    kept = categorical or ["float", "int", "ties"]
    real, fake = (mixed_table(seed, 80)[kept] for seed in (0, 1))
    assert_equals_sdmetrics(real, fake, categorical)


def test_shape_and_trend_equal_values_worked_out_by_hand():
    found = quality(REAL, FAKE, ["c"])
    assert found.columns == pytest.approx({"x": 1.0, "y": 1.0, "c": 0.75})
    assert found.shape == pytest.approx(2.75 / 3)
    # x, y: correlations 1 and -1. x, c: of (0,a) (1,a) (2,b) (3,b) against (0,a) (1,b) (2,b) (3,b)
    # one in four differs. y, c: (0,a) (1,a) (2,b) (3,b) against (3,a) (2,b) (1,b) (0,b): three.
    assert found.pairs == [
        ("x", "y", pytest.approx(0.0)),
        ("x", "c", pytest.approx(0.75)),
        ("y", "c", pytest.approx(0.25)),
    ]
    assert found.trend == pytest.approx(1.0 / 3)
    assert found.trend_real_edges == pytest.approx(1.0 / 3)  # both tables have the same extremes
    assert found.unscored == []


def test_trend_cuts_numbers_in_each_table_and_trend_on_real_edges_does_not():
    real = pd.DataFrame({"x": np.arange(10.0), "c": list("ab") * 5})
    found = quality(real, real.assign(x=100 * real["x"]), ["c"])
    assert found.trend == pytest.approx(1.0)
    # On the edges 0, .9, ..., 9 the zero stays where it was, and the rest is in the last bin, with
    # one of the ten that were there; the cells (last, a) and (last, b) gain 4 + 4 of the rows.
    assert found.trend_real_edges == pytest.approx(0.2)


def test_one_extreme_row_moves_trend_and_not_trend_on_real_edges():
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"x": rng.random(1000), "c": rng.choice(list("ab"), 1000)})
    fake = real.copy()
    fake.loc[0, "x"] = 10.0
    found = quality(real, fake, ["c"])
    assert found.trend < 0.2
    assert found.trend_real_edges == pytest.approx(0.999)


def test_values_below_the_real_edges_fall_in_the_first_bin():
    real = pd.DataFrame({"x": [0.0, 10.0] * 5, "c": list("ab") * 5})
    fake = real.assign(x=real["x"].replace({0.0: -99.0, 10.0: 99.0}))
    assert quality(real, fake, ["c"]).trend_real_edges == pytest.approx(1.0)


def test_weakly_associated_pairs_count():
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"a": rng.choice(list("uv"), 400), "b": rng.choice(list("uv"), 400)})
    fake = real.assign(b=real["a"])  # independent in the real table, equal in the fake one
    assert quality(real, fake, ["a", "b"]).trend < 0.6


def test_library_defaults_would_drop_such_pairs():
    """Negative control: with the thresholds of SDMetrics the pair above has no score."""
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"a": rng.choice(list("uv"), 400), "b": rng.choice(list("uv"), 400)})
    kinds = {"columns": {name: {"sdtype": "categorical"} for name in "ab"}}
    report = type(sdmetrics_report(REAL, FAKE, ["c"]))()
    report.generate(real, real.assign(b=real["a"]), kinds, verbose=False)
    assert np.isnan(report.get_details("Column Pair Trends")["Score"]).all()


def test_a_collapsed_column_is_named():
    found = quality(REAL, FAKE.assign(x=1.0), ["c"])
    assert found.unscored == ["x x y"]


def test_infinite_values_cost_their_own_pairs_only():
    found = quality(REAL, FAKE.assign(x=[0.0, np.inf, 2, 3]), ["c"])
    assert found.unscored == ["x x y", "x x c"]
    assert found.trend == pytest.approx(0.25)


def test_many_levels_are_counted_without_a_table_of_all_cells(monkeypatch):
    real, fake = mixed_table(0, 300), mixed_table(1, 300, shift=0.3)
    dense = quality(real, fake, CATEGORICAL)
    monkeypatch.setattr(module, "_DENSE_CELLS", 1)
    sparse = quality(real, fake, CATEGORICAL)
    assert [score for *_, score in sparse.pairs] == pytest.approx([s for *_, s in dense.pairs])
    assert sparse.columns == pytest.approx(dense.columns)


def test_row_order_index_and_column_order_do_not_matter():
    real, fake = mixed_table(0, 200, holes=True), mixed_table(1, 200, holes=True)
    expected = quality(real, fake, CATEGORICAL)
    found = quality(real.sample(frac=1, random_state=0), fake[list(fake)[::-1]], CATEGORICAL)
    assert found.shape == pytest.approx(expected.shape)
    assert found.trend == pytest.approx(expected.trend)
    assert found.trend_real_edges == pytest.approx(expected.trend_real_edges)


def test_correlations_survive_offsets_and_scales():
    """Where the textbook formula cancels to nothing: a spread of 1 beside a mean of 10^9."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2))
    x[:, 1] += x[:, 0]
    expected = np.corrcoef(x.T)[0, 1]
    assert correlations(x)[0, 1] == pytest.approx(expected, abs=1e-12)
    assert correlations(1e9 + x)[0, 1] == pytest.approx(expected, abs=1e-6)
    assert correlations(1e200 * x)[0, 1] == pytest.approx(expected, abs=1e-12)


def test_correlations_of_pairs_with_holes_are_those_of_the_shared_rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).cumsum(axis=1) + 1e6
    x[rng.random(x.shape) < 0.3] = np.nan
    expected = pd.DataFrame(x).corr().to_numpy()
    np.testing.assert_allclose(correlations(x), expected, atol=1e-9)
    x[:, 2] = np.where(np.isnan(x[:, 0]), x[:, 2], 7.0)  # constant wherever column 0 has a value
    assert np.isnan(correlations(x)[0, 2])
    assert not np.isnan(correlations(x)[1, 2])
