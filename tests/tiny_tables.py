"""Tiny table models for tests, and what every sample of one must satisfy."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from tabdiffuse import TabularDiffusion
from tabdiffuse.tables import TableCodec, TableSchema
from tests.strategies import draw_scores

SETTINGS: dict[str, Any] = {
    "max_steps": 5,
    "width": 8,
    "depth": 1,
    "n_steps": 4,
    "random_state": 0,
    "device": "cpu",
    "verbose": 0,
}

MEMBERS = [
    "README.md",
    "codec.json",
    "codec.safetensors",
    "config.json",
    "history.csv",
    "manifest.json",
    "schema.json",
    "weights.safetensors",
]
"""What a model file holds."""


def members_of(path: Path) -> dict[str, bytes]:
    """Read the members of a model file, unchecked."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def tiny_model(**changes: Any) -> TabularDiffusion:
    """Make an estimator that fits in less than a tenth of a second."""
    return TabularDiffusion(**SETTINGS | changes)


def weights(model: TabularDiffusion) -> dict[str, torch.Tensor]:
    """Return copies of all weights."""
    return {name: p.detach().clone() for name, p in model.denoiser_.named_parameters()}


def assert_same_weights(one: TabularDiffusion, other: TabularDiffusion) -> None:
    """Check that two models are equal bit for bit."""
    mine, theirs = weights(one), weights(other)
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def assert_same_rows(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Check that two frames are equal bit for bit, dtypes and index included."""
    pd.testing.assert_frame_equal(one, other, check_exact=True, check_index_type=True)


def assert_like(sample: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Check columns, order, dtypes and categories; values lie in the set or the range seen."""
    assert isinstance(sample.index, pd.RangeIndex)
    assert list(sample.columns) == list(frame.columns)
    assert list(map(type, sample.columns)) == list(map(type, frame.columns))
    assert list(sample.dtypes) == list(frame.dtypes)  # of a category: levels and their order too
    for column in TableSchema.infer(frame).columns:
        new, old = sample[column.name], frame[column.name]
        assert old.isna().any() or not new.isna().any(), column.name
        if column.kind == "numeric":
            if new.notna().any():
                assert new.min() >= old.min(), column.name
                assert new.max() <= old.max(), column.name
        else:
            assert set(new.dropna()) <= set(old.dropna()), column.name
        if new.dtype == object:
            assert {type(v) for v in new.dropna()} <= {type(v) for v in old.dropna()}, column.name


def mixed_frame(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Build rows whose columns depend on one another strongly."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    sign = np.where(x > 0, "plus", "minus")
    return pd.DataFrame({"x": x, "twice": 2 * x, "sign": sign, "big": np.abs(x) > 1})


def fit_codec(frame, overrides=None, **options):
    """Fit the codec of a table to its inferred schema."""
    return TableCodec.fit(frame, TableSchema.infer(frame, overrides), **options)


def round_trip(codec, frame, where="inside"):
    """Encode a table, draw scores within its intervals, and decode them."""
    arrays = codec.encode(frame)
    if "numeric" in arrays:
        arrays["numeric"] = draw_scores(arrays["numeric"], where)
    return codec.decode(arrays)
