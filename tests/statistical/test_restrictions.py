"""Restricted cells against the exact conditional laws, with oracles in place of networks.

Each check has a fixed seed, and a threshold that one random seed in a million passes, widened by
the bias that was measured; beside each stands a slip that the same check must find.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse.joint import Observed
from tabdiffuse.sampling import restriction
from tabdiffuse.sampling.restriction import Restriction, satisfy
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Euler, TwoM
from tabdiffuse.schedules import VPCosine
from tests.oracles import (
    PAIR,
    RARE,
    SCHEDULES,
    CategoricalOracle,
    EventOracle,
    GaussianOracle,
    MixedOracle,
    largest_z,
    law_p_value,
    noise,
)

ROWS = 4000
INF = math.inf
FACTOR = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.4, 0.3, 0.3]]).double()
MEAN = torch.tensor([0.5, -0.3, 0.2]).double()
COVARIANCE = FACTOR @ FACTOR.T
# KS distance that 50 steps and 33 knots leave, measured with numbers spread evenly in place of
# random ones: 0.002 on the mixture, at most 0.003 on the Gaussian law, there with 9 knots as well.
BIAS = 0.005


def dkw(rows: float) -> float:
    """KS distance from the law that a sample exceeds for one seed in a million."""
    return math.sqrt(math.log(2 / RARE) / (2 * rows))


def ks(values, cdf) -> float:
    return float(stats.kstest(np.asarray(values), cdf).statistic)


def draw(oracle, joint, restrictions, *, observed=None, groups=None, rows=ROWS, solver=None):
    """Draw restricted cells, then the rest."""
    groups = torch.zeros(rows, dtype=torch.int64) if groups is None else groups
    how = {"solver": solver or TwoM(), "n_steps": 50, "dtype": torch.float64}
    source = noise()
    found = satisfy(oracle, joint, observed, restrictions, groups, source, **how)
    return sample(oracle, joint, rows, source, observed=found, **how), found


def number(cell, low, high, rows=ROWS, **more):
    return within(cell, [(low, high)], rows, **more)


def within(cell, intervals, rows=ROWS, **more):
    bounds = torch.tensor(intervals).double().expand(rows, -1, 2)
    return Restriction(
        torch.ones(rows, dtype=torch.bool), number=("x", cell), intervals=bounds, **more
    )


def category(cell, log_weights, rows=ROWS, **more):
    weights = torch.tensor(log_weights).double().expand(rows, -1)
    return Restriction(
        torch.ones(rows, dtype=torch.bool), event=("c", cell), log_weights=weights, **more
    )


def one_of(allowed, k):
    return [0.0 if code in allowed else -INF for code in range(k)]


def gaussian(schedule="vp") -> GaussianOracle:
    return GaussianOracle(SCHEDULES[schedule], MEAN, COVARIANCE)


def truth(inside, rows=200_000):
    """Rows of the Gaussian law that pass a test: sampling by rejection."""
    rng = np.random.default_rng(1)
    x = rng.multivariate_normal(MEAN.numpy(), COVARIANCE.numpy(), 20 * rows)
    return x[inside(x)][:rows]


def two_sample(values, reference) -> float:
    return float(stats.ks_2samp(np.asarray(values), reference).statistic)


# --- One number -----------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("low", "high"), [(-0.2, 0.9), (1.8, INF), (-INF, -0.5)])
def test_a_number_within_an_interval_and_the_rest_given_it(schedule, low, high):
    oracle = gaussian(schedule)
    x = draw(oracle, oracle.joint, [number(0, low, high)])[0]["x"][..., 0]
    law = stats.truncnorm(low - 0.5, high - 0.5, loc=0.5)
    assert x[:, 0].min() >= low
    assert x[:, 0].max() <= high
    assert ks(x[:, 0], law.cdf) < dkw(ROWS) + BIAS
    for cell in (1, 2):
        right = truth(lambda x: (x[:, 0] > low) & (x[:, 0] < high), 20_000)[:, cell]
        assert two_sample(x[:, cell], right) < dkw(ROWS * 5 / 6) + BIAS


def test_clipping_free_rows_into_the_interval_is_another_law():
    free = truth(lambda x: x[:, 0] < INF, ROWS)
    law = stats.truncnorm(-0.7, 0.4, loc=0.5)
    assert ks(free[:, 0].clip(-0.2, 0.9), law.cdf) > 2 * (dkw(ROWS) + BIAS)
    right = truth(lambda x: x[:, 0] > 1.8, 20_000)[:, 1]
    assert two_sample(free[:, 1], right) > 2 * (dkw(ROWS * 5 / 6) + BIAS)


APART = [(-1.5, -1.0), (0.5, 0.8)]


def union_law(intervals, law):
    """Mass of each interval, and the distribution function within their union."""
    low, high = np.array(intervals).T
    mass = law(high) - law(low)

    def cdf(x):
        x = np.asarray(x)[..., None]
        return (law(x.clip(low, high)) - law(low)).sum(axis=-1) / mass.sum()

    return mass, cdf


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_number_in_one_of_two_intervals_and_the_rest_given_it(schedule):
    oracle = gaussian(schedule)
    # An empty interval, of any place in the list, stands for none.
    wanted = within(0, [APART[1], (INF, -INF), APART[0]])
    x = draw(oracle, oracle.joint, [wanted])[0]["x"][..., 0]
    law = stats.norm(0.5).cdf
    mass, cdf = union_law(APART, law)
    sides = [((x[:, 0] >= low) & (x[:, 0] <= high)).numpy() for low, high in APART]
    counts = np.array([side.sum() for side in sides])
    assert counts.sum() == ROWS
    assert law_p_value(counts, mass) > RARE
    assert ks(x[:, 0], cdf) < dkw(ROWS) + BIAS
    for (low, high), side in zip(APART, sides, strict=True):
        right = stats.truncnorm(low - 0.5, high - 0.5, loc=0.5)
        assert ks(x[side, 0], right.cdf) < dkw(side.sum()) + BIAS
    right = truth(lambda x: np.any([(x[:, 0] > a) & (x[:, 0] < b) for a, b in APART], 0), 20_000)
    for cell in (1, 2):
        assert two_sample(x[:, cell], right[:, cell]) < dkw(ROWS * 5 / 6) + BIAS
    # The controls: intervals that count by their width, and all that lies between them.
    assert law_p_value(counts, np.diff(APART)[:, 0]) < RARE
    assert ks(x[:, 0], stats.truncnorm(-2.0, 0.3, loc=0.5).cdf) > 2 * (dkw(ROWS) + BIAS)


def test_intervals_in_both_tails_keep_the_digits_of_their_masses():
    """Beyond 9 standard deviations, where the distribution function is 1 in float64."""
    oracle = gaussian()
    tails = [(-8.6, -8.5), (9.5, 9.6), (9.6, 9.7)]
    assert stats.norm.cdf(9.0) == 1
    mass = np.abs(np.diff(stats.norm.sf(np.abs(np.array(tails) - 0.5))))[:, 0]
    x = draw(oracle, oracle.joint, [within(0, tails)])[0]["x"][:, 0, 0].numpy()
    counts = np.array([((x >= low) & (x <= high)).sum() for low, high in tails])
    assert counts.sum() == ROWS
    # The error of 50 steps in the spread moves shares by little, as it is the same on both sides.
    assert np.abs(counts / ROWS - mass / mass.sum()).max() < 0.01 + dkw(ROWS)
    assert np.abs(mass / mass.sum() - 1 / 3).max() > 2 * (0.01 + dkw(ROWS))


def test_narrow_intervals_of_a_mixture_have_the_mass_of_its_density():
    oracle = MixedOracle()
    points = np.array([-1.0, -0.4, 0.9, 1.7])
    narrow = [(x, x + 0.02) for x in points]
    x = draw(oracle, oracle.joint, [within(0, narrow)])[0]["x"][:, 0, 0].numpy()
    counts = np.array([((x >= low) & (x <= high)).sum() for low, high in narrow])
    mass, _ = union_law(narrow, oracle.cdf)
    assert counts.sum() == ROWS
    assert np.abs(counts / ROWS - mass / mass.sum()).max() < 0.01 + dkw(ROWS)
    assert np.abs(mass / mass.sum() - 1 / 4).max() > 2 * (0.01 + dkw(ROWS))


def test_noise_of_the_solver_is_left_out_of_the_flow():
    oracle = gaussian()
    x = draw(oracle, oracle.joint, [number(0, -0.2, 0.9)], solver=Euler(1.0))[0]["x"][:, 0, 0]
    assert ks(x, stats.truncnorm(-0.7, 0.4, loc=0.5).cdf) < dkw(ROWS) + BIAS


def test_a_restricted_number_beside_soft_evidence():
    """x_1 is known up to noise: x_0 given x_tau is normal, then cut."""
    oracle, tau, x_tau = gaussian(), 0.3, -1.0
    observed = Observed(
        {"x": torch.full((ROWS, 3, 1), x_tau).double()},
        {"x": torch.tensor([[False, True, False]]).expand(ROWS, 3)},
        {"x": torch.full((ROWS, 3), tau, dtype=torch.float64)},
    )
    wanted = [number(0, -0.2, 0.9)]
    state, found = draw(oracle, oracle.joint, wanted, observed=observed, solver=TwoM(1.0))
    levels = VPCosine()(torch.tensor(tau).double())
    gain = COVARIANCE[0, 1] * levels.alpha
    total = COVARIANCE[1, 1] * levels.alpha**2 + levels.sigma**2
    mean = float(MEAN[0] + gain / total * (x_tau - levels.alpha * MEAN[1]))
    sd = float((COVARIANCE[0, 0] - gain**2 / total).sqrt())
    law = stats.truncnorm((-0.2 - mean) / sd, (0.9 - mean) / sd, mean, sd)
    x = state["x"][..., 0]
    assert ks(x[:, 0], law.cdf) < dkw(ROWS) + BIAS
    assert ks(x[:, 0], stats.truncnorm(-0.7, 0.4, loc=0.5).cdf) > 2 * (dkw(ROWS) + BIAS)
    assert (found.values["x"][:, 1] == x_tau).all()
    assert (found.times["x"][:, 1] == tau).all()
    assert (found.times["x"][:, 0] == 0).all()


# --- Several restrictions -------------------------------------------------------------------------


def two_numbers_error():
    """Largest KS distance of the three cells, given x_0 in (-0.5, 2) and x_1 > 0.5."""
    rows = 1000
    oracle = gaussian()
    wanted = [number(0, -0.5, 2.0, rows), number(1, 0.5, INF, rows)]
    x = draw(oracle, oracle.joint, wanted, rows=rows)[0]["x"][..., 0]
    assert x[:, 1].min() >= 0.5
    right = truth(lambda x: (abs(x[:, 0] - 0.75) < 1.25) & (x[:, 1] > 0.5), 100_000)
    return max(two_sample(x[:, cell], right[:, cell]) for cell in range(3))


# Resampled rows repeat each other: weights of relative variance 1.43 leave n / 2.43 rows' worth.
TWO_NUMBERS_BAND = dkw(1000 / 2.43) + BIAS


def test_two_numbers_within_intervals():
    assert two_numbers_error() < TWO_NUMBERS_BAND


def test_two_numbers_without_resampling_have_another_law(monkeypatch):
    monkeypatch.setattr(
        restriction, "resample", lambda weight, source, target, u, key: torch.arange(len(target))
    )
    assert two_numbers_error() > 1.5 * TWO_NUMBERS_BAND


def pair_p_value(groups, weights=((0.0, 0.0), (-INF, 0.5, 0.0))):
    """Two dependent columns, both weighted, against the weighted table."""
    rows = 6000
    oracle = CategoricalOracle(PAIR)
    wanted = [category(cell, list(w), rows) for cell, w in enumerate(weights)]
    joint = oracle.joint()
    codes = draw(oracle, joint, wanted, groups=groups(rows), rows=rows)[0]["c"]
    first, second = (np.exp(np.array(w)) for w in weights)
    law = PAIR * first[:, None] * second
    counts = oracle.counts(codes)
    assert counts[law == 0].sum() == 0
    return law_p_value(counts[law > 0], law[law > 0])


@pytest.mark.parametrize(
    "groups",
    [
        lambda rows: torch.zeros(rows, dtype=torch.int64),
        lambda rows: torch.arange(rows) // 7,
        torch.arange,
    ],
    ids=["one group", "groups of seven", "every row for itself"],
)
def test_two_weighted_categories(groups):
    assert pair_p_value(groups) > RARE


def test_two_weighted_categories_without_resampling_have_another_law(monkeypatch):
    monkeypatch.setattr(
        restriction, "resample", lambda weight, source, target, u, key: torch.arange(len(target))
    )
    assert pair_p_value(lambda rows: torch.zeros(rows, dtype=torch.int64)) < RARE


def test_the_first_row_of_a_group_is_as_fair_as_any():
    """Systematic resampling walks over the rows; the order must be forgotten."""
    oracle, size, trials = CategoricalOracle(PAIR), 64, 2000
    groups = torch.arange(trials).repeat_interleave(size)
    rows = len(groups)
    wanted = [category(0, [0.0, 0.0], rows), category(1, [-INF, 0.0, -3.0], rows)]
    codes = draw(oracle, oracle.joint(), wanted, groups=groups, rows=rows)[0]["c"]
    law = PAIR[:, 1:] * np.exp([0.0, -3.0])
    counts = oracle.counts(codes[::size])[:, 1:]
    share = counts[0].sum() / trials
    right = law[0].sum() / law.sum()
    assert abs(share - right) < largest_z() * math.sqrt(right * (1 - right) / trials)


# --- Numbers and categories -----------------------------------------------------------------------

LOW, HIGH = -0.5, 1.3


def mixed_law(weights, low=LOW, high=HIGH):
    """P(c | x in (low, high)) under weights, and the distribution function of x."""
    oracle = MixedOracle()
    each = [stats.norm(float(m), float(s)) for m, s in zip(oracle.means, oracle.sds, strict=True)]
    share = np.array([law.cdf(high) - law.cdf(low) for law in each])
    p = oracle.probabilities.numpy() * np.exp(weights)
    joint = p * share / (p @ share)

    def cdf(x):
        parts = [(law.cdf(x) - law.cdf(low)) / s for law, s in zip(each, share, strict=True)]
        return np.stack(parts, axis=-1) @ joint

    return joint, cdf


FREE, SOME = [0.0, 0.0, 0.0], [0.0, -INF, 0.7]


@pytest.mark.parametrize(
    ("wanted", "weights", "interval"),
    [
        ([number(0, LOW, HIGH)], FREE, (LOW, HIGH)),
        ([category(0, SOME)], SOME, (-INF, INF)),
        ([category(0, SOME), number(0, LOW, HIGH)], SOME, (LOW, HIGH)),
    ],
    ids=["number", "category", "both"],
)
def test_a_mixture_under_restrictions(wanted, weights, interval):
    oracle = MixedOracle()
    state, _ = draw(oracle, oracle.joint, wanted)
    x, c = state["x"][:, 0, 0], state["c"][:, 0]
    joint, cdf = mixed_law(weights, *interval)
    counts = np.bincount(c.numpy(), minlength=3)
    assert counts[joint == 0].sum() == 0
    assert law_p_value(counts[joint > 0], joint[joint > 0]) > RARE
    assert ks(x, cdf) < dkw(ROWS) + 2 * BIAS
    # The control: neither law is that without the restriction.
    assert ks(x, oracle.cdf) > 2 * (dkw(ROWS) + 2 * BIAS)


def test_number_first_and_category_second_give_the_same_law():
    oracle, rows = MixedOracle(), 1000
    wanted = [number(0, LOW, HIGH, rows), category(0, SOME, rows)]
    state, _ = draw(oracle, oracle.joint, wanted, rows=rows)
    joint, cdf = mixed_law(SOME)
    counts = np.bincount(state["c"][:, 0].numpy(), minlength=3)
    assert law_p_value(counts[joint > 0], joint[joint > 0]) > RARE
    x = oracle.draw(200_000, 0)[0]
    weight = oracle.given_x(torch.as_tensor(x[(x > LOW) & (x < HIGH)])).numpy() @ np.exp(SOME)
    band = dkw(rows * weight.mean() ** 2 / (weight**2).mean()) + BIAS
    assert ks(state["x"][:, 0, 0], cdf) < band
    assert ks(state["x"][:, 0, 0], mixed_law(FREE)[1]) > band


def test_a_restricted_number_given_the_category():
    oracle = MixedOracle()
    observed = Observed(
        {"c": torch.full((ROWS, 1), 1)}, {"c": torch.ones(ROWS, 1, dtype=torch.bool)}
    )
    low, high = -1.5, 0.8
    state, _ = draw(oracle, oracle.joint, [number(0, low, high)], observed=observed)
    law = stats.truncnorm((low - 0.4) / 0.7, (high - 0.4) / 0.7, 0.4, 0.7)
    assert ks(state["x"][:, 0, 0], law.cdf) < dkw(ROWS) + BIAS
    assert ks(state["x"][:, 0, 0], mixed_law(FREE, low, high)[1]) > 2 * (dkw(ROWS) + BIAS)
    assert (state["c"] == 1).all()


# --- A number that may sit on an event ------------------------------------------------------------


def event_law(low, high, weights):
    """P(g, e) under an interval for the value and weights of the events."""
    oracle = EventOracle()
    z = [(bound - oracle.means[:, 0].numpy()) / oracle.sds[:, 0].numpy() for bound in (low, high)]
    share = np.ones((2, 3))
    share[:, 0] = stats.norm.cdf(z[1]) - stats.norm.cdf(z[0])
    law = oracle.table.numpy() * share * np.exp(weights)
    return law / law.sum()


def test_two_intervals_on_a_number_with_events():
    oracle, weights = EventOracle(), [0.0, 0.3, -INF]
    both = [(-1.3, -0.3), (0.9, 1.4)]
    bounds = torch.tensor(both).double().expand(ROWS, 2, 2)
    wanted = category(1, weights, number=("x", 0), intervals=bounds)
    state, _ = draw(oracle, oracle.joint, [wanted])
    x, inside = state["x"][:, 0, 0], state["c"][:, 1] == 0
    counts = np.zeros((2, 3))
    counts[:, 2] = event_counts(state)[:, 1]
    free = oracle.table.numpy() * np.exp(weights)
    law = np.tile(free[:, 1:2], (1, 3))
    for i, (low, high) in enumerate(both):
        own = inside & (x >= low) & (x <= high)
        counts[:, i] = np.bincount(state["c"][own, 0].numpy(), minlength=2)
        each = stats.norm(oracle.means[:, 0].numpy(), oracle.sds[:, 0].numpy())
        law[:, i] = free[:, 0] * (each.cdf(high) - each.cdf(low))
    assert counts.sum() == ROWS
    seen = law / law.sum() * ROWS > 20
    assert law_p_value(counts[seen], law[seen]) > RARE
    # The control: intervals of equal mass.
    law[:, :2] *= law[:, :2].sum() / 2 / law[:, :2].sum(axis=0)
    assert law_p_value(counts[seen], law[seen]) < RARE


def event_counts(state):
    return np.bincount((state["c"] @ torch.tensor([3, 1])).numpy(), minlength=6).reshape(2, 3)


@pytest.mark.parametrize(
    ("low", "high", "weights"),
    [(0.2, 1.4, [0.0, 0.0, -INF]), (0.2, 1.4, [0.0, -INF, -INF]), (-INF, INF, [0.0, 0.4, -INF])],
    ids=["interval or atom", "interval", "any but missing"],
)
def test_an_interval_on_a_number_with_events(low, high, weights):
    oracle = EventOracle()
    bounds = torch.tensor([[low, high]]).double().expand(ROWS, 1, 2)
    wanted = category(1, weights, number=("x", 0), intervals=bounds)
    state, found = draw(oracle, oracle.joint, [wanted])
    law, counts = event_law(low, high, weights), event_counts(state)
    assert counts[law == 0].sum() == 0
    assert law_p_value(counts[law > 0], law[law > 0]) > RARE
    assert law_p_value(counts[law > 0], oracle.table.numpy()[law > 0]) < RARE
    x, inside = state["x"][:, 0, 0], state["c"][:, 1] == 0
    for g in range(2):
        own = x[inside & (state["c"][:, 0] == g)]
        mean, sd = float(oracle.means[g, 0]), float(oracle.sds[g, 0])
        right = stats.truncnorm((low - mean) / sd, (high - mean) / sd, mean, sd)
        assert len(own) > 150
        assert ks(own, right.cdf) < dkw(len(own)) + BIAS
    assert (x[~inside] == 0).all()
    assert all(mask[:, -1].all() for mask in found.known.values())


def test_the_event_of_a_number_that_is_held_at_some_noise():
    oracle, tau, x_tau = EventOracle(), 0.4, 0.7
    observed = Observed(
        {"x": torch.full((ROWS, 1, 1), x_tau, dtype=torch.float64)},
        {"x": torch.ones(ROWS, 1, dtype=torch.bool)},
        {"x": torch.full((ROWS, 1), tau, dtype=torch.float64)},
    )
    weights = [0.0, 1.0, -INF]
    wanted = category(1, weights, number=("x", 0))
    state, found = draw(oracle, oracle.joint, [wanted], observed=observed, solver=TwoM(1.0))
    law = oracle.given_x_t(x_tau, tau).numpy() * np.exp(weights)
    counts = event_counts(state)
    assert law_p_value(counts[law > 0], law[law > 0]) > RARE
    free = oracle.table.numpy() * np.exp(weights)
    assert law_p_value(counts[law > 0], free[law > 0]) < RARE
    inside = (found.values["c"][:, 1] == 0).double()
    assert (found.times["c"][:, 1] == tau * inside).all()
    assert (found.times["x"][:, 0] == tau * inside).all()
    assert (found.values["x"][:, 0, 0] == x_tau * inside).all()
    # The number given the event and x_tau is normal.
    g = state["c"][:, 0] == 1
    own = state["x"][:, 0, 0][(inside == 1) & g]
    mean, sd = float(oracle.means[1, 0]), float(oracle.sds[1, 0])
    levels = VPCosine()(torch.tensor(tau).double())
    alpha, total = float(levels.alpha), float((levels.alpha * sd) ** 2 + levels.sigma**2)
    mean, sd = (
        mean + alpha * sd**2 / total * (x_tau - alpha * mean),
        sd * float(levels.sigma) / math.sqrt(total),
    )
    assert ks(own, stats.norm(mean, sd).cdf) < dkw(len(own)) + 0.02
