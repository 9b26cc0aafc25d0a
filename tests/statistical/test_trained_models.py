"""Tiny networks, trained for seconds, against the law their data were drawn from.

No threshold follows from theory here: the bands say how near a network of a few thousand weights
comes in 600 steps. They are about twice the largest deviation of five seeds, and sampling adds at
most 0.026 to a frequency and 0.027 to a distribution function for one seed in a million (10,000
rows). The control is the same network before its training, which each check must refuse.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse.denoiser import Denoiser
from tabdiffuse.joint import Observed
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.sampling.blocks import sample_rows
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.solvers import TwoM
from tabdiffuse.times import Independent, Mixed, RandomClean, Tied
from tabdiffuse.training.loop import TrainConfig, train
from tests.oracles import CategoricalOracle, MixedOracle
from tests.tiny import tiny_denoiser

ROWS = 10_000
LAW = Mixed([Tied(), RandomClean(Independent(per_cell=True))], [0.5, 0.5])
CONFIG = TrainConfig(max_steps=600, max_time=None, batch_size=256, learning_rate=2e-2)
MIXED = MixedOracle(means=(-1.0, 0.4, 1.5), sds=(0.5, 0.6, 0.5))
PAIR = CategoricalOracle(np.array([[0.30, 0.05, 0.05], [0.05, 0.15, 0.40]]))

FREQUENCY_BAND = 0.04  # of P(c)
KS_BAND = 0.05  # of the law of x
MOMENT_BAND = 0.25  # of mean and sd of x | c, in sds
BAYES_BAND = 0.13  # of P(c | x)
PAIR_BAND = 0.035  # total variation


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Two threads on so little work wait for each other when the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def mixed_network(seed: int = 0, *, is_trained: bool = True) -> Denoiser:
    parts = {"x": NumericModality(1), "c": CategoricalModality(3)}
    denoiser = tiny_denoiser(parts, seed)
    if is_trained:
        x, c = MIXED.draw(20_000, seed=1)
        data = {"x": parts["x"].encode(MIXED.cdf(x)[:, None]), "c": parts["c"].encode(c)}
        train(denoiser, data, CONFIG, LAW, seed=seed)
    return denoiser


def pair_network(seed: int = 0, *, is_trained: bool = True) -> Denoiser:
    part = CategoricalModality(PAIR.sizes)
    denoiser = tiny_denoiser({"c": part}, seed)
    if is_trained:
        train(denoiser, {"c": PAIR.draw(20_000, seed=2)}, CONFIG, LAW, seed=seed)
    return denoiser


@pytest.fixture(scope="module")
def mixed():
    return mixed_network()


@pytest.fixture(scope="module")
def pair():
    return pair_network()


@pytest.fixture(scope="module")
def untrained():
    return mixed_network(is_trained=False)


def draw(denoiser, rows, observed=None, n_steps=50):
    """Sample, and map normal scores back to numbers."""
    state = sample_rows(
        denoiser, denoiser.joint, rows, 0, solver=TwoM(), n_steps=n_steps, batch_size=512,
        device=torch.device("cpu"),
        evidence=None if observed is None else Evidence(observed),
    )  # fmt: skip
    numbers = None
    if "x" in state:
        numbers = MIXED.quantile(stats.norm.cdf(state["x"][:, 0, 0].double().numpy()))
    return numbers, state["c"].numpy()


def joint_deviations(denoiser):
    """Deviations of P(c), of the law of x and of the moments of x | c, over their bands."""
    x, codes = draw(denoiser, ROWS)
    c = codes[:, 0]
    frequency = np.bincount(c, minlength=3) / ROWS - MIXED.probabilities.numpy()
    ks = stats.kstest(x, MIXED.cdf).statistic
    moments = max(moment_deviation(x[c == k], k) for k in range(3))
    return {
        "P(c)": np.abs(frequency).max() / FREQUENCY_BAND,
        "x": ks / KS_BAND,
        "x | c": moments / MOMENT_BAND,
    }


def moment_deviation(x, k):
    mean, sd = float(MIXED.means[k]), float(MIXED.sds[k])
    return max(abs(x.mean() - mean) / sd, abs(x.std() / sd - 1))


def held_category_deviation(denoiser):
    """Mean and sd of x when c is held."""
    worst = 0.0
    for k in range(3):
        held = {"c": torch.full((2048, 1), k)}
        x, _ = draw(denoiser, 2048, Observed(held, {"c": torch.ones(2048, 1, dtype=torch.bool)}))
        worst = max(worst, moment_deviation(x, k))
    return worst / MOMENT_BAND


def held_number_deviation(denoiser):
    """P(c | x) against Bayes' rule when x is held."""
    worst = 0.0
    for value in (-0.6, 0.1, 1.4):
        score = float(stats.norm.ppf(MIXED.cdf(np.array([value]))[0]))
        held = {"x": torch.full((2048, 1, 1), score)}
        known = {"x": torch.ones(2048, 1, dtype=torch.bool)}
        _, codes = draw(denoiser, 2048, Observed(held, known), n_steps=4)
        frequency = np.bincount(codes[:, 0], minlength=3) / 2048
        bayes = MIXED.given_x(torch.tensor([value], dtype=torch.float64))[0].numpy()
        worst = max(worst, np.abs(frequency - bayes).max())
    return worst / BAYES_BAND


def pair_deviation(denoiser):
    """Total variation between the sampled and the true table."""
    _, codes = draw(denoiser, ROWS, n_steps=8)
    found = PAIR.counts(torch.as_tensor(codes)) / ROWS
    return np.abs(found - PAIR.table).sum() / 2 / PAIR_BAND


def test_mixed_law_is_learnt(mixed):
    deviations = joint_deviations(mixed)
    assert max(deviations.values()) < 1, deviations


def test_mixed_law_is_not_known_before_training(untrained):
    deviations = joint_deviations(untrained)
    assert deviations["P(c)"] > 1
    assert deviations["x | c"] > 1


def test_numbers_given_the_category_are_learnt(mixed, untrained):
    assert held_category_deviation(mixed) < 1
    assert held_category_deviation(untrained) > 1


def test_categories_given_the_number_are_learnt(mixed, untrained):
    assert held_number_deviation(mixed) < 1
    assert held_number_deviation(untrained) > 1


def test_dependent_categories_are_learnt(pair):
    assert pair_deviation(pair) < 1
    assert pair_deviation(pair_network(is_trained=False)) > 1
