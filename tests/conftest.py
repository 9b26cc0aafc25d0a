"""Settings and fixtures shared by every test."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, settings

# Under CI the examples are the same on every run, and a slow machine is no failure.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# Test models are tiny: more threads only wait for one another (for very long on a busy machine),
# and the order of float sums should not depend on how many cores there are.
torch.set_num_threads(1)

TINY_ROWS = 200


@pytest.fixture
def tiny_frame() -> pd.DataFrame:
    """Build 200 mixed rows with dependent columns; the same rows on every call.

    ``age`` int64 · ``price`` two decimals · ``gain`` float with an atom at 0 (about 70 %) ·
    ``height`` float with NaN (about 10 %) · ``city`` str · ``colour`` category with an unused
    level · ``member`` bool.
    """
    rng = np.random.default_rng(20240607)
    age = rng.integers(18, 80, TINY_ROWS)
    price = np.round(rng.lognormal(3.0, 0.5, TINY_ROWS) + 0.1 * age, 2)
    gain = np.where(rng.random(TINY_ROWS) < 0.7, 0.0, rng.gamma(2.0, 1000.0, TINY_ROWS))
    height = rng.normal(170.0, 9.0, TINY_ROWS)
    height[rng.random(TINY_ROWS) < 0.1] = np.nan
    city = np.array(["Łódź", "Paris", "São Paulo"])[rng.choice(3, TINY_ROWS, p=[0.2, 0.5, 0.3])]
    colour = np.where(price > np.median(price), "red", "blue")
    member = rng.random(TINY_ROWS) < np.where(city == "Paris", 0.8, 0.3)
    return pd.DataFrame(
        {
            "age": age,
            "price": price,
            "gain": gain,
            "height": height,
            "city": city.tolist(),
            "colour": pd.Categorical(colour, categories=["blue", "green", "red"]),
            "member": member,
        }
    )
