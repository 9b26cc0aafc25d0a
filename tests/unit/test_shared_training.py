"""Tiny networks trained under the shared process, by the loop and the estimator that all share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabdiffuse import CategoricalModality, MultimodalDiffusion
from tabdiffuse._random import seeded_initialisation
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.joint import Shared
from tabdiffuse.modalities.image import ImageModality
from tabdiffuse.nn.dit import DiT, DiTConfig
from tabdiffuse.times import RandomClean
from tabdiffuse.training.loop import TrainConfig, train

LEVELS = np.array([0.2, 0.8])


def pictures(rows: int = 128) -> dict[str, np.ndarray]:
    """Dark pictures of class 0 and bright ones of class 1, three to two."""
    rng = np.random.default_rng(5)
    labels = (np.arange(rows) % 5 < 2).astype(int)
    noise = rng.normal(0, 0.05, (rows, 4, 4))
    return {"image": np.clip(LEVELS[labels, None, None] + noise, 0, 1), "label": labels}


def parts():
    return {"image": ImageModality(4, 4), "label": CategoricalModality(2)}


@pytest.fixture(scope="module", params=[True, False], ids=["X", "U"])
def model(request):
    class_means = np.broadcast_to(LEVELS[:, None, None], (2, 4, 4))
    return MultimodalDiffusion(
        parts(),
        joint=Shared("image", encoders={"label": class_means}, shows_known=request.param),
        width=16, depth=1, max_steps=120, learning_rate=1e-2, batch_size=64, n_steps=20,
        random_state=0, verbose=0,
    ).fit(pictures())  # fmt: skip


def test_pictures_and_labels_belong_together(model):
    drawn = model.sample(200, random_state=1)
    bright = drawn["image"].mean(axis=(1, 2)) > 0.5
    assert (bright == drawn["label"]).mean() > 0.9
    assert 0.2 < drawn["label"].mean() < 0.6  # 0.4, give or take 0.035 and a short training


def test_label_of_a_picture_is_found_and_the_picture_comes_back(model):
    data = pictures()
    drawn = model.sample(128, conditions={"image": data["image"]}, n_steps=1, random_state=1)
    assert (drawn["label"] == data["label"]).mean() > 0.9
    assert np.array_equal(drawn["image"], data["image"])


@pytest.mark.parametrize("model", [True], ids=["X"], indirect=True)
@pytest.mark.parametrize("label", [0, 1])
def test_network_that_sees_labels_draws_pictures_that_show_them(model, label):
    drawn = model.sample(50, conditions={"label": label}, random_state=1)
    assert (drawn["label"] == label).all()
    assert drawn["image"].mean() == pytest.approx(LEVELS[label], abs=0.2)


def test_rest_of_a_picture_is_restored(model):
    data = pictures(50)
    holes = data["image"].copy()
    holes[:, :2] = np.nan
    drawn = model.sample(50, conditions={"image": holes}, random_state=1)["image"]
    assert np.array_equal(drawn[:, 2:], holes[:, 2:])
    restored = drawn[:, :2].mean(axis=(1, 2)) > 0.5
    assert (restored == data["label"]).mean() > 0.9


def test_backbone_encoder_learns_the_class_means_and_does_not_collapse():
    own = parts()
    with seeded_initialisation(0):
        for part in own.values():
            part.build(32)
        joint = Shared("image", encoders={"label": "backbone"}).build(own)
        denoiser = Denoiser(joint, DiT(DiTConfig(32, 1, 2)))
    joint.attach(denoiser.raw)
    data = {name: own[name].encode(values) for name, values in pictures().items()}
    train(
        denoiser,
        data,
        TrainConfig(240, None, 64, learning_rate=1e-2),
        RandomClean(per_cell=False),
        seed=0,
    )
    encoded = joint._encoders["label"](torch.eye(2)[:, None])
    means = encoded.mean(dim=(1, 2)).numpy() / 2 + 0.5  # from [-1, 1]
    assert np.abs(means - LEVELS).max() < 0.2
    assert means[1] - means[0] > 0.3
