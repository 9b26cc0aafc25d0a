"""Kinds are inferred, overridden, shown and stored; what is not modelled is refused in words."""

from __future__ import annotations

import datetime as dt
import decimal
import json

import numpy as np
import pandas as pd
import pytest

from tabdiffuse.errors import DataError, DataTypeError, SchemaError, TabdiffuseError
from tabdiffuse.tables import TableSchema


def infer_one(values, dtype=None, override=None, name="c"):
    frame = pd.DataFrame({name: pd.Series(values, dtype=dtype)})
    return TableSchema.infer(frame, override and {name: override})[name]


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1, 2, 3], "int8", "numeric"),
        ([1, 2, 3], "uint64", "numeric"),
        ([1, 2, None], "Int64", "numeric"),
        ([1.5, 2, None], "Float32", "numeric"),
        ([1.5, 2, None], "float32", "numeric"),
        ([1, 2.5, None], "object", "numeric"),
        ([True, False], "bool", "boolean"),
        ([True, None, False], "boolean", "boolean"),
        ([True, None, False], "object", "boolean"),
        (["a", "b", None], "object", "categorical"),
        (["a", "b", None], "string", "categorical"),
        ([1, 2, 1], "category", "categorical"),
        ([4, 4, 4], "int64", "constant"),
        ([None, None], "object", "constant"),
        ([np.nan, np.nan], "float64", "constant"),
        (["x", "x"], "category", "constant"),
        ([dt.datetime(2020, 1, 1)] * 2, "datetime64[ns]", "constant"),
        ([4, None, 4], "Int64", "numeric"),  # a value and missing: two events
    ],
)
def test_kind(values, dtype, kind):
    assert infer_one(values, dtype).kind == kind


@pytest.mark.parametrize(
    ("values", "override", "levels"),
    [
        ([3, 1, 2, 1], "categorical", (1, 2, 3)),
        ([0.5, np.nan, 0.25], "categorical", (0.25, 0.5)),
        ([True, False], "categorical", (False, True)),
        ([0, 1, 1], "boolean", (0, 1)),
        (["yes", "no", "no"], "boolean", ("no", "yes")),
    ],
)
def test_overrides(values, override, levels):
    column = infer_one(values, override=override)
    assert (column.kind, column.levels) == (override, levels)


def test_levels_follow_the_order_of_the_categories():
    values = pd.Categorical(["b", "a", None], categories=["b", "never", "a"], ordered=True)
    column = infer_one(values)
    assert column.levels == ("b", "a")
    assert column.categories == ("b", "never", "a")
    assert column.ordered


def test_an_override_of_no_column():
    frame = pd.DataFrame({"zip": [1, 2]})
    with pytest.raises(SchemaError, match=r"unknown column 'zap'\. Columns: \['zip'\]"):
        TableSchema.infer(frame, {"zap": "categorical"})


def test_an_override_of_no_kind():
    message = r"schema\['c'\] is 'float'; it must be one of 'boolean', 'categorical', 'numeric'"
    with pytest.raises(SchemaError, match=message):
        infer_one([1, 2], override="float")


def test_strings_are_no_numbers():
    with pytest.raises(SchemaError, match=r"cannot be read as numeric.*'1', row 0\).*to_numeric"):
        infer_one(["1", "2"], override="numeric")


def test_three_values_are_no_boolean():
    with pytest.raises(SchemaError, match=r"boolean: it has 3 distinct values \(first: 5, row 0\)"):
        infer_one([5, 6, 7], override="boolean")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.DatetimeIndex(["2020-01-01", "NaT", "2021-01-01"]), r"datetime64.*row 0\).*dt\.days"),
        (pd.to_timedelta([1, 2], unit="s"), r"timedelta64.*total_seconds"),
        (pd.period_range("2020", periods=3, freq="M"), r"period\[M\].*convert it to a number"),
        ([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], r"holds datetime values.*row 0"),
        ([decimal.Decimal("1.5"), decimal.Decimal("2.5")], r"Decimal values.*astype\(float\)"),
        ([b"a", b"b"], r"bytes values.*astype\(str\)"),
        ([f"user{k}" for k in range(30)], r"30 strings that are all distinct.*a key.*'c': 'cat"),
        ([str(k) for k in range(30)], r"all distinct \(first: '0', row 0\).*pd\.to_numeric"),
        (
            [f"{k % 25} is a long sentence that says nothing at all, slowly" for k in range(30)],
            r"free text \(first: '0 is a .*Drop it",
        ),
        ([f"l{k % 1001}" for k in range(2002)], r"has 1001 levels .*more than the 1000"),
        (pd.arrays.SparseArray([0.0, 1.0]), r"is sparse.*to_dense"),
        (pd.Categorical([(1, 2), (3, 4)]), r"type tuple \(e\.g\. \(1, 2\)\).*astype\(str\)"),
    ],
)
def test_kinds_that_come_later_are_refused(values, message):
    with pytest.raises(SchemaError, match=r"(?s)Column 'c'.*" + message):
        infer_one(values)


def test_a_key_may_be_declared_categorical():
    assert infer_one([f"user{k}" for k in range(30)], override="categorical").kind == "categorical"
    with pytest.raises(SchemaError, match="1001 levels"):
        infer_one(range(1001), override="categorical")


def test_mixed_types_are_located():
    message = r"Column 'c' mixes the types float, str: 1 of 4 values are str \(first: '\?', row 2\)"
    with pytest.raises(DataTypeError, match=message):
        infer_one([1.5, None, "?", 2.5])
    with pytest.raises(DataTypeError, match="mixes the types bool, int"):
        infer_one([True, 3, 4], "object")


def test_nested_objects():
    with pytest.raises(DataTypeError, match=r"nested objects \(first: \{'foo': 'bar'\}, row 1\)"):
        infer_one([1.5, {"foo": "bar"}])
    with pytest.raises(TypeError, match=r"argument must be .* string.* number"):
        infer_one([[1], [2]])


def test_complex_objects():
    with pytest.raises(DataError, match="Complex data not supported"):
        infer_one([1j, 2j], "object")


@pytest.mark.parametrize("dtype", ["int64", "uint64", "Int64", "object"])
def test_integers_beyond_float64_are_refused(dtype):
    with pytest.raises(DataError, match=r"1 of 3 integers lie beyond 2\*\*53 .*row 1\).*offset"):
        infer_one([1, 2**53 + 1, 2], dtype)
    assert infer_one([1, 2**53, 2], dtype).kind == "numeric"


@pytest.mark.parametrize("name", [("a", "b"), 1.5, None, True])
def test_other_column_names_are_refused(name):
    frame = pd.DataFrame([[1, 2], [3, 4]])
    frame.columns = pd.Index([name, "x"], dtype=object, tupleize_cols=False)
    with pytest.raises(DataTypeError, match=r"must be strings or integers.*Rename"):
        TableSchema.infer(frame)


def test_json_keeps_everything():
    frame = pd.DataFrame(
        {
            1: [1, 2, 3],
            "1": pd.Categorical(["b", None, "a"], categories=["b", "c", "a"], ordered=True),
            "when": pd.Categorical(pd.to_datetime(["2020-01-01 00:00:00.123456789"] * 3)),
            "bins": pd.cut([0.1, 0.5, 0.9], [0, 0.3, 0.6, 1.0]),
            "float": pd.Categorical([0.1, 1e300, 0.1]),
            "text": pd.Series(["nan", pd.NA, "<NA>"], dtype="string"),
            "empty": [None, None, None],
        }
    )
    schema = TableSchema.infer(frame)
    copy = TableSchema.from_dict(json.loads(json.dumps(schema.to_dict())))
    assert copy == schema
    assert copy.names == [1, "1", "when", "bins", "float", "text", "empty"]
    assert [type(name) for name in copy.names[:2]] == [int, str]
    for name in frame:
        assert copy[name].pandas_dtype == frame[name].dtype


def test_describe_shows_what_was_inferred():
    frame = pd.DataFrame({"key": [1, 2, 3, 4], "c": ["a", None, "b", "a"], "k": [0.5] * 4})
    shown = TableSchema.infer(frame).describe()
    assert shown["column"].tolist() == ["key", "c", "k"]
    assert shown["kind"].tolist() == ["numeric", "categorical", "constant"]
    assert shown["dtype"].tolist() == [str(dtype) for dtype in frame.dtypes]
    assert shown["missing %"].tolist() == [0, 25, 0]
    assert shown["distinct"].tolist() == [4, 2, 1]
    assert "key" in shown["note"][0]


def test_an_override_of_a_constant_is_noted():
    assert "nothing to learn" in infer_one([1, 1], override="categorical").note


def test_errors_are_also_builtin_errors():
    for error, builtin in [(SchemaError, ValueError), (DataTypeError, TypeError)]:
        assert issubclass(error, builtin)
        assert issubclass(error, TabdiffuseError)
