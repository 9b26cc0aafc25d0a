"""Values with gaps, through fit and sample: what is known stays, the rest is drawn given it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tabdiffuse import (
    CategoricalModality,
    DiscreteImageModality,
    ImageModality,
    MultimodalDiffusion,
    TextModality,
    VectorModality,
)
from tests.tiny import CAPTIONS

ROWS = 18
SETTINGS = {"max_steps": 3, "width": 16, "depth": 1, "n_steps": 4, "random_state": 0, "verbose": 0}
CORNER = np.zeros((4, 6), dtype=bool)
CORNER[2:, :2] = True  # one patch of 2 x 2


def data():
    rng = np.random.default_rng(0)
    return {
        "image": rng.random((ROWS, 4, 6)).astype(np.float32),
        "colour": rng.integers(0, 256, (ROWS, 4, 6, 3)).astype(np.uint8),
        "map": rng.integers(0, 3, (ROWS, 4, 6)),
        "vector": rng.normal(size=(ROWS, 6)),
        "codes": rng.integers(0, [2, 4], (ROWS, 2)),
        "text": CAPTIONS * 3,
        "kind": rng.choice(["cat", "bird"], ROWS),
    }


def modalities():
    return {
        "image": ImageModality(4, 6),
        "colour": ImageModality(4, 6, channels=3, value_range=(0, 255)),
        "map": DiscreteImageModality(4, 6, 3),
        "vector": VectorModality(6, tokens=3),
        "codes": CategoricalModality((2, 4)),
        "text": TextModality(8),
        "kind": CategoricalModality(categories=["bird", "cat"]),
    }


@pytest.fixture(scope="module")
def model():
    """A model with random weights, so that all it draws depends on all that it knows."""
    fitted = MultimodalDiffusion(modalities(), **SETTINGS).fit(data())
    with torch.no_grad():
        for parameter in fitted.denoiser_.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.manual_seed(0))
    return fitted


def drawn(model, conditions, rows: int = 5):
    return model.sample(rows, conditions=conditions, random_state=0)


def test_samples_have_the_form_of_the_data(model):
    sample, given = drawn(model, None), data()
    for name, values in sample.items():
        assert values.shape == (5, *np.shape(given[name])[1:])
    assert sample["colour"].min() >= 0
    assert sample["colour"].max() > 1
    assert sample["map"].dtype.kind == "i"
    assert set(sample["kind"]) <= {"cat", "bird"}
    assert all(isinstance(text, str) for text in sample["text"])


@pytest.mark.parametrize("name", modalities())
def test_what_is_given_whole_comes_back_bit_identical(model, name):
    given = np.asarray(data()[name])[:5]
    found = drawn(model, {name: given})[name]
    assert found.dtype == given.dtype
    np.testing.assert_array_equal(found, given)


GAPPED = {
    "image": (CORNER, np.nan),
    "map": (CORNER, -1),
    "vector": (np.arange(6) // 2 == 1, np.nan),
    "codes": (np.array([False, True]), -1),
}


@pytest.mark.parametrize("name", GAPPED)
def test_gaps_are_drawn_and_the_rest_comes_back_bit_identical(model, name):
    gaps, sign = GAPPED[name]
    values = data()[name][:5]
    found = drawn(model, {name: np.where(gaps, sign, values)})[name]
    assert np.array_equal(found[:, ~gaps], values[:, ~gaps])
    assert np.isfinite(found).all()
    assert (found[:, gaps] >= (-np.inf if name == "vector" else 0)).all()
    if values.dtype.kind == "f":  # the control: a gap is not filled with what was behind it
        assert (found[:, gaps] != values[:, gaps]).all()


@pytest.mark.parametrize("name", ["image", "map", "vector"])
def test_a_gap_opens_its_whole_token_and_hides_what_else_is_there(model, name):
    """One missing number: its neighbours in the token are not looked at, others are."""
    gaps, sign = GAPPED[name]
    neighbour, first = np.argwhere(gaps)[:2]
    elsewhere = np.argwhere(~gaps)[0]

    def drawn_with(place, value):
        values = data()[name][:5]
        values[(slice(None), *first)] = sign
        values[(slice(None), *place)] = value
        return drawn(model, {name: values})

    one, other = (drawn_with(neighbour, value) for value in (0, 1))
    for part, found in one.items():
        np.testing.assert_array_equal(found, other[part])
    one, other = (drawn_with(elsewhere, value) for value in (0, 1))  # the control
    assert not np.array_equal(one["colour"], other["colour"])


def test_rows_may_have_gaps_in_different_places(model):
    values = data()["image"][:5].copy()
    values[0] = np.nan
    values[1, :2, :2] = np.nan
    values[2, 3, 5] = np.nan
    found = drawn(model, {"image": values})["image"]
    known = np.ones((5, 4, 6), dtype=bool)
    known[0] = known[1, :2, :2] = known[2, 2:, 4:] = False
    assert np.array_equal(found[known], values[known])
    assert np.isfinite(found).all()


def test_an_image_that_is_all_gaps_is_no_condition(model):
    free, nothing = drawn(model, None), drawn(model, {"image": np.full((4, 6), np.nan)})
    for name, values in free.items():
        np.testing.assert_array_equal(values, nothing[name])


def test_open_tokens_of_a_text_are_drawn_beside_the_known_ones(model):
    words = model.denoiser_.joint.parts()["text"]
    found = drawn(model, {"text": ["a <mask> cat", "<mask> <mask>", None, "a red cat", ""]})["text"]
    assert found[3:].tolist() == ["a red cat", ""]
    assert words.tokenizer.split(found[0])[0] == "a"
    assert len(words.tokenizer.split(found[1])) <= 2
    assert all(isinstance(text, str) for text in found)


def test_open_tokens_change_what_is_known(model):
    """The control: one word more or less changes the rest."""
    one, other = (drawn(model, {"text": text}) for text in ("a <mask> cat", "a <mask> bird"))
    assert not np.array_equal(one["image"], other["image"])


def test_missing_categories_are_drawn(model):
    found = drawn(model, {"kind": np.array(["cat", None, "bird", None, "cat"], dtype=object)})
    assert found["kind"][[0, 2, 4]].tolist() == ["cat", "bird", "cat"]
    assert set(found["kind"]) <= {"cat", "bird"}


def test_fit_prepares_copies_and_not_what_was_given():
    given = modalities()
    MultimodalDiffusion(given, **SETTINGS).fit(data())
    assert not given["text"].tokenizer.is_fitted
    assert (given["vector"].decode(torch.ones(1, 3, 2)) == 1).all()


def test_a_modality_learns_from_the_training_data_and_not_from_conditions(model):
    vector, text = (model.denoiser_.joint.parts()[name] for name in ("vector", "text"))
    before = vector.decode(torch.ones(1, 3, 2)), text.tokenizer.vocabulary
    drawn(model, {"vector": 100 * data()["vector"][:5], "text": "zebra"})
    assert np.array_equal(vector.decode(torch.ones(1, 3, 2)), before[0])
    assert text.tokenizer.vocabulary == before[1]
