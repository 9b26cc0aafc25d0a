"""Modalities that are always given: a model of the rest, which is never asked to draw them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion
from tabdiffuse.errors import ParameterError

LABELS = np.repeat([0, 1], 20)
PICTURES = np.broadcast_to(LABELS[:, None, None], (40, 4, 4)).astype(float)
DATA = {"image": PICTURES, "label": LABELS}


def model(given=("label",), steps: int = 2) -> MultimodalDiffusion:
    modalities = {"image": ImageModality(4, 4), "label": CategoricalModality(2)}
    return MultimodalDiffusion(
        modalities,
        given=given,
        width=16,
        depth=1,
        max_steps=steps,
        n_steps=8,
        device="cpu",
        random_state=0,
        verbose=0,
    )


@pytest.fixture(scope="module")
def fitted() -> MultimodalDiffusion:
    return model(steps=400).fit(DATA)


def test_the_rest_is_drawn_given_the_condition(fitted):
    asked = np.arange(60) % 2
    drawn = fitted.sample(60, conditions={"label": asked})["image"].mean(axis=(1, 2))
    # Chance has at most 54 of 60 right less than once in a million.
    assert ((drawn > 0.5) == asked).sum() > 54
    untrained = model().fit(DATA).sample(60, conditions={"label": asked})["image"]
    assert ((untrained.mean(axis=(1, 2)) > 0.5) == asked).sum() <= 54  # the control


def test_what_is_given_has_no_loss(fitted):
    assert fitted.history_["loss_label"].eq(0).all()
    assert fitted.history_["loss_image"].gt(0).all()
    assert model(given=None, steps=20).fit(DATA).history_["loss_label"].gt(0).any()  # the control


@pytest.mark.parametrize(
    "conditions", [None, {"image": PICTURES[0]}, {"label": [0, -1]}], ids=["none", "other", "gap"]
)
def test_a_sample_without_it_is_refused_with_the_remedy(fitted, conditions):
    with pytest.raises(ParameterError, match=r"'label' was given in training.*without\s+gaps"):
        fitted.sample(2, conditions=conditions)


def test_what_counts_is_what_the_fit_was_given(fitted):
    other = copy.deepcopy(fitted).set_params(given=None)
    with pytest.raises(ParameterError, match="'label' was given in training"):
        other.sample(2)


@pytest.mark.parametrize("given", ["label", [], ["label", "image"], 3])
def test_given_must_be_names_that_leave_something_to_learn(given):
    with pytest.raises(ParameterError, match=r"'given' parameter .* must be a list of names.*Got"):
        model(given).fit(DATA)


def test_given_must_name_modalities():
    with pytest.raises(ParameterError, match=r"unknown modality 'lable'.*\['image', 'label'\]"):
        model(["lable"]).fit(DATA)
