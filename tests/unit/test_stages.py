"""Training in stages: what counts, what is frozen, and what the average holds."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from tabdiffuse.errors import ParameterError
from tabdiffuse.times import Independent, Mixed, RandomClean, Tied
from tabdiffuse.training.loop import TrainConfig, TrainState, train
from tabdiffuse.training.stages import Stage, check_stages
from tests.tiny import mixed_parts, tiny_denoiser
from tests.unit.test_training import rows

LAW = Mixed([Tied(), RandomClean(Independent(per_cell=True))], [0.5, 0.5])
# Of 20 steps: 1 to 10 the numbers alone, 11 to 15 what reads the categories, 16 to 20 everything.
STAGES = (Stage(0.5, hidden=["c"]), Stage(0.25, ["c"], trains=["c"]), Stage(0.25))
CONFIG = TrainConfig(
    max_steps=20, max_time=None, batch_size=32, log_every=1, weight_decay=0.5, stages=STAGES
)


class Recorder:
    """Remembers the state after each step."""

    def __init__(self):
        self.after = {}

    def __call__(self, progress, state):
        self.after.setdefault(progress.step, {k: v.clone() for k, v in state.tensors().items()})


def run(config=CONFIG, **more):
    denoiser = tiny_denoiser(mixed_parts(), seed=5)
    recorder = Recorder()
    state, _ = train(denoiser, rows(), config, LAW, seed=0, callbacks=[recorder], **more)
    return denoiser, state, recorder.after


@pytest.fixture(scope="module")
def recorded():
    denoiser, state, after = run()
    return denoiser, state, after


def belongs_to(name, part):
    return f"joint._parts.{part}." in name


def changed(before, now, prefix):
    names = [name for name in now if name.startswith(prefix)]
    return {n for n in names if n not in before or not torch.equal(before[n], now[n])}


# --- What counts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stages", [(Stage(1.0),), (Stage(1.0, ["x", "c"], ["x", "c", "backbone"]),)]
)
def test_one_stage_of_everything_is_no_stage_bit_for_bit(stages):
    one, other = (run(replace(CONFIG, stages=s))[1].tensors() for s in (stages, ()))
    assert changed(one, other, "") == set()


def test_only_the_losses_of_a_stage_count(recorded):
    history = recorded[1].history
    for step, names in [(5, ["x"]), (12, ["c"]), (18, ["x", "c"])]:
        line = history[step - 1]
        mean = sum(line[f"loss_{name}"] for name in names) / len(names)  # two cells each
        assert line["loss"] == pytest.approx(mean, rel=1e-5)
        assert line["loss_x"] > 0 < line["loss_c"]


def test_what_reads_an_uncounted_modality_stays_as_it_was(recorded):
    first, last = recorded[2][1], recorded[2][10]
    start = {f"model/{n}": p for n, p in tiny_denoiser(mixed_parts(), seed=5).named_parameters()}
    moved = changed(start, last, "model/")
    assert {n for n in start if "readout" in n and belongs_to(n, "x")} <= moved
    assert changed(first, last, "model/")
    part = tiny_denoiser(mixed_parts(), seed=5).joint.parts()["c"]
    still = {f"model/joint._parts.c.{name}" for name, _ in part.named_parameters()} - moved
    assert still  # its heads; what embeds the mask was part of the image of noise
    assert still & changed(recorded[2][10], recorded[2][15], "model/")


def test_hidden_modalities_are_noise():
    seen = []
    denoiser = tiny_denoiser(mixed_parts())
    corrupt = denoiser.joint.corrupt

    def spy(x0, times, noise):
        seen.append(times)
        return corrupt(x0, times, noise)

    denoiser.joint.corrupt = spy
    train(denoiser, rows(), CONFIG, LAW, seed=0)
    for step, times in enumerate(seen, start=1):
        assert bool((times["c"] == 1).all()) == (step <= 10)
        assert not (times["x"] == 1).all()


# --- What is frozen -------------------------------------------------------------------------------


def test_frozen_parameters_keep_weights_moments_and_average(recorded):
    after = recorded[2]
    moved = changed(after[11], after[15], "model/")
    assert moved
    assert all(belongs_to(name, "c") for name in moved)
    assert all(belongs_to(name, "c") for name in changed(after[10], after[15], "optimizer/"))
    assert all(belongs_to(name, "c") for name in changed(after[11], after[15], "ema/"))
    # The control: in the last stage everything moves, by its loss and by the decay.
    for prefix in ("model/", "ema/", "optimizer/"):
        names = {name for name in after[20] if name.startswith(prefix)}
        assert changed(after[15], after[20], prefix) == names


def test_a_stage_starts_from_the_averages_of_the_one_before(recorded):
    after = recorded[2]
    frozen = [n.removeprefix("model/") for n in after[11] if n.startswith("model/")]
    frozen = [name for name in frozen if not belongs_to(name, "c")]
    assert frozen
    for name in frozen:
        for step in range(11, 16):
            assert torch.equal(after[step][f"model/{name}"], after[10][f"ema/{name}"])
            assert torch.equal(after[step][f"ema/{name}"], after[10][f"ema/{name}"])
    assert any(not torch.equal(after[10][f"model/{n}"], after[10][f"ema/{n}"]) for n in frozen)


def test_the_average_holds_the_weights_of_the_last_stage_alone(recorded):
    """The closed form of `PowerEMA`, counted from the start of the stage."""
    after, state = recorded[2], recorded[1]
    powers = torch.arange(6, dtype=torch.float64) ** (CONFIG.ema_gamma + 1)
    weights = powers.diff() / powers[-1]
    names = [name for name, _ in recorded[0].named_parameters()]
    assert state.stage_starts == [0, 10, 15]
    for name, average in zip(names, state.ema.average, strict=True):
        path = torch.stack([after[step][f"model/{name}"] for step in range(16, 21)]).double()
        mean = (path * weights.view(-1, *[1] * (path.ndim - 1))).sum(dim=0)
        torch.testing.assert_close(average.double(), mean, rtol=1e-4, atol=1e-7)


def test_everything_trains_again_after_the_run_and_after_a_failure():
    denoiser = tiny_denoiser(mixed_parts())
    denoiser.backbone.fixed = torch.nn.Parameter(torch.ones(2), requires_grad=False)

    def fail(progress, state):
        if progress.step == 12:
            assert not all(p.requires_grad for p in denoiser.backbone.parameters())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(denoiser, rows(), CONFIG, LAW, seed=0, callbacks=[fail])
    still = [name for name, p in denoiser.named_parameters() if not p.requires_grad]
    assert still == ["backbone.fixed"]  # which never learnt
    train(denoiser, rows(), replace(CONFIG, stages=STAGES[1:2] * 4), LAW, seed=0)
    assert [name for name, p in denoiser.named_parameters() if not p.requires_grad] == still


# --- Going on -------------------------------------------------------------------------------------


def resumed(after, stop, starts):
    denoiser = tiny_denoiser(mixed_parts(), seed=77)
    state = TrainState.start(denoiser, CONFIG)
    state.load_tensors(after[stop])
    state.step, state.stage_starts = stop, starts
    return train(denoiser, rows(), CONFIG, LAW, seed=0, state=state)[0].tensors()


@pytest.mark.parametrize(
    ("stop", "starts"), [(4, [0]), (10, [0]), (12, [0, 10]), (15, [0, 10]), (17, [0, 10, 15])]
)
def test_a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one(recorded, stop, starts):
    assert changed(recorded[1].tensors(), resumed(recorded[2], stop, starts), "") == set()


def test_resuming_without_the_starts_of_the_stages_is_found_out(recorded):
    """The control: a stage that is begun anew forgets what it has learnt since."""
    assert changed(recorded[1].tensors(), resumed(recorded[2], 12, [0]), "")


@pytest.mark.parametrize(
    ("shares", "starts"), [([0.05] * 20, 20), ([1 / 3] * 3, 3), ([0.001, 0.999], 2)]
)
def test_stages_of_any_share_are_gone_through(shares, starts):
    state = run(replace(CONFIG, stages=tuple(Stage(share) for share in shares)))[1]
    assert len(state.stage_starts) == starts
    assert state.stage_starts == sorted(state.stage_starts)
    assert state.step == 20


# --- What cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": 0}, "The 'share' of Stage must be a number above 0 and at most 1. Got 0"),
        ({"share": 1.5}, "Got 1.5 instead"),
        ({"share": float("nan")}, "Got nan instead"),
        ({"share": True}, "Got True instead"),
        ({"share": "half"}, "Got 'half' instead"),
        ({"losses": "text"}, "The 'losses' of Stage must be a list of names. Got 'text' instead"),
        ({"losses": []}, "must be names, at least one, or None for all. Got () instead"),
        ({"trains": ()}, "The 'trains' of Stage must be names, at least one"),
        ({"trains": [1]}, "The 'trains' of Stage must be a list of names. Got [1]"),
        ({"hidden": "text"}, "The 'hidden' of Stage must be a list of names"),
        ({"hidden": None}, "The 'hidden' of Stage must be a list of names"),
        ({"losses": ["a", "b"], "hidden": ["b"]}, "modalities that are not hidden, unlike 'b'"),
    ],
)
def test_stages_out_of_range_are_refused_in_words(values, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        Stage(**{"share": 0.5} | values)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (0.5, "stages must be a list such as [Stage(0.5, losses=['image']), Stage(0.5)]. Got 0.5"),
        ([0.5, 0.5], "Got [0.5, 0.5] instead"),
        (Stage(1.0), "must be a list such as"),
        ([Stage(0.5), Stage(0.4)], "must add up to 1. Got [0.5, 0.4]: 0.9"),
        (
            [Stage(0.5), Stage(0.5, ["txt"])],
            "losses of stages[1] names an unknown modality 'txt'. Known: ['image', 'text']",
        ),
        (
            [Stage(1.0, trains=["head"])],
            "trains of stages[0] names an unknown modality 'head'. "
            "Known: ['image', 'text', 'backbone']",
        ),
        ([Stage(1.0, hidden=["backbone"])], "hidden of stages[0] names an unknown modality"),
        ([Stage(1.0, hidden=["image", "text"])], "stages[0] hides every modality"),
    ],
)
def test_stages_that_do_not_fit_are_refused_in_words(stages, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        check_stages(stages, ["image", "text"])


def test_a_modality_called_backbone_is_refused_where_it_would_be_ambiguous():
    names = ["image", "backbone"]
    assert check_stages([Stage(1.0, losses=["backbone"])], names)
    with pytest.raises(ParameterError, match=r"also the name of one\. Rename the modality"):
        check_stages([Stage(1.0, trains=["backbone"])], names)


def test_stages_that_fit_are_values():
    found = check_stages([Stage(0.5, ["text"], hidden=["image"]), Stage(0.5)], ["image", "text"])
    assert found == (Stage(0.5, ("text",), None, ("image",)), Stage(0.5))
    assert len({*found}) == 2
    assert check_stages(None, ["image"]) == check_stages([], ["image"]) == ()
