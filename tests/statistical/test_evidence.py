"""Soft evidence against posteriors that are known exactly, with oracles in place of networks.

A cell known at time tau is a noisy measurement of it, ``x_tau = alpha x_0 + sigma eps``, and the
wanted law of all cells, its own included, is the posterior given that measurement. What the cells
are at time 0 given ``x_tau`` is random, so only a stochastic solver can get it right.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse.joint import Observed
from tabdiffuse.sampling.sampler import latest_time, sample
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

MEAN = np.array([0.5, -0.3, 0.2])
FACTOR = np.array([[1.0, 0.0, 0.0], [0.6, 0.5, 0.0], [-0.4, 0.3, 0.3]])
COVARIANCE = FACTOR @ FACTOR.T
ROWS = 10_000
# As in test_exact_laws: the largest of 12 means and covariances strays by 5.4 sqrt(2 / n) = 0.077
# standard deviations for one seed in a million, a distribution function by 0.027 (DKW), 0.028 for
# the largest of three. With 100,000 rows the biases after 64 steps of TwoM(1.0) were measured to be
# below 0.04 (EDM; VP 0.01) and 0.008.
MOMENT_BAND = 0.077 + 0.04
KS_BAND = 0.028 + 0.008


def gaussian(schedule: str) -> GaussianOracle:
    return GaussianOracle(SCHEDULES[schedule], torch.tensor(MEAN), torch.tensor(COVARIANCE))


def levels(schedule: str, tau):
    alpha, sigma, _, _ = SCHEDULES[schedule](torch.as_tensor(tau, dtype=torch.float64))
    return alpha.numpy(), sigma.numpy()


def measured(rows, values, times):
    """Known cells ``{cell: value}`` at the times ``{cell: tau}``, one for all rows."""
    x = torch.zeros(rows, 3, 1, dtype=torch.float64)
    known, tau = torch.zeros(1, 3, dtype=torch.bool), torch.zeros(1, 3, dtype=torch.float64)
    for cell, value in values.items():
        x[:, cell] = value
        known[0, cell] = True
        tau[0, cell] = times[cell]
    return Observed({"x": x}, {"x": known}, {"x": tau})


def posterior(schedule, values, times):
    """Mean and covariance of all cells given noisy measurements, by conditioning Gaussians."""
    cells = list(values)
    alpha, sigma = levels(schedule, [times[cell] for cell in cells])
    read = np.zeros((len(cells), 3))
    read[range(len(cells)), cells] = alpha
    spread = read @ COVARIANCE @ read.T + np.diag(sigma**2)
    gain = COVARIANCE @ read.T @ np.linalg.inv(spread)
    mean = MEAN + gain @ (np.array(list(values.values())) - read @ MEAN)
    return mean, COVARIANCE - gain @ read @ COVARIANCE


def draw(oracle, observed, rows, solver, n_steps=64, joint=None):
    return sample(
        oracle, oracle.joint if joint is None else joint, rows, noise(), solver=solver,
        n_steps=n_steps, observed=observed, dtype=torch.float64,
    )  # fmt: skip


def distance(x, mean, covariance):
    """Largest deviation from a normal law over its band; exact cells must simply be exact."""
    sd = np.sqrt(np.diagonal(covariance).clip(0))
    free = sd > 1e-6
    if not (x[:, ~free] == x[0, ~free]).all():
        return np.inf
    x, mean, sd = x[:, free], mean[free], sd[free]
    moments = np.abs((x.mean(axis=0) - mean) / sd).max()
    spread = np.abs((np.cov(x.T) - covariance[np.ix_(free, free)]) / np.outer(sd, sd)).max()
    ks = max(
        stats.kstest(v, stats.norm(m, s).cdf).statistic
        for v, m, s in zip(x.T, mean, sd, strict=True)
    )
    return max(moments / MOMENT_BAND, spread / MOMENT_BAND, ks / KS_BAND)


def far(x, mean, covariance):
    return distance(x, mean, covariance) > 2


# --- Numbers --------------------------------------------------------------------------------------

# Values of the cells and their times: one soft cell, early and late; exact beside soft; two times.
CASES = {
    "late": ({0: 1.2}, {0: 0.6}),
    "early": ({0: 1.8}, {0: 0.25}),
    "beside exact": ({0: 1.0, 1: -1.2}, {0: 0.5, 1: 0.0}),
    "two times": ({0: 1.5, 2: -0.9}, {0: 0.3, 2: 0.6}),
}
# A schedule of its own scale: under EDM noise is added to values that do not shrink.
EDM_CASES = {"late": ({0: 2.2}, {0: 0.35}), "two times": ({0: 1.5, 2: -1.5}, {0: 0.2, 2: 0.3})}
ALL_CASES = [("vp", *case) for case in CASES.values()] + [
    ("edm", *case) for case in EDM_CASES.values()
]
NAMES = [f"vp {name}" for name in CASES] + [f"edm {name}" for name in EDM_CASES]


@pytest.mark.parametrize(("schedule", "values", "times"), ALL_CASES, ids=NAMES)
def test_soft_evidence_gives_the_posterior(schedule, values, times):
    oracle = gaussian(schedule)
    observed = measured(ROWS, values, times)
    found = draw(oracle, observed, ROWS, TwoM(1.0))["x"][..., 0].numpy()
    assert distance(found, *posterior(schedule, values, times)) < 1
    # The controls: the law without evidence, and with evidence taken to be exact.
    assert far(found, MEAN, COVARIANCE)
    assert far(found, *posterior(schedule, values, dict.fromkeys(values, 0.0)))


def test_soft_evidence_under_the_first_order_solver():
    values, times = CASES["two times"]
    oracle = gaussian("vp")
    found = draw(oracle, measured(ROWS, values, times), ROWS, Euler(1.0), 400)["x"][..., 0]
    assert distance(found.numpy(), *posterior("vp", values, times)) < 1


@pytest.mark.parametrize("solver", [TwoM(0.0), Heun()], ids=repr)
def test_a_deterministic_solver_cannot_give_the_posterior(solver):
    """Given x_tau the flow has nowhere to take the spread of the noised cells from."""
    values, times = CASES["late"]
    found = draw(gaussian("vp"), measured(ROWS, values, times), ROWS, solver)["x"][..., 0].numpy()
    assert far(found, *posterior("vp", values, times))


def test_evidence_of_a_wrong_time_does_not_pass():
    """The control of the tests above: the same values at another time."""
    values, times = CASES["late"]
    wrong = measured(ROWS, values, {0: 0.45})
    found = draw(gaussian("vp"), wrong, ROWS, TwoM(1.0))["x"][..., 0].numpy()
    assert far(found, *posterior("vp", values, times))


def test_rows_known_at_different_times_each_get_their_posterior():
    rows = 4000
    cases = [CASES["late"], CASES["early"]]
    parts = [measured(rows, *case) for case in cases]
    observed = Observed(
        {"x": torch.cat([part.values["x"] for part in parts])},
        {"x": torch.cat([part.known["x"].expand(rows, 3) for part in parts])},
        {"x": torch.cat([part.times["x"].expand(rows, 3) for part in parts])},
    )
    found = draw(gaussian("vp"), observed, 2 * rows, TwoM(1.0), 32)["x"][..., 0].numpy()
    # n = 4,000 and half the steps: sqrt(2.5) times the noise of the bands, twice the bias.
    for half, case, other in zip((found[:rows], found[rows:]), cases, cases[::-1], strict=True):
        assert distance(half, *posterior("vp", *case)) < 1.7
        assert distance(half, *posterior("vp", *other)) > 2 * 1.7


# --- All cells known at a time --------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rows_noised_to_a_time_come_back_with_their_posterior(schedule):
    tau = 0.5 if schedule == "vp" else 0.3
    alpha, _ = levels(schedule, tau)
    values = dict(enumerate(alpha * np.array([1.5, 0.8, -0.6])))
    times = dict.fromkeys(values, tau)
    found = draw(gaussian(schedule), measured(ROWS, values, times), ROWS, TwoM(1.0))["x"][..., 0]
    assert distance(found.numpy(), *posterior(schedule, values, times)) < 1
    assert far(found.numpy(), MEAN, COVARIANCE)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_flow_starts_at_the_time_of_the_rows(schedule):
    """Deterministic, row by row, from x_tau itself and not from the prior."""
    oracle, tau, rows = gaussian(schedule), 0.5, 64
    x_tau = oracle.joint.prior(rows, noise(3))["x"].double()
    one = torch.ones(1, 3, dtype=torch.bool)
    observed = Observed({"x": x_tau}, {"x": one}, {"x": torch.full((1, 3), tau)})
    found = draw(oracle, observed, rows, Heun(), 128)["x"]
    expected = oracle.flow(x_tau, tau)
    scale = float(expected.std())
    torch.testing.assert_close(found / scale, expected / scale, rtol=0, atol=0.01)
    assert (found - oracle.flow(x_tau, 1.0)).abs().max() > 0.1 * scale


def test_varied_data_keep_their_law():
    """Data noised to tau and drawn back: the law of the data stays, the rows do not."""
    oracle, tau = gaussian("vp"), 0.4
    joint = oracle.joint
    normal = np.random.default_rng(0).standard_normal((ROWS, 3))
    data = torch.tensor(MEAN + normal @ FACTOR.T)[..., None]
    zero, later = ({"x": torch.full((1, 3), time)} for time in (0.0, tau))
    x_tau = joint.forward_step({"x": data}, zero, later, noise(5))
    observed = Observed(x_tau, {"x": torch.ones(1, 3, dtype=torch.bool)}, later)
    found = draw(oracle, observed, ROWS, TwoM(1.0))["x"][..., 0].numpy()
    assert distance(found, MEAN, COVARIANCE) < 1
    assert far(x_tau["x"][..., 0].numpy(), MEAN, COVARIANCE)
    # Cov(x', x) = C A (A C A + S^2)^-1 A C, as x and x' are independent given x_tau.
    alpha, sigma = levels("vp", tau)
    noised = alpha**2 * COVARIANCE + sigma**2 * np.eye(3)
    between = alpha**2 * COVARIANCE @ np.linalg.solve(noised, COVARIANCE)
    sd = np.sqrt(np.diagonal(COVARIANCE))
    start = data[..., 0].numpy()
    cross = (found - found.mean(axis=0)).T @ (start - start.mean(axis=0)) / ROWS
    assert np.abs((cross - between) / np.outer(sd, sd)).max() < MOMENT_BAND
    assert np.abs((cross - COVARIANCE) / np.outer(sd, sd)).max() > 2 * MOMENT_BAND


# --- Numbers and categories -----------------------------------------------------------------------


def given_noised(oracle, x_tau, tau):
    """P(c | x_tau), and the normal law of x given both."""
    alpha, sigma = levels("vp", tau)
    prior, means, sds = (v.numpy() for v in (oracle.probabilities, oracle.means, oracle.sds))
    noised = (alpha * sds) ** 2 + sigma**2
    weight = prior * stats.norm.pdf(x_tau, alpha * means, np.sqrt(noised))
    gain = alpha * sds**2 / noised
    return weight / weight.sum(), means + gain * (x_tau - alpha * means), sds * sigma / noised**0.5


@pytest.mark.parametrize(("x_tau", "tau"), [(0.5, 0.4), (-0.8, 0.7)])
def test_category_and_number_given_a_noised_number(x_tau, tau):
    oracle = MixedOracle()
    observed = Observed(
        {"x": torch.full((ROWS, 1, 1), x_tau, dtype=torch.float64)},
        {"x": torch.ones(1, 1, dtype=torch.bool)},
        {"x": torch.full((1, 1), tau)},
    )
    state = draw(oracle, observed, ROWS, TwoM(1.0), 100)
    bayes, means, sds = given_noised(oracle, x_tau, tau)
    frequency = np.bincount(state["c"].flatten(), minlength=3) / ROWS
    # Bands of test_exact_laws: 0.0255 for the largest of three frequencies, and a bias of 0.005.
    assert np.abs(frequency - bayes).max() < 0.0305
    x = state["x"].flatten().numpy()
    assert stats.kstest(x, lambda v: stats.norm.cdf(v[:, None], means, sds) @ bayes).statistic < (
        0.027 + 0.01
    )
    # The controls: without evidence, and with the noised number taken to be the number.
    exact = oracle.given_x(torch.tensor([x_tau]).double()).numpy()[0]
    for law in (oracle.probabilities.numpy(), exact):
        assert np.abs(frequency - law).max() > 2 * 0.0305
    assert stats.kstest(x, oracle.cdf).statistic > 2 * 0.037


def test_number_given_a_category_that_is_visible_or_masked_at_its_time():
    """A category noised to tau is masked with chance tau; the rest then has its marginal law."""
    oracle, rows, tau, k = MixedOracle(), 20_000, 0.4, 2
    joint = oracle.joint
    zero, later = ({n: torch.full((1, 1), time) for n in ("x", "c")} for time in (0.0, tau))
    clean = {"x": torch.zeros(rows, 1, 1).double(), "c": torch.full((rows, 1), k)}
    c_tau = joint.forward_step(clean, zero, later, noise(5))["c"]
    observed = Observed({"c": c_tau}, {"c": torch.ones(1, 1, dtype=torch.bool)}, {"c": later["c"]})
    state = draw(oracle, observed, rows, TwoM(1.0), 50)
    x, c, masked = state["x"].flatten().numpy(), state["c"].flatten(), c_tau.flatten() == 3
    assert stats.binomtest(int(masked.sum()), rows, tau).pvalue > RARE
    assert (c[~masked] == k).all()
    visible = stats.norm(float(oracle.means[k]), float(oracle.sds[k]))
    # DKW for 7,500 rows or more: 0.031; the bias of 50 steps is below 0.015.
    assert stats.kstest(x[~masked], visible.cdf).statistic < 0.046
    assert stats.kstest(x[masked], oracle.cdf).statistic < 0.046
    counts = np.bincount(c[masked], minlength=3)
    assert np.abs(counts / counts.sum() - oracle.probabilities.numpy()).max() < 0.0305
    for rest in (~masked, slice(None)):
        assert stats.kstest(x[rest], oracle.cdf).statistic > 2 * 0.046


def test_categories_noised_to_a_time_come_back_with_their_posterior():
    """Two cells at tau: each pattern of masks has its conditional law; together, their mixture."""
    oracle, rows, tau = CategoricalOracle(PAIR), 50_000, 0.5
    joint = oracle.joint("independent")
    clean = {"c": torch.tensor([[0, 2]]).repeat(rows, 1)}
    zero, later = ({"c": torch.full((1, 2), time)} for time in (0.0, tau))
    observed = Observed(
        joint.forward_step(clean, zero, later, noise(5)),
        {"c": torch.ones(1, 2, dtype=torch.bool)},
        later,
    )
    n_steps = 64
    counts = oracle.counts(draw(oracle, observed, rows, Euler(), n_steps, joint)["c"])
    own = np.zeros_like(PAIR)
    own[0, 2] = 1
    row = np.zeros_like(PAIR)
    row[0] = PAIR[0] / PAIR[0].sum()
    column = np.zeros_like(PAIR)
    column[:, 2] = PAIR[:, 2] / PAIR[:, 2].sum()
    # Both masked: 32 steps are left, and one in 32 pairs is revealed at once, independently.
    apart = np.outer(PAIR.sum(axis=1), PAIR.sum(axis=0))
    steps = n_steps * tau
    both = (1 - 1 / steps) * PAIR / PAIR.sum() + apart / steps
    law = (1 - tau) ** 2 * own + tau * (1 - tau) * (row + column) + tau**2 * both
    assert law_p_value(counts, law) > RARE
    assert law_p_value(counts, PAIR) < RARE


# --- Cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tau", "free", "calls"), [(0.5, False, 10), (0.33, False, 7), (0.5, True, 20), (0.0, False, 0)]
)
def test_rows_known_at_a_time_cost_its_share_of_the_steps(tau, free, calls):
    oracle, rows, count = gaussian("vp"), 8, 0

    def counting(state, times):
        nonlocal count
        count += 1
        return oracle(state, times)

    known = torch.ones(1, 3, dtype=torch.bool)
    known[0, 0] = not free
    observed = Observed(
        {"x": torch.zeros(rows, 3, 1).double()}, {"x": known}, {"x": torch.full((1, 3), tau)}
    )
    assert latest_time(oracle.joint, observed) == pytest.approx(1.0 if free else tau)
    sample(
        counting, oracle.joint, rows, noise(), solver=TwoM(1.0), n_steps=20, observed=observed,
        dtype=torch.float64,
    )  # fmt: skip
    assert count == calls
