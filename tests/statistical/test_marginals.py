"""Marginals from the network of all modalities: the others are held as noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse.joint import Observed, ProductProcess
from tabdiffuse.modalities import NumericModality
from tabdiffuse.sampling.blocks import sample_rows
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.guidance import Guidance, guided
from tabdiffuse.sampling.marginal import marginal
from tabdiffuse.sampling.solvers import Euler, Heun, HeunTau, TwoM
from tests.oracles import RARE, SCHEDULES, MixedOracle, law_p_value, noise
from tests.tiny import lively_denoiser, mixed_parts

ROWS = 10_240


def draw(denoise, joint, hidden, *, rows=ROWS, solver=None, n_steps=2, **more):
    return sample_rows(
        denoise, joint, rows, 0, solver=solver or TwoM(), n_steps=n_steps, batch_size=rows,
        device=torch.device("cpu"), hidden=hidden, **more,
    )  # fmt: skip


@pytest.mark.parametrize("solver", [Euler(1.0), TwoM(), Heun(), HeunTau()], ids=repr)
def test_a_category_by_itself_is_exact_in_any_number_of_steps(solver):
    oracle, law = MixedOracle(), MixedOracle.probabilities.numpy()

    def untold(state, times):  # the control: noise that is taken for a number at the chain's time
        numbers = noise(5).normal(state["x"].shape, state["x"].dtype)
        return oracle(state | {"x": numbers}, times)

    def counts(denoise, hidden):
        state = draw(denoise, oracle.joint, hidden, rows=4 * ROWS, solver=solver)
        return np.bincount(state["c"].flatten().numpy(), minlength=3)

    assert law_p_value(counts(oracle, ["x"]), law) > RARE
    assert law_p_value(counts(untold, []), law) < RARE


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_number_by_itself_follows_its_mixture(schedule):
    oracle = MixedOracle(SCHEDULES[schedule])
    x = draw(oracle, oracle.joint, ["c"], n_steps=50)["x"].flatten().numpy()
    # DKW at n = 10,240: 0.027; the control are numbers of one category.
    assert stats.kstest(x, oracle.cdf).statistic < 0.027 + 0.01
    one = Evidence(
        Observed({"c": torch.ones(ROWS, 1).long()}, {"c": torch.ones(ROWS, 1, dtype=torch.bool)})
    )
    given = draw(oracle, oracle.joint, [], n_steps=50, evidence=one)["x"].flatten().numpy()
    assert stats.kstest(given, oracle.cdf).statistic > 2 * (0.027 + 0.01)


@pytest.fixture(scope="module")
def denoiser():
    return lively_denoiser(mixed_parts())


@pytest.mark.parametrize("hidden", ["x", "c"])
def test_the_network_sees_one_draw_of_noise_at_time_one(denoiser, hidden):
    seen = []

    def spy(state, times):
        seen.append((state[hidden], times[hidden]))
        return denoiser(state, times)

    draw(spy, denoiser.joint, [hidden], rows=8, solver=Heun(), n_steps=3)
    assert len(seen) == 6
    for state, time in seen:
        assert torch.equal(state, seen[0][0])
        assert (time == 1).all()


def test_marginal_rows_do_not_depend_on_the_batch_size_bit_for_bit(denoiser):
    def rows(batch_size):
        return sample_rows(
            denoiser, denoiser.joint, 1100, 0, solver=TwoM(1.0), n_steps=3, batch_size=batch_size,
            device=torch.device("cpu"), hidden=["x"],
        )["c"]  # fmt: skip

    assert torch.equal(rows(512), rows(2048))
    joint = sample_rows(
        denoiser, denoiser.joint, 1100, 0, solver=TwoM(1.0), n_steps=3, batch_size=512,
        device=torch.device("cpu"),
    )["c"]  # fmt: skip
    assert not torch.equal(rows(512), joint)


def test_what_shares_a_token_with_a_wanted_modality_is_not_hidden():
    """A token has one time: its number cannot be noise while its category is revealed."""
    shared = lively_denoiser(mixed_parts(), tokens=[0, 1, 2, 0])
    assert marginal(shared, shared.joint, ["x"], 4, noise()) is shared
    parts = mixed_parts() | {"y": NumericModality(1)}
    joint = ProductProcess(parts, tokens=[0, 1, 2, 0, 3])
    assert joint.apart(["x", "y"]) == ["y"]
    assert joint.apart(["x", "c"]) == ["x", "c"]
    joint = ProductProcess(parts, tokens=[0, 1, 2, 0, 2])  # y shares with c, c with x
    assert joint.apart(["x", "c"]) == []
    assert joint.apart(["x", "c", "y"]) == ["x", "c", "y"]


def test_nothing_hidden_is_the_denoiser_itself(denoiser):
    assert marginal(denoiser, denoiser.joint, [], 4, noise()) is denoiser


def test_guidance_away_from_hidden_evidence_extrapolates_from_the_marginal():
    """Classifier-free guidance, put together by hand from a conditional and a marginal.

    The number given the category, against the number by itself: ``marginal`` is the model without
    conditions that classifier-free guidance asks for.
    """
    oracle, rows, strength = MixedOracle(), 64, 2.5
    observed = Observed(
        {"c": torch.ones(rows, 1).long()}, {"c": torch.ones(rows, 1, dtype=torch.bool)}
    )
    lean = guided(oracle, oracle.joint, observed, Guidance(strength, 1.0), noise(7))
    alone = marginal(oracle, oracle.joint, ["c"], rows, noise(8))
    state = oracle.joint.clamp(oracle.joint.prior(rows, noise(1)), observed)
    for time in (1.0, 0.6, 0.2):
        t = torch.full((1, 1), time, dtype=torch.float64)
        times = {"x": t, "c": torch.zeros_like(t)}
        found, given, free = (f(state, times)["x"] for f in (lean, oracle, alone))
        torch.testing.assert_close(found, free + strength * (given - free))
        assert time == 1 or (given - free).abs().min() > 1e-6
        blurred = guided(oracle, oracle.joint, observed, Guidance(strength, 0.5), noise(7))
        away = (blurred(state, times)["x"] - found).abs().flatten()
        # The noisy reference misses the category in half of the rows, and knows it in the others.
        if time < 1:
            assert 0.1 < float((away > 1e-9).double().mean()) < 0.9
