"""Log-probabilities and predictions from exact denoisers, against the closed form.

Noise and times are a fixed set of points, so there is no randomness but the seed that scrambles
them. Each band is at least six standard deviations of what 30 seeds gave; the controls are the
same computation with a denoiser of another law, which each band must refuse.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import MultivariateNormal, Normal

from tabdiffuse.estimators.predictions import conditional_mean
from tabdiffuse.scoring import Quadrature, Question, predict_hidden, surprise
from tests.oracles import PAIR, SCHEDULES, CategoricalOracle, GaussianOracle, MixedOracle
from tests.statistical.test_trained_models import MIXED, mixed_network

CPU = torch.device("cpu")
COVARIANCE = torch.tensor([[1.0, 0.8, -0.3], [0.8, 1.0, 0.1], [-0.3, 0.1, 1.0]]).double()
ZERO = torch.zeros(3, dtype=torch.float64)
STANDARD = Normal(0.0, 1.0)


def ask(x0, asked=None, hidden=None):
    """Ask for all cells, or for some, where the others are evidence or hidden."""
    rows = len(next(iter(x0.values())))

    def mask(cells, name, default):
        chosen = torch.full((rows, x0[name].shape[1]), default)
        if cells is not None:
            chosen[:] = torch.tensor(cells.get(name, [False] * chosen.shape[1]))
        return chosen

    return Question(
        x0, {n: mask(asked, n, True) for n in x0}, {n: mask(hidden, n, False) for n in x0}
    )


def log_ratio(denoise, joint, question, n_steps, n_draws, seed=0, *, last=False, batch_size=512):
    """Log-probability of the cells asked about, relative to normal numbers."""
    points = Quadrature.make(joint, n_steps, n_draws, seed)
    points = points.categories_last(joint) if last else points
    nats = surprise(denoise, joint, question, points, batch_size=batch_size, device=CPU)
    return -torch.cat(list(nats.values()), dim=1).sum(dim=1)


def gaussian(schedule="vp", covariance=COVARIANCE):
    return GaussianOracle(SCHEDULES[schedule], ZERO, covariance)


def gaussian_rows(rows=200, covariance=COVARIANCE):
    rng = np.random.default_rng(5)
    return torch.as_tensor(rng.multivariate_normal(ZERO.numpy(), covariance.numpy(), rows))


def mixed_rows(oracle, rows=150):
    x, c = oracle.draw(rows, seed=3)
    x0 = {"x": torch.as_tensor(x)[:, None, None], "c": torch.as_tensor(c)[:, None]}
    law = Normal(oracle.means[c], oracle.sds[c])
    given_c = law.log_prob(torch.as_tensor(x))
    return x0, given_c + oracle.probabilities[c].log(), given_c


def summary(found, exact):
    """Correlation with the exact answer, and mean error."""
    return float(np.corrcoef(found, exact)[0, 1]), float((found - exact).mean())


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_log_density_of_correlated_numbers_is_exact(schedule):
    rows, oracle = gaussian_rows(100), gaussian(schedule)
    exact = MultivariateNormal(ZERO, COVARIANCE).log_prob(rows) - STANDARD.log_prob(rows).sum(1)
    question = ask({"x": rows[..., None]})
    correlation, bias = summary(log_ratio(oracle, oracle.joint, question, 32, 8), exact)
    assert correlation > 0.9999
    assert abs(bias) < 0.4
    weaker = gaussian(schedule, (COVARIANCE + torch.eye(3)) / 2)
    correlation, bias = summary(log_ratio(weaker, weaker.joint, question, 32, 8), exact)
    assert correlation < 0.9


def test_network_that_takes_everything_for_normal_adds_nothing():
    rows, oracle = gaussian_rows(20), gaussian(covariance=torch.eye(3).double())
    found = log_ratio(oracle, oracle.joint, ask({"x": rows[..., None]}), 16, 1)
    torch.testing.assert_close(found, torch.zeros(20, dtype=torch.float64), atol=1e-12, rtol=0)


def test_log_density_given_some_numbers_is_the_conditional_one():
    rows, oracle = gaussian_rows(100), gaussian()
    each = STANDARD.log_prob(rows)
    exact = MultivariateNormal(ZERO, COVARIANCE).log_prob(rows) - each.sum(1)
    question = ask({"x": rows[..., None]}, {"x": [False, True, True]})
    # The first number is N(0, 1) by itself, so the conditional ratio is the joint one.
    correlation, bias = summary(log_ratio(oracle, oracle.joint, question, 16, 4), exact)
    assert correlation > 0.9999
    assert abs(bias) < 0.25


def test_log_density_beside_hidden_numbers_is_the_marginal_one():
    rows, oracle = gaussian_rows(100), gaussian()
    pair = MultivariateNormal(ZERO[:2], COVARIANCE[:2, :2])
    exact = pair.log_prob(rows[:, :2]) - STANDARD.log_prob(rows[:, :2]).sum(1)
    spoilt = rows.clone()
    spoilt[:, 2] = 1e3  # nothing of a hidden cell may be used
    question = ask(
        {"x": spoilt[..., None]}, {"x": [True, True, False]}, {"x": [False, False, True]}
    )
    correlation, bias = summary(log_ratio(oracle, oracle.joint, question, 32, 4), exact)
    assert correlation > 0.9999
    assert abs(bias) < 0.4


@pytest.mark.parametrize(("last", "least"), [(False, 0.99), (True, 0.999)])
def test_log_probability_of_a_category_and_a_number_is_exact(last, least):
    oracle = MixedOracle()
    x0, exact, _ = mixed_rows(oracle, 40)
    exact = exact - STANDARD.log_prob(x0["x"][:, 0, 0])
    found = log_ratio(oracle, oracle.joint, ask(x0), 48, 8, last=last, batch_size=640)
    correlation, bias = summary(found, exact)
    assert correlation > least
    assert abs(bias) < 0.25
    other = MixedOracle(means=(-0.4, 0.4, 1.6))
    correlation, bias = summary(
        log_ratio(other, other.joint, ask(x0), 48, 8, last=last, batch_size=640), exact
    )
    assert correlation < least
    assert abs(bias) > 0.25


def test_cells_without_information_leave_the_probability_of_their_event():
    # Given the second category x is N(0, 1), like the number cell of a row on an event.
    oracle = MixedOracle(means=(-1.2, 0.0, 1.6), sds=(0.4, 1.0, 0.25))
    x0 = {"x": torch.zeros(1, 1, 1, dtype=torch.float64), "c": torch.ones(1, 1, dtype=torch.long)}
    found = log_ratio(oracle, oracle.joint, ask(x0), 32, 32)
    assert abs(float(found) - np.log(0.3)) < 0.2


def pair_rows():
    codes = torch.cartesian_prod(torch.arange(2), torch.arange(3))
    return {"c": codes}, torch.as_tensor(np.log(PAIR / PAIR.sum())).flatten()


def test_log_probability_of_categories_is_exact_when_they_are_masked_one_by_one():
    x0, exact = pair_rows()
    oracle = CategoricalOracle(PAIR)
    found = log_ratio(oracle, oracle.joint(), ask(x0), 16, 4)
    torch.testing.assert_close(found, exact, atol=1e-9, rtol=0)


def test_one_step_takes_the_categories_for_independent_and_bounds_the_mean():
    x0, exact = pair_rows()
    oracle = CategoricalOracle(PAIR)
    found = log_ratio(oracle, oracle.joint(), ask(x0), 1, 1)
    law = PAIR / PAIR.sum()
    independent = torch.as_tensor(np.log(np.outer(law.sum(1), law.sum(0)))).flatten()
    torch.testing.assert_close(found, independent, atol=1e-9, rtol=0)
    assert float((exact.exp() * (exact - found)).sum()) > 0.1


def test_prediction_of_a_hidden_category_is_bayes_rule():
    oracle = MixedOracle()
    x0, _, _ = mixed_rows(oracle, 50)
    question = ask(x0, {"c": [True]})
    pred = predict_hidden(oracle, oracle.joint, question, batch_size=64, device=CPU)
    exact = oracle.given_x(x0["x"][:, 0, 0])
    torch.testing.assert_close(pred["c"][:, 0].exp(), exact, atol=1e-9, rtol=0)
    nothing = ask(x0, {"c": [True]}, {"x": [True]})
    pred = predict_hidden(oracle, oracle.joint, nothing, batch_size=64, device=CPU)
    prior = oracle.probabilities.expand(50, 3)
    torch.testing.assert_close(pred["c"][:, 0].exp(), prior, atol=1e-9, rtol=0)


def mean_of(oracle, question, value_of, n_draws=16):
    return conditional_mean(
        oracle, oracle.joint, question, ("x", 0), value_of,
        seed=0, n_draws=n_draws, n_steps=32, batch_size=512, device=CPU,
    )  # fmt: skip


def test_conditional_mean_of_a_number_is_exact():
    rows, oracle = gaussian_rows(40), gaussian()
    question = ask({"x": rows[..., None]}, {"x": [True, False, False]})
    gain = torch.linalg.solve(COVARIANCE[1:, 1:], COVARIANCE[0, 1:])
    mean, variance = rows[:, 1:] @ gain, 1 - COVARIANCE[0, 1:] @ gain
    found = mean_of(oracle, question, lambda x: x.double())
    assert float((found - mean).abs().max()) < 0.02
    curved = mean_of(oracle, question, lambda x: x.double().square())
    assert float((curved - mean.square() - variance).abs().max()) < 0.1
    assert float((curved - mean.square()).abs().min()) > 0.1  # it is the mean over a law


def test_conditional_mean_sums_over_hidden_cells():
    oracle = MixedOracle()
    x0 = {"x": torch.zeros(1, 1, 1), "c": torch.zeros(1, 1, dtype=torch.long)}
    question = ask(x0, {"x": [True]}, {"c": [True]})
    hidden = mean_of(oracle, question, lambda x: x.double(), n_draws=2048)
    marginal = float(oracle.probabilities @ oracle.means)
    assert abs(float(hidden) - marginal) < 0.15  # 6 standard errors of random categories
    known = mean_of(oracle, ask(x0, {"x": [True]}), lambda x: x.double())
    assert abs(float(known) + 1.2) < 0.02


def test_what_a_row_gets_does_not_depend_on_the_others():
    rows, oracle = gaussian_rows(90), gaussian()
    whole = ask({"x": rows[..., None]})
    hidden = torch.zeros(90, 3, dtype=torch.bool)
    hidden[::7, 1] = True
    question = Question(whole.x0, {"x": ~hidden}, {"x": hidden})
    found = log_ratio(oracle, oracle.joint, question, 8, 2, batch_size=64)
    order = torch.randperm(90, generator=torch.Generator().manual_seed(0))
    some = question.take(order[:50], CPU)
    again = log_ratio(oracle, oracle.joint, some, 8, 2, batch_size=64)
    torch.testing.assert_close(again, found[order[:50]], atol=1e-9, rtol=0)


def test_trained_network_ranks_rows_as_their_density_does():
    x, c = MIXED.draw(300, seed=9)
    place = torch.as_tensor(MIXED.cdf(x)).clamp(1e-6, 1 - 1e-6)
    score = torch.special.ndtri(place)
    x0 = {"x": score.float()[:, None, None], "c": torch.as_tensor(c)[:, None]}
    joint = Normal(MIXED.means[c], MIXED.sds[c]).log_prob(torch.as_tensor(x))
    joint = joint + MIXED.probabilities[c].log()
    grid = (
        np.exp(stats.norm.logpdf(x[:, None], MIXED.means.numpy(), MIXED.sds.numpy()))
        @ MIXED.probabilities.numpy()
    )
    exact = joint - torch.as_tensor(np.log(grid))  # log-density over that of the normal score
    network = mixed_network()
    found = log_ratio(network, network.joint, ask(x0), 16, 8)
    correlation, bias = summary(found, exact)
    assert correlation > 0.9
    assert abs(bias) < 0.3
    untrained = mixed_network(is_trained=False)
    found = log_ratio(untrained, untrained.joint, ask(x0), 16, 8)
    assert summary(found, exact)[0] < 0.9
