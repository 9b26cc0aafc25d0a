"""Hypothesis strategies for tables, and draws of normal scores from encoded ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from scipy.special import ndtri

SENTINELS = ["nan", "", " ?", "<NA>", "None", "NaN", "continuous", "missing", "0", "Łódź", "日本"]

DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


@st.composite
def integer_columns(draw: Any, n_rows: int) -> pd.Series:
    """Integers of every width, nullable or not, with an atom at times."""
    dtype = draw(st.sampled_from(DTYPES))
    info = np.iinfo(dtype)
    low = draw(st.integers(max(info.min, -(2**20)), info.max - 1 if info.max < 2**20 else 2**20))
    high = draw(st.integers(low, min(info.max, low + 2**14)))
    cells = st.one_of(st.integers(low, high), st.just(low))
    values = draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
    if not draw(st.booleans()):
        return pd.Series(np.array(values, dtype=dtype))
    holes = draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows))
    nullable = dtype.replace("int", "Int").replace("uI", "UI")
    return pd.Series(np.array(values, dtype=dtype)).astype(nullable).mask(np.array(holes))


@st.composite
def decimal_columns(draw: Any, n_rows: int) -> pd.Series:
    """Fixed decimals, as float64, Float64 or Python floats, with NaN at times."""
    decimals = draw(st.integers(1, 4))
    cells = st.integers(-5000, 5000).map(lambda k: k / 10**decimals)
    if draw(st.booleans()):
        cells = st.one_of(cells, st.just(float("nan")))
    values = draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
    dtype = draw(st.sampled_from(["float64", "Float64", "object"]))
    if dtype == "Float64":
        return pd.Series(values, dtype="float64").astype("Float64")
    return pd.Series(values, dtype=dtype)


@st.composite
def real_columns(draw: Any, n_rows: int) -> pd.Series:
    """Floats on no lattice: heavy tails, tiny ranges, huge offsets, subnormals, ties."""
    dtype = draw(st.sampled_from(["float64", "float32", "Float64"]))
    width: Any = 32 if dtype == "float32" else 64
    ordinary = st.floats(-1, 1, width=width)
    shapes = {
        "plain": ordinary,
        "heavy": st.one_of(ordinary, st.floats(1e3, 1e12).map(np.float32).map(float)),
        "offset": ordinary.map(lambda v: 1e9 + v),
        "tiny": ordinary.map(lambda v: v * 1e-300),
        "subnormal": st.integers(0, 1000).map(lambda k: k * 5e-324),
        "any": st.floats(allow_nan=False, allow_infinity=False, width=width),
    }
    cells = shapes[draw(st.sampled_from(sorted(shapes)))]
    cells = st.one_of(cells, st.just(draw(cells)))
    if draw(st.booleans()):
        cells = st.one_of(cells, st.just(float("nan")))
    values = draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
    plain = pd.Series(np.array(values).astype(dtype.lower()))
    return plain.astype(dtype)


@st.composite
def string_columns(draw: Any, n_rows: int) -> pd.Series:
    """Strings, some named like missing values, beside real missing values."""
    pool = draw(st.lists(st.sampled_from(SENTINELS), min_size=1, max_size=8, unique=True))
    dtype = draw(st.sampled_from(["object", "string", "category"]))
    missing: Any = draw(st.sampled_from([None, float("nan"), pd.NA]))
    cells = st.sampled_from([*pool, missing] if draw(st.booleans()) else pool)
    values = draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
    return pd.Series(values, dtype=dtype)


@st.composite
def category_columns(draw: Any, n_rows: int) -> pd.Series:
    """Category dtypes: unused levels, ordered or not, levels of several types."""
    pools: list[list[Any]] = [
        ["low", "mid", "high", "never"],
        [3, 1, 2, 99],
        [0.5, -0.25, 1e12],
        [True, False],
        list(pd.date_range("2020-01-01", periods=4, tz="Europe/Berlin")),
        list(pd.interval_range(0, 4)),
        list(pd.to_timedelta([1, 2, 3], unit="s")),
    ]
    categories = draw(st.permutations(draw(st.sampled_from(pools))))
    codes = st.integers(-1 if draw(st.booleans()) else 0, len(categories) - 1)
    values = draw(st.lists(codes, min_size=n_rows, max_size=n_rows))
    ordered = draw(st.booleans())
    return pd.Series(pd.Categorical.from_codes(values, categories=categories, ordered=ordered))


@st.composite
def boolean_columns(draw: Any, n_rows: int) -> pd.Series:
    """Booleans: plain, nullable, or Python objects beside None."""
    dtype = draw(st.sampled_from(["bool", "boolean", "object"]))
    cells: list[Any] = [True, False]
    if dtype != "bool":
        cells.append(None)
    values = draw(st.lists(st.sampled_from(cells), min_size=n_rows, max_size=n_rows))
    return pd.Series(values, dtype=dtype)


@st.composite
def constant_columns(draw: Any, n_rows: int) -> pd.Series:
    """One value, or nothing at all."""
    values: list[tuple[Any, str]] = [
        (7, "int16"),
        (2.5, "float32"),
        ("only", "object"),
        (None, "object"),
        (float("nan"), "float64"),
        (pd.NA, "Int64"),
        (pd.NaT, "datetime64[ns, UTC]"),
        (pd.Timestamp("2024-02-29"), "datetime64[ns]"),
        ("one", "category"),
        (True, "boolean"),
    ]
    value, dtype = draw(st.sampled_from(values))
    return pd.Series([value] * n_rows, dtype=dtype)


def columns(n_rows: int) -> st.SearchStrategy[pd.Series]:
    """Any column a schema accepts."""
    kinds = [
        integer_columns,
        decimal_columns,
        real_columns,
        string_columns,
        category_columns,
        boolean_columns,
        constant_columns,
    ]
    return st.one_of([kind(n_rows) for kind in kinds])


@st.composite
def frames(draw: Any, max_rows: int = 50) -> pd.DataFrame:
    """Tables of mixed columns, with at least one that varies."""
    n_rows = draw(st.integers(2, max_rows))
    parts = draw(st.lists(columns(n_rows), min_size=1, max_size=3))
    parts.append(pd.Series(np.arange(n_rows) % 2))
    name = st.one_of(st.sampled_from(["x", "1", "ł", "missing"]), st.integers(0, 3), st.text())
    names = draw(st.lists(name, min_size=len(parts), max_size=len(parts), unique=True))
    frame = pd.concat(parts, axis=1)
    frame.columns = pd.Index(names)
    return frame


def draw_scores(intervals: Any, where: str = "inside", seed: int = 0) -> Any:
    """Draw u in float32 within the intervals, or at their ends; give float32 normal scores."""
    low, high = intervals[..., 0], intervals[..., 1]
    share = np.random.default_rng(seed).random(low.shape, dtype=np.float32)
    u = {
        "inside": low + (high - low) * share,
        "low": np.minimum(np.nextafter(low, np.float32(1)), high),
        "high": np.maximum(np.nextafter(high, np.float32(0)), low),
    }[where]
    return ndtri(np.clip(u, 2.0**-24, 1 - 2.0**-24).astype(np.float32)).astype(np.float32)
