"""Tables as matrices for boosted trees, and as many rows of one table as of another."""

import sys

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from tabdiffuse.metrics.encoding import MISSING, TREE_PARAMETERS, TreeEncoder, import_xgboost
from tabdiffuse.metrics.rows import equally_many, shuffle_columns


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


def people(seed, n_rows, places):
    rng = np.random.default_rng(seed)
    age = rng.integers(17, 90, n_rows)
    table = pd.DataFrame(
        {
            "age": age,
            "gain": np.where(rng.random(n_rows) < 0.9, 0, rng.integers(1, 9999, n_rows)),
            "place": rng.choice(places, n_rows),
            "work": np.array(["none", "part", "full"])[
                (age // 20 + rng.integers(0, 2, n_rows)) % 3
            ],
        }
    )
    rich = age + 40 * (table["work"] == "full") + rng.normal(0, 20, n_rows) > 80
    return table, rich.to_numpy().astype(np.int64)


def test_integer_codes_give_the_trees_of_one_hot_columns():
    """The encodings must agree on predictions, on rows and levels never seen in training."""
    train, labels = people(0, 2000, list("abcdefgh"))
    test, _ = people(1, 2000, list("abcdefghij"))
    encoder = TreeEncoder.fit([train], list(train), ["place", "work"])
    wide = [one_hot(table, train) for table in (train, test)]
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
    levels = encoder.levels["c"]
    assert levels is not None
    assert levels.tolist() == ["a", MISSING]
    np.testing.assert_array_equal(encoder.matrix(table), [[1, 0], [np.nan, 1]])
    unseen = pd.DataFrame({"n": [0], "c": ["z"]})
    np.testing.assert_array_equal(encoder.matrix(unseen), [[0, 2]])


def test_nullable_numbers_are_read():
    table = pd.DataFrame({"n": pd.array([1, None, 3], dtype="Int64")})
    encoder = TreeEncoder.fit([table], ["n"], [])
    np.testing.assert_array_equal(encoder.matrix(table), [[1], [np.nan], [3]])


def test_without_xgboost_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(ImportError, match=r"pip install tabdiffuse\[bench\]"):
        import_xgboost()


def test_equally_many_draws_from_the_longer_table_without_repeats():
    long, short = pd.DataFrame({"x": range(100)}), pd.DataFrame({"x": range(100, 130)})
    for pair in (equally_many(long, short, seed=0), equally_many(short, long, seed=0)[::-1]):
        assert pair[1] is short
        assert len(pair[0]) == pair[0]["x"].nunique() == 30
    drawn = [equally_many(long, short, seed=seed)[0]["x"].tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_shuffling_keeps_each_column_and_breaks_the_rows():
    table = pd.DataFrame(
        {
            "x": np.arange(200),
            "y": np.arange(200) / 2,
            "c": pd.Categorical(list("ab") * 100),
            3: pd.array([None, *range(199)], dtype="Int64"),
        },
        index=range(5, 205),
    )
    shuffled = shuffle_columns(table, 0)
    assert list(shuffled) == list(table)
    for name in table:
        assert shuffled[name].dtype == table[name].dtype
        assert shuffled[name].value_counts().to_dict() == table[name].value_counts().to_dict()
    assert abs(np.corrcoef(shuffled["x"], shuffled["y"])[0, 1]) < 0.5
    pd.testing.assert_frame_equal(shuffled, shuffle_columns(table, 0))
