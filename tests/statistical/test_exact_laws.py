"""The sampling loop against laws that are known exactly, with oracles in place of networks.

Each statistical check has a fixed seed, and a threshold that one random seed in a million passes
(`RARE`); where a finite number of steps leaves a bias, the band says how much. Beside each stands a
negative control, a slip that the same check must find.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse._random import Noise, generator
from tabdiffuse.joint import Observed
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Euler, Heun, TwoM
from tabdiffuse.schedules import CosineMask
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

FACTOR = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.5, 0.0], [-0.4, 0.3, 0.3]]).double()
MEAN = torch.tensor([0.5, -0.3, 0.2]).double()
COVARIANCE = FACTOR @ FACTOR.T


def gaussian(schedule: str) -> GaussianOracle:
    return GaussianOracle(SCHEDULES[schedule], MEAN, COVARIANCE)


class WrongSecondTime:
    """A denoiser called with the time of the step's start at the step's end."""

    def __init__(self, denoise):
        self.denoise = denoise
        self.calls = 0
        self.times = None

    def __call__(self, state, times):
        self.calls += 1
        if self.calls % 2 == 1:
            self.times = times
        return self.denoise(state, self.times)


class WrongTime:
    """A denoiser told that a quarter of the noise is gone."""

    def __init__(self, denoise):
        self.denoise = denoise

    def __call__(self, state, times):
        return self.denoise(state, {name: 0.75 * t for name, t in times.items()})


# --- Order of the solvers -------------------------------------------------------------------------


def ode_error(oracle, solver, n_steps, wrap=None):
    denoise = oracle if wrap is None else wrap(oracle)
    found = sample(
        denoise, oracle.joint, 64, noise(), solver=solver, n_steps=n_steps, dtype=torch.float64
    )["x"]
    start = oracle.joint.prior(64, noise())["x"].double()
    return float((found - oracle.flow(start, 1.0)).square().mean().sqrt())


def measured_order(oracle, solver, steps, wrap=None):
    few, many = (ode_error(oracle, solver, n, wrap) for n in steps)
    return math.log(few / many) / math.log(steps[1] / steps[0])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_euler_has_order_one(schedule):
    assert 0.95 < measured_order(gaussian(schedule), Euler(), (64, 192)) < 1.05


@pytest.mark.parametrize("solver", [Heun(), TwoM()])
def test_two_stages_and_two_steps_have_order_two_under_edm(solver):
    assert 1.9 < measured_order(gaussian("edm"), solver, (64, 192)) < 2.1


def test_heun_has_order_two_under_vp_up_to_a_logarithm():
    # Near t = 0 the step from k h to (k - 1) h moves the state by its own k-th part, whatever h
    # is, and adds an error h^2 / k: in all h^2 log(1 / h). The grid of EDM is too fine to show it.
    steps = (128, 384)
    order = measured_order(gaussian("vp"), Heun(), steps)
    without_log = order + math.log(math.log(steps[1]) / math.log(steps[0])) / math.log(3)
    assert 1.85 < without_log < 2.1


def test_two_step_method_has_at_least_order_two_under_vp():
    # The two parts of its error, h^2 and h^2 log(1 / h), differ in sign and cancel on the way down.
    assert measured_order(gaussian("vp"), TwoM(), (32, 256)) > 1.9


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_heun_with_a_wrong_second_time_falls_to_order_one(schedule):
    assert measured_order(gaussian(schedule), Heun(), (64, 192), WrongSecondTime) < 1.2


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_second_order_beats_first_at_a_practical_number_of_steps(schedule):
    plain = ode_error(gaussian(schedule), Euler(), 32)
    assert ode_error(gaussian(schedule), TwoM(), 32) < plain / 5
    assert ode_error(gaussian(schedule), Heun(), 32) < plain / 4


# --- Gaussian law ---------------------------------------------------------------------------------

# A normal statistic strays by 4.9 standard errors for one seed in a million, the largest of the 12
# checked here by 5.4: for 10,000 rows at most 5.4 sqrt(2 / 10000) = 0.077 standard deviations.
# Steps add a bias. With 200,000 rows it was measured to be 0.16 (EDM) and 0.08 (VP) for Euler with
# eta = 1 at 64 steps, falling as 1 / N: 0.05 at 200 steps. The methods of second order leave less
# than 0.016 at 64 steps.
ROWS = 10_000
LAW_BAND = 0.077 + 0.05


class OnlyPrior(Noise):
    """A source that falls silent after the prior."""

    def __init__(self):
        super().__init__([generator(0)])
        self.used = False

    def normal(self, shape, dtype=torch.float32):
        drawn = super().normal(shape, dtype)
        drawn = torch.zeros_like(drawn) if self.used else drawn
        self.used = True
        return drawn


def law_error(oracle, solver, source, denoise=None):
    """Largest deviation of mean and covariance, in standard deviations."""
    x = sample(
        denoise or oracle, oracle.joint, ROWS, source, solver=solver,
        n_steps=200 if isinstance(solver, Euler) else 64, dtype=torch.float64,
    )["x"][..., 0]  # fmt: skip
    scale = COVARIANCE.diagonal().sqrt()
    mean = ((x.mean(dim=0) - MEAN) / scale).abs().max()
    covariance = ((x.T.cov() - COVARIANCE) / torch.outer(scale, scale)).abs().max()
    return float(torch.maximum(mean, covariance))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("solver", [Euler(0.5), Euler(1.0), TwoM(0.0), TwoM(1.0), Heun()], ids=repr)
def test_gaussian_law_is_recovered(schedule, solver):
    assert law_error(gaussian(schedule), solver, noise()) < LAW_BAND


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_ancestral_step_without_its_noise_loses_the_spread(eta):
    assert law_error(gaussian("vp"), Euler(eta), OnlyPrior()) > 2 * LAW_BAND


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_gaussian_law_is_lost_at_a_wrong_time(schedule):
    oracle = gaussian(schedule)
    assert law_error(oracle, Euler(1.0), noise(), WrongTime(oracle)) > 2 * LAW_BAND


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_gaussian_conditional_follows_from_holding_a_cell(schedule):
    """x_1, x_2 | x_0 = 1.2: regression of the other cells on the first."""
    known = torch.tensor([[True, False, False]])
    observed = Observed({"x": torch.full((ROWS, 3, 1), 1.2).double()}, {"x": known})
    oracle = gaussian(schedule)
    x = sample(
        oracle, oracle.joint, ROWS, noise(), solver=TwoM(), n_steps=64, observed=observed,
        dtype=torch.float64,
    )["x"][:, 1:, 0]  # fmt: skip
    slope = COVARIANCE[0, 1:] / COVARIANCE[0, 0]
    mean = MEAN[1:] + slope * (1.2 - MEAN[0])
    covariance = COVARIANCE[1:, 1:] - torch.outer(slope, slope) * COVARIANCE[0, 0]
    scale = covariance.diagonal().sqrt()
    assert ((x.mean(dim=0) - mean) / scale).abs().max() < LAW_BAND
    assert ((x.T.cov() - covariance) / torch.outer(scale, scale)).abs().max() < LAW_BAND
    # The control: the same rows are far from the marginal.
    assert ((x.mean(dim=0) - MEAN[1:]) / scale).abs().max() > 2 * LAW_BAND


# --- Categorical law ------------------------------------------------------------------------------

TRIPLE = np.array([[[0.30, 0.02], [0.03, 0.10]], [[0.05, 0.15], [0.05, 0.30]]])


def categorical_counts(table, rows, n_steps, coupling, schedule=None, seed=0):
    oracle = CategoricalOracle(table)
    joint = oracle.joint(coupling, schedule)
    state = sample(oracle, joint, rows, noise(seed), solver=Euler(), n_steps=n_steps)
    return oracle.counts(state["c"])


def independent_law(n_steps):
    """Both cells fall into the same step with chance 1 / N, and are then independent."""
    apart = np.outer(PAIR.sum(axis=1), PAIR.sum(axis=0))
    return (1 - 1 / n_steps) * PAIR + apart / n_steps


@pytest.mark.parametrize(
    ("n_steps", "rows"), [(1, 20_000), (2, 20_000), (4, 50_000), (16, 200_000)]
)
def test_independent_unmasking_has_its_exact_law(n_steps, rows):
    # Rows are enough for the controls: n = 200,000 tells 1/16 from 1/32 with a statistic near 150,
    # and the threshold at one in a million is 36.
    counts = categorical_counts(PAIR, rows, n_steps, "independent")
    assert law_p_value(counts, independent_law(n_steps)) > RARE
    assert law_p_value(counts, PAIR) < RARE
    assert law_p_value(counts, independent_law(2 * n_steps)) < RARE


@pytest.mark.parametrize(("table", "n_steps"), [(PAIR, 2), (PAIR, 5), (TRIPLE, 3), (TRIPLE, 7)])
def test_systematic_unmasking_is_exact_with_a_step_for_every_cell(table, n_steps):
    # With n steps left each of k masked cells has chance 1/n. k <= n reveals at most one of them,
    # and k = n exactly one, so k <= n holds to the end: no two cells ever share a step.
    counts = categorical_counts(table, 100_000, n_steps, "systematic")
    assert law_p_value(counts, table) > RARE


def test_systematic_unmasking_in_one_step_is_independent():
    counts = categorical_counts(PAIR, 20_000, 1, "systematic")
    assert law_p_value(counts, independent_law(1)) > RARE
    assert law_p_value(counts, PAIR) < RARE


def test_systematic_unmasking_with_too_few_steps_has_its_exact_law():
    """Three cells in two steps: one cell first, or two, with chance 1/2 each and any cell alike."""
    p = TRIPLE / TRIPLE.sum()
    law = np.zeros_like(p)
    for cell in range(3):
        others = tuple(j for j in range(3) if j != cell)
        own = p.sum(axis=others, keepdims=True)  # p(a)
        pair = p.sum(axis=cell, keepdims=True)  # p(b, c)
        with_first, with_second = (p.sum(axis=j, keepdims=True) for j in reversed(others))
        one_first = with_first * with_second / own  # p(a) p(b | a) p(c | a)
        apart = pair.sum(axis=others[0], keepdims=True) * pair.sum(axis=others[1], keepdims=True)
        law += (one_first + apart * p / pair) / 6  # p(b) p(c) p(a | b, c)
    counts = categorical_counts(TRIPLE, 100_000, 2, "systematic")
    assert law_p_value(counts, law) > RARE
    assert law_p_value(counts, p) < RARE


def test_cosine_mask_ends_nearer_to_the_law_with_systematic_unmasking():
    apart = {
        rule: np.abs(
            categorical_counts(PAIR, 100_000, 8, rule, CosineMask()) / 100_000 - PAIR
        ).max()
        for rule in ("independent", "systematic")
    }
    # One frequency strays by 4.9 sqrt(p (1 - p) / n) < 0.008 for one seed in a million.
    assert apart["systematic"] < 0.008 < apart["independent"]


@pytest.mark.parametrize("coupling", ["independent", "systematic"])
def test_conditional_of_categories_follows_from_holding_a_cell(coupling):
    """With one cell left there is nothing to coincide: exact at any number of steps."""
    oracle, rows = CategoricalOracle(PAIR), 50_000
    held = torch.stack([torch.zeros(rows, dtype=torch.int64), torch.ones(rows) * 2], dim=1).long()
    known = torch.tensor([[False, True]]).expand(rows, 2)
    state = sample(
        oracle, oracle.joint(coupling), rows, noise(), solver=Euler(), n_steps=3,
        observed=Observed({"c": held}, {"c": known}),
    )["c"]  # fmt: skip
    counts = np.bincount(state[:, 0].numpy(), minlength=2)
    assert law_p_value(counts, PAIR[:, 2]) > RARE
    assert law_p_value(counts, PAIR.sum(axis=1)) < RARE


# --- Mixed law ------------------------------------------------------------------------------------

# n = 10,000 rows. DKW: sup |F_n - F| > d for one seed in a million at d = sqrt(ln(2e6) / 2n) =
# 0.027; the largest of 3 frequencies strays by 5.1 / (2 sqrt(n)) = 0.0255; mean and sd of x | c, 6
# of them with at least 1,800 rows, by 5.25 / sqrt(1800) = 0.124 standard deviations. The bias of
# 100 steps was measured with 200,000 rows, largest for Euler with eta = 1: 0.01, 0.005 and 0.055.
FREQUENCY_BAND = 0.0255 + 0.005
KS_BAND = 0.027 + 0.01
MOMENT_BAND = 0.124 + 0.055


def mixed_check(oracle, denoise, solver):
    """Largest deviation of P(c), of P(x < .) and of mean and sd of x | c, over their thresholds."""
    state = sample(
        denoise, oracle.joint, ROWS, noise(), solver=solver, n_steps=100, dtype=torch.float64
    )
    x, c = state["x"][:, 0, 0], state["c"][:, 0]
    frequency = torch.bincount(c, minlength=3) / ROWS - oracle.probabilities
    ks = stats.kstest(x.numpy(), oracle.cdf).statistic
    found = [frequency.abs().max() / FREQUENCY_BAND, ks / KS_BAND]
    for k in range(3):
        own, mean, sd = x[c == k], oracle.means[k], oracle.sds[k]
        found.append((own.mean() - mean).abs() / sd / MOMENT_BAND)
        found.append((own.std() / sd - 1).abs() / MOMENT_BAND)
    return float(max(found))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("solver", [Euler(0.0), Euler(1.0), TwoM(), Heun()], ids=repr)
def test_mixed_law_is_recovered(schedule, solver):
    oracle = MixedOracle(SCHEDULES[schedule])
    assert mixed_check(oracle, oracle, solver) < 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_mixed_law_is_lost_at_a_wrong_time(schedule):
    oracle = MixedOracle(SCHEDULES[schedule])
    assert mixed_check(oracle, WrongTime(oracle), TwoM()) > 2


def test_mixed_law_is_lost_without_the_category():
    class Blind:
        def __call__(self, state, times):
            hidden = {"x": state["x"], "c": torch.full_like(state["c"], 3)}
            return oracle(hidden, times)

    oracle = MixedOracle()
    assert mixed_check(oracle, Blind(), TwoM()) > 2


def test_numbers_given_the_category():
    """x | c: the cell of c held at time 0, beside x at any other."""
    oracle, rows = MixedOracle(), 10_000
    for k in range(3):
        observed = Observed(
            {"c": torch.full((rows, 1), k)}, {"c": torch.ones(rows, 1, dtype=torch.bool)}
        )
        x = sample(
            oracle, oracle.joint, rows, noise(), solver=TwoM(), n_steps=50, observed=observed,
            dtype=torch.float64,
        )["x"].flatten()  # fmt: skip
        # DKW at n = 10,000: 0.027; Gaussian data leave a bias below 0.005 after 50 steps.
        law = stats.norm(float(oracle.means[k]), float(oracle.sds[k]))
        assert stats.kstest(x.numpy(), law.cdf).statistic < 0.027 + 0.005
        assert stats.kstest(x.numpy(), oracle.cdf).statistic > 2 * (0.027 + 0.005)


def test_category_given_the_number():
    """c | x against Bayes' rule: exact at any number of steps, as c is drawn from its posterior."""
    oracle, rows = MixedOracle(), 10_000
    for value in (-0.6, 0.1, 1.4):
        x = torch.full((rows, 1, 1), value).double()
        observed = Observed({"x": x}, {"x": torch.ones(rows, 1, dtype=torch.bool)})
        c = sample(
            oracle, oracle.joint, rows, noise(), solver=Heun(), n_steps=4, observed=observed,
            dtype=torch.float64,
        )["c"].flatten()  # fmt: skip
        bayes = oracle.given_x(x[:1, 0, 0])[0]
        # 5.1 sqrt(p (1 - p) / n) < 5.1 / (2 * 100) = 0.0255 for the largest of three.
        frequency = torch.bincount(c, minlength=3) / rows
        assert (frequency - bayes).abs().max() < 0.0255
        assert (frequency - oracle.probabilities).abs().max() > 2 * 0.0255
