"""Each refusal of a whole frame says what arrived, where, and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabdiffuse.errors import DataError, DataTypeError
from tabdiffuse.tables import TableSchema, check_frame, check_same_columns


def test_a_good_frame_passes_as_it_is():
    frame = pd.DataFrame({"x": [1.0, np.nan], "s": ["a", None]})
    assert check_frame(frame) is frame


@pytest.mark.parametrize("thing", [np.zeros((3, 2)), [[1, 2]], pd.Series([1, 2]), None])
def test_other_containers_are_refused(thing):
    with pytest.raises(DataTypeError, match=r"must be a pandas DataFrame; got .*pd\.DataFrame\(X"):
        check_frame(thing)


def test_no_columns():
    message = r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required\."
    with pytest.raises(DataError, match=message):
        check_frame(pd.DataFrame(index=range(3)))


def test_no_rows():
    with pytest.raises(DataError, match=r"X has 0 samples .*fewer than 2 rows"):
        check_frame(pd.DataFrame({"x": []}))


def test_one_row():
    with pytest.raises(DataError, match=r"X has 1 sample \(shape=\(1, 1\)\)"):
        check_frame(pd.DataFrame({"x": [1]}))


def test_duplicate_names_are_listed():
    frame = pd.DataFrame(np.zeros((3, 4)), columns=["a", "b", "a", "a"])
    with pytest.raises(DataError, match=r"more than one column is named \['a'\]"):
        check_frame(frame)


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "object"])
def test_infinite_values_are_counted_and_located(dtype):
    frame = pd.DataFrame({"ok": [1, 2, 3], "x": pd.Series([0.5, np.inf, -np.inf], dtype=dtype)})
    with pytest.raises(DataError, match=r"Column 'x': 2 of 3 values are infinite .*inf.*row 1\)"):
        check_frame(frame)


def test_complex_numbers():
    with pytest.raises(DataError, match="Complex data not supported: column 'z'"):
        check_frame(pd.DataFrame({"z": [1 + 2j, 3j]}))


@pytest.fixture
def schema():
    frame = pd.DataFrame({"n": [1, 2, 3], "c": ["a", "b", "a"], "k": [5, 5, 5], 7: [0.5, 1, 2]})
    return TableSchema.infer(frame)


@pytest.fixture
def new_frame():
    return pd.DataFrame({7: [1.0], "c": ["b"], "n": [9], "k": [5]})


def test_a_new_frame_is_put_in_order(schema, new_frame):
    before = new_frame.copy(deep=True)
    assert list(check_same_columns(new_frame, schema).columns) == ["n", "c", "k", 7]
    pd.testing.assert_frame_equal(new_frame, before)


def test_absent_columns(schema, new_frame):
    with pytest.raises(DataError, match=r"2 of 4 columns are missing: \['c', 7\].* with NaN"):
        check_same_columns(new_frame[["k", "n"]], schema)
    assert list(check_same_columns(new_frame[["k", "n"]], schema, partial=True)) == ["n", "k"]


def test_unknown_columns(schema, new_frame):
    with pytest.raises(DataError, match=r"not in the training data: \['7'\]\. Drop them.*Known"):
        check_same_columns(new_frame.assign(**{"7": 1}), schema)


def test_unseen_categories(schema):
    frame = pd.DataFrame({"c": ["a", None, "zz"]})
    message = r"Column 'c': 1 of 3 values .*never seen .*'zz', row 2\)\. Known: 'a', 'b'\."
    with pytest.raises(DataError, match=message):
        check_same_columns(frame, schema, partial=True)


def test_a_long_list_of_known_categories_is_cut():
    schema = TableSchema.infer(pd.DataFrame({"c": [f"l{k % 15:02}" for k in range(30)]}))
    with pytest.raises(DataError, match=r"'l09', and 5 more\. Use one of these"):
        check_same_columns(pd.DataFrame({"c": ["x"]}), schema)


def test_another_value_of_a_constant(schema):
    with pytest.raises(DataError, match=r"Column 'k': 1 of 2 .*first: 6, row 1\)\. Known: 5\."):
        check_same_columns(pd.DataFrame({"k": [5, 6]}), schema, partial=True)


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_strings_where_numbers_were(schema, dtype):
    frame = pd.DataFrame({"n": pd.Series([None, "?"], dtype=dtype)})
    message = r"Column 'n': 1 of 2 values are not numbers \(first: '\?', row 1\).*pd\.to_numeric"
    with pytest.raises(DataTypeError, match=message):
        check_same_columns(frame, schema, partial=True)


def test_missing_and_unseen_numbers_are_welcome(schema):
    frame = pd.DataFrame({"n": [np.nan, 1e6], "c": [None, "a"], "k": [np.nan, 5]})
    check_same_columns(frame, schema, partial=True)


def test_infinite_numbers_in_a_new_frame(schema):
    with pytest.raises(DataError, match="infinite"):
        check_same_columns(pd.DataFrame({"n": [np.inf]}), schema, partial=True)
