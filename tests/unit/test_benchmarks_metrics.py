"""Each metric against an independent computation, and against tables whose score is known."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from xgboost import XGBClassifier

from benchmarks.data import load
from benchmarks.metrics import mle
from benchmarks.metrics.detection import c2st_score, detection
from benchmarks.metrics.encoding import MISSING, TREE_PARAMETERS, TreeEncoder
from benchmarks.metrics.quality import quality
from benchmarks.references import shuffle_columns


@pytest.fixture(scope="module")
def adult():
    return load("adult")


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def one_hot(table, levels_of):
    """Encode as the published protocol does: numbers, and a column for each level."""
    blocks = []
    for name in table:
        if pd.api.types.is_numeric_dtype(table[name]):
            blocks.append(table[[name]].to_numpy(dtype=np.float32))
        else:
            levels = np.sort(levels_of[name].unique())
            blocks.append((table[name].to_numpy()[:, None] == levels).astype(np.float32))
    return np.hstack(blocks)


# Shape and Trend

REAL = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [0.0, 1, 2, 3], "c": list("aabb")})
FAKE = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [3.0, 2, 1, 0], "c": list("abbb")})


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
    assert found.unscored == []


def test_numeric_bins_are_cut_in_each_table_on_its_own():
    real = pd.DataFrame({"x": np.arange(10.0), "c": list("ab") * 5})
    scaled = real.assign(x=100 * real["x"])
    assert quality(real, scaled, ["c"]).trend == pytest.approx(1.0)


def test_weakly_associated_pairs_count():
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"a": rng.choice(list("uv"), 400), "b": rng.choice(list("uv"), 400)})
    fake = real.assign(b=real["a"])  # independent in the real table, equal in the fake one
    assert quality(real, fake, ["a", "b"]).trend < 0.6


def test_library_defaults_would_drop_such_pairs():
    """Negative control: with the thresholds of SDMetrics the pair above has no score."""
    from sdmetrics.reports.utils import (
        DEFAULT_REAL_ASSOCIATION_THRESHOLD,
        DEFAULT_REAL_CORRELATION_THRESHOLD,
    )

    from benchmarks.metrics.quality import _quality_report

    assert DEFAULT_REAL_ASSOCIATION_THRESHOLD > 0
    assert DEFAULT_REAL_CORRELATION_THRESHOLD > 0
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"a": rng.choice(list("uv"), 400), "b": rng.choice(list("uv"), 400)})
    kinds = {"columns": {name: {"sdtype": "categorical"} for name in "ab"}}
    report = _quality_report()
    report.generate(real, real.assign(b=real["a"]), kinds, verbose=False)
    assert np.isnan(report.get_details("Column Pair Trends")["Score"]).all()


def test_a_collapsed_column_is_named():
    found = quality(REAL, FAKE.assign(x=1.0), ["c"])
    assert found.unscored == ["x x y"]


def test_many_ties_keep_their_column_score():
    """SciPy warns of the p-value here; pytest turns warnings into errors."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random((2, 400)) < 0.95, 0, rng.integers(1, 3000, (2, 400)))
    tables = [pd.DataFrame({"loss": row, "c": "u"}) for row in values]
    assert quality(*tables, ["c"]).columns["loss"] > 0.9


def test_missing_values_do_not_stop_quality():
    holes = FAKE.assign(x=[0.0, np.nan, 2, 3], c=["a", None, "b", "b"])
    found = quality(REAL, holes, ["c"])
    assert 0 < found.shape < 1
    assert 0 < found.trend < 1


# Encoding


def test_integer_codes_give_the_trees_of_one_hot_columns(adult, pool):
    """The encodings must agree on predictions, on rows and levels never seen in training."""
    train, test = adult.train.iloc[:3000], adult.test.iloc[:3000]
    features = [name for name in adult.columns if name != adult.target]
    labels = (train[adult.target] == ">50K").to_numpy().astype(np.int64)
    encoder = TreeEncoder.fit([train], features, adult.categorical)
    assert set(test["native-country"]) - set(train["native-country"])
    wide = [one_hot(table[features], train) for table in (train, test)]
    for parameters in ({"max_depth": 6}, {"max_depth": 20, "min_child_weight": 1, "gamma": 1.0}):
        settings = {**TREE_PARAMETERS, **parameters}
        narrow = xgb.train(settings, encoder.dmatrix(encoder.matrix(train), labels), 30)
        dense = xgb.train(settings, xgb.DMatrix(wide[0], labels), 30)
        np.testing.assert_allclose(
            narrow.predict(encoder.dmatrix(encoder.matrix(test))),
            dense.predict(xgb.DMatrix(wide[1])),
            rtol=1e-5,
        )


def test_missing_categories_are_a_level_and_missing_numbers_stay_missing():
    table = pd.DataFrame({"n": [1.0, np.nan], "c": ["a", None]})
    encoder = TreeEncoder.fit([table], ["n", "c"], ["c"])
    assert encoder.levels["c"].tolist() == ["a", MISSING]
    np.testing.assert_array_equal(encoder.matrix(table), [[1, 0], [np.nan, 1]])
    unseen = pd.DataFrame({"n": [0], "c": ["z"]})
    np.testing.assert_array_equal(encoder.matrix(unseen), [[0, 2]])


# XGB-C2ST


def test_c2st_score_is_the_detection_formula():
    assert c2st_score([0.5, 0.5, 0.5]) == 1.0
    assert c2st_score([1.0, 1.0, 1.0]) == 0.0
    assert c2st_score([0.3, 0.6, 0.75]) == pytest.approx(1 - (0 + 0.2 + 0.5) / 3)


def test_c2st_equals_the_protocol_on_one_hot_columns(adult, pool):
    real, fake = adult.train.iloc[:1500], shuffle_columns(adult.train.iloc[1500:3000], 0)
    matrix = one_hot(pd.concat([real, fake]), pd.concat([real, fake]))
    labels = np.repeat([1, 0], 1500)
    areas = []
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(matrix, labels):
        model = XGBClassifier(n_estimators=100, max_depth=6, n_jobs=1)
        model.fit(matrix[train], labels[train])
        areas.append(roc_auc_score(labels[test], model.predict_proba(matrix[test])[:, 1]))
    expected = 1 - np.mean([max(0.5, area) * 2 - 1 for area in areas])
    found = detection(real, fake, adult.categorical, pool=pool)
    assert found == pytest.approx(expected, abs=1e-4)


def test_halves_of_adult_cannot_be_told_apart(adult, pool):
    order = np.random.default_rng(0).permutation(12_000)
    first, second = (adult.train.iloc[part] for part in np.split(order, 2))
    assert detection(first, second, adult.categorical, pool=pool) > 0.95


def test_shuffled_columns_can_be_told_apart(adult, pool):
    real = adult.train.iloc[:6000]
    assert detection(real, shuffle_columns(real, 0), adult.categorical, pool=pool) < 0.1


def test_c2st_ignores_row_labels_and_takes_missing_values(pool):
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"n": rng.normal(size=300), "c": rng.choice(["a", "b", None], 300)})
    fake = real.assign(n=real["n"].where(real["n"] > 0))
    fake.index = fake.index + 7
    assert 0 <= detection(real, fake, ["c"], pool=pool) < 0.9


# MLE


def test_first_trees_of_the_longest_run_are_the_shorter_runs(adult, pool):
    """All 36 configurations trained on their own give the very same areas."""
    table, test = adult.train.iloc[:1500], adult.test.iloc[:1000]
    problem = mle._problem(table, test, adult.categorical, adult.target, ">50K", 0)
    grid = list(ParameterGrid(mle.GRID))
    assert len(grid) == 36

    def separately(configuration):
        shape = {key: configuration[key] for key in configuration if key != "n_estimators"}
        settings = {**TREE_PARAMETERS, **shape}
        model = xgb.train(settings, problem.train, configuration["n_estimators"])
        return (
            roc_auc_score(problem.validation_labels, model.predict(problem.validation)),
            roc_auc_score(problem.test_labels, model.predict(problem.test)),
        )

    assert mle.boosted_areas(problem, grid, pool) == [separately(each) for each in grid]


def test_mle_equals_the_published_protocol_with_its_numeric_transform(adult, pool):
    """Recompute with one-hot columns, the rescaling of the published code, and 36 trainings."""
    table, test = adult.train.iloc[:1200], adult.test.iloc[:1000]
    features = [name for name in adult.columns if name != adult.target]
    low, high = table["age"].min(), table["age"].max()
    rescaled = [
        each[features].assign(
            **{
                name: (each[name].astype(np.float32) - np.float32(low)) / np.float32(high - low) * 5
                for name in adult.numeric
            }
        )
        for each in (table, test)
    ]
    wide = [one_hot(each, table) for each in rescaled]
    labels = [(each[adult.target] == ">50K").to_numpy().astype(int) for each in (table, test)]
    order = np.random.default_rng(0).permutation(len(table))
    held, kept = order[: len(table) // 9], order[len(table) // 9 :]
    best = (-1.0, -1.0)
    for configuration in ParameterGrid(mle.GRID):
        model = XGBClassifier(**configuration, objective="binary:logistic", n_jobs=1)
        model.fit(wide[0][kept], labels[0][kept])
        area = roc_auc_score(labels[0][held], model.predict_proba(wide[0][held])[:, 1])
        if area > best[0]:
            best = (area, roc_auc_score(labels[1], model.predict_proba(wide[1])[:, 1]))
    found = mle.utility(table, test, adult.categorical, adult.target, pool=pool)
    assert (found.validation_auroc, found.auroc) == pytest.approx(best, abs=1e-4)


def test_numeric_transform_of_the_protocol_keeps_the_order_of_adult(adult):
    """The map is strictly increasing on every value, in float32: trees cannot see it."""
    low, high = np.float32(adult.train["age"].min()), np.float32(adult.train["age"].max())
    assert high < 1000  # otherwise the published code takes logarithms
    for name in adult.numeric:
        values = np.unique(pd.concat([adult.train[name], adult.test[name]]))
        mapped = (values.astype(np.float32) - low) / (high - low) * np.float32(5)
        assert (np.diff(mapped) > 0).all()


def test_shuffled_columns_teach_nothing(adult, pool):
    shuffled = shuffle_columns(adult.train.iloc[:4000], 0)
    found = mle.utility(shuffled, adult.test, adult.categorical, adult.target, pool=pool)
    assert found.auroc == pytest.approx(0.5, abs=0.1)


def test_mle_takes_missing_values_and_a_single_class(adult, pool):
    table, test = adult.train.iloc[:600].copy(), adult.test.iloc[:500]
    table.loc[:50, ["workclass", "income"]] = None
    table["age"] = table["age"].astype(float).where(table.index % 7 > 0)
    found = mle.utility(table, test, adult.categorical, adult.target, pool=pool)
    assert 0.5 < found.auroc < 1
    rich = table[table["income"] == ">50K"]
    assert mle.utility(rich, test, adult.categorical, adult.target, pool=pool).auroc == 0.5


def test_mle_refuses_a_target_that_is_not_binary(adult, pool):
    with pytest.raises(ValueError, match="'education' has 16 levels"):
        mle.utility(adult.train, adult.test, adult.categorical, "education", pool=pool)
