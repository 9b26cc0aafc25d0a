"""The product process through `MultimodalDiffusion`: marginals, leaps, guidance, stages."""

from __future__ import annotations

import copy
import re
from functools import partial

import numpy as np
import pytest
import torch

from tabdiffuse import (
    CategoricalModality,
    Guidance,
    ImageModality,
    MultimodalDiffusion,
    Stage,
    TextModality,
)
from tabdiffuse.errors import ModelFileError, ParameterError
from tabdiffuse.estimators.checkpoint import Checkpoint
from tabdiffuse.training.loop import TrainConfig

SETTINGS = {
    "max_steps": 20, "width": 8, "depth": 1, "n_steps": 4, "batch_size": 8, "random_state": 0,
    "precision": "float32", "verbose": 0,
}  # fmt: skip
WORDS = ["a red fox", "one owl", "a small red owl"]


def modalities():
    return {
        "image": ImageModality(4, 4),
        "text": TextModality(5),
        "label": CategoricalModality(3),
    }


def data(rows=24):
    rng = np.random.default_rng(0)
    label = np.arange(rows) % 3
    texts = np.array(WORDS, dtype=object)[label]
    return {"image": rng.random((rows, 4, 4)), "text": texts, "label": label}


def make(**changes):
    return MultimodalDiffusion(modalities(), **SETTINGS | changes)


@pytest.fixture(scope="module")
def model():
    """A model whose answers depend on everything, as if it had learnt something."""
    fitted = make(max_steps=2).fit(data())
    with torch.no_grad():
        for parameter in fitted.denoiser_.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.manual_seed(0))
    return fitted


def assert_same(one, other):
    assert list(one) == list(other)
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def asked(model, **question):
    """What the network is asked while a sample is drawn: times of each modality, call by call."""
    spied, calls = copy.copy(model), []

    class Spy:
        joint = model.denoiser_.joint

        def __call__(self, state, times):
            calls.append({name: (float(t.min()), float(t.max())) for name, t in times.items()})
            return model.denoiser_(state, times)

    spied.denoiser_ = Spy()
    return spied.sample(6, random_state=0, **question), calls


# --- Joint, conditionals, marginals ---------------------------------------------------------------


@pytest.mark.parametrize("only", [["label"], ["text", "image"], ("image",)])
def test_a_marginal_holds_the_other_modalities_as_noise(model, only):
    sample, calls = asked(model, only=only)
    assert set(sample) == set(only)
    for times in calls:
        for name, (first, last) in times.items():
            assert first == last
            assert (first == 1) == (name not in only or times[only[0]] == (1, 1))


def test_a_marginal_given_a_condition(model):
    sample, calls = asked(model, only=["image"], conditions={"label": 2})
    assert set(sample) == {"image", "label"}
    assert (sample["label"] == 2).all()
    for times in calls:
        assert times["label"] == (0, 0)
        assert times["text"] == (1, 1)
    other = model.sample(6, only=["image"], conditions={"label": 1}, random_state=0)
    assert not np.array_equal(other["image"], sample["image"])


def test_all_that_is_wanted_is_the_joint_law_bit_for_bit(model):
    every = model.sample(6, only=["label", "image", "text"], random_state=0)
    assert_same(every, model.sample(6, random_state=0))
    alone = model.sample(6, only=["image"], random_state=0)["image"]
    assert not np.array_equal(alone, every["image"])


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (["sound"], "unknown modality 'sound'"),
        ("image", "Got 'image' instead"),
        ([], "Got [] instead"),
        (1, "Got 1 instead"),
    ],
)
def test_what_is_no_list_of_modalities_is_refused_in_words(model, only, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        model.sample(3, only=only)


# --- Heun and tau-leaping -------------------------------------------------------------------------


@pytest.mark.parametrize("conditions", [None, {"label": 1}, {"text": WORDS[0]}])
def test_heun_with_tau_leaping_draws_and_keeps_conditions(model, conditions):
    leaping = copy.copy(model).set_params(solver="heun-tau", eta=0.0)
    sample = leaping.sample(8, conditions=conditions, random_state=0)
    for name, value in (conditions or {}).items():
        assert (sample[name] == value).all()
    plain = copy.copy(model).set_params(solver="heun", eta=0.0)
    other = plain.sample(8, conditions=conditions, random_state=0)
    assert not np.array_equal(sample["image"], other["image"])
    assert set(sample) == {"image", "text", "label"}


def test_tau_leaping_needs_a_deterministic_flow(model):
    with pytest.raises(
        ParameterError, match=r"The 'heun-tau' solver of .* needs eta=0\. Got eta=1"
    ):
        copy.copy(model).set_params(solver="heun-tau").sample(2)


# --- Guidance -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conditions", [{"text": WORDS[1]}, {"label": 1}, {"image": np.ones((4, 4))}]
)
def test_classifier_free_guidance_is_noisy_guidance_at_time_one(model, conditions):
    draw = partial(model.sample, 60, conditions=conditions, random_state=0)
    whole = draw(guidance=2.5)
    assert_same(whole, draw(guidance=Guidance(2.5, 1.0, (0.0, 1.0))))
    others = [None, Guidance(2.5, 0.5), Guidance(2.5, interval=(0.2, 0.6)), 4.0]
    for other in others:
        sample = draw(guidance=other)
        assert any(not np.array_equal(sample[name], whole[name]) for name in whole)
    # No step of 1, 3/4, 1/2, 1/4 lies between: nothing is guided.
    assert_same(draw(guidance=Guidance(2.5, interval=(0.55, 0.7))), draw())


@pytest.mark.parametrize(("reference_time", "interval"), [(1.0, (0.0, 1.0)), (0.4, (0.3, 0.8))])
def test_the_reference_sees_the_text_at_its_time_within_the_interval(
    model, reference_time, interval
):
    guidance = Guidance(3.0, reference_time, interval)
    _, calls = asked(model, conditions={"text": WORDS[0]}, guidance=guidance)
    steps = [1.0, 0.75, 0.5, 0.25]
    expected = []
    for step in steps:
        expected.append((step, 0.0))
        if interval[0] <= step <= interval[1]:
            expected.append((step, reference_time))
    found = [(times["image"][0], times["text"][1]) for times in calls]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# --- Stages ---------------------------------------------------------------------------------------

STAGES = [
    Stage(0.4, hidden=["text"]),
    Stage(0.2, losses=["text"], trains=["text"]),
    Stage(0.4),
]


def weights(model):
    return {name: p.detach().clone() for name, p in model.denoiser_.named_parameters()}


def assert_same_weights(one, other):
    assert [n for n, p in weights(one).items() if not torch.equal(p, weights(other)[n])] == []


def test_stages_are_those_of_the_poster():
    """Images with noisy text, then what reads and writes text alone, then everything."""
    snapshots = {}

    def keep(progress, state):
        tensors = {n: p.detach().clone() for n, p in state.denoiser.named_parameters()}
        snapshots[progress.step] = tensors, list(state.stage_starts)

    every_step = partial(TrainConfig, log_every=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabdiffuse.estimators.base.TrainConfig", every_step)
        model = make(stages=STAGES, callbacks=[keep]).fit(data())
    assert snapshots[20][1] == [0, 8, 12]
    frozen = [name for name in snapshots[9][0] if "_parts.text" not in name]
    text = [name for name in snapshots[9][0] if "_parts.text" in name]
    assert frozen
    for name in frozen:
        assert torch.equal(snapshots[9][0][name], snapshots[12][0][name])
        assert not torch.equal(snapshots[12][0][name], snapshots[20][0][name])
    assert any(not torch.equal(snapshots[9][0][n], snapshots[12][0][n]) for n in text)
    assert all(p.requires_grad for p in model.denoiser_.parameters())
    assert len(model.sample(5)["text"]) == 5


@pytest.mark.parametrize("stages", [None, [], [Stage(1.0)]])
def test_a_run_in_one_piece_is_the_default_bit_for_bit(stages):
    assert_same_weights(make(stages=stages).fit(data()), make().fit(data()))


@pytest.mark.parametrize("step", [4, 8, 11, 16])
def test_a_fit_killed_in_any_stage_ends_bit_identical(step, tmp_path, monkeypatch):
    monkeypatch.setattr("tabdiffuse.estimators.base.Checkpoint", partial(Checkpoint, every=0.0))
    monkeypatch.setattr("tabdiffuse.estimators.base.TrainConfig", partial(TrainConfig, log_every=1))

    def kill(progress, state):
        if progress.step > step:
            raise KeyboardInterrupt

    whole = make(stages=STAGES).fit(data())
    path = tmp_path / "fit.checkpoint"
    model = make(stages=STAGES, checkpoint=path, callbacks=[kill])
    with pytest.raises(KeyboardInterrupt):
        model.fit(data())
    assert path.exists()
    with pytest.raises(ModelFileError, match="belongs to a fit with other"):
        make(stages=STAGES[::-1], checkpoint=path).fit(data())
    steps = []
    model.set_params(callbacks=[lambda progress, _: steps.append(progress.step)])
    assert_same_weights(model.fit(data()), whole)
    assert steps[0] == step + 1  # it did go on
    columns = whole.history_.columns.drop("seconds")
    assert model.history_[columns].equals(whole.history_[columns])


def test_stages_that_name_no_modality_are_refused_before_training(monkeypatch):
    monkeypatch.setattr("tabdiffuse.estimators.base.train", lambda *a, **k: pytest.fail("trained"))
    message = "hidden of stages[0] names an unknown modality 'caption'. Known: ['image', 'text', "
    with pytest.raises(ParameterError, match=re.escape(message)):
        make(stages=[Stage(1.0, hidden=["caption"])]).fit(data())
