"""Tau-leaping against laws that are known exactly, with oracles in place of networks.

With the linear schedule and N even steps, the step from j / N to (j - 1) / N counts a Poisson
number of jumps of mean 1 / j in a masked cell and takes it if it is 1; the last step reveals what
is left. So the chance that two cells are revealed together, and then drawn apart, is known.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse.joint import Observed
from tabdiffuse.sampling.restriction import Restriction, satisfy
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Euler, Heun, HeunTau
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

APART = np.outer(PAIR.sum(axis=1), PAIR.sum(axis=0))


def jump_chances(n_steps):
    """Chance that a masked cell is revealed, for each step in turn."""
    return [math.exp(-1 / j) / j for j in range(n_steps, 1, -1)] + [1.0]


def together(chances):
    """Chance that two cells are revealed in the same step."""
    share, masked = 0.0, 1.0
    for chance in chances:
        share += (masked * chance) ** 2
        masked *= 1 - chance
    return share


def pair_law(share):
    return (1 - share) * PAIR + share * APART


def counts_of(table, rows, n_steps, *, coupling="systematic", solver=None, seed=0):
    oracle = CategoricalOracle(table)
    joint = oracle.joint(coupling)
    state = sample(oracle, joint, rows, noise(seed), solver=solver or HeunTau(), n_steps=n_steps)
    return oracle.counts(state["c"])


# --- The law of a finite number of steps ----------------------------------------------------------


@pytest.mark.parametrize("coupling", ["independent", "systematic"])
@pytest.mark.parametrize(("n_steps", "rows"), [(1, 20_000), (2, 50_000), (4, 100_000)])
def test_leaps_have_their_exact_law_whatever_the_coupling(n_steps, rows, coupling):
    counts = counts_of(PAIR, rows, n_steps, coupling=coupling)
    assert law_p_value(counts, pair_law(together(jump_chances(n_steps)))) > RARE
    assert law_p_value(counts, PAIR) < RARE
    if n_steps > 1:  # the controls: the ancestral step, and leaps that take every jump
        assert law_p_value(counts, pair_law(1 / n_steps)) < RARE
        kept = [-math.expm1(-1 / j) for j in range(n_steps, 1, -1)] + [1.0]
        assert law_p_value(counts, pair_law(together(kept))) < RARE


def test_the_bias_of_leaps_falls_with_the_first_power_of_the_step():
    """Measured: the weight of the independent law, by regression on 200,000 rows."""
    rows, direction = 200_000, APART - PAIR
    found = {}
    for n_steps in (4, 16):
        frequency = counts_of(PAIR, rows, n_steps) / rows
        found[n_steps] = float((direction * (frequency - PAIR)).sum() / (direction**2).sum())
        exact = together(jump_chances(n_steps))
        law = pair_law(exact)
        spread = (law * direction**2).sum() - (law * direction).sum() ** 2
        error = math.sqrt(spread / rows) / (direction**2).sum()
        assert abs(found[n_steps] - exact) < largest_z() * error
    assert 0.9 < math.log(found[4] / found[16]) / math.log(4) < 1.2
    # By the exact law, further down: N times the bias tends to a constant.
    few, many = (n * together(jump_chances(n)) for n in (256, 1024))
    assert many == pytest.approx(few, rel=0.01)


def test_a_single_cell_is_drawn_from_its_law_in_any_number_of_steps():
    """Masks left at the end are drawn too; the most probable category would be too frequent."""
    law, n_steps, rows = np.array([0.5, 0.3, 0.2]), 4, 50_000
    counts = counts_of(law, rows, n_steps)
    assert law_p_value(counts, law) > RARE
    left = math.prod(1 - chance for chance in jump_chances(n_steps)[:-1])
    most_probable = (1 - left) * law + left * np.array([1.0, 0.0, 0.0])
    assert law_p_value(counts, most_probable) < RARE


def test_conditional_of_categories_follows_from_holding_a_cell():
    oracle, rows = CategoricalOracle(PAIR), 50_000
    held = torch.tensor([[0, 2]]).expand(rows, 2)
    observed = Observed({"c": held}, {"c": torch.tensor([[False, True]]).expand(rows, 2)})
    state = sample(
        oracle, oracle.joint(), rows, noise(), solver=HeunTau(), n_steps=3, observed=observed
    )["c"]
    assert (state[:, 1] == 2).all()
    counts = np.bincount(state[:, 0].numpy(), minlength=2)
    assert law_p_value(counts, PAIR[:, 2]) > RARE
    assert law_p_value(counts, PAIR.sum(axis=1)) < RARE


# --- Beside numbers -------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_numbers_alone_are_those_of_heun_bit_for_bit(schedule):
    oracle = GaussianOracle(SCHEDULES[schedule], torch.zeros(2).double(), torch.eye(2).double())
    one, other = (
        sample(oracle, oracle.joint, 50, noise(), solver=solver, n_steps=5)["x"]
        for solver in (HeunTau(), Heun())
    )
    assert torch.equal(one, other)


# 10,000 rows: the bands of test_exact_laws, whose part for the bias holds here too: measured with
# 200,000 rows, 100 steps of this solver leave 0.003 (frequencies) and 0.006 (KS).
ROWS = 10_000
FREQUENCY_BAND, KS_BAND = 0.0255 + 0.005, 0.027 + 0.01


def mixed_error(denoise, oracle):
    """Largest deviation of P(c) and of P(x < .), over their thresholds."""
    state = sample(
        denoise, oracle.joint, ROWS, noise(), solver=HeunTau(), n_steps=100, dtype=torch.float64
    )
    x, c = state["x"].flatten(), state["c"].flatten()
    frequency = torch.bincount(c, minlength=3) / ROWS - oracle.probabilities
    given = [
        stats.kstest(x[c == k].numpy(), stats.norm(oracle.means[k], oracle.sds[k]).cdf).statistic
        * math.sqrt(float((c == k).double().mean()))
        for k in range(3)
    ]
    ks = max(stats.kstest(x.numpy(), oracle.cdf).statistic, *given)
    return max(float(frequency.abs().max()) / FREQUENCY_BAND, ks / KS_BAND)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_mixed_law_is_recovered(schedule):
    oracle = MixedOracle(SCHEDULES[schedule])
    assert mixed_error(oracle, oracle) < 1

    def without_category(state, times):
        return oracle({"x": state["x"], "c": torch.full_like(state["c"], 3)}, times)

    assert mixed_error(without_category, oracle) > 2


def test_number_and_event_that_share_a_token_have_their_joint_law():
    oracle, rows = EventOracle(), 20_000
    state = sample(
        oracle, oracle.joint, rows, noise(), solver=HeunTau(), n_steps=64, dtype=torch.float64
    )
    pairs = (3 * state["c"][:, 0] + state["c"][:, 1]).bincount(minlength=6).numpy() / rows
    band = largest_z() / 2 / math.sqrt(rows) + 0.01  # 64 steps leave less than 0.01
    assert np.abs(pairs - oracle.table.flatten().numpy()).max() < band
    apart = torch.outer(oracle.table.sum(dim=1), oracle.table.sum(dim=0)).flatten().numpy()
    assert np.abs(pairs - apart).max() > 2 * band
    value = state["c"][:, 1] == 0
    for g in range(2):
        x = state["x"][value & (state["c"][:, 0] == g)].flatten().numpy()
        law = stats.norm(float(oracle.means[g, 0]), float(oracle.sds[g, 0]))
        assert stats.kstest(x, law.cdf).statistic < math.sqrt(math.log(2e6) / 2 / len(x)) + 0.02


def test_restricted_cells_keep_their_restriction_and_the_rest_follows():
    """x within an interval, where it is a value: the event follows, and g by Bayes' rule."""
    oracle, rows, low, high = EventOracle(), 4000, 0.2, 1.4
    wanted = Restriction(
        torch.ones(rows, dtype=torch.bool),
        event=("c", 1),
        log_weights=torch.tensor([0.0, -torch.inf, -torch.inf]).double().expand(rows, 3),
        number=("x", 0),
        intervals=torch.tensor([[low, high]]).double().expand(rows, 1, 2),
    )
    how = {"solver": HeunTau(), "n_steps": 50, "dtype": torch.float64}
    groups, source = torch.zeros(rows, dtype=torch.int64), noise()
    found = satisfy(oracle, oracle.joint, None, (wanted,), groups, source, **how)
    state = sample(oracle, oracle.joint, rows, source, observed=found, **how)
    x = state["x"].flatten()
    assert ((x >= low) & (x <= high)).all()
    assert (state["c"][:, 1] == 0).all()
    inside = np.array(
        [
            np.diff(stats.norm(float(oracle.means[g, 0]), float(oracle.sds[g, 0])).cdf([low, high]))
            for g in range(2)
        ]
    ).flatten()
    share = oracle.table[:, 0].numpy() * inside
    band = largest_z() / 2 / math.sqrt(rows) + 0.01
    first = float((state["c"][:, 0] == 0).double().mean())
    assert abs(first - share[0] / share.sum()) < band
    assert abs(first - float(oracle.table.sum(dim=1)[0])) > 2 * band


def test_systematic_ancestral_steps_come_nearer_in_as_many_steps():
    """Why leaps are no default: two steps for two cells are exact with coordinated masks."""
    assert law_p_value(counts_of(PAIR, 100_000, 2, solver=Euler()), PAIR) > RARE
    assert law_p_value(counts_of(PAIR, 100_000, 2), PAIR) < RARE
