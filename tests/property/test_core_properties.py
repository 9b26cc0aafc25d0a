"""What holds in the core whatever the sizes, times, states and seeds."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tabdiffuse._random import Noise, child_seed, generator
from tabdiffuse.joint import Observed
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.modalities.image import ImageModality
from tabdiffuse.processes import GaussianProcess, MaskedProcess
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Euler, Heun, HeunTau, TwoM
from tabdiffuse.schedules import CosineMask, EDMSchedule, LinearMask, VPCosine
from tabdiffuse.spaces import CategoricalSpace, RealSpace
from tabdiffuse.times import Independent, Mixed, RandomClean, Tied, low_discrepancy
from tests.tiny import lively_denoiser

SEEDS = st.integers(0, 2**63 - 1)
TIMES = st.floats(0.0, 1.0, width=32)
EDM = st.builds(
    EDMSchedule,
    sigma_min=st.floats(1e-4, 0.1),
    sigma_max=st.floats(1.0, 200.0),
    rho=st.floats(1.0, 10.0),
)
GAUSSIAN = st.one_of(st.just(VPCosine()), EDM)
MASK = st.sampled_from([LinearMask(), CosineMask()])
UNMASKING = st.sampled_from(["independent", "systematic"])
SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=6).map(tuple)
SOLVERS = st.sampled_from(
    [Euler(0.0), Euler(0.7), Euler(1.0), TwoM(0.0), TwoM(1.0), Heun(), HeunTau()]
)


def noise(seed: int, *labels: int) -> Noise:
    return Noise([generator(seed, *labels)])


# --- Schedules and times --------------------------------------------------------------------------


@given(GAUSSIAN, TIMES)
def test_inverse_finds_the_time(schedule, time):
    t = torch.tensor(time, dtype=torch.float64)
    levels = schedule(t)
    assert abs(float(schedule.inverse(levels.sigma / levels.alpha)) - time) < 1e-6


@given(MASK, TIMES)
def test_mask_inverse_finds_the_time(schedule, time):
    t = torch.tensor(time, dtype=torch.float64)
    assert abs(float(schedule.inverse(schedule(t).alpha)) - time) < 1e-6


@given(GAUSSIAN, TIMES, TIMES)
def test_later_times_are_noisier(schedule, first, second):
    early, late = schedule(torch.tensor(sorted([first, second]), dtype=torch.float64)).sigma
    assert early <= late
    assert early >= 0


@given(st.integers(1, 300), st.integers(1, 5), SEEDS)
def test_points_are_spread_evenly(rows, columns, seed):
    points = low_discrepancy(rows, columns, noise(seed)).double().sort(dim=0).values
    strata = torch.arange(rows)[:, None]
    # Adding float32 numbers may round a point up to the edge of its stratum.
    assert (points * rows >= strata - 1e-4).all()
    assert (points * rows <= strata + 1 + 1e-4).all()
    assert points.max() < 1


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 4), min_size=1),
    st.integers(1, 20),
    SEEDS,
)
def test_times_fit_the_cells_and_are_clean_or_late_enough(cells, rows, seed):
    laws = [Tied(), Independent(), Independent(True), RandomClean(), RandomClean(Independent())]
    for law in [*laws, Mixed(laws, [0.2] * 5), RandomClean(Independent(True), per_cell=False)]:
        times = law.sample(cells, rows, noise(seed))
        assert times.keys() == cells.keys()
        for name, t in times.items():
            assert t.shape in {(rows, 1), (rows, cells[name])}
            assert (((t >= 1e-3) & (t <= 1)) | (t == 0)).all()


@given(SEEDS, st.lists(st.one_of(st.integers(), st.text(max_size=5)), max_size=4))
def test_child_seeds_are_valid_and_named_by_their_whole_path(seed, labels):
    own = child_seed(seed, *labels)
    assert 0 <= own < 2**63
    assert own == child_seed(seed, *labels)
    assert own != child_seed(seed, *labels, 0)
    assert own != child_seed(seed + 1, *labels)


# --- Masked steps ---------------------------------------------------------------------------------


@st.composite
def masked_steps(draw):
    """A process, a partly masked state, a prediction, and times of a step."""
    sizes, rows = draw(SIZES), draw(st.integers(1, 8))
    process = MaskedProcess(CategoricalSpace(sizes), draw(MASK), draw(UNMASKING))
    source = noise(draw(SEEDS), 0)
    codes = (source.uniform((rows, len(sizes))) * (torch.tensor(sizes) + 1)).long()
    logits = 3 * source.normal((rows, len(sizes), max(sizes)))
    logits[:, torch.arange(max(sizes)) >= torch.tensor(sizes)[:, None]] = -torch.inf
    later, earlier = source.uniform((2, rows, len(sizes))).sort(dim=0, descending=True).values
    if draw(st.booleans()):
        later, earlier = later[:1, :1], earlier[:1, :1]
    if draw(st.booleans()):
        earlier = torch.zeros_like(earlier)
    return process, codes, logits.log_softmax(dim=-1), later, earlier, noise(draw(SEEDS), 1)


@given(masked_steps())
def test_a_masked_step_never_masks_again_and_keeps_visible_cells(step):
    process, codes, pred, t, s, source = step
    sizes = torch.tensor(process.space.cardinalities)
    after = process.reverse_step(pred, codes, t, s, source)
    visible = codes < sizes
    assert torch.equal(after[visible], codes[visible])
    assert (after <= sizes).all()
    assert (after >= 0).all()
    if (s == 0).all():
        assert (after < sizes).all()


@given(masked_steps())
def test_masked_cells_that_stay_in_time_stay_masked(step):
    process, codes, pred, t, _, source = step
    t = t.clamp_min(1e-3)
    assert torch.equal(process.reverse_step(pred, codes, t, t, source), codes)


@given(st.integers(1, 12), st.integers(1, 20), TIMES, SEEDS)
def test_systematic_unmasking_reveals_the_mean_number_rounded(cells, rows, share, seed):
    process = MaskedProcess(CategoricalSpace((2,) * cells))
    codes = (noise(seed, 0).uniform((rows, cells)) < 0.5).long() * 2  # masked or the category 0
    pred = torch.full((rows, cells, 2), math.log(0.5))
    s = torch.full((1, 1), 1 - share)
    after = process.reverse_step(pred, codes, torch.ones(1, 1), s, noise(seed, 1))
    if share == 1:
        assert (after < 2).all()
        return
    mean = ((codes == 2).sum(dim=1) * share).double()
    revealed = ((codes == 2) & (after < 2)).sum(dim=1)
    assert (revealed >= (mean - 1e-4).floor()).all()
    assert (revealed <= (mean + 1e-4).ceil()).all()


# --- Gaussian steps -------------------------------------------------------------------------------


@given(GAUSSIAN, st.integers(1, 4), st.integers(1, 3), TIMES, st.floats(0, 1), SEEDS)
def test_numbers_that_stay_in_time_are_bitwise_unchanged(schedule, cells, size, t, eta, seed):
    process = GaussianProcess(RealSpace(cells, size), schedule)
    x_t, pred = (noise(seed, i).normal((3, cells, size)) for i in (0, 1))
    time = torch.full((1, 1), t)
    after = process.reverse_step(pred, x_t, time, time, noise(seed, 2), eta=eta)
    assert torch.equal(after, x_t)


@given(GAUSSIAN, TIMES, TIMES, st.floats(0, 1), SEEDS)
def test_steps_between_any_times_are_finite(schedule, first, second, eta, seed):
    process = GaussianProcess(RealSpace(2), schedule)
    s, t = (torch.full((1, 1), time) for time in sorted([first, second]))
    x_t, pred = (noise(seed, i).normal((3, 2, 1)) for i in (0, 1))
    assert process.reverse_step(pred, x_t, t, s, noise(seed, 2), eta=eta).isfinite().all()
    assert process.correct(x_t, pred, -pred, x_t, t, s).isfinite().all()
    assert process.extrapolate(pred, -pred, t, s, torch.ones(1, 1)).isfinite().all()


@given(GAUSSIAN, TIMES.filter(lambda t: t >= 1e-3), st.sampled_from([0.5, 1.0]), SEEDS)
def test_target_and_data_say_the_same(schedule, time, sigma_data, seed):
    process = GaussianProcess(RealSpace(2), schedule, sigma_data)
    x0 = noise(seed, 0).normal((4, 2, 1), torch.float64)
    t = torch.full((4, 1), time, dtype=torch.float64)
    x_t, target = process.corrupt(x0, t, noise(seed, 1))
    torch.testing.assert_close(process.parameterize(target, x_t, t), x0, rtol=0, atol=1e-9)


# --- The loop -------------------------------------------------------------------------------------

SAMPLED = lively_denoiser({"x": NumericModality(2), "c": CategoricalModality((3, 1, 2))})


@settings(max_examples=40)
@given(SOLVERS, st.integers(1, 5), st.integers(1, 6), SEEDS)
def test_observed_cells_survive_and_all_others_are_filled(solver, n_steps, rows, seed):
    source = noise(seed, 0)
    values = {
        "x": 100 * source.normal((rows, 2, 1)),
        "c": (source.uniform((rows, 3)) * torch.tensor([3, 1, 2])).long(),
    }
    known = {name: source.uniform((rows, v.shape[1])) < 0.5 for name, v in values.items()}
    state = sample(
        SAMPLED, SAMPLED.joint, rows, noise(seed, 1), solver=solver, n_steps=n_steps,
        observed=Observed(values, known),
    )  # fmt: skip
    for name, mask in known.items():
        assert torch.equal(state[name][mask], values[name][mask])
    assert (state["c"] < torch.tensor([3, 1, 2])).all()
    assert state["x"].isfinite().all()


# --- Modalities -----------------------------------------------------------------------------------


@given(SIZES, st.integers(0, 6), SEEDS)
def test_codes_survive_the_round_trip(sizes, rows, seed):
    part = CategoricalModality(sizes)
    codes = np.random.default_rng(seed).integers(0, sizes, (rows, len(sizes)))
    assert np.array_equal(part.decode(part.encode(codes)), codes)


@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3),
    st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]), SEEDS,
)  # fmt: skip
def test_images_survive_the_round_trip(rows, columns, patch, channels, value_range, seed):
    low, high = value_range
    part = ImageModality(
        rows * patch, columns * patch, channels=channels, patch=patch, value_range=value_range
    )
    pixels = np.random.default_rng(seed).uniform(
        low, high, (2, part.grid.height, part.grid.width, channels)
    )
    decoded = part.decode(part.encode(pixels)).reshape(pixels.shape)
    np.testing.assert_allclose(decoded, pixels, atol=1e-6 * (high - low))


@given(st.floats(0, 1), st.floats(0, 1), SEEDS)
def test_numbers_are_drawn_within_their_interval(first, second, seed):
    low, high = sorted([first, second])
    part = NumericModality(1)
    data = part.encode(np.array([[[low, high]]] * 20))
    u = torch.special.ndtr(part.draw(data, noise(seed)).double())
    assert (u >= low - 1e-6).all()
    assert (u <= high + 1e-6).all()
