"""How long a fit takes, what it does meanwhile, and what it says."""

from __future__ import annotations

import io
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from tabdiffuse.estimators.parameters import resolve_precision
from tabdiffuse.estimators.presets import PRESETS, choose_preset
from tabdiffuse.tables import TableCodec
from tabdiffuse.training import loop
from tabdiffuse.training.muon import MuonAdamW
from tests.tiny_tables import assert_same_weights, mixed_frame, tiny_model


class FakeClock:
    """A clock that moves on by the same time whenever it is read."""

    def __init__(self, tick):
        self.now, self.tick = 1000.0, tick

    def __call__(self):
        self.now += self.tick
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock(0.05)
    for module in ("training.loop", "estimators.base", "estimators.table"):
        monkeypatch.setattr(f"tabdiffuse.{module}.time", SimpleNamespace(perf_counter=clock))
    return clock


@pytest.fixture
def factors(monkeypatch):
    """Record the learning rate of each step, as a share of its peak."""
    seen = []

    def record(*args):
        seen.append(lr_factor(*args))
        return seen[-1]

    lr_factor = loop.lr_factor
    monkeypatch.setattr("tabdiffuse.training.loop.lr_factor", record)
    return seen


@pytest.mark.parametrize("budget", [5.0, 20.0])
def test_time_budget_is_kept_and_the_run_is_annealed(clock, factors, budget):
    start = clock.now
    model = tiny_model(max_steps=None, max_time=budget).fit(mixed_frame(30))
    assert model.stop_reason_ == "max_time"
    assert budget <= clock.now - start < budget + 1
    assert model.n_iter_ == len(factors) > 10
    assert max(factors) > 0.95
    assert factors[-1] < 0.03
    peak = int(np.argmax(factors))
    assert (np.diff(factors[peak:]) <= 0).all()


def test_time_before_the_first_step_counts(clock, factors, monkeypatch):
    def slow_encode(self, frame, **settings):
        clock.now += 6
        return encode(self, frame, **settings)

    encode = TableCodec.encode
    monkeypatch.setattr(TableCodec, "encode", slow_encode)
    start = clock.now
    tiny_model(max_steps=None, max_time=20.0).fit(mixed_frame(30))
    assert 20 <= clock.now - start < 21
    assert factors[-1] < 0.03


def test_a_budget_that_is_spent_at_once_still_gives_a_model(clock):
    model = tiny_model(max_steps=None, max_time=1e-6).fit(mixed_frame(30))
    assert model.stop_reason_ == "max_time"
    assert len(model.sample(3)) == 3


@pytest.mark.parametrize(
    ("max_steps", "max_time", "reason"), [(7, 1e6, "max_steps"), (10**9, 10.0, "max_time")]
)
def test_the_nearer_of_two_limits_ends_the_run(clock, factors, max_steps, max_time, reason):
    model = tiny_model(max_steps=max_steps, max_time=max_time).fit(mixed_frame(30))
    assert model.stop_reason_ == reason
    assert factors[-1] < 0.15
    assert model.n_iter_ <= max_steps


def test_max_steps_are_taken(factors):
    model = tiny_model(max_steps=60).fit(mixed_frame(30))
    assert (model.n_iter_, model.stop_reason_) == (60, "max_steps")
    assert len(factors) == 60
    assert factors[-1] < 0.02


def test_callback_stops_the_run():
    seen = []

    def stop(progress, state):
        seen.append(progress)
        return progress.step >= 50

    model = tiny_model(max_steps=1000, callbacks=[stop]).fit(mixed_frame(30))
    assert (model.n_iter_, model.stop_reason_) == (50, "callback")
    assert [progress.step for progress in seen] == [25, 50]
    assert seen[1].rows == 50 * 30
    assert seen[1].fraction == pytest.approx(0.05)
    assert seen[1].loss == pytest.approx(model.history_["loss"].iloc[1])
    assert len(model.sample(3)) == 3


def test_every_callback_is_called_even_if_one_stops():
    calls = []
    callbacks = [lambda p, s: True, lambda p, s: calls.append(p.step)]
    tiny_model(max_steps=1000, callbacks=callbacks).fit(mixed_frame(30))
    assert calls == [25]


def test_history():
    model = tiny_model(max_steps=60).fit(mixed_frame(30))
    history = model.history_
    assert list(history.columns) == [
        *("step", "rows", "seconds", "loss", "loss_numeric", "loss_categorical"),
        *("learning_rate", "grad_norm"),
    ]
    assert list(history["step"]) == [25, 50, 60]
    assert list(history["rows"]) == [750, 1500, 1800]
    assert history["seconds"].is_monotonic_increasing
    assert np.isfinite(history.to_numpy()).all()
    cells = {"numeric": 2, "categorical": 2}
    whole = sum(history[f"loss_{name}"] * n / 4 for name, n in cells.items())
    assert np.allclose(history["loss"], whole)


def test_fitted_numbers_say_what_was_done():
    model = tiny_model(max_steps=3, batch_size=1000).fit(mixed_frame(30))
    assert model.batch_size_ == model.n_rows_ == 30
    assert model.n_parameters_ == sum(p.numel() for p in model.denoiser_.parameters())
    assert model.fit_time_ > 0
    assert not model.denoiser_.training
    assert all(p.isfinite().all() for p in model.denoiser_.parameters())


# Presets


@pytest.mark.parametrize("name", PRESETS)
def test_presets_set_what_is_left_open(name):
    model = tiny_model(preset=name, width=None, depth=None, n_steps=None, max_steps=1)
    model.fit(mixed_frame(30))
    assert model.denoiser_.backbone.config == PRESETS[name].network
    assert model.preset_.n_steps == PRESETS[name].n_steps


def test_auto_is_fast_on_a_cpu_and_balanced_elsewhere():
    assert choose_preset("auto", torch.device("cpu")) is PRESETS["fast"]
    assert choose_preset("auto", torch.device("cuda")) is PRESETS["balanced"]
    model = tiny_model(preset="auto", width=None, depth=None, max_steps=1).fit(mixed_frame(30))
    assert model.denoiser_.backbone.config == PRESETS["fast"].network


def test_parameters_override_the_preset():
    model = tiny_model(preset="best", width=24, depth=2, batch_size=16, n_steps=3, max_steps=25)
    calls = []
    model.set_params(learning_rate=0.5e-3).fit(mixed_frame(30))
    assert (model.denoiser_.backbone.config.width, model.denoiser_.backbone.config.depth) == (24, 2)
    assert model.batch_size_ == 16
    twice = tiny_model(**model.get_params() | {"learning_rate": 1e-3}).fit(mixed_frame(30))
    rates = [m.history_["learning_rate"].iloc[0] for m in (model, twice)]
    assert rates[1] == pytest.approx(2 * rates[0])
    model.denoiser_.register_forward_hook(lambda *args: calls.append(1))
    model.sample(3)
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("width", "optimizer", "muon"),
    [(56, "auto", False), (64, "auto", True), (8, "muon", True), (64, "adamw", False)],
)
def test_wide_networks_learn_by_muon(width, optimizer, muon):
    kept = []
    model = tiny_model(
        width=width, depth=1, optimizer=optimizer, max_steps=25,
        callbacks=[lambda progress, state: kept.append(state.optimizer)],
    )  # fmt: skip
    model.fit(mixed_frame(30))
    assert isinstance(kept[0], MuonAdamW) == muon


@pytest.mark.parametrize(
    ("width", "precision", "device", "able", "expected"),
    [
        (56, "auto", "cpu", True, "float32"),
        (64, "auto", "cpu", True, "bfloat16"),
        (64, "auto", "cpu", False, "float32"),
        (64, "auto", "cuda", False, "bfloat16"),
        (32, "auto", "cuda", True, "float32"),
        (8, "bfloat16", "cpu", False, "bfloat16"),
        (64, "float32", "cuda", True, "float32"),
    ],
)
def test_wide_networks_multiply_half_the_bits(
    width, precision, device, able, expected, monkeypatch
):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: able, raising=False)
    assert resolve_precision(precision, torch.device(device), width) == expected


def test_a_model_of_half_the_bits_comes_back_from_its_file(tmp_path):
    model = tiny_model(precision="bfloat16").fit(mixed_frame(30))
    exact = tiny_model(precision="float32").fit(mixed_frame(30))
    model.save(tmp_path / "model.tabdiffuse")
    again = type(model).load(tmp_path / "model.tabdiffuse")
    assert model.denoiser_.backbone.precision == again.denoiser_.backbone.precision == "bfloat16"
    pd.testing.assert_frame_equal(
        model.sample(5, random_state=0), again.sample(5, random_state=0), check_exact=True
    )
    assert not model.history_["loss"].equals(exact.history_["loss"])


def test_steps_follow_the_rows_within_bounds():
    preset = PRESETS["fast"]
    assert preset.steps_for(2, 256) == preset.min_steps
    assert preset.steps_for(10**9, 256) == preset.max_steps
    assert preset.steps_for(10_000, 256) == round(preset.epochs * 10_000 / 256)
    # A batch holds no more rows than there are: an epoch is then one step.
    assert preset.steps_for(100, 256) == max(preset.min_steps, round(preset.epochs))


def test_without_limits_the_preset_decides_how_long(monkeypatch):
    monkeypatch.setattr("tabdiffuse.estimators.presets.Preset.steps_for", lambda *args: 4)
    assert tiny_model(max_steps=None).fit(mixed_frame(30)).n_iter_ == 4


# Warm start


def test_warm_start_goes_on_from_the_weights():
    frame = mixed_frame(300)
    settings = {"learning_rate": 1e-2, "batch_size": 128}
    model = tiny_model(max_steps=300, **settings).fit(frame)
    first = model.history_["loss"].iloc[0]
    other_rows = mixed_frame(300, seed=1)[["sign", "big", "twice", "x"]]
    before = model.codec_
    model.set_params(warm_start=True, max_steps=25, learning_rate=1e-4).fit(other_rows)
    assert model.history_["loss"].iloc[0] < 0.7 * first
    assert model.codec_ is before
    assert list(model.sample(2).columns) == list(frame.columns)
    cold = tiny_model(max_steps=25, **settings | {"learning_rate": 1e-4}).fit(other_rows)
    assert cold.history_["loss"].iloc[0] > 0.9 * first


def test_warm_start_of_an_unfitted_estimator_is_a_fit():
    frame = mixed_frame(30)
    assert_same_weights(tiny_model(warm_start=True).fit(frame), tiny_model().fit(frame))


def test_warm_start_keeps_the_network_whatever_the_preset():
    model = tiny_model(preset="best", width=None, depth=None, max_steps=1).fit(mixed_frame(30))
    model.set_params(preset="fast", warm_start=True).fit(mixed_frame(30))
    assert model.denoiser_.backbone.config == PRESETS["best"].network


# What it says


def test_verbose_0_is_silent(capfd):
    tiny_model(max_steps=30).fit(mixed_frame(30)).sample(3)
    assert capfd.readouterr() == ("", "")


def test_verbose_1_tells_on_standard_error(capfd):
    frame = mixed_frame(30).rename(columns={"x": "[red]a[/b]"})
    model = tiny_model(max_steps=60, verbose=1).fit(frame)
    out, err = capfd.readouterr()
    assert out == ""
    for name in frame.columns:
        assert name in err
    for kind in ("numeric", "categorical", "boolean"):
        assert kind in err
    last = [line for line in err.splitlines() if line.startswith("Training")][-1]
    assert "100%" in last
    assert "step 60 · loss " in last
    assert "steps/s" in last
    assert last.endswith("0:00 left")
    assert f"{model.n_parameters_:,} parameters on 30 rows: 60 steps of 30 rows" in err
    assert "(all steps done)" in err
    model.sample(3)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"callbacks": [lambda p, s: True], "max_steps": 100}, "a callback asked to stop"),
        ({"max_steps": None, "max_time": 0.01}, "time budget spent"),
    ],
)
def test_verbose_1_tells_why_it_stopped(capfd, settings, said):
    tiny_model(verbose=1, **settings).fit(mixed_frame(30))
    assert f"({said})" in capfd.readouterr().err


def test_a_log_file_gets_ten_lines(capfd, monkeypatch):
    often = partial(loop.TrainConfig, log_every=1)
    monkeypatch.setattr("tabdiffuse.estimators.base.TrainConfig", often)
    tiny_model(max_steps=50, verbose=1).fit(mixed_frame(30))
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("Training")]
    assert len(lines) == 10


def test_a_terminal_gets_a_bar(monkeypatch, capfd):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    for module in ("estimators.base", "estimators.progress", "estimators.table"):
        monkeypatch.setattr(f"tabdiffuse.{module}.make_console", lambda: console, raising=False)
    tiny_model(max_steps=60, verbose=1).fit(mixed_frame(30)).sample(3)
    assert "━━" in screen.getvalue()
    assert "100%" in screen.getvalue()
    assert "steps/s" in screen.getvalue()
    assert "Sampling" in screen.getvalue()
    assert capfd.readouterr() == ("", "")
