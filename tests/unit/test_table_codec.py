"""The table codec: columns together, long tables, codes of the smallest type."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from tabdiffuse.errors import DataError
from tabdiffuse.tables import TableCodec, TableSchema
from tabdiffuse.tables.codec_base import code_dtype
from tests.tiny_tables import fit_codec as fit
from tests.tiny_tables import round_trip

# --- tables -----------------------------------------------------------------------------------


def test_column_order_names_and_index():
    frame = pd.DataFrame({"b": [1, 2], 3: ["x", "y"], "a": [True, False], "3": [0.5, 0.5]})
    frame.index = pd.Index([10, 20])
    codec = fit(frame)
    decoded = round_trip(codec, frame)
    pd.testing.assert_frame_equal(decoded, frame.reset_index(drop=True))
    assert codec.layout.categorical_sources == ("b", 3, "a")


def test_nothing_to_learn_is_refused():
    with pytest.raises(DataError, match=r"nothing to learn: all 2 columns are constant"):
        fit(pd.DataFrame({"a": [1, 1], "b": [None, None]}))


@pytest.mark.parametrize("code", [-1, 2])
def test_a_code_out_of_range_is_never_a_category(code):
    codec = fit(pd.DataFrame({"c": ["a", "b"]}))
    with pytest.raises(AssertionError, match="not below 2"):
        codec.decode({"categorical": np.array([[0], [code]])})


def test_nan_scores_are_never_a_number():
    codec = fit(pd.DataFrame({"x": np.random.default_rng(14).normal(size=50)}))
    with pytest.raises(AssertionError, match="NaN scores"):
        codec.decode({"numeric": np.array([[np.nan]])})


def test_missing_cells_never_seen_in_training():
    frame = pd.DataFrame({"x": np.arange(50.0), "c": ["a", "b"] * 25, "k": [1] * 50})
    codec = fit(frame)
    holes = pd.DataFrame({"x": [np.nan], "c": [None], "k": [np.nan]})
    with pytest.raises(DataError, match=r"Column 'x': 1 of 1 values are missing .*row 0"):
        codec.encode(holes)
    arrays = codec.encode(holes, allow_missing=True)
    assert arrays["numeric"].tolist() == [[[0.0, 1.0]]]
    assert arrays["categorical"].tolist() == [[0]]


def test_an_unseen_number_goes_to_the_nearest_one():
    frame = pd.DataFrame({"few": [1, 2, 5, 5] * 25, "many": np.arange(100) * 2})
    codec = fit(frame)
    new = pd.DataFrame({"few": [3, 99], "many": [-50, 1000]})
    decoded = round_trip(codec, new)
    assert decoded["few"].tolist() == [2, 5]
    assert decoded["many"].tolist() == [0, 198]


def test_two_rows():
    frame = pd.DataFrame({"x": [0.1, 0.7], "c": ["a", None]})
    pd.testing.assert_frame_equal(round_trip(fit(frame), frame), frame)


def test_state_holds_no_rows():
    rng = np.random.default_rng(15)
    frame = pd.DataFrame({"x": rng.normal(size=30_000), "n": rng.integers(0, 10**6, 30_000)})
    _, arrays = fit(frame).state()
    assert max(array.size for array in arrays.values()) <= 1001


# --- long tables ------------------------------------------------------------------------------


def long_frame(n_rows=100_000):
    rng = np.random.default_rng(17)
    x = rng.normal(size=n_rows)
    return pd.DataFrame(
        {
            "x": x,
            "zero": np.maximum(x, 0),
            "n": rng.integers(0, 5000, n_rows),
            "c": pd.Categorical.from_codes(rng.integers(0, 3, n_rows), list("abc")),
        }
    )


def peak_bytes(work):
    """Most bytes that Python and numpy hold during a call above those before it."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_row_is_encoded_alike_wherever_it_stands():
    frame = long_frame()
    codec = fit(frame)
    whole, tail = codec.encode(frame), codec.encode(frame.iloc[70_001:])
    assert np.array_equal(whole["numeric"][70_001:], tail["numeric"])
    assert np.array_equal(whole["categorical"][70_001:], tail["categorical"])


def test_a_refusal_counts_in_the_whole_column():
    codec, frame = fit(long_frame()), long_frame()
    frame.loc[[70_000, 90_000], "n"] = np.nan
    with pytest.raises(DataError, match=r"2 of 100000 values are missing \(first: row 70000\)"):
        codec.encode(frame)
    frame = long_frame().astype({"c": object})
    frame.loc[[50_000, 60_000, 99_999], "c"] = "z"
    with pytest.raises(DataError, match=r"3 of 100000 values were never seen .*row 50000\)"):
        codec.encode(frame)


def test_encoding_holds_one_encoded_table_and_little_else():
    frame = long_frame(500_000)
    codec = fit(frame)
    size = sum(array.nbytes for array in codec.encode(frame).values())
    bound = size + 6e6  # what is needed for a block of rows
    assert peak_bytes(lambda: codec.encode(frame)) < bound

    def column_by_column():
        parts = [codec.codecs[k].encode(frame.iloc[:, k]).intervals for k in range(3)]
        return np.stack(parts, axis=1)

    assert peak_bytes(column_by_column) > bound


def test_fitting_holds_at_most_five_numbers_a_row():
    frame = long_frame(300_000)
    schema = TableSchema.infer(frame)
    assert peak_bytes(lambda: TableSchema.infer(frame)) < 5 * 8 * len(frame)
    assert peak_bytes(lambda: TableCodec.fit(frame, schema)) < 5 * 8 * len(frame)


@pytest.mark.parametrize(
    ("cardinality", "dtype"),
    [(2, "uint8"), (256, "uint8"), (257, "int16"), (2**15, "int16"), (2**15 + 1, "int32")],
)
def test_codes_take_the_smallest_dtype_that_holds_the_last_one(cardinality, dtype):
    assert code_dtype(cardinality) == dtype
    assert np.array(cardinality - 1).astype(dtype) == cardinality - 1


def test_columns_of_many_levels_widen_the_codes():
    frame = pd.DataFrame({"many": [f"{k % 300}" for k in range(900)], "two": ["a", "b", "b"] * 300})
    codec = fit(frame)
    assert codec.encode(frame)["categorical"].dtype == np.int16
    pd.testing.assert_frame_equal(round_trip(codec, frame), frame)
