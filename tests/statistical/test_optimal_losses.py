"""The training losses of the best possible predictors are numbers that are known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse.schedules import CosineMask
from tests.oracles import PAIR, SCHEDULES, CategoricalOracle, GaussianOracle, largest_z, noise


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("time", [0.2, 0.5, 0.9])
def test_gaussian_loss_of_the_optimal_predictor_is_the_known_number(schedule, time):
    """Var(x_0 | x_t) / c_out^2 = l (a^2 + s^2) / (l a^2 + s^2) for x_0 ~ N(0, l)."""
    variance, rows = 0.49, 100_000
    oracle = GaussianOracle(
        SCHEDULES[schedule], torch.zeros(1).double(), torch.full((1, 1), variance).double()
    )
    process = oracle.joint.parts()["x"].process
    t = torch.full((rows, 1), time, dtype=torch.float64)
    x0 = math.sqrt(variance) * noise(1).normal((rows, 1, 1), torch.float64)
    x_t, target = process.corrupt(x0, t, noise(2))
    # Solve D = c_skip x_t + c_out F for F with two calls: D is affine in F.
    zero, one = (process.parameterize(torch.full_like(x_t, v), x_t, t) for v in (0.0, 1.0))
    raw = (oracle({"x": x_t}, {"x": t[:1]})["x"] - zero) / (one - zero)
    a, s, _, _ = oracle.schedule(t[0, 0])
    known = variance * (a**2 + s**2) / (variance * a**2 + s**2)
    loss = process.loss(raw, target, x_t, t)
    # A mean of squared normals, sd sqrt(2) known each.
    band = largest_z() * math.sqrt(2 / rows) * known
    assert abs(loss.mean() - known) < band
    # The control: an answer that is off by a fifth of its error costs 4 % more.
    assert abs(process.loss(raw + 0.2 * known.sqrt(), target, x_t, t).mean() - known) > band


@pytest.mark.parametrize("coupling", ["independent", "systematic"])
@pytest.mark.parametrize("schedule", [None, CosineMask()])
def test_masked_loss_of_the_optimal_predictor_is_the_known_number(schedule, coupling):
    """Independent masks make the bound tight: its mean over time is H(c_1, c_2).

    With v = 1 - alpha(t), a mask costs v' / v, and a time law that starts at v = m leaves out
    [0, m]. Of two cells, one is masked with probability P_1 and both with P_2, so that the mean is
    the integral of (P_1 (H_1|2 + H_2|1) / 2 + P_2 (H_1 + H_2)) / v. Independent masks have
    P_1 = 2 v (1 - v) and P_2 = v^2; systematic ones P_2 = max(2 v - 1, 0) and P_1 = 2 v - 2 P_2.
    """
    oracle, rows, minimum = CategoricalOracle(PAIR), 200_000, 0.05
    process = oracle.joint(coupling, schedule).parts()["c"].process
    t = minimum + (1 - minimum) * ((torch.arange(rows) + 0.5) / rows)[:, None]
    x0 = oracle.draw(rows, seed=3)
    x_t, target = process.corrupt(x0, t, noise(4))
    loss = process.loss(oracle({"c": x_t}, {})["c"], target, x_t, t).sum(dim=1)
    joint_entropy = stats.entropy(PAIR.ravel())
    alone = stats.entropy(PAIR.sum(axis=0)) + stats.entropy(PAIR.sum(axis=1))
    given = 2 * joint_entropy - alone
    v = 1 - float(process.schedule(torch.tensor(minimum)).alpha)
    if coupling == "independent":
        known = (alone * (1 - v**2) + given * (1 - v) ** 2) / 2 / (1 - minimum)
    else:
        known = (alone * (1 - math.log(2)) + given * (math.log(2) - v)) / (1 - minimum)
    band = largest_z() * float(loss.std()) / math.sqrt(rows)
    assert abs(float(loss.mean()) - known) < band
    # The control: the columns' own frequencies cost more.
    marginals = [torch.as_tensor(np.log(PAIR.sum(axis=axis))) for axis in (1, 0)]
    blind = torch.full((2, 3), -torch.inf, dtype=torch.float64)
    blind[0, :2], blind[1] = marginals
    loss = process.loss(blind.expand(rows, 2, 3), target, x_t, t).sum(dim=1)
    assert float(loss.mean()) - known > 2 * band
