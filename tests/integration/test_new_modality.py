"""The seam: a modality the library has never heard of goes through fit and sample untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tabdiffuse import CategoricalModality, MultimodalDiffusion
from tabdiffuse.errors import DataError
from tabdiffuse.modalities import Modality
from tabdiffuse.processes import GaussianProcess
from tabdiffuse.spaces import RealSpace

ROWS = 600
CENTRES = np.array([0.5, 2.5, 4.6])
SPREAD = 0.15


class AngleModality(Modality):
    """One direction in [0, 2 pi), diffused as a point on the circle."""

    def __init__(self):
        super().__init__()
        self.process = GaussianProcess(RealSpace(1, 2))

    def build(self, width):
        self.to_token = nn.Linear(2, width)
        self.to_point = nn.Linear(width, 2)

    def encode(self, values):
        angles = np.asarray(values, dtype=np.float32)
        if angles.ndim != 1 or not np.isfinite(angles).all():
            raise DataError("Expected finite angles of shape (n,).")
        return torch.as_tensor(np.stack([np.cos(angles), np.sin(angles)], axis=-1))[:, None]

    def decode(self, state):
        x, y = state[:, 0].cpu().numpy().T
        return np.arctan2(y, x) % (2 * np.pi)

    def embed(self, x):
        return self.to_token(x)

    def readout(self, h):
        return self.to_point(h)


def winds(rows: int = ROWS):
    """Three seasons, each with a wind of its own."""
    rng = np.random.default_rng(0)
    season = rng.integers(0, 3, rows)
    return {"wind": rng.normal(CENTRES[season], SPREAD), "season": season}


def make(**changes):
    settings = {"width": 32, "depth": 2, "n_steps": 20, "random_state": 0, "verbose": 0} | changes
    parts = {"wind": AngleModality(), "season": CategoricalModality(3)}
    return MultimodalDiffusion(parts, **settings)


@pytest.fixture(scope="module")
def model():
    return make(max_steps=1000).fit(winds())


def off(angles, season):
    """Give the distance of each angle from where its season blows."""
    apart = np.abs(angles - CENTRES[season]) % (2 * np.pi)
    return np.minimum(apart, 2 * np.pi - apart)


def test_wind_follows_the_season(model):
    season = np.repeat([0, 1, 2], 100)
    wind = model.sample(300, conditions={"season": season}, random_state=0)["wind"]
    assert np.mean(off(wind, season) < 4 * SPREAD) > 0.9
    # The control: the same winds do not follow a season they were not asked for.
    assert np.mean(off(wind, (season + 1) % 3) < 4 * SPREAD) < 0.1


def test_season_is_told_from_the_wind(model):
    fresh = winds(900)
    wind, season = fresh["wind"][ROWS:], fresh["season"][ROWS:]
    told = model.sample(300, conditions={"wind": wind}, random_state=0)
    assert np.mean(told["season"] == season) > 0.9
    np.testing.assert_array_equal(told["wind"], wind)


def test_both_are_drawn_together(model):
    sample = model.sample(600, random_state=0)
    assert np.mean(off(sample["wind"], sample["season"]) < 4 * SPREAD) > 0.85
    assert np.bincount(sample["season"], minlength=3).min() > 120


def test_an_untrained_model_knows_nothing_of_it():
    """The control of the tests above."""
    untrained = make(max_steps=1).fit(winds())
    season = np.repeat([0, 1, 2], 100)
    wind = untrained.sample(300, conditions={"season": season}, random_state=0)["wind"]
    assert np.mean(off(wind, season) < 4 * SPREAD) < 0.5


def test_its_refusals_reach_the_user(model):
    with pytest.raises(DataError, match="'wind': Expected finite angles"):
        model.sample(2, conditions={"wind": np.nan})
