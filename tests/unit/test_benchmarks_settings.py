"""What a command asks for: combinations, overrides, digests, names of files."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from click import UsageError
from click.testing import CliRunner

from benchmarks.cli import main
from benchmarks.digits import data, task
from benchmarks.methods import TabDiffuse
from benchmarks.results import Config
from benchmarks.settings import configurations, estimator_arguments, parse_overrides
from tabdiffuse import PRESETS, MultimodalDiffusion, TabularDiffusion

DEFAULTS: dict[str, Any] = {
    "methods": ("tabdiffuse",),
    "presets": (),
    "seeds": (),
    "max_times": (),
    "overrides": {},
    "device": "auto",
    "split": "protocol",
    "train_rows": None,
}


def test_every_combination_is_asked_for_once_seed_by_seed():
    asked = {"presets": ("fast", "best"), "seeds": (0, 1), "max_times": (5.0, 9.0)}
    made = configurations(["adult", "magic"], **DEFAULTS | asked)
    assert len(made) == len({config.stem for config in made}) == 16
    assert [config.seed for config in made] == [0] * 8 + [1] * 8
    twice = configurations(["adult", "adult"], **DEFAULTS | {"seeds": (3, 3)})
    assert [config.stem for config in twice] == ["adult-fast-seed3"]


def test_rivals_have_no_presets():
    made = configurations(
        ["adult"], **DEFAULTS | {"methods": ("tabdiffuse", "arf"), "presets": ("fast", "best")}
    )
    assert [config.title for config in made] == [
        "tabdiffuse:fast",
        "tabdiffuse:best",
        "arf:default",
    ]


def test_values_of_overrides_are_numbers_where_they_can_be():
    given = ["depth=4", "learning_rate=1e-3", "solver=euler", "max_steps=null", "eta=0.5"]
    assert parse_overrides(given, ["tabdiffuse"], TabularDiffusion) == {
        "depth": 4,
        "learning_rate": 1e-3,
        "solver": "euler",
        "max_steps": None,
        "eta": 0.5,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["depth"], "--set takes name=value, for instance depth=4. Got 'depth'."),
        (["head=4"], "no parameter 'head' to set. Close: heads. There are batch_size,"),
        (["zzz=4"], "no parameter 'zzz' to set. There are batch_size,"),
        (["zzz=4"], "of its preset beta1, beta2, categorical_weight,"),
        (["heads=3"], "Got width=32 and heads=3"),
        (["frequencies=many"], "'frequencies' of a Preset must be a non-negative integer. Got 'ma"),
        (["steps_for=1"], "no parameter 'steps_for' to set"),
        (["preset=best"], "--set preset is not possible: use --preset."),
        (["random_state=1"], "use --seed"),
        (["depth=4", "depth=5"], "--set depth is given twice"),
        (["schema={}"], "--set takes numbers, words, true, false or null. Got 'schema={}'."),
    ],
)
def test_overrides_that_cannot_be_are_refused_in_words(given, said):
    with pytest.raises(UsageError) as refusal:
        parse_overrides(given, ["tabdiffuse"], TabularDiffusion)
    assert said in str(refusal.value)


def test_overrides_of_rivals_are_theirs_to_judge():
    assert parse_overrides(["cells=3"], ["ctgan"], TabularDiffusion) == {"cells": 3}
    with pytest.raises(UsageError, match="no parameter 'cells'"):
        parse_overrides(["cells=3"], ["ctgan", "tabdiffuse"], TabularDiffusion)


def test_every_free_parameter_of_the_estimators_can_be_set():
    for estimator in (TabularDiffusion, MultimodalDiffusion):
        for name in ("depth", "width", "learning_rate", "max_steps", "batch_size", "n_steps"):
            assert parse_overrides([f"{name}=1"], ["tabdiffuse"], estimator) == {name: 1}


def test_every_field_of_a_preset_can_be_set():
    for estimator in (TabularDiffusion, MultimodalDiffusion):
        for name, value in asdict(estimator.presets["fast"]).items():
            given = [f"{name}={json.dumps(value)}"]
            assert parse_overrides(given, ["tabdiffuse"], estimator) == {name: value}


def test_fields_are_set_in_the_preset_that_is_run():
    changes = {"heads": 4, "depth": 2, "eta": 0.5}
    for estimator in (TabularDiffusion, MultimodalDiffusion):
        made = estimator_arguments(estimator, "best", changes)
        assert made == {
            "preset": replace(estimator.presets["best"], heads=4),
            "depth": 2,
            "eta": 0.5,
        }
    assert estimator_arguments(TabularDiffusion, "auto", {"depth": 2}) == {
        "preset": "auto",
        "depth": 2,
    }


def test_fields_are_tried_in_every_preset_that_is_run():
    wide = ["heads=48"]  # divides 96, not 32
    presets = ["balanced", "best"]
    assert parse_overrides(wide, ["tabdiffuse"], TabularDiffusion, presets) == {"heads": 48}
    with pytest.raises(UsageError, match="Got width=32 and heads=48"):
        parse_overrides(wide, ["tabdiffuse"], TabularDiffusion, [*presets, "fast"])
    with pytest.raises(UsageError, match=r"--preset with one of fast, balanced, best\. Got 'auto'"):
        parse_overrides(wide, ["tabdiffuse"], TabularDiffusion, ["auto"])


def test_a_run_trains_with_the_fields_that_are_set(tiny_frame):
    given = ["heads=4", "ema_gamma=2", "one_token=false", "width=8", "max_steps=2"]
    overrides = parse_overrides(given, ["tabdiffuse"], TabularDiffusion)
    options = {**Config("any", overrides=overrides, device="cpu").options, "verbose": 0}
    _, info = TabDiffuse().generate(tiny_frame, 5, 0, options)
    recipe = replace(PRESETS["fast"], heads=4, ema_gamma=2, one_token=False, width=8)
    assert info["recipe"] == asdict(recipe)
    assert info["parameters"]["preset"] == "fast"
    assert info["steps"] == 2


def test_digits_train_with_the_fields_that_are_set():
    overrides = {"heads": 1, "clean": 0.0, "width": 8, "depth": 1, "max_steps": 2}
    config = Config("digits", overrides=overrides, device="cpu")
    _, info = task.generate(config, data.load(120))
    assert (info["recipe"]["heads"], info["recipe"]["clean"]) == (1, 0.0)
    assert info["parameters"]["preset"] == "fast"
    with pytest.raises(UsageError, match="'frequencies' of a Preset is for tables"):
        task.generate(replace(config, overrides={"frequencies": 0}), data.load(120))


def test_refusals_reach_the_command_line_before_any_work(tmp_path):
    arguments = ["run", "adult", "--set", "head=4", "--output", str(tmp_path / "none")]
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 2
    assert "no parameter 'head'" in outcome.output
    assert not (tmp_path / "none").exists()
    outcome = CliRunner().invoke(main, ["run", "adult", "digits", "--set", "depth=2"])
    assert outcome.exit_code == 2
    assert "digits is no table: run it on its own." in outcome.output


def test_digest_depends_on_every_setting_but_the_device():
    others = [
        Config("adult"),
        Config("adult", seed=1),
        Config("adult", preset="best"),
        Config("adult", max_time=1.0),
        Config("adult", train_rows=50),
        Config("adult", method="other"),
        Config("adult", split="dcr"),
        Config("adult", overrides={"depth": 4}),
        Config("adult", overrides={"depth": 5}),
    ]
    digests = {config.digest("data") for config in others} | {others[0].digest("else")}
    assert len(digests) == len(others) + 1
    assert len({config.stem for config in others}) == len(others)
    assert others[0].digest("data") == Config("adult", device="cuda").digest("data")
    first, second = ({"depth": 4, "eta": 0.5}, {"eta": 0.5, "depth": 4})
    assert Config("a", overrides=first).digest("") == Config("a", overrides=second).digest("")
    assert Config("a", overrides=first).stem == Config("a", overrides=second).stem


def test_names_of_files_hold_no_separators():
    assert Config("adult", overrides={"solver": "../x y"}).stem == "adult-fast-solver=.._x_y-seed0"


def test_title_is_what_seeds_splits_and_devices_share():
    base = Config("adult", max_time=60.0, overrides={"depth": 4})
    same = Config("adult", max_time=60.0, overrides={"depth": 4}, seed=3, split="dcr", device="cpu")
    assert base.title == same.title == "tabdiffuse:fast:60s:depth=4"
