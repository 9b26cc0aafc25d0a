"""MultimodalDiffusion: what it refuses, what it promises about samples, what it leaves alone."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.sampling.guidance import Guidance

ROWS, LABELS = 24, 3
SETTINGS = {"max_steps": 4, "width": 8, "depth": 1, "n_steps": 3, "random_state": 0, "verbose": 0}


def modalities():
    return {"image": ImageModality(4, 4), "label": CategoricalModality(LABELS)}


def data(rows: int = ROWS):
    rng = np.random.default_rng(0)
    return {"image": rng.random((rows, 4, 4)), "label": np.arange(rows) % LABELS}


def make(**changes):
    return MultimodalDiffusion(modalities(), **SETTINGS | changes)


def assert_same(one, other):
    assert list(one) == list(other)
    for name, values in one.items():
        assert values.dtype == other[name].dtype
        np.testing.assert_array_equal(values, other[name])


@pytest.fixture(scope="module")
def model():
    return make().fit(data())


# --- What fit refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: {"image": x["image"]}, DataError, "must hold exactly ['image', 'label']. Got ["),
        (lambda x: x | {"sound": x["label"]}, DataError, "Got ['image', 'label', 'sound'] instead"),
        (lambda x: {}, DataError, "Got [] instead"),
        (lambda x: x | {1: x["label"]}, DataError, "must hold exactly ['image', 'label']"),
        (
            lambda x: x | {"label": x["label"][:-1]},
            DataError,
            "same number of rows. Got {'image': 24, 'label': 23}",
        ),
        (
            lambda x: {k: v[:1] for k, v in x.items()},
            DataError,
            "n_samples = 1 while a minimum of 2",
        ),
        (
            lambda x: {k: v[:0] for k, v in x.items()},
            DataError,
            "n_samples = 0 while a minimum of 2",
        ),
        (
            lambda x: x["image"],
            DataTypeError,
            "must map the names of the modalities to arrays. Got",
        ),
        (lambda x: [*x.values()], DataTypeError, "Got list instead"),
        (lambda x: x | {"image": x["image"] * 255}, DataError, "'image': Pixels must lie within"),
        (
            lambda x: x | {"image": x["image"] * np.nan},
            DataError,
            "'image': Pixels must lie within",
        ),
        (
            lambda x: x | {"image": x["image"][:, :3]},
            DataError,
            "'image': Expected images of shape",
        ),
        (
            lambda x: x | {"label": x["label"] + 1},
            DataError,
            "'label': Row 2: code 3 is not one of the known categories 0 to 2",
        ),
        (lambda x: x | {"label": x["label"] - 1}, DataError, "'label': Row 0: code -1 is not one"),
        (lambda x: x | {"label": x["label"] / 1}, DataError, "'label': Codes must be integers"),
    ],
)
def test_bad_data_are_refused_in_words_before_training(change, error, message, monkeypatch):
    monkeypatch.setattr("tabdiffuse.estimators.base.train", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(error, match=re.escape(message)):
        make().fit(change(data()))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "non-empty mapping"),
        (None, "non-empty mapping"),
        ([CategoricalModality(2)], "non-empty mapping"),
        ({"label": 3}, "modalities['label'] must be a Modality"),
        (
            {1: CategoricalModality(2)},
            "modalities[1] must be a Modality under a name that is a string",
        ),
    ],
)
def test_what_is_no_mapping_of_modalities_is_refused_by_fit(given, message):
    unfitted = MultimodalDiffusion(given, **SETTINGS)
    with pytest.raises(ParameterError, match=re.escape(message)):
        unfitted.fit(data())


@pytest.mark.parametrize(("name", "value"), [("preset", "quick"), ("width", 7), ("eta", 2)])
def test_parameters_are_checked_as_for_tables(name, value):
    with pytest.raises(ParameterError, match=f"'{name}' parameter of MultimodalDiffusion must be"):
        make(**{name: value}).fit(data())


# --- What sample refuses --------------------------------------------------------------------------


def test_sampling_before_fit_is_refused():
    with pytest.raises(NotFittedError):
        make().sample(1)


@pytest.mark.parametrize("count", [0, -1, 2.0, True, None])
def test_number_of_samples_is_checked_with_and_without_conditions(model, count):
    for conditions in (None, {"label": 1}):
        with pytest.raises(ParameterError, match=r"must be a positive integer\. Got"):
            model.sample(count, conditions=conditions)


@pytest.mark.parametrize(
    ("conditions", "error", "message"),
    [
        ({"digit": 1}, ParameterError, "unknown modality 'digit'. Known: ['image', 'label']"),
        (
            {"label": 3},
            DataError,
            "'label': Row 0: code 3 is not one of the known categories 0 to 2",
        ),
        ({"label": [0, 1, 7, 1]}, DataError, "'label': Row 2: code 7 is not one"),
        ({"label": "a"}, DataError, "'label': Codes must be integers"),
        ({"label": [0, 1]}, DataError, "conditions['label'] has (2,) rows, but n_samples=4"),
        ({"label": []}, DataError, "conditions['label'] has (0,) rows, but n_samples=4"),
        ({"image": np.full((4, 4), 2.0)}, DataError, "'image': Pixels must lie within"),
        ({"image": np.zeros((2, 4, 4))}, DataError, "conditions['image'] has (2,) rows"),
        (np.zeros((4, 4)), DataTypeError, "Got ndarray instead"),
        ({"image": 0.5}, DataError, "conditions['image'] has () rows"),
        (
            [("label", 1)],
            DataTypeError,
            "conditions must map names of modalities to values. Got list",
        ),
    ],
)
def test_bad_conditions_are_refused_in_words(model, conditions, error, message):
    with pytest.raises(error, match=re.escape(message)):
        model.sample(4, conditions=conditions)


# --- What sample promises -------------------------------------------------------------------------


def test_samples_have_the_form_of_the_data(model):
    sample = model.sample(7)
    assert list(sample) == ["image", "label"]
    assert sample["image"].shape == (7, 4, 4)
    assert sample["label"].shape == (7,)
    assert sample["image"].min() >= 0
    assert sample["image"].max() <= 1
    assert set(sample["label"]) <= set(range(LABELS))


def test_conditions_come_back_bit_identical(model):
    known = data(9)
    for name in known:
        sample = model.sample(9, conditions={name: known[name]})
        assert sample[name].dtype == known[name].dtype
        np.testing.assert_array_equal(sample[name], known[name])
    both = model.sample(9, conditions=known)
    assert_same({name: both[name] for name in known}, known)


def test_one_condition_serves_all_rows(model):
    image = data(1)["image"][0]
    sample = model.sample(5, conditions={"image": image}, random_state=0)
    np.testing.assert_array_equal(sample["image"], np.repeat(image[None], 5, axis=0))
    assert_same(model.sample(5, conditions={"label": 2}, random_state=0),
                model.sample(5, conditions={"label": [2] * 5}, random_state=0))  # fmt: skip


def test_a_condition_changes_what_is_not_given(model):
    """A negative control: the rest must depend on it, here through the network's weights."""
    shaken = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in shaken.denoiser_.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.manual_seed(0))
    one, other = (shaken.sample(5, conditions={"label": k}, random_state=0) for k in (0, 1))
    assert not np.array_equal(one["image"], other["image"])


def test_conditions_are_not_changed(model):
    known = data(4)
    before = copy.deepcopy(known)
    sample = model.sample(4, conditions={"image": known["image"]})
    sample["image"] += 1
    model.sample(4, conditions={"label": known["label"]})["label"] += 1
    assert_same(known, before)


@pytest.mark.parametrize("conditions", [None, {"label": 1}])
def test_equal_seeds_give_equal_samples(model, conditions):
    one, other = (model.sample(6, conditions=conditions, random_state=3) for _ in range(2))
    assert_same(one, other)
    assert not np.array_equal(
        one["image"], model.sample(6, conditions=conditions, random_state=4)["image"]
    )
    assert not np.array_equal(model.sample(6)["image"], model.sample(6)["image"])


@pytest.mark.parametrize("conditions", [None, {"label": 1}])
@pytest.mark.parametrize("batch_size", [None, 1, 10_000])
def test_a_small_sample_is_the_head_of_a_large_one(model, conditions, batch_size):
    few = model.sample(5, conditions=conditions, random_state=0)
    many = model.sample(600, conditions=conditions, random_state=0, batch_size=batch_size)
    assert_same(few, {name: values[:5] for name, values in many.items()})


def test_equal_seeds_give_equal_models():
    one, other = (make().fit(data()) for _ in range(2))
    assert_same(one.sample(4), other.sample(4))
    assert not np.array_equal(
        one.sample(4)["image"], make(random_state=1).fit(data()).sample(4)["image"]
    )


# --- Guidance -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shaken(model):
    """A model whose answers depend on the conditions, as if it had learnt something."""
    lively = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in lively.denoiser_.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.manual_seed(0))
    return lively


@pytest.mark.parametrize("guidance", [3, 0.0, Guidance(3.0, 0.5, (0.2, 0.9))])
def test_guidance_changes_the_rest_and_keeps_the_conditions(shaken, guidance):
    plain = shaken.sample(5, conditions={"label": 1}, random_state=0)
    lean = shaken.sample(5, conditions={"label": 1}, guidance=guidance, random_state=0)
    assert (lean["label"] == 1).all()
    assert not np.array_equal(lean["image"], plain["image"])
    assert_same(lean, shaken.sample(5, conditions={"label": 1}, guidance=guidance, random_state=0))


@pytest.mark.parametrize("guidance", [None, 1, 1.0, Guidance(1.0, 0.5)])
def test_strength_one_and_none_are_no_guidance(shaken, guidance):
    plain = shaken.sample(5, conditions={"label": 1}, random_state=0)
    assert_same(shaken.sample(5, conditions={"label": 1}, guidance=guidance, random_state=0), plain)
    assert_same(
        shaken.sample(5, guidance=guidance, random_state=0), shaken.sample(5, random_state=0)
    )


@pytest.mark.parametrize("conditions", [None, {}])
@pytest.mark.parametrize("guidance", [2, Guidance(0.5)])
def test_guidance_without_conditions_is_refused(model, conditions, guidance):
    message = "leans on conditions, and MultimodalDiffusion.sample was given none. Got guidance="
    with pytest.raises(ParameterError, match=re.escape(message)):
        model.sample(3, conditions=conditions, guidance=guidance)


@pytest.mark.parametrize("guidance", [-1, "strong", np.nan, np.inf, True, (2.0, 0.5)])
def test_guidance_that_is_no_strength_is_refused(model, guidance):
    message = "The 'guidance' parameter of MultimodalDiffusion.sample must be a non-negative"
    with pytest.raises(ParameterError, match=re.escape(message)):
        model.sample(3, conditions={"label": 1}, guidance=guidance)


# --- scikit-learn's rules -------------------------------------------------------------------------


def test_parameters_are_stored_as_they_were_given():
    given = modalities()
    model = MultimodalDiffusion(given, width=8)
    assert model.get_params(deep=False)["modalities"] is given
    assert model.set_params(width=16).width == 16


def test_clone_is_unfitted_and_fits_to_the_same_model(model):
    other = clone(model)
    assert not hasattr(other, "denoiser_")
    assert {k: v for k, v in other.get_params().items() if k != "modalities"} == {
        k: v for k, v in model.get_params().items() if k != "modalities"
    }
    assert list(other.modalities) == list(model.modalities)
    assert_same(other.fit(data()).sample(4, random_state=0), model.sample(4, random_state=0))


def test_fit_leaves_the_modalities_of_the_constructor_alone():
    given = modalities()
    before = {name: part.state_dict().keys() for name, part in given.items()}
    model = MultimodalDiffusion(given, **SETTINGS).fit(data())
    assert {name: part.state_dict().keys() for name, part in given.items()} == before
    assert all(part not in given.values() for part in model.denoiser_.joint.parts().values())
    again = model.sample(3, random_state=0)
    assert_same(model.fit(data()).sample(3, random_state=0), again)


def test_fit_leaves_the_data_alone():
    x, before = data(), data()
    make().fit(x)
    assert_same(x, before)


def test_a_pickled_model_draws_the_same_samples(model):
    twin = pickle.loads(pickle.dumps(model))
    assert_same(twin.sample(6, random_state=0), model.sample(6, random_state=0))
