"""Distances to the closest row against all pairs, and against tables that copy or do not."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from tabdiffuse.errors import DataError
from tabdiffuse.metrics import privacy
from tabdiffuse.metrics.privacy import dcr_share, nearest_distances

CATEGORICAL = ["city", "plan"]


def rows(n, seed):
    """Mixed rows with ties: few cities, whole years, a lumpy amount."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "city": rng.choice(list("abcdefgh"), n),
            "amount": np.where(rng.random(n) < 0.3, 0.0, rng.lognormal(3, 1, n)),
            "plan": rng.choice(["x", "y", "z"], n, p=[0.6, 0.3, 0.1]),
            "height": rng.normal(170, 9, n),
        }
    )


def all_pairs(synthetic, reference, scale, categorical=CATEGORICAL):
    """Distances from one-hot columns and scaled numbers, every pair."""
    blocks = []
    for name in synthetic:
        left, right = synthetic[name].to_numpy(), reference[name].to_numpy()
        if name in categorical:
            levels = np.unique(np.concatenate([left, right]))
            blocks.append([(side[:, None] == levels).astype(float) for side in (left, right)])
        else:
            span = scale[name].max() - scale[name].min()
            blocks.append([side[:, None] / span for side in (left, right)])
    return cdist(*(np.hstack([block[side] for block in blocks]) for side in (0, 1)), "cityblock")


@pytest.mark.parametrize(
    ("numbers", "categories"),
    [
        (["age", "amount", "height"], ["city", "plan"]),
        (["age"], ["city", "plan"]),
        (["age", "amount", "height"], ["plan"]),
        (["age", "amount", "height"], []),
        ([], ["city", "plan"]),
    ],
)
def test_distances_equal_those_of_all_pairs(numbers, categories):
    columns = numbers + categories
    synthetic, reference = rows(120, 0)[columns], rows(90, 1)[columns]
    expected = all_pairs(synthetic, reference, reference, categories).min(axis=1)
    found = nearest_distances(synthetic, reference, categories)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_rows_far_from_all_that_share_their_categories_look_further():
    """The bound by mismatches must not stop too early: here the closest row differs in both."""
    reference = pd.DataFrame({"age": [0.0, 1.0, 9.0], "city": list("aab"), "plan": list("xxy")})
    synthetic = pd.DataFrame({"age": [8.9], "city": ["a"], "plan": ["x"]})
    scale = reference.assign(age=[0.0, 1.0, 0.5])
    found = nearest_distances(synthetic, reference, CATEGORICAL, scale=scale)
    assert found == pytest.approx([2 + 2 + 0.1])


def test_blocks_change_nothing(monkeypatch):
    synthetic, reference = (rows(n, seed).drop(columns="city") for n, seed in ((150, 0), (140, 1)))
    whole = nearest_distances(synthetic, reference, ["plan"])
    monkeypatch.setattr(privacy, "BLOCK", 64)
    np.testing.assert_array_equal(nearest_distances(synthetic, reference, ["plan"]), whole)


def test_order_of_rows_of_columns_and_the_index_do_not_matter():
    synthetic, reference = rows(100, 0), rows(120, 1)
    found = nearest_distances(synthetic, reference, CATEGORICAL)
    order = np.random.default_rng(0).permutation(100)
    moved = nearest_distances(
        synthetic.iloc[order][sorted(synthetic)],
        reference.sample(frac=1, random_state=0),
        CATEGORICAL,
    )
    np.testing.assert_allclose(moved, found[order], atol=1e-12)


def test_units_of_the_numbers_and_names_of_the_categories_do_not_matter():
    def otherwise(table):
        return table.assign(
            age=-3 * table["age"] + 7,
            height=table["height"] / 2.54,
            city=table["city"].map({name: str(i) for i, name in enumerate("hgfedcba")}),
        )

    tables = rows(200, 0), rows(150, 1), rows(150, 2)
    share = dcr_share(*tables, CATEGORICAL)
    assert dcr_share(*map(otherwise, tables), CATEGORICAL) == share
    np.testing.assert_allclose(
        nearest_distances(*map(otherwise, tables[:2]), CATEGORICAL),
        nearest_distances(*tables[:2], CATEGORICAL),
        atol=1e-12,
    )


def test_the_share_is_counted_from_all_pairs_with_ties_as_halves():
    synthetic, train, holdout = rows(300, 0), rows(80, 1), rows(80, 2)
    holdout.iloc[:40] = train.iloc[:40]
    to_train = all_pairs(synthetic, train, train).min(axis=1)
    to_holdout = all_pairs(synthetic, holdout, train).min(axis=1)
    tied = np.isclose(to_train, to_holdout, rtol=0, atol=1e-9)
    assert 0.1 < tied.mean() < 0.6
    expected = np.mean((to_train < to_holdout) & ~tied) + tied.mean() / 2
    assert dcr_share(synthetic, train, holdout, CATEGORICAL) == pytest.approx(expected)


def test_copies_score_one_and_fresh_rows_a_half():
    """1500 fresh rows: a standard error of .013 and some for shared neighbours, so .08 is far."""
    train, holdout = rows(500, 1), rows(500, 2)
    assert dcr_share(train.sample(300, random_state=0), train, holdout, CATEGORICAL) == 1
    assert dcr_share(holdout, train, holdout, CATEGORICAL) == 0
    assert dcr_share(rows(1500, 3), train, holdout, CATEGORICAL) == pytest.approx(0.5, abs=0.08)


def test_a_share_of_planted_copies_shows():
    train, holdout, fresh = rows(500, 1), rows(500, 2), rows(1500, 3)
    mixed = pd.concat([fresh.iloc[:1000], train], ignore_index=True)
    fair = dcr_share(fresh.iloc[:1000], train, holdout, CATEGORICAL)
    found = dcr_share(mixed, train, holdout, CATEGORICAL)
    assert found == pytest.approx((fair * 1000 + 500) / 1500)


def test_the_same_table_twice_is_a_tie():
    train = rows(200, 1)
    assert dcr_share(rows(100, 0), train, train, CATEGORICAL) == 0.5


def test_distances_that_differ_by_rounding_are_tied():
    train = pd.DataFrame({"n": [0.1, 1.0, 1.0], "m": [0.2, 1.0, 0.0]})
    train.loc[1, "n"], holdout = 0.0, pd.DataFrame({"n": [0.0], "m": [0.3]})
    assert 0.1 + 0.2 != 0.3
    assert dcr_share(pd.DataFrame({"n": [0.0], "m": [0.0]}), train, holdout, []) == 0.5


def test_missing_values_are_equal_to_one_another_and_unlike_all_else():
    reference = pd.DataFrame({"n": [0.0, 10.0, np.nan], "c": ["a", "b", None]})
    synthetic = pd.DataFrame({"n": [np.nan, np.nan, 4.0], "c": [None, "a", "unseen"]})
    found = nearest_distances(synthetic, reference, ["c"])
    assert found == pytest.approx([0.0, 2.0, 2.4])


def test_nullable_and_categorical_columns_are_read():
    table = pd.DataFrame({"n": [1, 2, 3], "c": ["a", "b", "a"]})
    other = table.astype({"n": "Int64", "c": "category"})
    other.loc[2, "n"] = pd.NA
    assert nearest_distances(other, table, ["c"]) == pytest.approx([0, 0, 2.5])


def test_columns_without_a_range_are_left_out():
    reference = pd.DataFrame({"n": [5.0, 5.0], "m": [0.0, 1.0]})
    synthetic = pd.DataFrame({"n": [7.0], "m": [0.25]})
    assert nearest_distances(synthetic, reference, []) == pytest.approx([0.25])


def test_empty_tables_and_other_columns_are_refused():
    table = rows(10, 0)
    with pytest.raises(DataError, match="got 0 synthetic and 10 reference rows"):
        nearest_distances(table.iloc[:0], table, CATEGORICAL)
    with pytest.raises(DataError, match=r"differ in the columns \['age'\]"):
        dcr_share(table, table.drop(columns="age"), table, CATEGORICAL)
    with pytest.raises(DataError, match=r"'city' does not hold numbers .*`categorical`"):
        nearest_distances(table, table, ["plan"])
