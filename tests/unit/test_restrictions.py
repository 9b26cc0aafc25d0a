"""Restricted cells: what stays as it is, what is refused, what it costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse._random import Noise, block_noise, generator
from tabdiffuse.errors import DataError
from tabdiffuse.joint import Observed
from tabdiffuse.sampling.blocks import BLOCK_ROWS, sample_rows
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.flow import QuantileTable, _curve, _interpolate, _knots_within
from tabdiffuse.sampling.particles import LEAST_PARTICLES, Crowd, rank_within, resample
from tabdiffuse.sampling.restriction import Restriction, satisfy
from tabdiffuse.sampling.rows import distinct
from tabdiffuse.sampling.solvers import Heun, TwoM
from tests.oracles import RARE
from tests.tiny import lively_denoiser, mixed_parts, tiny_denoiser

CPU = torch.device("cpu")
INF = float("inf")


@pytest.fixture(scope="module")
def denoiser():
    """Two numbers and two categories; the last of each share a token."""
    return lively_denoiser(mixed_parts(), tokens=(0, 1, 2, 1))


def random(*labels: int) -> torch.Generator:
    return generator(0, *labels)


def all_rows(rows):
    return torch.ones(rows, dtype=torch.bool)


def interval(low, high, rows):
    return torch.tensor([[[low, high]]]).expand(rows, 1, 2)


def shared(rows, active=None):
    """One restriction on the first number, one on the token with an event."""
    active = all_rows(rows) if active is None else active
    return (
        Restriction(active, number=("x", 0), intervals=interval(0.2, 0.9, rows)),
        Restriction(
            active, event=("c", 1), log_weights=torch.tensor([[0.0, -0.5]]).expand(rows, 2),
            number=("x", 1), intervals=interval(-INF, 0.1, rows),
        ),
    )  # fmt: skip


def satisfied(denoiser, observed, restrictions, rows, *, groups=None, **more):
    groups = torch.zeros(rows, dtype=torch.int64) if groups is None else groups
    how = {"solver": TwoM(), "n_steps": 4, **more}
    return satisfy(
        denoiser, denoiser.joint, observed, restrictions, groups, Noise([random(1)]), **how
    )


def rows_of(denoiser, rows, restrictions, *, observed=None, groups=None, batch_size=BLOCK_ROWS):
    evidence = Evidence(observed, restrictions, groups)
    return sample_rows(
        denoiser, denoiser.joint, rows, 0, solver=TwoM(), n_steps=4, batch_size=batch_size,
        device=CPU, evidence=evidence,
    )  # fmt: skip


# --- What comes out -------------------------------------------------------------------------------


def test_drawn_cells_satisfy_the_restrictions_and_are_clean(denoiser):
    found = satisfied(denoiser, None, shared(600), 600)
    x, event = found.values["x"][..., 0], found.values["c"][:, 1]
    assert ((x[:, 0] >= 0.2) & (x[:, 0] <= 0.9)).all()
    assert (x[event == 0, 1] <= 0.1).all()
    assert (x[event == 1, 1] == 0).all()
    assert 0 < event.sum() < 600
    assert found.known["x"].all()
    assert found.known["c"].equal(torch.tensor([[False, True]]).expand(600, 2))
    assert all((times == 0).all() for times in found.times.values())


def test_drawn_cells_survive_the_chain(denoiser):
    rows = rows_of(denoiser, 40, shared(40))
    x = rows["x"][..., 0]
    assert ((x[:, 0] >= 0.2) & (x[:, 0] <= 0.9)).all()
    assert (x[rows["c"][:, 1] == 0, 1] <= 0.1).all()


@pytest.mark.parametrize("groups", [None, torch.arange(200)], ids=["one group", "many"])
def test_evidence_comes_back_bit_for_bit(denoiser, groups):
    values = {
        "x": torch.randn(200, 2, 1, generator=random(2)),
        "c": torch.randint(0, 2, (200, 2), generator=random(3)),
    }
    known = {
        "x": torch.tensor([[False, True]]).expand(200, 2),
        "c": torch.rand(200, 2, generator=random(4)) < 0.5,
    }
    wanted = (
        Restriction(~known["c"][:, 0], ("c", 0), torch.zeros(200, 3)),
        Restriction(all_rows(200), number=("x", 0), intervals=interval(-0.3, 0.5, 200)),
    )
    found = satisfied(denoiser, Observed(values, known), wanted, 200, groups=groups)
    for name, mask in known.items():
        assert torch.equal(found.values[name][mask], values[name][mask])
        assert found.values[name].dtype == values[name].dtype
        assert found.known[name][mask].all()
    assert found.known["c"][:, 0].all()
    assert found.known["c"][:, 1].equal(known["c"][:, 1])


def test_rows_without_a_restriction_are_left_alone(denoiser):
    active = torch.arange(300) % 3 == 0
    found = satisfied(denoiser, None, shared(300, active), 300)
    assert found.known["x"].equal(active[:, None].expand(300, 2))
    assert found.known["c"][:, 1].equal(active)
    assert (found.values["x"][~active] == 0).all()


def test_rows_of_a_group_with_unlike_evidence_are_not_mixed(denoiser):
    values = torch.arange(100.0)[:, None, None].expand(100, 2, 1) / 100
    observed = Observed({"x": values}, {"x": torch.tensor([[True, False]])})
    wanted = (
        Restriction(all_rows(100), ("c", 0), torch.zeros(100, 3)),
        Restriction(all_rows(100), number=("x", 1), intervals=interval(-0.3, 0.5, 100)),
    )
    found = satisfied(denoiser, observed, wanted, 100)
    assert torch.equal(found.values["x"][:, 0], values[:, 0])


def test_a_double_network_answers_in_double(denoiser):
    double = lively_denoiser(mixed_parts(), tokens=(0, 1, 2, 1)).double()
    found = satisfied(double, None, shared(40), 40, dtype=torch.float64, solver=Heun())
    assert found.values["x"].dtype == torch.float64


def several(intervals, rows, most=3):
    """Restrict the first number to a union of intervals."""
    padded = [*intervals, *[(INF, -INF)] * (most - len(intervals))]
    bounds = torch.tensor(padded).expand(rows, most, 2)
    return Restriction(all_rows(rows), number=("x", 0), intervals=bounds)


def test_numbers_lie_in_every_interval_of_a_union_and_nowhere_else(denoiser):
    x = satisfied(denoiser, None, [several([(0.5, 0.6), (-0.4, -0.2)], 300)], 300).values["x"]
    x = x[:, 0, 0]
    low, high = (x >= -0.4) & (x <= -0.2), (x >= 0.5) & (x <= 0.6)
    assert (low | high).all()
    assert low.any()
    assert high.any()


def test_empty_intervals_change_no_bit(denoiser):
    wanted = ([several([(-0.3, 0.5)], 90, most)] for most in (1, 4))
    one, four = (satisfied(denoiser, None, each, 90).values["x"] for each in wanted)
    assert one.equal(four)


def test_a_far_interval_has_rows_too(denoiser):
    wanted = [Restriction(all_rows(50), number=("x", 0), intervals=interval(9.0, 9.5, 50))]
    x = satisfied(denoiser, None, wanted, 50).values["x"][:, 0, 0]
    assert ((x >= 9.0) & (x <= 9.5)).all()


def test_the_cells_of_a_token_have_one_time_and_the_others_wait(denoiser):
    """Also where the number is held at some noise, and its event is not known yet."""
    seen = []

    def spy(state, times):
        seen.append(times)
        return denoiser(state, times)

    held = torch.tensor([[False, True]]) & (torch.arange(40) < 20)[:, None]
    observed = Observed(
        {"x": torch.full((40, 2, 1), 0.3)}, {"x": held}, {"x": torch.full((40, 2), 0.4)}
    )
    found = satisfy(
        spy, denoiser.joint, observed, shared(40)[1:], torch.zeros(40, dtype=torch.int64),
        Noise([random(1)]), solver=TwoM(), n_steps=4,
    )  # fmt: skip
    assert len(seen) == 1 + 2 * 4
    for times in seen:
        assert times["x"][:, 1].equal(times["c"][:, 1])
        assert (times["x"][:, 0] == 1).all()
        assert (times["c"][:, 0] == 1).all()
    assert sorted(seen[0]["x"][:, 1].tolist()) == pytest.approx([0.4, 1.0])
    assert [float(t["x"][0, 1]) for t in seen[1:5]] == [1.0, 0.75, 0.5, 0.25]
    assert found.times["x"][:, 1].equal(found.times["c"][:, 1])


# --- Refusals -------------------------------------------------------------------------------------


def test_a_restriction_without_probability_names_the_row(denoiser):
    weights = torch.zeros(20, 3)
    weights[7] = -INF
    with pytest.raises(DataError, match=r"Row 1007: .* no probability .* Widen"):
        satisfied(
            denoiser, None, [Restriction(all_rows(20), ("c", 0), weights)], 20, first_row=1000
        )


def test_an_empty_interval_is_refused(denoiser):
    wanted = [Restriction(all_rows(20), number=("x", 0), intervals=interval(0.5, 0.5, 20))]
    with pytest.raises(DataError, match="Row 0"):
        satisfied(denoiser, None, wanted, 20)


def test_a_row_without_any_interval_is_refused(denoiser):
    with pytest.raises(DataError, match="Row 0"):
        satisfied(denoiser, None, [several([], 20)], 20)


def test_restrictions_that_contradict_one_another_are_refused(denoiser):
    def never_both(state, times):
        pred = denoiser(state, times)
        pred["c"][state["c"][:, 0] == 0, 1, 1] = -INF
        return pred

    wanted = (
        Restriction(all_rows(20), ("c", 0), torch.tensor([[0.0, -INF, -INF]]).expand(20, 3)),
        Restriction(all_rows(20), ("c", 1), torch.tensor([[-INF, 0.0]]).expand(20, 2)),
    )
    with pytest.raises(DataError, match="no probability"):
        satisfy(
            never_both, denoiser.joint, None, wanted, torch.zeros(20, dtype=torch.int64),
            Noise([random(1)]), solver=TwoM(), n_steps=4,
        )  # fmt: skip


# --- Blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["together", "apart", "partly"])
def test_rows_do_not_depend_on_the_batch_bit_for_bit(denoiser, asked):
    rows = 1600
    groups = {"together": None, "apart": torch.arange(rows), "partly": torch.arange(rows) // 400}
    known = {"x": torch.tensor([[False, False]]).expand(rows, 2)}
    active = torch.arange(rows) < 1300 if asked == "partly" else None
    wanted = shared(rows, active)[:1] if asked == "apart" else shared(rows, active)
    observed = Observed({"x": torch.zeros(rows, 2, 1)}, known)
    if asked == "apart":
        values = torch.arange(rows)[:, None].expand(rows, 2) % 3
        observed = Observed({"c": values}, {"c": torch.tensor([[True, False]]).expand(rows, 2)})
    small, large = (
        rows_of(denoiser, rows, wanted, observed=observed, groups=groups[asked], batch_size=size)
        for size in (512, 2048)
    )
    assert all(torch.equal(small[name], large[name]) for name in small)


def test_rows_with_unlike_unions_do_not_depend_on_the_batch(denoiser):
    low = torch.arange(1100)[:, None] % 3 * 0.1
    bounds = torch.stack([low + torch.tensor([-0.5, 0.4]), low + torch.tensor([-0.4, 0.7])], dim=2)
    bounds[::5, 1] = torch.tensor([INF, -INF])
    wanted = [Restriction(all_rows(1100), number=("x", 0), intervals=bounds)]
    small, large = (rows_of(denoiser, 1100, wanted, batch_size=size) for size in (512, 2048))
    assert all(torch.equal(small[name], large[name]) for name in small)
    x = small["x"][:, :1, 0]
    assert ((x >= bounds[..., 0]) & (x <= bounds[..., 1])).any(dim=1).all()


def test_few_rows_are_the_first_of_many(denoiser):
    few, many = (rows_of(denoiser, rows, shared(1)) for rows in (5, 700))
    assert all(torch.equal(few[name], many[name][:5]) for name in few)


# --- Cost -----------------------------------------------------------------------------------------


def evaluations(denoiser, run):
    """Count the rows that the network sees."""
    seen = []

    def spy(state, times):
        seen.append(len(state["x"]))
        return denoiser(state, times)

    run(spy)
    return sum(seen)


def cost(denoiser, wanted, n_steps=10, groups=None):
    """Rows that the network sees for a block, in units of the chain that draws the rest."""
    rows = BLOCK_ROWS
    groups = torch.zeros(rows, dtype=torch.int64) if groups is None else groups

    def run(spy):
        satisfy(
            spy, denoiser.joint, None, wanted, groups, block_noise(0, range(1), CPU),
            solver=TwoM(), n_steps=n_steps,
        )  # fmt: skip

    return evaluations(denoiser, run) / (rows * n_steps)


@pytest.fixture(scope="module")
def smooth():
    """A network whose flow has no jumps: numbers drawn from it differ in every row."""
    return tiny_denoiser(mixed_parts(), tokens=(0, 1, 2, 1))


def test_a_shared_condition_costs_less_than_a_tenth_of_the_chain(smooth):
    number, event = shared(BLOCK_ROWS)
    weights = torch.zeros(BLOCK_ROWS, 3)
    assert cost(smooth, [number]) < 0.1
    assert cost(smooth, [event]) < 0.1
    assert cost(smooth, [Restriction(all_rows(BLOCK_ROWS), ("c", 0), weights)]) < 0.001
    assert cost(smooth, [Restriction(all_rows(BLOCK_ROWS), ("c", 0), weights), number]) < 0.25


def test_a_number_that_is_normal_by_itself_costs_nothing(smooth):
    number, _ = shared(BLOCK_ROWS)
    alone = replace(number, event=None, log_weights=None, standard=True)
    assert cost(smooth, [alone]) == 0 < cost(smooth, [replace(alone, standard=False)])


def test_a_second_number_costs_nine_chains(smooth):
    number, event = shared(BLOCK_ROWS)
    assert 9 < cost(smooth, [number, event]) < 9.2


# --- Parts ----------------------------------------------------------------------------------------


def test_small_groups_have_more_particles():
    group = torch.tensor([0, 1, 1, 1, 2] + [3] * 40)
    weighted = group != 2
    crowd = Crowd.of(group, weighted)
    assert torch.bincount(crowd.group).tolist() == [LEAST_PARTICLES, 33, 1, 40]
    assert crowd.slot[crowd.row == 1].tolist() == list(range(11))
    assert crowd.first_of_rows().row.tolist() == list(range(len(group)))


def test_ranks_count_each_group_in_order():
    group = torch.tensor([1, 0, 1, 1, 0])
    key = torch.tensor([0.3, 0.9, 0.1, 0.2, 0.5])
    assert rank_within(group, key).tolist() == [2, 1, 0, 1, 0]


def test_resampling_takes_each_particle_in_proportion_to_its_weight():
    weight = torch.tensor([1.0, 0.0, 3.0, 2.0, 2.0]).double().log()
    source = torch.tensor([0, 0, 0, 1, 1])
    target = torch.tensor([0] * 8 + [1] * 4)
    key = torch.rand(12, generator=random(5), dtype=torch.float64)
    start = torch.tensor([0.5, 0.99]).double()
    chosen = resample(weight, source, target, start, key)
    assert torch.bincount(chosen, minlength=5).tolist() == [2, 0, 6, 2, 2]
    assert not chosen[:8].equal(chosen[:8].sort().values)


def test_equal_rows_are_found():
    key = torch.tensor([[1.0, 2.0], [0.0, -INF], [1.0, 2.0], [0.0, -INF], [0.0, 1.0]])
    first, kind = distinct(key)
    assert sorted(first.tolist()) == [0, 1, 4]
    assert key[first[kind]].equal(key)


def test_knots_go_where_the_intervals_are():
    scores = torch.linspace(-4, 4, 9, dtype=torch.float64).repeat(4, 1)
    table = _curve(scores, scores)  # eight cells of width 1
    unions = [
        [(-2.5, -2.4), (1.2, 1.3)],
        [(-INF, -9.0), (INF, -INF)],
        [(0.1, INF), (INF, -INF)],
        [(INF, -INF), (INF, -INF)],
    ]
    knots = _knots_within(table, torch.tensor(unions, dtype=torch.float64), 8)
    cells = [[-3] * 4 + [1] * 4, [-4] * 8, [0, 0, 1, 1, 2, 2, 3, 3], list(range(-4, 4))]
    assert knots.floor().tolist() == cells
    assert (knots.diff(dim=1) > 0).all()


def test_the_curve_increases_through_its_knots_and_lifts_what_does_not():
    scores = torch.linspace(-3, 3, 9, dtype=torch.float64).repeat(2, 1)
    values = torch.stack([scores[0] ** 3, torch.tensor([-3, -2, -2, -2.5, 0, 0.1, 4, 4, 5.0])])
    table = _curve(scores, values)
    assert isinstance(table, QuantileTable)
    assert (table.values.diff(dim=1) > 0).all()
    torch.testing.assert_close(_interpolate(scores, *table)[0], values[0])
    assert (_interpolate(scores, *table)[1] - values[1].cummax(0).values).abs().max() < 1e-2
    back = _interpolate(table.values, table.values, table.scores)
    torch.testing.assert_close(back, table.scores)


def test_a_number_that_is_normal_by_itself_is_drawn_without_the_network_where_nothing_is_known():
    # The network is wrong about it: untrained weights, whose flow bends the law.
    denoiser = lively_denoiser(mixed_parts())
    rows = 2048
    bounds = interval(-1.0, 2.0, rows)
    known = torch.zeros(rows, 2, dtype=torch.bool)
    known[rows // 2 :, 1] = True  # half of the rows have evidence
    evidence = Observed({"x": torch.zeros(rows, 2, 1)}, {"x": known})

    def draws(standard):
        wanted = [Restriction(all_rows(rows), number=("x", 0), intervals=bounds, standard=standard)]
        return satisfied(denoiser, evidence, wanted, rows).values["x"][:, 0, 0].double().numpy()

    told, asked = draws(True), draws(False)
    law = stats.truncnorm(-1.0, 2.0)
    assert stats.kstest(told[: rows // 2], law.cdf).pvalue > RARE
    assert stats.kstest(asked[: rows // 2], law.cdf).pvalue < RARE  # the control
    np.testing.assert_array_equal(told[rows // 2 :], asked[rows // 2 :])
