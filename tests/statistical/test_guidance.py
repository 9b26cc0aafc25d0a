"""Guidance against exact laws, with oracles in place of networks.

The guided score is a known combination of exact scores, so where the evidence of the reference is
given the probability-flow ODE is known in closed form and is solved here by other means (scipy).
Deterministic samples are then held against it row by row; categories by a chi-square test.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import solve_ivp

from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion
from tabdiffuse.errors import ParameterError
from tabdiffuse.joint import Observed
from tabdiffuse.sampling.blocks import sample_rows
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.guidance import Guidance, guided
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Euler, Heun, TwoM
from tests.oracles import (
    PAIR,
    RARE,
    SCHEDULES,
    CategoricalOracle,
    GaussianOracle,
    MixedOracle,
    law_p_value,
    noise,
)
from tests.tiny import lively_denoiser, mixed_parts

MEAN = np.array([0.4, -0.3])
COVARIANCE = np.array([[1.0, 0.7], [0.7, 0.9]])
Y = 1.1
STRENGTH = 2.5
HEUN, TWO_M = Heun(), TwoM()


def two_numbers() -> GaussianOracle:
    return GaussianOracle(SCHEDULES["vp"], torch.tensor(MEAN), torch.tensor(COVARIANCE))


def second_is(rows: int, value: float, time: float = 0.0) -> Observed:
    """The second of two numbers is known."""
    known = torch.tensor([[False, True]])
    times = {"x": torch.full((1, 2), time)} if time else {}
    return Observed(
        {"x": torch.full((rows, 2, 1), value, dtype=torch.float64)}, {"x": known}, times
    )


class Spy:
    """Remembers what a denoiser was asked."""

    def __init__(self, denoise):
        self.denoise = denoise
        self.asked = []

    def __call__(self, state, times):
        self.asked.append(({k: v.clone() for k, v in state.items()}, dict(times)))
        return self.denoise(state, times)


def draw(oracle, observed, guidance, rows, *, solver=HEUN, n_steps=64, joint=None):
    """Sample with one stream for the reference and another for the chain."""
    joint = oracle.joint if joint is None else joint
    denoise = oracle
    if guidance is not None:
        denoise = guided(oracle, joint, observed, guidance, noise(7))
    return sample(
        denoise, joint, rows, noise(), solver=solver, n_steps=n_steps, observed=observed,
        dtype=torch.float64,
    )  # fmt: skip


def given(value: float | np.ndarray, time: float):
    """Mean and variance of the first number, given the second at a time."""
    alpha, sigma = math.cos(time * math.pi / 2), math.sin(time * math.pi / 2)
    gain = alpha * COVARIANCE[0, 1] / (alpha**2 * COVARIANCE[1, 1] + sigma**2)
    return MEAN[0] + gain * (value - alpha * MEAN[1]), COVARIANCE[0, 0] - gain * alpha * COVARIANCE[
        0, 1
    ]


def flow(start, weighted, *, until=0.0, start_time=1.0):
    """Solve the probability-flow ODE of a weighted sum of scores, from time 1 by default.

    ``weighted`` lists weights and the laws, each a function of the angle and x that returns
    ``tan(phi) (x + score)`` of its noised density; in the angle, ``dx / dphi`` is minus their sum.
    """

    def slope(angle, x):
        return -sum(weight * law(angle, x) for weight, law in weighted)

    ends = (start_time * math.pi / 2, until * math.pi / 2)
    return solve_ivp(slope, ends, start, rtol=1e-9, atol=1e-10).y[:, -1]


def normal(mean, variance):
    """The law N(mean, variance), noised; the tangent cancels by hand."""

    def law(angle, x):
        c, s = math.cos(angle), math.sin(angle)
        return s * (c * (variance - 1) * x + mean) / (c**2 * variance + s**2)

    return law


def mixture_of(oracle):
    """The law of the number of a `MixedOracle` by itself, noised."""
    means, variances = oracle.means.numpy(), oracle.sds.numpy() ** 2
    prior = oracle.probabilities.numpy()

    def law(angle, x):
        c, s = math.cos(angle), math.sin(angle)
        log_weight = np.log(prior) + stats.norm.logpdf(
            x[:, None], c * means, np.sqrt(c**2 * variances + s**2)
        )
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        each = np.stack([normal(m, v)(angle, x) for m, v in zip(means, variances, strict=True)], 1)
        return (weight * each).sum(axis=1) / weight.sum(axis=1)

    return law


# --- Numbers --------------------------------------------------------------------------------------

ROWS = 200
# Largest error of a row, measured: 0.0018 after 128 steps of Heun, 0.004 with soft evidence.
FLOW_BAND = 0.01


def start_of(oracle, rows):
    return oracle.joint.prior(rows, noise())["x"].double()[:, 0, 0].numpy()


@pytest.mark.parametrize("strength", [0.0, 0.5, 2.5, 4.0])
def test_guided_number_follows_the_weighted_score(strength):
    oracle = two_numbers()
    state = draw(oracle, second_is(ROWS, Y), Guidance(strength), ROWS, n_steps=128)["x"]
    laws = [(strength, normal(*given(Y, 0.0))), (1 - strength, normal(MEAN[0], COVARIANCE[0, 0]))]
    start = start_of(oracle, ROWS)
    assert (state[:, 1] == Y).all()
    found = state[:, 0, 0].numpy()
    np.testing.assert_allclose(found, flow(start, laws), atol=FLOW_BAND)
    # The control: the same evidence without guidance.
    assert np.abs(found - flow(start, [(1.0, laws[0][1])])).max() > 10 * FLOW_BAND


def test_mean_and_spread_of_a_guided_number():
    """The flow is affine, so two solutions give mean and sd; guidance shifts and narrows."""
    oracle, rows = two_numbers(), 10_000
    x = draw(oracle, second_is(rows, Y), Guidance(STRENGTH), rows)["x"][:, 0, 0]
    laws = [(STRENGTH, normal(*given(Y, 0.0))), (1 - STRENGTH, normal(MEAN[0], COVARIANCE[0, 0]))]
    zero, one = flow(np.array([0.0, 1.0]), laws)
    law, plain = stats.norm(zero, one - zero), stats.norm(given(Y, 0.0)[0], given(Y, 0.0)[1] ** 0.5)
    # DKW at n = 10,000: 0.027; 64 steps leave less than 0.01.
    assert stats.kstest(x.numpy(), law.cdf).statistic < 0.037
    assert stats.kstest(x.numpy(), plain.cdf).statistic > 2 * 0.037
    assert one - zero < plain.std()
    assert zero > plain.mean()


@pytest.mark.parametrize("reference_time", [0.25, 0.5])
def test_reference_sees_the_evidence_at_its_time_throughout(reference_time):
    """Noisy guidance: given the noised evidence, the flow is again known row by row."""
    oracle = two_numbers()
    spy = Spy(oracle)
    observed = second_is(ROWS, Y)
    guidance = Guidance(STRENGTH, reference_time)
    denoise = guided(spy, oracle.joint, observed, guidance, noise(7))
    state = sample(
        denoise, oracle.joint, ROWS, noise(), solver=Heun(), n_steps=128, observed=observed,
        dtype=torch.float64,
    )["x"]  # fmt: skip
    references = spy.asked[1::2]
    seen = references[0][0]["x"][:, 1, 0]
    for reference, times in references:  # one draw serves all calls
        assert torch.equal(reference["x"][:, 1, 0], seen)
        assert (times["x"][:, 1] == reference_time).all()
    start = start_of(oracle, ROWS)
    laws = [
        (STRENGTH, normal(*given(Y, 0.0))),
        (1 - STRENGTH, normal(*given(seen.numpy(), reference_time))),
    ]
    found = state[:, 0, 0].numpy()
    np.testing.assert_allclose(found, flow(start, laws), atol=FLOW_BAND)
    hidden = [laws[0], (1 - STRENGTH, normal(MEAN[0], COVARIANCE[0, 0]))]
    assert np.abs(found - flow(start, hidden)).max() > 10 * FLOW_BAND


def test_evidence_of_the_reference_has_the_law_of_the_forward_process():
    oracle, rows, time = two_numbers(), 20_000, 0.5
    spy = Spy(oracle)
    denoise = guided(spy, oracle.joint, second_is(rows, Y), Guidance(2.0, time), noise(7))
    t = torch.ones(1, 1, dtype=torch.float64)
    denoise(oracle.joint.prior(rows, noise()), {"x": t})
    seen = spy.asked[1][0]["x"][:, 1, 0].numpy()
    law = stats.norm(Y * math.cos(math.pi / 4), math.sin(math.pi / 4))
    assert stats.kstest(seen, law.cdf).pvalue > RARE
    assert stats.kstest(seen, stats.norm(Y, law.std()).cdf).pvalue < RARE


def test_soft_evidence_is_leant_on_until_its_own_time():
    """Down to tau the free number is guided by the noised one; then both move, unguided."""
    oracle, tau, held = two_numbers(), 0.5, 0.8
    state = draw(oracle, second_is(ROWS, held, tau), Guidance(STRENGTH), ROWS, n_steps=128)["x"]
    laws = [
        (STRENGTH, normal(*given(held, tau))),
        (1 - STRENGTH, normal(MEAN[0], COVARIANCE[0, 0])),
    ]
    start = start_of(oracle, ROWS)

    def rest(x):
        both = np.stack([x, np.full_like(x, held)], axis=1)[..., None]
        return oracle.flow(torch.tensor(both), tau).numpy()

    expected = rest(flow(start, laws, until=tau))
    np.testing.assert_allclose(state.numpy(), expected, atol=FLOW_BAND)
    plain = rest(flow(start, [(1.0, laws[0][1])], until=tau))
    assert np.abs(state.numpy() - plain).max() > 10 * FLOW_BAND


def test_released_evidence_is_guided_by_what_is_still_held():
    """Beside exact evidence: the soft cell is evidence before its time, and guided after it."""
    covariance = torch.eye(3).double() * 0.5 + 0.5
    oracle = GaussianOracle(SCHEDULES["vp"], torch.zeros(3).double(), covariance)
    known = torch.tensor([[False, True, True]])
    observed = Observed(
        {"x": torch.full((8, 3, 1), 0.7, dtype=torch.float64)},
        {"x": known},
        {"x": torch.tensor([[0.0, 0.0, 0.5]])},
    )
    spy = Spy(oracle)
    lean = guided(spy, oracle.joint, observed, Guidance(3.0), noise(7))
    state = oracle.joint.clamp(oracle.joint.prior(8, noise(1)), observed)
    for now, seen_at in ((0.75, [0.75, 1.0, 1.0]), (0.25, [0.25, 1.0, 0.25])):
        t = torch.tensor([[now, 0.0, min(now, 0.5)]]).double()
        spy.asked.clear()
        found, plain = lean(state, {"x": t})["x"], oracle(state, {"x": t})["x"]
        reference, times = spy.asked[1]
        assert times["x"].tolist() == [seen_at] * len(times["x"])
        against = oracle(reference, times)["x"]
        free = torch.tensor([time == now for time in seen_at])
        assert torch.equal(reference["x"][:, free], state["x"][:, free])
        expected = against + 3 * (plain - against)
        torch.testing.assert_close(found[:, free], expected[:, free])
        assert torch.equal(found[:, ~free], plain[:, ~free])
        assert (found[:, free] - plain[:, free]).abs().min() > 1e-3


def test_guided_number_given_a_category():
    """Not Gaussian: the reference is a mixture."""
    oracle, category = MixedOracle(), 1
    means, variances = oracle.means.numpy(), oracle.sds.numpy() ** 2
    known = torch.ones(1, 1, dtype=torch.bool)
    observed = Observed({"c": torch.full((ROWS, 1), category)}, {"c": known})
    found = draw(oracle, observed, Guidance(STRENGTH), ROWS, n_steps=256)["x"][:, 0, 0].numpy()
    own = normal(means[category], variances[category])
    start = start_of(oracle, ROWS)
    expected = flow(start, [(STRENGTH, own), (1 - STRENGTH, mixture_of(oracle))])
    np.testing.assert_allclose(found, expected, atol=2 * FLOW_BAND)
    assert np.abs(found - flow(start, [(1.0, own)])).max() > 10 * FLOW_BAND


# --- Categories -----------------------------------------------------------------------------------

MANY = 50_000


def sharpened(law, reference, strength):
    """``law**strength reference**(1 - strength)``, normalised over the last axis."""
    guided_law = law**strength * reference ** (1 - strength)
    return guided_law / guided_law.sum(axis=-1, keepdims=True)


def first_given_last(guidance, *, n_steps=4):
    """Count the first category of PAIR, with the second known."""
    oracle, k = CategoricalOracle(PAIR), 2
    held = torch.tensor([[0, k]]).expand(MANY, 2)
    observed = Observed({"c": held}, {"c": torch.tensor([[False, True]]).expand(MANY, 2)})
    joint = oracle.joint("independent")
    state = draw(oracle, observed, guidance, MANY, solver=Euler(), n_steps=n_steps, joint=joint)
    assert (state["c"][:, 1] == k).all()
    return np.bincount(state["c"][:, 0].numpy(), minlength=2)


PLAIN = PAIR[:, 2] / PAIR[:, 2].sum()
MARGINAL = PAIR.sum(axis=1)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.5, 3.0])
def test_guided_category_follows_the_sharpened_law(strength):
    counts = first_given_last(Guidance(strength))
    assert law_p_value(counts, sharpened(PLAIN, MARGINAL, strength)) > RARE
    assert law_p_value(counts, PLAIN) < RARE


def test_reference_misses_a_category_with_the_chance_of_its_time():
    """At time sigma the known cell is masked with chance sigma; else the reference knows all."""
    counts = first_given_last(Guidance(STRENGTH, reference_time=0.25))
    full = sharpened(PLAIN, MARGINAL, STRENGTH)
    assert law_p_value(counts, 0.25 * full + 0.75 * PLAIN) > RARE
    assert law_p_value(counts, full) < RARE
    assert law_p_value(counts, PLAIN) < RARE


def test_steps_outside_the_interval_are_not_guided():
    """A cell is revealed in any of the four steps alike; two of them are inside."""
    counts = first_given_last(Guidance(STRENGTH, interval=(0.4, 0.8)))
    full = sharpened(PLAIN, MARGINAL, STRENGTH)
    assert law_p_value(counts, (full + PLAIN) / 2) > RARE
    assert law_p_value(counts, full) < RARE
    assert law_p_value(counts, PLAIN) < RARE


def test_guided_category_given_a_number():
    """The number is hidden from the reference, or noised: then the law averages over the noise."""
    oracle, rows, value, time = MixedOracle(sds=(0.8, 0.9, 0.7)), 20_000, 0.6, 0.5
    observed = Observed(
        {"x": torch.full((rows, 1, 1), value, dtype=torch.float64)},
        {"x": torch.ones(1, 1, dtype=torch.bool)},
    )
    prior, means, sds = (v.numpy() for v in (oracle.probabilities, oracle.means, oracle.sds))
    bayes = oracle.given_x(torch.tensor([value]).double()).numpy()[0]

    def counts_of(reference_time):
        guidance = Guidance(STRENGTH, reference_time)
        state = draw(oracle, observed, guidance, rows, solver=TwoM(), n_steps=4)
        return np.bincount(state["c"].flatten().numpy(), minlength=3)

    alpha = sigma = math.sqrt(0.5)
    nodes, weights = np.polynomial.hermite_e.hermegauss(99)
    x_t = alpha * value + sigma * nodes
    noised = prior * stats.norm.pdf(x_t[:, None], alpha * means, np.hypot(alpha * sds, sigma))
    averaged = weights @ sharpened(bayes, noised / noised.sum(axis=1, keepdims=True), STRENGTH)
    hidden = sharpened(bayes, prior, STRENGTH)
    assert law_p_value(counts_of(1.0), hidden) > RARE
    assert law_p_value(counts_of(time), averaged) > RARE
    for law in (hidden, bayes):
        assert law_p_value(counts_of(time), law) < RARE


# --- Through the estimator ------------------------------------------------------------------------


class ExactPicture:
    """A picture of one pixel and its label, in place of a trained network."""

    oracle = MixedOracle(means=(-0.35, -0.1, 0.1), sds=(0.2, 0.25, 0.25))

    def __init__(self, joint):
        self.joint = joint

    def __call__(self, state, times):
        pred = self.oracle(
            {"x": state["image"], "c": state["label"]},
            {"x": times["image"], "c": times["label"]},
        )
        return {"image": pred["x"].float(), "label": pred["c"].float()}


@pytest.fixture(scope="module")
def pictures():
    model = MultimodalDiffusion(
        {"image": ImageModality(1, 1, patch=1), "label": CategoricalModality(3)},
        max_steps=1, width=8, depth=1, random_state=0, verbose=0, solver="heun", eta=0.0,
    )  # fmt: skip
    model.fit({"image": np.zeros((4, 1, 1)), "label": np.arange(4) % 3})
    model.denoiser_ = ExactPicture(model.denoiser_.joint)
    return model


def picture_law(label, strength, interval=(0.0, 1.0)):
    """Distribution function of the pixel in [0, 1] under classifier-free guidance, by its ODE."""
    oracle = ExactPicture.oracle
    means, variances = oracle.means.numpy(), oracle.sds.numpy() ** 2
    own, every = normal(means[label], variances[label]), mixture_of(oracle)
    z = np.linspace(-5, 5, 201)
    x, now = z, 1.0
    for until, weight in ((interval[1], 1.0), (interval[0], strength), (0.0, 1.0)):
        if until < now:
            laws = [(weight, own), (1 - weight, every)] if weight != 1 else [(1.0, own)]
            x, now = flow(x, laws, until=until, start_time=now), until
    pixel = (x.clip(-1, 1) + 1) / 2
    return lambda values: stats.norm.cdf(np.interp(values, pixel, z))


# DKW at n = 3,000: 0.049 for one seed in a million; 64 steps of Heun leave less than 0.01.
PICTURE_ROWS, PICTURE_BAND = 3_000, 0.059


@pytest.mark.parametrize(
    ("reference_time", "interval"),
    [(1.0, (0.0, 1.0)), (0.5, (0.0, 1.0)), (1.0, (0.25, 0.75)), (0.5, (0.25, 0.75))],
)
def test_sweep_of_guidance_over_pictures_given_a_label(pictures, reference_time, interval):
    """The reference misses the label with the chance of its time, and else there is no guidance."""
    label, strength = 2, 4.0
    pixel = pictures.sample(
        PICTURE_ROWS, conditions={"label": label}, n_steps=64, random_state=1,
        guidance=Guidance(strength, reference_time, interval),
    )["image"].flatten()  # fmt: skip
    plain, lean = picture_law(label, 1.0), picture_law(label, strength, interval)

    def distance(chance, away):
        law = stats.kstest(pixel, lambda v: chance * away(v) + (1 - chance) * plain(v))
        return float(law.statistic)

    assert distance(reference_time, lean) < PICTURE_BAND
    for wrong in (0.0, 1.5 - reference_time):  # unguided, and the other time of the reference
        assert distance(wrong, lean) > 2 * PICTURE_BAND


@pytest.mark.parametrize("reference_time", [1.0, 0.5])
def test_sweep_of_guidance_over_labels_given_a_picture(pictures, reference_time):
    """The law of the label is sharpened, away from what the noised picture says."""
    oracle, value, rows = ExactPicture.oracle, 0.56, 20_000
    labels = pictures.sample(
        rows, conditions={"image": np.full((1, 1), value)}, n_steps=4, random_state=1,
        guidance=Guidance(2.0, reference_time),
    )["label"]  # fmt: skip
    x = 2 * value - 1
    prior, means, sds = (v.numpy() for v in (oracle.probabilities, oracle.means, oracle.sds))
    bayes = oracle.given_x(torch.tensor([x]).double()).numpy()[0]
    alpha, sigma = math.cos(reference_time * math.pi / 2), math.sin(reference_time * math.pi / 2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(99)
    x_t = alpha * x + sigma * nodes
    noised = prior * stats.norm.pdf(x_t[:, None], alpha * means, np.hypot(alpha * sds, sigma))
    law = weights @ sharpened(bayes, noised / noised.sum(axis=1, keepdims=True), 2.0)
    counts = np.bincount(labels, minlength=3)
    assert law_p_value(counts, law) > RARE
    assert law_p_value(counts, bayes) < RARE


# --- What guidance leaves alone -------------------------------------------------------------------


@pytest.fixture(scope="module")
def denoiser():
    return lively_denoiser(mixed_parts())


def some_evidence(rows, known_rows=None):
    """One number and one category are known in the chosen rows, in all by default."""
    chosen = torch.ones(rows, 1, dtype=torch.bool) if known_rows is None else known_rows[:, None]
    known = {name: torch.tensor([[True, False]]) & chosen for name in ("x", "c")}
    values = {"x": noise(3).normal((rows, 2, 1)), "c": torch.tensor([[2, 1]]).expand(rows, 2)}
    return Observed(values, known)


def both_ways(denoiser, observed, guidance, rows=40, solver=TWO_M, n_steps=5):
    joint = denoiser.joint
    lean = guided(denoiser, joint, observed, guidance, noise(7))
    return [
        sample(d, joint, rows, noise(), solver=solver, n_steps=n_steps, observed=observed)
        for d in (lean, denoiser)
    ]


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_strength_one_is_the_denoiser_itself(denoiser):
    assert guided(denoiser, denoiser.joint, some_evidence(4), Guidance(1.0), noise()) is denoiser


@pytest.mark.parametrize("solver", [TwoM(1.0), Heun()], ids=repr)
def test_an_interval_between_two_steps_changes_nothing_bit_for_bit(denoiser, solver):
    observed = some_evidence(40)
    between = Guidance(3.0, interval=(0.61, 0.79))
    assert same(*both_ways(denoiser, observed, between, solver=solver))
    around = Guidance(3.0, interval=(0.59, 0.79))
    assert not same(*both_ways(denoiser, observed, around, solver=solver))


def test_a_guided_step_calls_the_network_twice_and_any_other_once(denoiser):
    spy = Spy(denoiser)
    guidance = Guidance(2.0, interval=(0.3, 0.7))  # of 1, 0.8, 0.6, 0.4, 0.2: two
    lean = guided(spy, denoiser.joint, some_evidence(8), guidance, noise(7))
    sample(lean, denoiser.joint, 8, noise(), solver=TwoM(), n_steps=5, observed=some_evidence(8))
    assert len(spy.asked) == 7


def test_rows_without_evidence_come_out_unguided_bit_for_bit(denoiser):
    chosen = torch.arange(40) % 2 == 0
    lean, plain = both_ways(denoiser, some_evidence(40, chosen), Guidance(3.0))
    for name, values in lean.items():
        assert torch.equal(values[~chosen], plain[name][~chosen])
    assert not torch.equal(lean["x"][chosen], plain["x"][chosen])


@pytest.mark.parametrize("solver", [TwoM(), TwoM(1.0), Heun()], ids=repr)
def test_evidence_survives_guidance_bit_for_bit(denoiser, solver):
    observed = some_evidence(40)
    lean, _ = both_ways(denoiser, observed, Guidance(3.0, 0.5), solver=solver)
    for name, known in observed.known.items():
        assert torch.equal(lean[name][known], observed.values[name][known])


def test_evidence_known_no_better_than_the_reference_gives_nothing_to_lean_on(denoiser):
    observed = some_evidence(40)
    soft = Observed(
        observed.values, observed.known, {name: torch.full((40, 2), 0.5) for name in ("x", "c")}
    )
    assert same(*both_ways(denoiser, soft, Guidance(3.0, reference_time=0.5)))
    assert not same(*both_ways(denoiser, soft, Guidance(3.0, reference_time=0.75)))


def test_cells_of_one_token_share_the_time_of_the_reference():
    denoiser = lively_denoiser(mixed_parts(), tokens=[0, 1, 0, 1])
    spy = Spy(denoiser)
    lean = guided(spy, denoiser.joint, some_evidence(8), Guidance(2.0, 0.75), noise(7))
    sample(lean, denoiser.joint, 8, noise(), solver=TwoM(), n_steps=4, observed=some_evidence(8))
    for _, times in spy.asked[1::2]:
        assert torch.equal(times["x"], times["c"])
        assert (times["x"][:, 0] == 0.75).all()


def test_guided_rows_do_not_depend_on_the_batch_size_bit_for_bit(denoiser):
    def rows(batch_size):
        return sample_rows(
            denoiser, denoiser.joint, 1100, 0, solver=TwoM(1.0), n_steps=3, batch_size=batch_size,
            device=torch.device("cpu"), evidence=Evidence(some_evidence(1100)),
            guidance=Guidance(2.0, 0.5),
        )  # fmt: skip

    assert same(rows(512), rows(2048))


# --- What cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strength": -1}, r"'strength' of Guidance must be .* at least 0 .* Got -1 instead"),
        ({"strength": math.inf}, r"'strength' .* Got inf instead"),
        ({"strength": math.nan}, r"'strength' .* Got nan instead"),
        ({"strength": "2"}, r"'strength' .* Got '2' instead"),
        ({"strength": True}, r"'strength' .* Got True instead"),
        ({"reference_time": 0.0}, r"'reference_time' .* above 0 and at most 1 .* Got 0\.0"),
        ({"reference_time": 1.5}, r"'reference_time' .* Got 1\.5"),
        ({"interval": (0.5, 0.5)}, r"'interval' .* 0 <= from < to <= 1.* Got \(0\.5, 0\.5\)"),
        ({"interval": (0.8, 0.2)}, r"'interval' .* Got \(0\.8, 0\.2\)"),
        ({"interval": (0, 2)}, r"'interval' .* Got \(0, 2\)"),
        ({"interval": 0.5}, r"'interval' .* Got 0\.5"),
    ],
)
def test_values_out_of_range_are_refused_in_words(values, message):
    with pytest.raises(ParameterError, match=message):
        Guidance(**{"strength": 2.0} | values)


def test_numbers_of_numpy_are_numbers():
    assert Guidance(np.float32(2), np.float64(0.5), (0, np.float64(1))).strength == 2
