from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabdiffuse import io
from tabdiffuse.errors import ModelFileError

# --- tensors


@pytest.mark.parametrize(
    "dtype",
    ["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">f8", ">i4"],
)
def test_tensor_dtypes_come_back(dtype: str) -> None:
    value = np.arange(6).reshape(2, 3).astype(dtype)
    (back,) = io.tensors_from_bytes(io.tensors_to_bytes({"a": value})).values()
    assert back.dtype == value.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, value)


@pytest.mark.parametrize(
    "value",
    [
        np.array(1.5),
        np.zeros((0, 3)),
        np.arange(24.0).reshape(2, 3, 4).T,
        np.arange(24.0)[::-2],
        np.broadcast_to(np.array([1.0, 2.0]), (3, 2)),
        np.array([np.nan, np.inf, -0.0]),
    ],
    ids=["scalar", "empty", "transposed", "strided", "broadcast", "special"],
)
def test_tensor_layouts_come_back(value: np.ndarray) -> None:
    back = io.tensors_from_bytes(io.tensors_to_bytes({"a": value}))["a"]
    assert back.shape == value.shape
    assert back.tobytes() == value.tobytes()
    assert back.flags.writeable
    assert back.flags.owndata


def test_tensor_bytes_depend_on_content_only() -> None:
    tensors = {name: np.arange(3.0) for name in "cab"}
    assert io.tensors_to_bytes(tensors) == io.tensors_to_bytes(dict(sorted(tensors.items())))
    assert io.tensors_from_bytes(io.tensors_to_bytes({})) == {}


@pytest.mark.parametrize("value", [np.array(["a"]), np.array([None]), np.array(["2020"], "M8[D]")])
def test_unsupported_dtype_is_named(value: np.ndarray) -> None:
    message = f"Tensor 'a' has dtype {value.dtype}, which"
    with pytest.raises(TypeError, match=re.escape(message)):
        io.tensors_to_bytes({"a": value})


@pytest.mark.parametrize("data", [b"", b"not safetensors", b"\xff" * 64])
def test_damaged_tensors_are_a_model_file_error(data: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"weights\.safetensors does not hold readable"):
        io.tensors_from_bytes(data, name="weights.safetensors")


def test_dtype_unknown_to_numpy_is_a_model_file_error() -> None:
    header = b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    data = len(header).to_bytes(8, "little") + header + b"\0\0"
    with pytest.raises(ModelFileError, match="BF16"):
        io.tensors_from_bytes(data)


# --- JSON

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_json_comes_back(value: object) -> None:
    assert io.json_from_bytes(io.json_to_bytes(value)) == value


def test_json_is_sorted_utf8() -> None:
    assert io.json_to_bytes({"b": "Łódź", "a": [1]}) == (
        '{\n  "a": [\n    1\n  ],\n  "b": "Łódź"\n}\n'.encode()
    )


def test_json_keeps_lone_surrogates() -> None:
    value = {"column \udc80": "\ud800"}
    assert io.json_from_bytes(io.json_to_bytes(value)) == value


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_json_refuses_nan_on_writing(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        io.json_to_bytes(value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "Expecting property name"),
        (b"\xff", "codec can't decode"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"[" * 100_000, "recursion"),
    ],
    ids=["cut", "not utf-8", "nan", "infinity", "deep"],
)
def test_bad_json_is_a_model_file_error(data: bytes, why: str) -> None:
    with pytest.raises(ModelFileError, match=rf"config\.json is not valid JSON: .*{why}"):
        io.json_from_bytes(data, name="config.json")
