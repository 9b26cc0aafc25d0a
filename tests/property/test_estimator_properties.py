"""Any table that a schema accepts can be fitted, sampled, saved and loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tabdiffuse import TabularDiffusion
from tests.strategies import frames
from tests.tiny_tables import assert_like, assert_same_rows, tiny_model

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(frames(), st.integers(0, 2**32 - 1))
def test_samples_look_like_the_training_data(frame, seed):
    before = frame.copy(deep=True)
    model = tiny_model(max_steps=2, n_steps=2, random_state=seed).fit(frame)
    sample = model.sample(7)
    assert len(sample) == 7
    assert_like(sample, frame)
    pd.testing.assert_frame_equal(frame, before)


@FEW
@given(frames())
def test_a_loaded_model_samples_the_same_rows(frame):
    model = tiny_model(max_steps=2, n_steps=2).fit(frame)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        loaded = TabularDiffusion.load(Path(folder) / "model", device="cpu")
    assert loaded.schema_ == model.schema_
    assert_same_rows(loaded.sample(7), model.sample(7))
