"""Parameters out of range are refused in words before any work."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch

from tabdiffuse import Shared, TabularDiffusion
from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.parameters import RULES, check_parameters
from tabdiffuse.sampling.guidance import Guidance
from tests.tiny_tables import mixed_frame, tiny_model


@pytest.fixture(scope="module")
def fitted():
    return tiny_model().fit(mixed_frame(20))


BAD_VALUES: dict[str, list[Any]] = {
    "n_samples": [0, -1, 2.5, True, "10", None, np.nan],
    "n_draws": [0, -1, 2.5, True, "10", None],
    "relative": [None, 1, "yes"],
    "agg": ["max", 1, True, ["mean"]],
    "guidance": [-1, np.nan, np.inf, "2", True, (2, 0.5)],
    "preset": ["turbo", None, 1, np.array(["fast", "best"])],
    "max_time": [0, -1.0, np.nan, np.inf, "60", True],
    "max_steps": [0, -1, 10.0, True, "10"],
    "batch_size": [0, -1, 2.5, False, "64"],
    "learning_rate": [0, -1e-3, np.inf, np.nan, "fast", True],
    "width": [0, -8, 12, 8.0, True],
    "depth": [0, -1, 1.5],
    "n_steps": [0, -5, 2.5],
    "solver": ["rk4", None, 2],
    "eta": [-0.1, 1.1, np.nan, None, "0", True],
    "precision": ["float16", None, 16],
    "optimizer": ["adam", "sgd", None, 1],
    "joint": ["shared", 1, {}],
    "warm_start": [1, "yes", None],
    "checkpoint": [1, True, ["a"]],
    "random_state": [-1, 1.5, "seed", True, np.array([1, 2])],
    "device": [1, None, "gpu-card", "meta", np.array(["cpu", "cpu"])],
    "verbose": [-1, 1.5, "loud", None],
    "callbacks": [print, [1], "print", {}],
    "schema": [["x"], "numeric", 1],
}
GOOD_VALUES: dict[str, list[Any]] = {
    "n_samples": [1, np.int64(7)],
    "n_draws": [1, np.int64(7)],
    "relative": [True, False],
    "agg": [None, "mean", "median", "mode"],
    "guidance": [None, 0, 1, 2.5, np.float32(2), Guidance(2.0, interval=(0.2, 0.8))],
    "preset": ["auto", "fast", "balanced", "best"],
    "max_time": [None, 1, 0.5, np.float32(3)],
    "max_steps": [None, 1, np.int32(5)],
    "batch_size": [None, 1, np.int64(64)],
    "learning_rate": [None, 1e-3, 1],
    "width": [None, 8, np.int64(64)],
    "depth": [None, 1],
    "n_steps": [None, 1],
    "solver": ["2m", "euler", "heun", "heun-tau"],
    "eta": [0, 1, 0.5],
    "precision": ["auto", "float32", "bfloat16"],
    "optimizer": ["auto", "muon", "adamw"],
    "joint": [None, Shared("image")],
    "warm_start": [True, False, np.True_],
    "checkpoint": [None, "path"],
    "random_state": [None, 0, np.uint32(1), np.random.RandomState(0), np.random.default_rng(0)],
    "device": ["auto", "cpu", "cuda", "cuda:1", torch.device("cpu")],
    "verbose": [0, 1, 2, True],
    "callbacks": [None, [], [print], (print,)],
    "schema": [None, {}, {"x": "numeric"}],
}
CONSTRUCTOR = sorted(TabularDiffusion().get_params())


def test_every_parameter_has_a_rule_and_every_rule_a_test():
    assert set(CONSTRUCTOR) <= set(RULES)
    assert set(RULES) == set(BAD_VALUES) == set(GOOD_VALUES)


def message_of(owner, name, value):
    return re.escape(
        f"The {name!r} parameter of {owner} must be {RULES[name].text}. Got {value!r} instead."
    )


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in CONSTRUCTOR for value in BAD_VALUES[name]]
)
def test_parameter_out_of_range_is_refused_by_fit(name, value):
    model = tiny_model(**{name: value})  # not by the constructor
    with pytest.raises(ParameterError, match=message_of("TabularDiffusion", name, value)):
        model.fit(None)  # parameters come first


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in GOOD_VALUES for value in GOOD_VALUES[name]]
)
def test_parameter_in_range_passes(name, value):
    check_parameters("Owner", {name: value})


def test_message_names_class_parameter_rule_and_value():
    class Mine(TabularDiffusion):
        pass

    with pytest.raises(
        ParameterError,
        match=r"^The 'eta' parameter of Mine must be a number from 0 to 1\. Got 2 instead\.$",
    ):
        Mine(eta=2).fit(mixed_frame())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("n_samples", "random_state", "batch_size", "n_steps")
        for value in BAD_VALUES[name]
        if value is not None  # the default of n_samples
    ],
)
def test_parameter_out_of_range_is_refused_by_sample(fitted, name, value):
    with pytest.raises(ParameterError, match=message_of("TabularDiffusion.sample", name, value)):
        fitted.sample(**{name: value})
    assert fitted.n_sample_calls_ == 0


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("solver", ["heun", "heun-tau"])
def test_heun_with_noise_is_refused(solver):
    model = tiny_model(solver=solver, eta=0.5)
    with pytest.raises(ParameterError, match=r"needs eta=0\. Got eta=0\.5; use solver='2m' or"):
        model.fit(mixed_frame())


def test_heun_with_noise_is_refused_after_the_fit_too():
    model = tiny_model().fit(mixed_frame()).set_params(solver="heun", eta=1.0)
    with pytest.raises(ParameterError, match=r"TabularDiffusion\.sample is deterministic"):
        model.sample()


@pytest.mark.usefixtures("no_training")
@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")])
def test_absent_cuda_is_refused(device):
    message = r"device='cuda(:1)?' was asked for, but torch finds no CUDA device\. Use"
    with pytest.raises(ParameterError, match=message):
        tiny_model(device=device).fit(None)  # before the data are looked at
    with pytest.raises(ParameterError, match=message):
        TabularDiffusion.load("no-such-file", device=device)


@pytest.mark.usefixtures("no_training")
def test_absent_backend_is_refused():
    with pytest.raises(ParameterError, match=r"'xla' was asked for, but torch cannot use it here"):
        tiny_model(device="xla").fit(mixed_frame())
