"""Fixtures of the integration tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def forbid_training(monkeypatch):
    """Give a function; once it was called, a test fails when training starts."""

    def train(*args, **kwargs):
        pytest.fail("training started")

    return lambda: monkeypatch.setattr("tabdiffuse.estimators.base.train", train)


@pytest.fixture
def no_training(forbid_training):
    """Fail when training starts."""
    forbid_training()
