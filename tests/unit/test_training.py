"""The training loop: what it promises about results, time, seeds and failure."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tabdiffuse._random import generator
from tabdiffuse.errors import TrainingDivergedError
from tabdiffuse.modalities import NumericModality
from tabdiffuse.times import Independent, Mixed, RandomClean, Tied
from tabdiffuse.training.callbacks import STOP_REASONS, clock, make_console, training_bar
from tabdiffuse.training.loop import TrainConfig, TrainState, train
from tabdiffuse.training.optim import PowerEMA, lr_factor, make_optimizer
from tests.tiny import lively_denoiser, mixed_parts, tiny_denoiser

LAW = Mixed([Tied(), RandomClean(Independent(per_cell=True))], [0.5, 0.5])
CONFIG = TrainConfig(max_steps=40, max_time=None, batch_size=32, log_every=10)


def rows(count=200, seed=0):
    """Two numbers that are the same, and two categories that follow them."""
    u = np.random.default_rng(seed).random(count)
    parts = mixed_parts()
    codes = np.stack([(3 * u).astype(int), (u > 0.5).astype(int)], axis=1)
    return {"x": parts["x"].encode(np.stack([u, u], axis=1)), "c": parts["c"].encode(codes)}


def trained(config=CONFIG, seed=0, data=None, law=LAW, **more):
    denoiser = tiny_denoiser(mixed_parts(), seed=5)
    state, reason = train(denoiser, data or rows(), config, law, seed=seed, **more)
    return denoiser, state, reason


def weights(denoiser):
    return {name: p.detach().clone() for name, p in denoiser.named_parameters()}


def assert_equal(first, second):
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


# --- Result ---------------------------------------------------------------------------------------


def test_loss_falls():
    config = replace(CONFIG, max_steps=150, batch_size=128, learning_rate=5e-3, log_every=25)
    _, state, reason = trained(config)
    assert reason == "max_steps"
    first, last = (state.history[i]["loss"] for i in (0, -1))
    assert last < 0.8 * first
    untaught = trained(replace(config, learning_rate=1e-9))[1].history  # the control
    assert untaught[-1]["loss"] > 0.9 * untaught[0]["loss"]


def test_history_has_a_line_for_every_report():
    _, state, _ = trained(replace(CONFIG, max_steps=35))
    assert [line["step"] for line in state.history] == [10, 20, 30, 35]
    for line in state.history:
        assert line["rows"] == 32 * line["step"]
        assert all(math.isfinite(value) for value in line.values())
        mean = (line["loss_x"] * 2 + line["loss_c"] * 2) / 4  # two cells each
        assert line["loss"] == pytest.approx(mean, rel=1e-4)
    seconds = [line["seconds"] for line in state.history]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("count", [1, 5, 31, 33])
def test_tables_smaller_or_larger_than_a_batch_train(count):
    denoiser, state, reason = trained(replace(CONFIG, max_steps=5), data=rows(count))
    assert reason == "max_steps"
    assert state.step == 5
    assert all(p.isfinite().all() for p in denoiser.parameters())


def test_every_row_is_seen_once_in_each_pass():
    seen = []

    class Spy(NumericModality):
        def draw(self, data, noise):
            seen.append(data[:, 0, 0].clone())
            return super().draw(data, noise)

    part = Spy(1)
    data = {"x": part.encode(np.arange(1, 13)[:, None] / 16)}
    denoiser = tiny_denoiser({"x": part})
    train(denoiser, data, replace(CONFIG, max_steps=6, batch_size=4), Tied(), seed=0)
    passes = torch.cat(seen).reshape(2, 12)
    assert torch.equal(passes.sort(dim=1).values, data["x"][:, 0, 0].expand(2, 12))
    assert not torch.equal(passes[0], passes[1])


def test_model_ends_with_the_average_of_its_weights():
    denoiser, state, _ = trained()
    for live, average in zip(denoiser.parameters(), state.ema.average, strict=True):
        assert torch.equal(live, average)
    assert not denoiser.training


# --- Seeds ----------------------------------------------------------------------------------------


def test_equal_seeds_give_equal_weights_bit_for_bit():
    assert_equal(weights(trained(seed=3)[0]), weights(trained(seed=3)[0]))


def test_other_seeds_give_other_weights():
    first, second = (weights(trained(seed=seed)[0]) for seed in (3, 4))
    assert all(not torch.equal(first[name], second[name]) for name in first)


def test_training_leaves_the_global_states_alone():
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    trained()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


def test_weights_do_not_depend_on_the_global_seed():
    found = []
    before = torch.get_rng_state()
    for seed in (0, 1):
        torch.manual_seed(seed)
        found.append(weights(trained()[0]))
    torch.set_rng_state(before)
    assert_equal(*found)


@pytest.mark.parametrize("stop", [10, 20])
def test_a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(stop):
    saved = {}

    def save(progress, state):
        if progress.step == stop:
            saved.update({name: value.clone() for name, value in state.tensors().items()})

    straight, full, _ = trained(callbacks=[save])
    denoiser = tiny_denoiser(mixed_parts(), seed=77)
    state = TrainState.start(denoiser, CONFIG)
    state.load_tensors(saved)
    state.step = stop
    resumed, _ = train(denoiser, rows(), CONFIG, LAW, seed=0, state=state)
    assert resumed is state
    assert_equal(weights(denoiser), weights(straight))
    assert_equal(resumed.tensors(), full.tensors())


def test_resuming_without_the_optimizer_is_found_out():
    """The control of the test above: the moments matter."""
    saved = {}

    def save(progress, state):
        if progress.step == 20:
            saved.update({name: value.clone() for name, value in state.tensors().items()})

    straight, _, _ = trained(callbacks=[save])
    denoiser = tiny_denoiser(mixed_parts(), seed=77)
    state = TrainState.start(denoiser, CONFIG)
    state.load_tensors({k: v for k, v in saved.items() if not k.startswith("optimizer")})
    state.step = 20
    train(denoiser, rows(), CONFIG, LAW, seed=0, state=state)
    first, second = weights(denoiser), weights(straight)
    assert any(not torch.equal(first[name], second[name]) for name in first)


# --- Time -----------------------------------------------------------------------------------------


class FakeClock:
    """A clock that a time law moves on by the length of one step."""

    def __init__(self, monkeypatch, seconds=0.5):
        self.now = 1000.0
        self.seconds = seconds
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def law(self):
        outer = self

        class Ticking(Tied):
            def sample(self, cells, rows, noise):
                outer.now += outer.seconds
                return super().sample(cells, rows, noise)

        return Ticking()


def test_a_time_budget_ends_on_time_with_the_learning_rate_annealed(monkeypatch):
    fake = FakeClock(monkeypatch)
    config = replace(CONFIG, max_steps=None, max_time=30.0, log_every=1, warmup=0.1)
    _, state, reason = trained(config, law=fake.law())
    assert reason == "max_time"
    assert state.step == 60
    assert 30.0 <= state.elapsed <= 30.0 + fake.seconds
    rates = np.array([line["learning_rate"] for line in state.history]) / config.learning_rate
    assert rates.argmax() == 6  # a tenth of 60 steps
    assert rates.max() == pytest.approx(1.0, abs=0.01)
    assert rates[-1] == pytest.approx(config.final_lr, abs=0.01)
    assert (np.diff(rates[6:]) < 0).all()


def test_the_learning_rate_follows_the_nearer_limit(monkeypatch):
    fake = FakeClock(monkeypatch)
    config = replace(CONFIG, max_steps=20, max_time=1000.0, log_every=1)
    _, state, reason = trained(config, law=fake.law())
    assert reason == "max_steps"
    assert state.history[-1]["learning_rate"] < 0.05 * config.learning_rate


def test_progress_tells_what_is_left(monkeypatch):
    fake, told = FakeClock(monkeypatch), []
    config = replace(CONFIG, max_steps=None, max_time=30.0, log_every=15)
    trained(config, law=fake.law(), callbacks=[lambda progress, _: told.append(progress)])
    assert [p.step for p in told] == [15, 30, 45, 60]
    assert [p.elapsed for p in told] == [7.5, 15.0, 22.5, 30.0]
    assert [p.fraction for p in told] == [0.25, 0.5, 0.75, 1.0]
    assert [p.time_left for p in told] == pytest.approx([22.5, 15.0, 7.5, 0.0])
    assert [p.steps_per_second for p in told] == pytest.approx([2.0] * 4)


def test_time_spent_before_a_pause_counts(monkeypatch):
    fake = FakeClock(monkeypatch)
    config = replace(CONFIG, max_steps=None, max_time=30.0)
    denoiser = tiny_denoiser(mixed_parts())
    state = TrainState.start(denoiser, config)
    state.elapsed = 20.0
    state, reason = train(denoiser, rows(), config, fake.law(), seed=0, state=state)
    assert (state.step, reason) == (20, "max_time")


# --- Callbacks ------------------------------------------------------------------------------------


def test_a_callback_can_stop_the_run():
    _, state, reason = trained(callbacks=[lambda progress, _: progress.step >= 20])
    assert (state.step, reason) == (20, "callback")


def test_every_callback_is_called_though_the_first_stops():
    called = []
    trained(callbacks=[lambda *_: True, lambda progress, _: called.append(progress.step)])
    assert called == [10]


def test_a_callback_sees_the_state_of_its_step():
    steps = []
    trained(callbacks=[lambda progress, state: steps.append(progress.step == state.step)])
    assert steps == [True] * 4


def test_every_reason_to_stop_has_words():
    assert set(STOP_REASONS) == {"max_steps", "max_time", "callback"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (245.4, "4:05"), (59.7, "1:00"), (3725, "1:02:05"), (math.inf, "-:--")],
)
def test_durations_are_written_as_on_a_clock(seconds, text):
    assert clock(seconds) == text


def test_the_bar_shows_the_loss_and_keeps_off_standard_output(capsys):
    with training_bar(make_console()) as show:
        _, _, reason = trained(callbacks=[show])
    captured = capsys.readouterr()
    assert reason == "max_steps"
    assert captured.out == ""
    assert "loss" in captured.err
    assert "steps/s" in captured.err


# --- Failure --------------------------------------------------------------------------------------


def test_numbers_that_are_lost_stop_the_run_in_words():
    data = rows()
    data["x"][7, 0] = torch.nan
    message = r"became nan within the 10 steps before step 10 \(learning rate .*Lower learning_rate"
    with pytest.raises(TrainingDivergedError, match=message):
        trained(data=data, config=replace(CONFIG, batch_size=200))


def test_a_diverging_run_is_stopped_in_words():
    config = replace(CONFIG, max_steps=400, learning_rate=1e6)
    message = r"step \d+ \(learning rate 1e\+06\).*\(now 1e\+06\), or raise batch_size \(now 32\)"
    with pytest.raises(TrainingDivergedError, match=message):
        trained(config)


# --- Learning rate, optimizer, average ------------------------------------------------------------


@pytest.mark.parametrize(
    ("progress", "factor"),
    [(0.0, 1e-3), (0.05, 0.5), (0.1, 1.0), (0.55, 0.51), (1.0, 0.02), (1.5, 0.02)],
)
def test_learning_rate_warms_up_and_falls_along_a_cosine(progress, factor):
    assert lr_factor(progress, warmup=0.1, final=0.02) == pytest.approx(factor)


def test_no_warmup_starts_at_the_peak():
    assert lr_factor(0.0, warmup=0.0, final=0.1) == 1.0


def test_matrices_decay_and_vectors_do_not():
    denoiser = lively_denoiser(mixed_parts())
    optimizer = make_optimizer(denoiser.parameters(), (0.9, 0.99), 0.1)
    decay = {p: g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert len(decay) == len(list(denoiser.parameters()))
    assert all(value == (0.1 if p.ndim > 1 else 0.0) for p, value in decay.items())


@pytest.mark.parametrize("gamma", [1.0, 6.94, 16.0])
def test_average_of_weights_has_its_closed_form(gamma):
    """Step i of t weighs (i^(g+1) - (i-1)^(g+1)) / t^(g+1), which is near (g+1) i^g / t^(g+1)."""
    steps, weight = 30, torch.zeros(3, dtype=torch.float64)
    path = torch.randn(steps, 3, generator=generator(0), dtype=torch.float64)
    ema = PowerEMA([weight], gamma)
    for step in range(1, steps + 1):
        weight.copy_(path[step - 1])
        ema.update(step)
    powers = torch.arange(steps + 1, dtype=torch.float64) ** (gamma + 1)
    expected = (powers.diff()[:, None] * path).sum(dim=0) / powers[-1]
    torch.testing.assert_close(ema.average[0], expected)
    assert torch.equal(weight, path[-1])
    ema.copy_to_model()
    torch.testing.assert_close(weight, expected)


def test_average_forgets_where_training_started():
    weight = torch.tensor([1e6])
    ema = PowerEMA([weight], 16.0)
    weight.copy_(torch.tensor([2.0]))
    ema.update(1)
    assert ema.average[0].item() == 2.0
