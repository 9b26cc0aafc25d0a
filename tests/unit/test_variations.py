"""Rows like given ones from a model of arrays: how far they move, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion, Shared
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.estimators.variations import _noised
from tabdiffuse.joint import Observed, ProductProcess

ROWS = 600  # more than one block


def make(rows: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "image": rng.uniform(size=(rows, 8, 8)).astype(np.float32),
        "label": rng.integers(0, 3, rows),
    }


def model(**settings) -> MultimodalDiffusion:
    parts = {"image": ImageModality(8, 8, patch=4), "label": CategoricalModality(3)}
    wanted: dict[str, Any] = {"max_steps": 3, "width": 16, "depth": 1, "n_steps": 4, "verbose": 0}
    return MultimodalDiffusion(parts, random_state=0, **wanted, **settings).fit(make())


@pytest.fixture(scope="module")
def fitted() -> MultimodalDiffusion:
    return model()


def test_noised_cells_follow_the_forward_process_at_their_time():
    """What is left when the schedule's share of the data is taken off is standard normal."""
    part = ImageModality(8, 8, patch=4)
    joint = ProductProcess({"image": part})
    clean = part.encode(make(ROWS)["image"])
    known = torch.ones(ROWS, part.cells, dtype=torch.bool)
    known[:, 1] = False
    given = Observed({"image": clean}, {"image": known})
    found = _noised(given, joint, {"image": 0.4}, ROWS, 7)
    levels = part.process.schedule(torch.tensor(0.4))
    eps = ((found.values["image"] - levels.alpha * clean) / levels.sigma)[:, [0, 2, 3]]
    # 28,800 standard normal numbers: five standard deviations of their mean and variance.
    assert abs(float(eps.mean())) < 0.03
    assert abs(float(eps.var()) - 1) < 0.042
    assert (found.times["image"][:, [0, 2, 3]] == 0.4).all()
    assert (found.times["image"][:, 1] == 0).all()
    again = _noised(given.apply(lambda x: x[:300]), joint, {"image": 0.4}, 300, 7)
    assert (again.values["image"] == found.values["image"][:300]).all()


def test_rows_move_the_more_the_stronger_the_noise(fitted):
    given = make(30, 1)
    moved = [
        np.square(fitted.vary(given, strength=s, random_state=0)["image"] - given["image"]).mean()
        for s in (0.05, 0.3, 0.9)
    ]
    assert moved[0] < moved[1] < moved[2]


def test_strength_0_keeps_rows_bit_for_bit(fitted):
    given = make(30, 1)
    same = fitted.vary(given, strength=0, random_state=0)
    part = fitted.vary(given, strength={"image": 0.5}, random_state=0)
    for name, array in given.items():
        np.testing.assert_array_equal(same[name], array)
    np.testing.assert_array_equal(part["label"], given["label"])
    assert not (part["image"] == given["image"]).any(axis=(1, 2)).all()


def test_what_is_left_out_or_open_is_drawn(fitted):
    given = make(30, 1)
    image = given["image"].copy()
    image[:, :4, :4] = np.nan
    drawn = fitted.vary({"image": image}, strength=0.0, random_state=0)
    np.testing.assert_array_equal(drawn["image"][:, 4:], image[:, 4:])
    assert np.isfinite(drawn["image"]).all()
    assert set(drawn["label"]) <= {0, 1, 2}


def test_equal_seeds_vary_equally(fitted):
    given = make(5, 1)
    one, same, other = (fitted.vary(given, random_state=seed)["image"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not (one == other).all()


@pytest.mark.parametrize(
    ("given", "strength", "error", "words"),
    [
        (make(5), 1.5, ParameterError, "strength must be a number from 0 to 1. Got 1.5"),
        (make(5), {"image": True}, ParameterError, r"strength\['image'\]"),
        (make(5), {"sound": 0.1}, ParameterError, "unknown modality 'sound'"),
        ({**make(5), "label": [0, 1]}, 0.3, DataError, "same number of rows"),
        ({}, 0.3, DataTypeError, "must map names"),
        (np.zeros((3, 8, 8)), 0.3, DataTypeError, "must map names"),
        ({"image": np.zeros((3, 4, 8))}, 0.3, DataError, "'image'"),
    ],
)
def test_what_cannot_be_varied_is_refused_in_words(fitted, given, strength, error, words):
    with pytest.raises(error, match=words):
        fitted.vary(given, strength=strength)


def test_a_shared_process_is_refused():
    with pytest.raises(ParameterError, match="fit with joint=None"):
        model(joint=Shared("image")).vary(make(5))
