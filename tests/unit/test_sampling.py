"""The sampling loop: evidence, seeds, blocks."""

from __future__ import annotations

import pytest
import torch

from tabdiffuse._random import Noise, generator
from tabdiffuse.joint import Observed
from tabdiffuse.sampling.blocks import BLOCK_ROWS, sample_rows
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.sampler import latest_time, sample
from tabdiffuse.sampling.solvers import Euler, Heun, HeunTau, TwoM, time_grid
from tests.tiny import MODALITIES, lively_denoiser, mixed_parts

SOLVERS = [Euler(0.0), Euler(1.0), TwoM(0.0), TwoM(1.0), Heun(), HeunTau()]
CPU = torch.device("cpu")


def noise(*labels: int) -> Noise:
    return Noise([generator(0, *labels)])


@pytest.fixture(scope="module")
def denoiser():
    return lively_denoiser(mixed_parts())


def rows_of(denoiser, rows, *, seed=0, solver=SOLVERS[2], n_steps=4, batch_size=BLOCK_ROWS, **more):
    return sample_rows(
        denoiser, denoiser.joint, rows, seed,
        solver=solver, n_steps=n_steps, batch_size=batch_size, device=CPU, **more,
    )  # fmt: skip


def assert_equal(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_times_run_from_one_to_zero():
    grid = time_grid(5, torch.float64)
    assert grid[0] == 1
    assert grid[-1] == 0
    torch.testing.assert_close(grid.diff(), torch.full((5,), -0.2, dtype=torch.float64))


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_samples_are_clean_states(denoiser, solver, n_steps):
    state = sample(denoiser, denoiser.joint, 20, noise(), solver=solver, n_steps=n_steps)
    assert state["x"].shape == (20, 2, 1)
    assert state["x"].isfinite().all()
    assert ((state["c"] >= 0) & (state["c"] < torch.tensor([3, 2]))).all()


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_observed_cells_survive_sampling_bit_for_bit(denoiser, solver):
    rows = 40
    known = {
        "x": torch.rand(rows, 2, generator=generator(1)) < 0.5,
        "c": torch.rand(rows, 2, generator=generator(2)) < 0.5,
    }
    values = {"x": 3 * noise(3).normal((rows, 2, 1)), "c": torch.tensor([[2, 1], [0, 0]] * 20)}
    state = sample(
        denoiser, denoiser.joint, rows, noise(), solver=solver, n_steps=5,
        observed=Observed(values, known),
    )  # fmt: skip
    for name, mask in known.items():
        assert torch.equal(state[name][mask], values[name][mask])
        assert not torch.equal(state[name][~mask], values[name][~mask])


def test_rows_that_are_fully_observed_come_back(denoiser):
    values = {"x": noise(3).normal((8, 2, 1)), "c": torch.tensor([[2, 1], [0, 0]] * 4)}
    known = {name: torch.ones(8, 2, dtype=torch.bool) for name in values}
    state = sample(
        denoiser, denoiser.joint, 8, noise(), solver=Heun(), n_steps=3,
        observed=Observed(values, known),
    )  # fmt: skip
    assert_equal(state, values)


@pytest.mark.parametrize("solver", [Euler(1.0), TwoM()], ids=repr)
def test_the_network_is_told_that_observed_cells_are_clean(denoiser, solver):
    seen = []

    def spy(state, times):
        seen.append((state["x"].clone(), times["x"].clone(), times["c"].clone()))
        return denoiser(state, times)

    values = {"x": torch.full((4, 2, 1), 1.5)}
    known = {"x": torch.tensor([[True, False]]).expand(4, 2)}
    sample(
        spy, denoiser.joint, 4, noise(), solver=solver, n_steps=3, observed=Observed(values, known)
    )
    assert len(seen) == 3
    for (x, t_x, t_c), time in zip(seen, time_grid(3), strict=False):
        assert (x[:, 0] == 1.5).all()
        assert (t_x[:, 0] == 0).all()
        assert (t_x[:, 1] == time).all()
        assert (t_c == time).all()


@pytest.mark.parametrize(
    ("solver", "calls"), [(Euler(), 6), (TwoM(), 6), (Heun(), 12), (HeunTau(), 12)]
)
def test_number_of_network_calls(denoiser, solver, calls):
    count = 0

    def counting(state, times):
        nonlocal count
        count += 1
        return denoiser(state, times)

    sample(counting, denoiser.joint, 4, noise(), solver=solver, n_steps=6)
    assert count == calls


@pytest.mark.parametrize("batch_size", [1, 64, 100, 512])
def test_short_blocks_spare_the_surplus_of_small_samples(denoiser, batch_size):
    """The first rows of a large sample are still those of a small one, whatever shares a batch."""
    asked = []

    def counting(state, times):
        asked.append(len(state["x"]))
        return denoiser(state, times)

    few = sample_rows(
        counting, denoiser.joint, 3, 0, solver=SOLVERS[2], n_steps=4, batch_size=batch_size,
        device=torch.device("cpu"), block_rows=64,
    )  # fmt: skip
    assert set(asked) == {64}
    many = rows_of(denoiser, 200, batch_size=batch_size, block_rows=64)
    assert_equal(few, {name: values[:3] for name, values in many.items()})
    assert not torch.equal(many["x"][:64], many["x"][64:128])


def test_equal_seeds_give_equal_rows_and_others_do_not(denoiser):
    first = rows_of(denoiser, 30, seed=1)
    assert_equal(first, rows_of(denoiser, 30, seed=1))
    assert not torch.equal(first["x"], rows_of(denoiser, 30, seed=2)["x"])


@pytest.mark.parametrize("solver", [TwoM(), Euler(1.0)], ids=repr)
def test_few_rows_are_the_first_of_many_bit_for_bit(denoiser, solver):
    many = rows_of(denoiser, 1100, solver=solver)
    few = rows_of(denoiser, 5, solver=solver)
    assert_equal(few, {name: values[:5] for name, values in many.items()})
    assert len(many["x"]) == 1100


@pytest.mark.parametrize("solver", [TwoM(), Euler(1.0)], ids=repr)
def test_rows_do_not_depend_on_the_batch_size_bit_for_bit(denoiser, solver):
    small = rows_of(denoiser, 2100, solver=solver, batch_size=512)
    for batch_size in (1, 1000, 2048, 10_000):
        assert_equal(small, rows_of(denoiser, 2100, solver=solver, batch_size=batch_size))


def test_wide_networks_give_the_same_rows_in_any_batch():
    denoiser = lively_denoiser(mixed_parts(), width=64, depth=1)
    small = rows_of(denoiser, 2048, n_steps=2)
    assert_equal(small, rows_of(denoiser, 2048, n_steps=2, batch_size=2048))


def test_evidence_stays_with_its_row_across_blocks(denoiser):
    rows = 1100
    values = {"x": torch.arange(rows, dtype=torch.float32)[:, None, None].expand(rows, 2, 1) / rows}
    known = {"x": torch.tensor([[True, False]]).expand(rows, 2)}
    observed = Observed(values, known)
    state = rows_of(denoiser, rows, evidence=Evidence(observed), batch_size=1024)
    assert torch.equal(state["x"][:, 0], values["x"][:, 0])
    assert_equal(state, rows_of(denoiser, rows, evidence=Evidence(observed), batch_size=512))


def test_rows_done_are_reported_to_the_last(denoiser):
    done: list[int] = []
    rows_of(denoiser, 1100, n_steps=5, on_rows=done.append)
    assert done == sorted(done)
    assert done[-1] == 1100
    assert len(done) == 15


def test_rows_done_are_reported_to_the_last_where_the_chain_starts_late(denoiser):
    soft = soft_evidence(600, number=0.5, category=0.5)
    every = {name: torch.ones(600, 2, dtype=torch.bool) for name in ("x", "c")}
    evidence = Evidence(Observed(soft.values, every, soft.times))
    done: list[int] = []
    rows_of(denoiser, 600, n_steps=6, evidence=evidence, on_rows=done.append)
    assert done == [170, 341, 512, 541, 570, 600]


def test_sampling_leaves_the_global_state_alone(denoiser):
    state = torch.get_rng_state()
    for solver in SOLVERS:
        rows_of(denoiser, 3, solver=solver)
    assert torch.equal(torch.get_rng_state(), state)


def test_sampling_takes_no_gradients(denoiser):
    assert not rows_of(denoiser, 3)["x"].requires_grad


@pytest.mark.parametrize("name", MODALITIES)
def test_every_modality_samples_alone(name):
    denoiser = lively_denoiser({"part": MODALITIES[name]()})
    state = rows_of(denoiser, 3)["part"]
    assert tuple(state.shape) == denoiser.joint.parts()["part"].process.space.shape(3)


@pytest.mark.parametrize("name", MODALITIES)
def test_double_precision_goes_through(name):
    denoiser = lively_denoiser({"part": MODALITIES[name]()}).double()
    state = sample(
        denoiser, denoiser.joint, 3, noise(), solver=TwoM(1.0), n_steps=3, dtype=torch.float64
    )["part"]
    is_real = denoiser.joint.parts()["part"].process.prior(1, noise()).is_floating_point()
    assert state.dtype == (torch.float64 if is_real else torch.int64)


# --- Soft evidence --------------------------------------------------------------------------------


def soft_evidence(rows, *, number=0.55, category=0.0):
    """The first number and the first category are known, each at a time of its own."""
    known = {name: torch.tensor([[True, False]]).expand(rows, 2) for name in ("x", "c")}
    values = {"x": torch.full((rows, 2, 1), 1.5), "c": torch.tensor([[2, 0]]).expand(rows, 2)}
    times = {"x": torch.full((rows, 2), number), "c": torch.full((rows, 2), category)}
    return Observed(values, known, times)


@pytest.mark.parametrize(
    ("start", "n_steps", "steps"), [(0.5, 10, 5), (0.25, 10, 3), (0.5, 1, 1), (0.0, 10, 0)]
)
def test_a_later_start_takes_its_share_of_the_steps(start, n_steps, steps):
    grid = time_grid(n_steps, torch.float64, start=start)
    assert len(grid) == steps + 1
    assert grid[0] == start
    assert grid[-1] == 0
    assert steps < 2 or torch.allclose(grid.diff(), torch.tensor(-start / steps).double())


@pytest.mark.parametrize("start", [0.1, 0.2, 0.3, 0.6, 0.7, 1.0])
def test_the_rounding_of_a_start_costs_no_step(start):
    single = float(torch.tensor(start, dtype=torch.float32))
    assert len(time_grid(20, start=single)) == round(20 * start) + 1
    assert len(time_grid(20, start=1e-7)) == 2


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_soft_evidence_is_held_until_its_time_and_then_moves(denoiser, solver):
    seen = []

    def spy(state, times):
        seen.append((state["x"].clone(), state["c"].clone(), dict(times)))
        return denoiser(state, times)

    observed = soft_evidence(6)
    end = sample(
        spy, denoiser.joint, 6, noise(), solver=solver, n_steps=5, observed=observed
    )  # fmt: skip
    calls_a_step = 2 if isinstance(solver, Heun | HeunTau) else 1
    for (x, c, times), t in zip(seen[::calls_a_step], time_grid(5), strict=False):
        assert (times["x"][:, 0] == min(float(t), observed.times["x"][0, 0])).all()
        assert (times["x"][:, 1] == t).all()
        assert (times["c"][:, 0] == 0).all()
        assert (c[:, 0] == 2).all()
        assert bool((x[:, 0] == 1.5).all()) == bool(t > 0.55)
    assert (end["x"][:, 0] != 1.5).all()
    assert (end["c"][:, 0] == 2).all()


def test_the_chain_starts_where_the_first_cell_moves(denoiser):
    joint = denoiser.joint
    assert latest_time(joint, soft_evidence(3)) == 1
    every = {name: torch.ones(3, 2, dtype=torch.bool) for name in ("x", "c")}
    soft = soft_evidence(3, number=0.5, category=0.75)
    assert latest_time(joint, Observed(soft.values, every, soft.times)) == 0.75
    assert latest_time(joint, Observed(soft.values, every)) == 0
    assert latest_time(joint, Observed(soft.values, every, {"x": soft.times["x"]})) == 0.5
    one_free = {name: mask.clone() for name, mask in every.items()}
    one_free["c"][2, 1] = False
    assert latest_time(joint, Observed(soft.values, one_free, soft.times)) == 1


def test_times_of_evidence_travel_with_its_rows():
    observed = soft_evidence(3)
    observed.times["x"][:, 0] = torch.tensor([0.1, 0.2, 0.3])
    chosen = observed.apply(lambda values: values[[2, 0]])
    assert chosen.times["x"][:, 0].tolist() == pytest.approx([0.3, 0.1])
    assert len(chosen.values["c"]) == len(chosen.known["x"]) == 2


def test_soft_evidence_stays_with_its_row_across_blocks(denoiser):
    evidence = Evidence(soft_evidence(1100))
    evidence.observed.times["x"][:, 0] = torch.linspace(0.1, 0.9, 1100)
    small = rows_of(denoiser, 1100, evidence=evidence, batch_size=512, solver=TwoM(1.0))
    assert_equal(
        small, rows_of(denoiser, 1100, evidence=evidence, batch_size=2048, solver=TwoM(1.0))
    )


def test_the_same_cells_known_in_every_row_are_modulated_once(denoiser):
    """One row of times for all rows costs no more than none, and gives the same rows."""
    rows = 600
    values = {"x": torch.linspace(-1, 1, rows)[:, None, None].expand(rows, 2, 1)}
    same = Observed(values, {"x": torch.tensor([[True, False]]).expand(rows, 2)})
    assert Evidence(same).is_alike
    seen: list[int] = []

    def spy(state, times):
        seen.append(max(len(t) for t in times.values()))
        return denoiser(state, times)

    state = sample_rows(
        spy, denoiser.joint, rows, 0, solver=SOLVERS[2], n_steps=4, batch_size=BLOCK_ROWS,
        device=CPU, evidence=Evidence(same),
    )  # fmt: skip
    assert set(seen) == {1}
    unlike = Observed(same.values, {"x": same.known["x"].clone()})
    unlike.known["x"][-1, 0] = False
    assert not Evidence(unlike).is_alike
    other = rows_of(denoiser, rows, evidence=Evidence(unlike))
    torch.testing.assert_close(state["x"][: rows - 1], other["x"][: rows - 1], rtol=1e-3, atol=1e-4)
    soft = Observed(same.values, same.known, {"x": torch.full((rows, 2), 0.5)})
    assert not Evidence(soft).is_alike
