"""Presets hold every constant of the recipe, refuse what cannot be, and reach what they name."""

from __future__ import annotations

import copy
import inspect
import json
from dataclasses import FrozenInstanceError, asdict, fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tabdiffuse import (
    PRESETS,
    CategoricalModality,
    MultimodalDiffusion,
    NumericModality,
    Preset,
    TabularDiffusion,
)
from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.presets import MULTIMODAL_PRESETS, TABLES_ONLY
from tabdiffuse.tables import TableCodec
from tabdiffuse.training.loop import TrainConfig
from tests.tiny_tables import (
    assert_same_rows,
    assert_same_weights,
    members_of,
    mixed_frame,
    tiny_model,
    weights,
)

FAST = PRESETS["fast"]

BAD: dict[str, list[Any]] = {
    "width": [0, 12, 8.0, True],
    "depth": [0, 1.5],
    "heads": [0, "2"],
    "mlp_ratio": [0, -1, np.inf],
    "time_features": [0],
    "frequencies": [-1, 1.5, None],
    "one_token": [1, "yes"],
    "batch_size": [0],
    "max_steps": [0, None],
    "min_steps": [0],
    "epochs": [0, np.nan],
    "learning_rate": [0, -1e-3, True],
    "warmup": [-0.1, 1],
    "final_lr": [-0.1, 1.1],
    "beta1": [1, -0.1],
    "beta2": [1.0, "0.9"],
    "weight_decay": [-1, np.inf],
    "clip": [0, None],
    "ema_gamma": [-1, np.nan],
    "clean": [-0.1, 1.1],
    "independent": [2, None],
    "categorical_weight": [0, -1],
    "mask_coupling": ["other", None, 1],
    "min_atom_mass": [-0.01, 1.01],
    "max_atoms": [-1, 2.5],
    "n_steps": [0, 2.5],
    "prior_scale": [0, -1, np.inf],
}


def test_every_field_has_a_rule_and_a_line_in_the_docstring():
    names = [field.name for field in fields(Preset)]
    assert set(names) == set(BAD)
    documented = inspect.getdoc(Preset)
    assert all(name in documented for name in names)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_a_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ParameterError, match=f"The field '{name}' of a Preset must be ") as refusal:
        replace(FAST, **{name: value})
    assert f"Got {value!r} instead." in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": 3}, "Got width=32 and heads=3; heads=1, 2, 4 and 8 divide every width"),
        ({"clean": 0.6, "independent": 0.5}, "must sum to 1 at most"),
        ({"max_steps": 10}, "Got 1500 and 10; set both, or pass max_steps to the estimator"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(changes, said):
    with pytest.raises(ParameterError, match=said):
        replace(FAST, **changes)


def test_a_preset_is_a_value():
    with pytest.raises(FrozenInstanceError):
        FAST.heads = 4
    assert replace(FAST, heads=4) == replace(FAST, heads=4) != FAST
    assert copy.deepcopy(FAST) == FAST
    assert Preset(**json.loads(json.dumps(FAST.to_dict()))) == FAST


def test_defaults_are_those_of_the_parts():
    """The constants are written once more where each part can be used alone."""
    train = TrainConfig(None, None, 1)
    for name in ("warmup", "final_lr", "weight_decay", "clip", "ema_gamma"):
        assert getattr(FAST, name) == getattr(train, name), name
    assert (FAST.beta1, FAST.beta2) == train.betas
    of_numbers = inspect.signature(NumericModality).parameters
    of_categories = inspect.signature(CategoricalModality).parameters
    of_codec = inspect.signature(TableCodec.fit).parameters
    assert FAST.frequencies == of_numbers["frequencies"].default
    assert FAST.mask_coupling == of_categories["coupling"].default
    assert FAST.categorical_weight == of_categories["weight"].default
    assert FAST.min_atom_mass == of_codec["min_atom_mass"].default
    assert FAST.max_atoms == of_codec["max_atoms"].default


def test_shares_of_the_time_law_are_exact():
    assert (FAST.tied, FAST.clean, FAST.independent) == (0.8, 0.1, 0.1)
    theirs = MULTIMODAL_PRESETS["fast"]
    assert (theirs.tied, theirs.independent, theirs.clean) == (0.4, 0.2, 0.4)
    assert replace(FAST, clean=0.7, independent=0.3).tied == 0


# In the estimators


def custom(**changes):
    settings = {"max_steps": 30, "batch_size": 32, **changes.pop("settings", {})}
    return tiny_model(preset=replace(FAST, **changes), **settings)


def test_a_preset_equal_to_a_named_one_gives_the_same_model():
    frame = mixed_frame(60)
    named = tiny_model(preset="fast", width=None, depth=None).fit(frame)
    given = tiny_model(preset=replace(FAST), width=None, depth=None).fit(frame)
    assert_same_weights(named, given)
    assert_same_rows(named.sample(20), given.sample(20))
    assert named.preset_ == given.preset_ == FAST


CHANGES = {
    "heads": 4,
    "mlp_ratio": 2.0,
    "time_features": 8,
    "frequencies": 2,
    "one_token": False,
    "learning_rate": 1e-3,
    "warmup": 0.5,
    "final_lr": 1.0,
    "beta1": 0.5,
    "beta2": 0.9,
    "weight_decay": 3.0,
    "clip": 1e-3,
    "ema_gamma": 1.0,
    "clean": 0.6,
    "independent": 0.6,
    "categorical_weight": 3.0,
    "mask_coupling": "independent",
    "min_atom_mass": 0.5,
    "max_atoms": 200,
}


@pytest.fixture(scope="module")
def frame():
    frame = mixed_frame(120)
    frame["atom"] = np.where(np.arange(120) % 5 == 0, 0.0, frame["x"].abs())
    frame["few"] = np.arange(120) % 4
    return frame


@pytest.fixture(scope="module")
def usual(frame):
    return weights(custom().fit(frame))


@pytest.mark.parametrize("name", CHANGES)
def test_every_field_reaches_the_training(frame, usual, name):
    changed = weights(custom(**{name: CHANGES[name]}).fit(frame))
    same = changed.keys() == usual.keys() and all(
        changed[key].shape == usual[key].shape and changed[key].equal(usual[key]) for key in usual
    )
    assert not same


def test_the_same_field_changes_nothing(frame, usual):
    again = weights(custom().fit(frame))
    assert all(again[key].equal(usual[key]) for key in usual)


def test_fields_that_are_tried_are_all_that_need_no_other_test():
    elsewhere = {"width", "depth", "batch_size", "max_steps", "min_steps", "epochs", "n_steps"}
    elsewhere.add("prior_scale")
    assert set(CHANGES) | elsewhere == {field.name for field in fields(Preset)}


def test_what_the_estimator_is_told_wins():
    preset = replace(FAST, width=64, depth=5, n_steps=7, batch_size=8)
    model = tiny_model(preset=preset, width=16, depth=None, n_steps=None, batch_size=4)
    model.fit(mixed_frame(30))
    assert (model.preset_.width, model.preset_.depth) == (16, 5)
    assert (model.batch_size_, model.preset_.n_steps) == (4, 7)


def test_the_scale_of_the_prior_widens_what_an_untrained_network_samples():
    # Without training the output is 0, and the sampler hands the noise through: sd 1 or 3.
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=4000), "y": rng.normal(size=4000)})
    ranks = []
    for scale in (1.0, 3.0):
        model = tiny_model(preset=replace(FAST, prior_scale=scale), max_steps=1, learning_rate=1e-9)
        sampled = model.fit(frame).sample(2000, random_state=0)
        ranks.append((sampled["x"] > frame["x"].quantile(0.9)).mean())
    # P(z > 1.28) = .100 and P(3 z > 1.28) = .335; five standard errors are .034 and .053.
    assert ranks[0] == pytest.approx(0.1, abs=0.034)
    assert ranks[1] == pytest.approx(0.335, abs=0.053)


def test_the_widths_of_estimator_and_preset_must_go_together():
    with pytest.raises(ParameterError, match="Got width=8 and heads=16"):
        tiny_model(preset=replace(FAST, heads=16)).fit(mixed_frame(30))


def test_a_preset_is_stored_verbatim_and_cloned():
    preset = replace(FAST, heads=4)
    model = TabularDiffusion(preset=preset)
    assert model.get_params()["preset"] is preset
    assert clone(model).preset == preset
    assert model.set_params(preset="best").preset == "best"


STORED = {
    "heads": 4,
    "frequencies": 3,
    "one_token": False,
    "mask_coupling": "independent",
    "min_atom_mass": 0.3,
    "max_atoms": 2,
    "time_features": 8,
    "mlp_ratio": np.float64(2.5),
}


def test_a_model_file_brings_the_recipe_back(frame, tmp_path):
    model = custom(**STORED).fit(frame)
    model.save(tmp_path / "model")
    loaded = TabularDiffusion.load(tmp_path / "model", device="cpu")
    assert loaded.preset == model.preset
    assert loaded.preset_ == model.preset_
    assert_same_weights(loaded, model)
    assert_same_rows(loaded.sample(50, random_state=1), model.sample(50, random_state=1))
    config = json.loads(members_of(tmp_path / "model")["config.json"])
    assert config["parameters"]["preset"]["frequencies"] == 3
    assert config["network"] | config["recipe"] == asdict(model.preset_)


def test_a_loaded_model_keeps_the_coupling_that_it_samples_with(frame, tmp_path):
    """Weights alone do not tell: the same weights with other masks give other rows."""
    model = custom(mask_coupling="independent").fit(frame)
    model.save(tmp_path / "model")
    loaded = TabularDiffusion.load(tmp_path / "model", device="cpu")
    part = loaded.denoiser_.joint.parts()["categorical"]
    assert part.process.coupling == "independent"
    rows = loaded.sample(50, random_state=1)
    part.process.coupling = "systematic"
    assert not loaded.sample(50, random_state=1).equals(rows)


def test_a_named_preset_that_changes_later_does_not_change_a_file(frame, tmp_path, monkeypatch):
    model = tiny_model(preset="fast").fit(frame)
    model.save(tmp_path / "model")
    monkeypatch.setitem(PRESETS, "fast", replace(FAST, frequencies=1, one_token=False, heads=1))
    loaded = TabularDiffusion.load(tmp_path / "model", device="cpu")
    assert_same_rows(loaded.sample(30, random_state=1), model.sample(30, random_state=1))


def test_a_warm_start_keeps_what_the_weights_mean_and_takes_the_rest(frame):
    structure = {"heads": 4, "frequencies": 3, "one_token": False, "max_atoms": 2}
    model = custom(**structure).fit(frame)
    model.set_params(preset=replace(FAST, ema_gamma=2.0), warm_start=True).fit(frame)
    assert model.preset_ == replace(FAST, ema_gamma=2.0, width=8, depth=1, **structure)


# Modalities


def multimodal(preset):
    parts = {"x": NumericModality(2), "c": CategoricalModality(2)}
    settings = {"max_steps": 3, "random_state": 0, "verbose": 0, "device": "cpu"}
    return MultimodalDiffusion(parts, preset=preset, width=8, depth=1, **settings)


MODALITIES = {"x": np.random.default_rng(0).random((20, 2)), "c": np.arange(20) % 2}


def test_modalities_take_a_preset():
    preset = replace(MultimodalDiffusion.presets["fast"], heads=2, ema_gamma=3)
    model = multimodal(preset).fit(MODALITIES)
    assert model.preset_ == replace(preset, width=8, depth=1)
    assert model.denoiser_.backbone.config.heads == 2
    assert clone(model).preset == preset


@pytest.mark.parametrize("name", TABLES_ONLY)
def test_modalities_refuse_what_is_for_tables(name):
    preset = replace(MULTIMODAL_PRESETS["fast"], **{name: CHANGES[name]})
    with pytest.raises(ParameterError, match=f"The field '{name}' of a Preset is for tables"):
        multimodal(preset).fit(MODALITIES)


def test_a_modality_takes_the_coupling_of_its_masks():
    assert CategoricalModality(3).process.coupling == "systematic"
    assert CategoricalModality(3, coupling="independent").process.coupling == "independent"
