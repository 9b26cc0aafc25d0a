"""What a table codec encodes, it decodes: exactly, or within its stated precision."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabdiffuse.tables import TableCodec, TableSchema
from tabdiffuse.tables.numeric_codec import NumericCodec
from tests.strategies import draw_scores, frames

SLOW_DATA = settings(suppress_health_check=[HealthCheck.too_slow])


def round_trip(codec, frame, where="inside", seed=0):
    arrays = codec.encode(frame)
    if "numeric" in arrays:
        arrays["numeric"] = draw_scores(arrays["numeric"], where, seed)
    return codec.decode(arrays)


def assert_equal_within_precision(decoded, frame, codec):
    """Same table; numbers may differ by what the codec of their column states."""
    exact = frame.reset_index(drop=True).copy()
    for name, own in zip(codec.schema.names, codec.codecs, strict=True):
        if not isinstance(own, NumericCodec):
            continue
        bound = own.precision(frame[name])
        before = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        after = decoded[name].to_numpy(dtype=np.float64, na_value=np.nan)
        loose = (bound > 0) & ~np.isnan(before)
        with np.errstate(over="ignore"):
            assert (np.abs(after - before)[loose] <= bound[loose]).all(), name
        # What is left must be equal to the last bit.
        exact[name] = exact[name].mask(pd.Series(loose), decoded[name])
    pd.testing.assert_frame_equal(decoded, exact, check_exact=True)


@SLOW_DATA
@given(frames(), st.sampled_from(["inside", "low", "high"]), st.integers(0, 2**32 - 1))
def test_encoded_rows_come_back(frame, where, seed):
    before = frame.copy(deep=True)
    codec = TableCodec.fit(frame, TableSchema.infer(frame))
    decoded = round_trip(codec, frame, where, seed)
    assert_equal_within_precision(decoded, frame, codec)
    pd.testing.assert_frame_equal(frame, before)


@SLOW_DATA
@given(frames())
def test_arrays_keep_their_contract(frame):
    codec = TableCodec.fit(frame, TableSchema.infer(frame))
    arrays = codec.encode(frame)
    layout = codec.layout
    assert ("numeric" in arrays) == (layout.n_numeric > 0)
    assert ("categorical" in arrays) == (len(layout.cardinalities) > 0)
    if "numeric" in arrays:
        intervals = arrays["numeric"]
        assert intervals.dtype == np.float32
        assert intervals.shape == (len(frame), layout.n_numeric, 2)
        assert ((intervals >= 0) & (intervals <= 1)).all()
        assert (intervals[..., 0] <= intervals[..., 1]).all()
    if "categorical" in arrays:
        codes = arrays["categorical"]
        assert codes.dtype == np.uint8  # no column here has more than 256 codes
        assert (codes >= 0).all()
        assert (codes < np.array(layout.cardinalities)).all()
        for shares in layout.frequencies:
            assert (shares > 0).all()  # a level that never occurs is left out
            assert np.isclose(shares.sum(), 1)


@SLOW_DATA
@given(frames(), st.integers(0, 2**32 - 1))
def test_a_stored_codec_is_the_same_codec(frame, seed):
    schema = TableSchema.infer(frame)
    codec = TableCodec.fit(frame, schema)
    stored = json.loads(json.dumps(schema.to_dict()))
    own_json, arrays = codec.state()
    copy = TableCodec.from_state(
        TableSchema.from_dict(stored), json.loads(json.dumps(own_json)), arrays
    )
    assert copy.schema == schema
    assert copy.layout.cardinalities == codec.layout.cardinalities
    pd.testing.assert_frame_equal(
        round_trip(copy, frame, seed=seed), round_trip(codec, frame, seed=seed)
    )


@SLOW_DATA
@given(frames(), st.integers(0, 2**32 - 1))
def test_any_scores_and_codes_decode_to_the_dtypes_and_range_seen(frame, seed):
    codec = TableCodec.fit(frame, TableSchema.infer(frame))
    rng = np.random.default_rng(seed)
    arrays = {}
    if codec.layout.n_numeric:
        arrays["numeric"] = 10 * rng.standard_normal((50, codec.layout.n_numeric))
    if codec.layout.cardinalities:
        codes = [rng.integers(0, size, 50) for size in codec.layout.cardinalities]
        arrays["categorical"] = np.stack(codes, axis=1)
    decoded = codec.decode(arrays)
    assert (decoded.dtypes == frame.dtypes).all()
    for column in codec.schema.columns:
        if column.kind == "numeric":
            assert decoded[column.name].min() >= frame[column.name].min()
            assert decoded[column.name].max() <= frame[column.name].max()
        else:
            assert set(decoded[column.name].dropna()) <= set(frame[column.name].dropna())
