"""A map, a vector, a text and a label, learnt together: each is told from each of the others."""

from __future__ import annotations

import numpy as np
import pytest

from tabdiffuse import (
    CategoricalModality,
    DiscreteImageModality,
    MultimodalDiffusion,
    TextModality,
    VectorModality,
)
from tabdiffuse.errors import DataError, DataTypeError, ParameterError

SCENES = ["sea", "hill", "town"]
CAPTIONS = ["a calm sea", "a green hill, far away", "the town"]
CENTRES = np.array([[1.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.5], [0.0, 0.0, 1.0, 0.5]])
SPREAD = 0.1
MAPS = np.array(
    [
        [[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]],
        [[0, 0, 0, 2], [0, 0, 2, 2], [0, 2, 2, 2], [2, 2, 2, 2]],
        [[0, 3, 0, 3], [3, 3, 0, 3], [3, 3, 3, 3], [3, 3, 3, 3]],
    ]
)


def scenes(rows: int = 600):
    """Scenes; of a map one pixel in ten is another class than its scene has there."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 3, rows)
    specks = rng.random((rows, 4, 4)) < 0.1
    return {
        "map": np.where(specks, rng.integers(0, 4, (rows, 4, 4)), MAPS[scene]),
        "vector": CENTRES[scene] + rng.normal(scale=SPREAD, size=(rows, 4)),
        "text": [CAPTIONS[k] for k in scene],
        "scene": [SCENES[k] for k in scene],
    }


def scene_of(sample):
    """Name the scene that each modality shows, -1 where it shows none of them."""
    off = np.abs(sample["vector"][:, None] - CENTRES).max(axis=-1)
    alike = (sample["map"][:, None] == MAPS).mean(axis=(2, 3))
    words = np.array([CAPTIONS.index(x) if x in CAPTIONS else -1 for x in sample["text"]])
    return {
        "map": np.where(alike.max(axis=1) > 0.7, alike.argmax(axis=1), -1),
        "vector": np.where(off.min(axis=1) < 5 * SPREAD, off.argmin(axis=1), -1),
        "text": words,
        "scene": np.array([SCENES.index(x) for x in sample["scene"]]),
    }


def make(**settings):
    parts = {
        "map": DiscreteImageModality(4, 4, 4),
        "vector": VectorModality(4),
        "text": TextModality(6),
        "scene": CategoricalModality(categories=SCENES),
    }
    return MultimodalDiffusion(
        parts, width=32, depth=2, n_steps=24, random_state=0, verbose=0, **settings
    )


@pytest.fixture(scope="module")
def model():
    return make(max_steps=600).fit(scenes())


def agreement(model, name):
    """Share of the rows in which each other modality shows the scene that one was given."""
    given, rows = scenes(900), slice(600, 900)
    values = np.asarray(given[name])[rows]
    told = scene_of(model.sample(300, conditions={name: values}, random_state=0))
    truth = scene_of({key: np.asarray(own)[rows] for key, own in given.items()})[name]
    return {key: np.mean(own == truth) for key, own in told.items() if key != name}


# A third is chance. A vector alone says least after so short a training: a word or a class is
# either exact or hidden, so what it says is learnt at every time, but a vector is exact only where
# it is given, and rarely is it all that is given.
LEAST = {"map": 0.9, "text": 0.9, "scene": 0.8, "vector": 0.5}


@pytest.mark.parametrize("name", LEAST)
def test_each_is_told_from_each_other(model, name):
    assert min(agreement(model, name).values()) > LEAST[name]


def test_an_untrained_model_tells_nothing():
    """The control of the test above."""
    assert max(agreement(make(max_steps=1).fit(scenes()), "scene").values()) < 0.48


def test_together_they_show_one_scene(model):
    shown = np.stack(list(scene_of(model.sample(300, random_state=0)).values()))
    assert np.mean((shown == shown[0]).all(axis=0) & (shown[0] >= 0)) > 0.6
    assert np.bincount(shown[3], minlength=3).min() > 50


def test_half_a_map_and_half_a_text_are_completed(model):
    half = np.where(np.arange(4) < 2, MAPS[1], -1)
    told = scene_of(model.sample(100, conditions={"map": half}, random_state=0))
    assert np.mean(told["text"] == 1) > 0.9
    told = model.sample(100, conditions={"text": "a <mask> <mask>"}, random_state=0)
    # Two words of three are open, and their number too; there are few such texts in training.
    assert np.mean([text == "a calm sea" for text in told["text"]]) > 0.75


def test_each_is_predicted_from_each_other(model):
    """The likeliest class of each pixel and word and the mean of the vectors, in one call."""
    given, rows = scenes(900), slice(600, 900)
    scene = np.array([SCENES.index(name) for name in given["scene"]])[rows]
    for known in given:
        values = {known: np.asarray(given[known])[rows]}
        others = set(given) - {known}
        told = {other: model.predict(values, other) for other in others}
        found = scene_of(values | told)
        if "vector" in others:  # a mean, drawn towards that of all rows while little is learnt
            off = np.abs(told["vector"][:, None] - CENTRES).sum(axis=-1)
            found["vector"] = off.argmin(axis=1)
        for other in others:
            assert np.mean(found[other] == scene) > 0.9, (known, other)


def test_probabilities_have_the_shape_of_what_they_are_about(model):
    vectors = {"vector": scenes(5)["vector"]}
    shapes = {"scene": (5, 3), "map": (5, 4, 4, 4)}
    for name, shape in shapes.items():
        found = model.predict_proba(vectors, name)
        assert found.shape == shape
        np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
        likeliest = model.predict(vectors, name)
        codes = found.argmax(axis=-1)
        expected = np.array(SCENES)[codes] if name == "scene" else codes
        np.testing.assert_array_equal(likeliest, expected)
    words = model.predict_proba(vectors, "text")
    assert words.ndim == 3
    np.testing.assert_allclose(words.sum(axis=-1), 1, atol=1e-5)


def test_without_evidence_for_the_scene_its_shares_are_those_of_the_data(model):
    data = scenes()
    blank = {"map": np.full((3, 4, 4), -1)}
    shares = [data["scene"].count(name) / 600 for name in SCENES]
    np.testing.assert_allclose(model.predict_proba(blank, "scene")[0], shares, atol=0.1)


def test_predictions_are_each_row_s_own_and_do_not_look_at_the_target(model):
    data = {name: values[:8] for name, values in scenes().items()}
    found = model.predict_proba(data, "scene")
    np.testing.assert_array_equal(
        found, model.predict_proba(data | {"scene": ["sea"] * 8}, "scene")
    )
    some = {name: values[:3] for name, values in data.items()}
    np.testing.assert_allclose(model.predict_proba(some, "scene"), found[:3], rtol=1e-4)
    rest = {name: values for name, values in data.items() if name != "vector"}
    np.testing.assert_array_equal(model.predict(rest), model.predict(rest, "vector"))


@pytest.mark.parametrize("verb", ["predict", "predict_proba"])
@pytest.mark.parametrize(
    ("X", "target", "message"),
    [
        ({"map": MAPS}, "sky", r"must be one of .*Got 'sky'"),
        ({"map": MAPS}, None, r"needs to know what to predict: X lacks \["),
        ({"map": MAPS}, "map", r"X must map names of modalities to arrays"),
        ({"map": MAPS, "text": CAPTIONS[:2]}, "scene", r"same number of rows"),
        ([1, 2], "scene", r"X must map names"),
        ({"sky": MAPS}, "scene", r"unknown modality 'sky'"),
        ({"map": MAPS[0]}, "scene", r"'map' must hold one entry for each row, 3 dimensions"),
        ({"text": "a calm sea"}, "scene", r"'text' must hold one entry for each row"),
    ],
)
def test_bad_predictions_are_refused(model, verb, X, target, message):
    with pytest.raises((ParameterError, DataError, DataTypeError), match=message):
        getattr(model, verb)(X, target)


def test_numbers_have_no_table_of_probabilities(model):
    with pytest.raises(ParameterError, match=r"'vector' holds numbers.*Use predict"):
        model.predict_proba({"map": MAPS}, "vector")
    with pytest.raises(ParameterError, match="batch_size"):
        model.predict({"map": MAPS}, "vector", batch_size=0)
