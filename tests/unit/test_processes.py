"""Forward processes: corruption, targets, parameterisation, one step back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse._random import Noise, generator
from tabdiffuse.processes import GaussianProcess, MaskedProcess
from tabdiffuse.schedules import CosineMask, EDMSchedule, LinearMask, VPCosine
from tabdiffuse.spaces import CategoricalSpace, RealSpace
from tests.oracles import RARE, largest_z

SCHEDULES = [VPCosine(), EDMSchedule()]
SIZES = (2, 4, 3)


def noise(*labels: int) -> Noise:
    return Noise([generator(0, *labels)])


def gaussian_case(schedule, sigma_data=1.0, rows=50, prediction="v"):
    """A process, data, times of each cell, what `corrupt` makes of them, and the noise it drew."""
    process = GaussianProcess(RealSpace(3, 2), schedule, sigma_data, prediction)
    x0 = noise(1).normal(process.space.shape(rows), torch.float64)
    t = noise(2).uniform((rows, 3), torch.float64).clamp_min(0.05)
    x_t, target = process.corrupt(x0, t, noise(3))
    eps = noise(3).normal(x0.shape, torch.float64)
    return process, x0, t, x_t, target, eps


# --- Gaussian -------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_corruption_mixes_data_and_noise_at_the_time_of_each_cell(schedule):
    _, x0, t, x_t, _, eps = gaussian_case(schedule)
    alpha, sigma, _, _ = schedule(t)
    torch.testing.assert_close(x_t, alpha[..., None] * x0 + sigma[..., None] * eps)


def test_target_is_v_when_variance_is_preserved():
    process, x0, t, _, target, eps = gaussian_case(VPCosine())
    alpha, sigma, _, _ = process.schedule(t[..., None])
    torch.testing.assert_close(target, alpha * eps - sigma * x0)


@pytest.mark.parametrize("sigma_data", [1.0, 0.5])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_one_denoised_state_has_one_loss_in_v_and_in_data(schedule, sigma_data):
    process, x0, t, x_t, target, _ = gaussian_case(schedule, sigma_data)
    other, *_, data, _ = gaussian_case(schedule, sigma_data, prediction="data")
    torch.testing.assert_close(data * sigma_data, x0)
    raw = noise(4).normal(x_t.shape, torch.float64)
    denoised = process.parameterize(raw, x_t, t)
    same = denoised / sigma_data
    torch.testing.assert_close(other.parameterize(same, x_t, t), denoised)
    # Times below 0.07 of VP are left out: there the weight of an error in the data is bounded.
    seen = process._preconditioning(t).c_out[..., 0].abs() >= 0.05
    assert seen.float().mean() > 0.8
    loss = process.loss(raw, target, x_t, t)
    torch.testing.assert_close(other.loss(same, data, x_t, t)[seen], loss[seen])
    assert (other.loss(same, data, x_t, t) <= loss + 1e-9).all()
    assert (other.loss(same + 0.1, data, x_t, t)[seen] - loss[seen]).abs().min() > 0  # control


def test_a_prediction_of_the_data_leaves_clean_cells_alone():
    process, _, t, x_t, target, _ = gaussian_case(VPCosine(), prediction="data")
    t = torch.where(torch.arange(3) == 1, 0.0, t)
    raw = noise(4).normal(x_t.shape, torch.float64)
    assert torch.equal(process.parameterize(raw, x_t, t)[:, 1], x_t[:, 1])
    assert (process.loss(raw, target, x_t, t)[:, 1] == 0).all()


@pytest.mark.parametrize("sigma_data", [1.0, 0.5])
def test_target_is_that_of_edm_when_variance_explodes(sigma_data):
    """Karras et al. 2022, eq. 8; the output has the other sign, that of v."""
    process, x0, t, x_t, target, _ = gaussian_case(EDMSchedule(), sigma_data)
    sigma = process.schedule(t[..., None]).sigma
    total = sigma**2 + sigma_data**2
    c_skip, c_out = sigma_data**2 / total, sigma * sigma_data / total.sqrt()
    torch.testing.assert_close(-target, (x0 - c_skip * x_t) / c_out)
    torch.testing.assert_close(process.scale_input(x_t, t), x_t / total.sqrt())


@pytest.mark.parametrize("sigma_data", [1.0, 0.5])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_the_target_as_output_gives_the_data_back(schedule, sigma_data):
    process, x0, t, x_t, target, _ = gaussian_case(schedule, sigma_data)
    torch.testing.assert_close(process.parameterize(target, x_t, t), x0, rtol=0, atol=1e-11)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize("time", [0.01, 0.3, 0.8, 1.0])
def test_inputs_and_targets_have_unit_variance(schedule, time):
    process = GaussianProcess(RealSpace(1), schedule, sigma_data=0.5)
    rows = 20_000
    x0 = 0.5 * noise(1).normal((rows, 1, 1))
    t = torch.full((rows, 1), time)
    x_t, target = process.corrupt(x0, t, noise(2))
    # The sd of a variance is sqrt(2 / n); 4 schedules and times of 2 numbers each: 5.3 of them.
    for values in (process.scale_input(x_t, t), target):
        assert abs(float(values.var()) - 1) < 5.5 * math.sqrt(2 / rows)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_prior_has_the_spread_of_time_one(schedule):
    process = GaussianProcess(RealSpace(2, 3), schedule, sigma_data=0.5)
    prior = process.prior(5000, noise())
    assert prior.shape == (5000, 2, 3)
    end = schedule(torch.ones(()))
    sd = math.sqrt(float(end.alpha * 0.5) ** 2 + float(end.sigma) ** 2)
    assert abs(float(prior.std()) / sd - 1) < largest_z() / math.sqrt(2 * 30_000)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_step_with_the_true_data_keeps_the_law_of_the_forward_process(schedule, eta):
    """x_s = alpha_s x_0 + sigma_s eps' for every eta; eps' stays a standard normal."""
    process, rows = GaussianProcess(RealSpace(1), schedule), 20_000
    t, s = (torch.full((rows, 1), time, dtype=torch.float64) for time in (0.7, 0.4))
    x0 = torch.full((rows, 1, 1), 0.8, dtype=torch.float64)
    x_t, _ = process.corrupt(x0, t, noise(1))
    x_s = process.reverse_step(x0, x_t, t, s, noise(2), eta=eta)
    alpha, sigma, _, _ = schedule(s[..., None])
    eps = ((x_s - alpha * x0) / sigma).flatten().numpy()
    assert stats.kstest(eps, "norm").pvalue > RARE
    assert stats.kstest(eps * 0.9, "norm").pvalue < RARE  # the control: a tenth too little noise


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_ancestral_step_draws_from_the_posterior_of_the_forward_process(schedule):
    """q(x_s | x_t, x_0) for eta = 1, by conditioning Gaussians; eta = 0.5 must not pass for it."""
    process, rows = GaussianProcess(RealSpace(1), schedule), 20_000
    t, s = (torch.full((rows, 1), time, dtype=torch.float64) for time in (0.6, 0.45))
    x0, x_t = (torch.full((rows, 1, 1), value, dtype=torch.float64) for value in (0.8, -0.3))
    (a_t, s_t), (a_s, s_s) = ([float(v[0, 0]) for v in schedule(time)[:2]] for time in (t, s))
    slope = a_t / a_s  # x_t = slope x_s + rest
    rest = s_t**2 - (slope * s_s) ** 2
    gain = slope * s_s**2 / s_t**2
    mean = a_s * 0.8 + gain * (-0.3 - a_t * 0.8)
    law = stats.norm(mean, math.sqrt(s_s**2 * rest) / s_t)
    drawn = process.reverse_step(x0, x_t, t, s, noise(2), eta=1.0).flatten().numpy()
    assert stats.kstest(drawn, law.cdf).pvalue > RARE
    drawn = process.reverse_step(x0, x_t, t, s, noise(2), eta=0.5).flatten().numpy()
    assert stats.kstest(drawn, law.cdf).pvalue < RARE


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_step_to_time_zero_returns_the_prediction(schedule, eta):
    process, x0, t, x_t, _, _ = gaussian_case(schedule)
    end = process.reverse_step(x0, x_t, t, torch.zeros_like(t), noise(4), eta=eta)
    torch.testing.assert_close(end, x0)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize("time", [0.0, 0.3, 1.0])
def test_gaussian_cells_that_stay_in_time_are_bitwise_unchanged(schedule, time):
    process = GaussianProcess(RealSpace(3), schedule)
    x_t, pred = (noise(i).normal((20, 3, 1)) for i in (1, 2))
    t = torch.full((1, 3), time)
    for eta in (0.0, 0.5, 1.0):
        assert torch.equal(process.reverse_step(pred, x_t, t, t, noise(3), eta=eta), x_t)
    assert torch.equal(process.correct(x_t, pred, -pred, x_t, t, t), x_t)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_clean_numbers_carry_no_loss(schedule):
    process = GaussianProcess(RealSpace(3, 2), schedule)
    x0, raw = (noise(i).normal((8, 3, 2)) for i in (1, 2))
    t = torch.tensor([[0.0, 0.5, 0.0]]).expand(8, 3)
    x_t, target = process.corrupt(x0, t, noise(3))
    loss = process.loss(raw, target, x_t, t)
    assert (loss[:, [0, 2]] == 0).all()
    torch.testing.assert_close(loss[:, 1], (raw - target).square().mean(dim=-1)[:, 1])
    assert torch.equal(x_t[:, [0, 2]], x0[:, [0, 2]])


def test_extrapolation_is_exact_for_predictions_linear_in_time():
    process = GaussianProcess(RealSpace(2))
    before, t, s = (torch.full((4, 1), time, dtype=torch.float64) for time in (0.8, 0.7, 0.5))
    line = lambda time: (2 - 3 * time)[..., None].expand(4, 2, 1)  # noqa: E731
    middle = process.extrapolate(line(t), line(before), t, s, before)
    torch.testing.assert_close(middle, line((t + s) / 2))
    last = process.extrapolate(line(t), line(before), t, torch.zeros_like(s), before)
    assert torch.equal(last, line(t))


# --- Masked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("coupling", ["independent", "systematic"])
@pytest.mark.parametrize("schedule", [LinearMask(), CosineMask()], ids=repr)
def test_cells_are_masked_with_the_probability_of_their_time(schedule, coupling):
    process, rows = MaskedProcess(CategoricalSpace(SIZES), schedule, coupling), 10_000
    x0 = torch.tensor([[1, 3, 0]]).expand(rows, 3)
    t = torch.tensor([[0.0, 0.4, 1.0]])
    x_t, target = process.corrupt(x0, t, noise())
    masked = x_t == torch.tensor(SIZES)
    assert torch.equal(target, x0)
    assert torch.equal(x_t[~masked], x0[~masked])
    assert masked[:, 0].sum() == 0
    assert masked[:, 2].all()
    chance = 1 - float(schedule(torch.tensor(0.4)).alpha)
    assert stats.binomtest(int(masked[:, 1].sum()), rows, chance).pvalue > RARE
    assert stats.binomtest(int(masked[:, 1].sum()), rows, chance + 0.05).pvalue < RARE


@pytest.mark.parametrize(
    ("coupling", "counts"), [("systematic", {2, 3}), ("independent", set(range(8)))]
)
def test_systematic_masks_are_as_many_as_expected(coupling, counts):
    process = MaskedProcess(CategoricalSpace((2,) * 7), coupling=coupling)
    x0 = torch.zeros(20_000, 7).long()
    x_t, _ = process.corrupt(x0, torch.full((1, 1), 0.35), noise())
    assert set((x_t == 2).sum(dim=1).tolist()) == counts


def test_prior_is_masked_everywhere():
    process = MaskedProcess(CategoricalSpace(SIZES))
    assert torch.equal(process.prior(5, noise()), torch.tensor(SIZES).expand(5, 3))


def masked_logits(rows):
    padding = torch.where(torch.arange(4) < torch.tensor(SIZES)[:, None], 0.0, -torch.inf)
    return noise(9).normal((rows, 3, 4)) + padding


def test_masked_loss_is_the_weighted_cross_entropy():
    process = MaskedProcess(CategoricalSpace(SIZES))
    raw, x0 = masked_logits(1), torch.tensor([[1, 2, 2]])
    x_t, t = torch.tensor([[2, 2, 3]]), torch.tensor([[0.5, 0.5, 0.1]])  # masked, visible, masked
    loss = process.loss(raw, x0, x_t, t)
    log_probs = raw.log_softmax(dim=-1)
    expected = [-log_probs[0, 0, 1] / 0.5, 0.0, -log_probs[0, 2, 2] / 0.1]
    torch.testing.assert_close(loss, torch.tensor([expected]))


def test_clean_categories_carry_no_loss_and_no_gradient():
    process = MaskedProcess(CategoricalSpace(SIZES))
    raw = masked_logits(6).requires_grad_()
    x0, t = torch.tensor([[1, 2, 2]]).expand(6, 3), torch.zeros(6, 3)
    x_t, target = process.corrupt(x0, t, noise())
    loss = process.loss(raw, target, x_t, t)
    loss.sum().backward()
    assert torch.equal(x_t, x0)
    assert (loss == 0).all()
    assert (raw.grad == 0).all()


def test_visible_cells_are_predicted_with_certainty_and_the_mask_never():
    process = MaskedProcess(CategoricalSpace(SIZES))
    raw = masked_logits(1)
    log_probs = process.parameterize(raw, torch.tensor([[2, 3, 3]]), torch.ones(1, 1))
    torch.testing.assert_close(log_probs.exp().sum(dim=-1), torch.ones(1, 3))
    torch.testing.assert_close(log_probs[0, 0], raw[0, 0].log_softmax(dim=-1))
    assert log_probs[0, 1].tolist() == [-math.inf, -math.inf, -math.inf, 0.0]
    assert log_probs[0, 0, 2:].tolist() == [-math.inf] * 2


@pytest.mark.parametrize("coupling", ["independent", "systematic"])
@pytest.mark.parametrize("schedule", [LinearMask(), CosineMask()], ids=repr)
def test_each_cell_is_revealed_with_the_ancestral_probability(coupling, schedule):
    """(alpha_s - alpha_t) / (1 - alpha_t), at times that differ from cell to cell."""
    rows, cells = 20_000, 5
    process = MaskedProcess(CategoricalSpace((2,) * cells), schedule, coupling)
    t = torch.tensor([[0.9, 0.5, 0.2, 1.0, 0.7]])
    s = torch.tensor([[0.6, 0.45, 0.02, 0.98, 0.7]])
    pred = torch.full((rows, cells, 2), math.log(0.5))
    revealed = process.reverse_step(pred, process.prior(rows, noise()), t, s, noise(1)) < 2
    now, then = schedule(t).alpha, schedule(s).alpha
    chance = ((then - now) / (1 - now))[0].tolist()
    for cell in range(cells):
        count = int(revealed[:, cell].sum())
        # Five cells: a fifth of the budget each.
        assert stats.binomtest(count, rows, chance[cell]).pvalue > RARE / cells
    assert stats.binomtest(int(revealed[:, 0].sum()), rows, chance[0] + 0.05).pvalue < RARE
    assert not revealed[:, 4].any()
    number = revealed.sum(dim=1).double()
    mean = sum(chance)
    spread = math.sqrt(sum(c * (1 - c) for c in chance))
    if coupling == "systematic":
        assert set(number.unique().tolist()) == {math.floor(mean), math.ceil(mean)}
    else:
        assert abs(float(number.std()) / spread - 1) < 0.05


@pytest.mark.parametrize("coupling", ["independent", "systematic"])
def test_every_cell_is_revealed_at_time_zero(coupling):
    process = MaskedProcess(CategoricalSpace((2,) * 7), None, coupling)
    pred = torch.full((500, 7, 2), math.log(0.5))
    for time in (1e-6, 0.1, 1 / 3, 1.0):
        t = torch.full((1, 1), time)
        state = process.reverse_step(
            pred, process.prior(500, noise()), t, torch.zeros(1, 1), noise(1)
        )
        assert (state < 2).all()


@pytest.mark.parametrize("coupling", ["independent", "systematic"])
@pytest.mark.parametrize("schedule", [LinearMask(), CosineMask()], ids=repr)
def test_leaps_have_the_law_of_counting_the_jumps_into_each_category(coupling, schedule):
    """The algorithm to the letter: a Poisson number for each category, taken if they add up to 1.

    Cells at times of their own, one of which does not move.
    """
    rows, law = 40_000, torch.tensor([0.6, 0.3, 0.1])
    process = MaskedProcess(CategoricalSpace((3,) * 3), schedule, coupling)
    t, s = torch.tensor([[0.9, 0.5, 0.3]]), torch.tensor([[0.3, 0.1, 0.3]])
    pred, prior = law.log().expand(rows, 3, 3), process.prior(rows, noise())
    trial = torch.zeros_like(prior)  # what the plain step drew has no say
    state = process.leap(trial, pred, prior, t, s, noise(1))
    levels = schedule(t)
    mean = (-levels.d_alpha / (1 - levels.alpha) * (t - s))[0]
    literal = torch.poisson((mean[:, None] * law).expand(rows, 3, 3), generator=generator(2))
    jumped = literal.sum(dim=2) == 1
    wanted = torch.where(jumped, literal.argmax(dim=2), 3)
    assert (state[:, 2] == 3).all()
    for cell in range(2):
        found, right = (x[:, cell].bincount(minlength=4) for x in (state, wanted))
        assert stats.chi2_contingency(torch.stack([found, right]).numpy()).pvalue > RARE / 2
    plain = process.reverse_step(pred, prior, t, s, noise(1))[:, 0].bincount(minlength=4)
    right = wanted[:, 0].bincount(minlength=4)
    assert stats.chi2_contingency(torch.stack([plain, right]).numpy()).pvalue < RARE


def test_leaps_leave_visible_cells_and_no_mask_at_time_zero():
    process = MaskedProcess(CategoricalSpace((3,) * 4))
    pred = torch.full((500, 4, 3), math.log(1 / 3))
    x_t = torch.tensor([[3, 1, 3, 2]]).expand(500, 4)
    for time in (1e-6, 0.3, 1.0):
        t = torch.tensor([[time, time, time, 0.0]])
        state = process.leap(x_t, pred, x_t, t, torch.zeros(1, 4), noise(1))
        assert (state[:, [0, 2]] < 3).all()
        assert torch.equal(state[:, [1, 3]], x_t[:, [1, 3]])


def test_revealed_cells_follow_the_prediction():
    process, rows = MaskedProcess(CategoricalSpace((2, 4))), 20_000
    law = np.array([[0.3, 0.7, 0, 0], [0.1, 0.0, 0.6, 0.3]])
    pred = torch.as_tensor(law).log().float().expand(rows, 2, 4)
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    state = process.reverse_step(pred, process.prior(rows, noise()), one, zero, noise(1)).numpy()
    assert stats.binomtest(int(state[:, 0].sum()), rows, 0.7).pvalue > RARE
    counts = np.bincount(state[:, 1], minlength=4)
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], rows * np.array([0.1, 0.6, 0.3])).pvalue > RARE
    assert stats.chisquare(counts[[0, 2, 3]], rows * np.array([0.3, 0.4, 0.3])).pvalue < RARE
    # The two cells are drawn independently of each other.
    table = np.histogram2d(state[:, 0], state[:, 1], bins=(2, 4))[0][:, [0, 2, 3]]
    assert stats.chi2_contingency(table).pvalue > RARE


def test_category_without_probability_is_never_drawn_at_the_ends_of_the_unit_interval():
    class Ends(Noise):
        def uniform(self, shape, dtype=torch.float32):
            return (
                torch.tensor([0.0, 1 - 2**-24], dtype=dtype)
                .expand(shape[0] // 2, 2)
                .reshape(-1, *[1] * (len(shape) - 1))
                .expand(shape)
            )

    process = MaskedProcess(CategoricalSpace((5,)), coupling="independent")
    pred = torch.tensor([0.0, 0.2, 0.3, 0.5, 0.0]).log().expand(100, 1, 5)
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    state = process.reverse_step(pred, process.prior(100, noise()), one, zero, Ends([generator(0)]))
    assert set(state.unique().tolist()) == {1, 3}


# --- Further into the noise -----------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@pytest.mark.parametrize("start", [0.0, 0.35])
def test_two_gaussian_steps_have_the_law_of_one_corruption(schedule, start):
    """x_u = alpha_u x_0 + sigma_u eps, and x_t tells of it as much as a Markov chain lets it."""
    process, rows = GaussianProcess(RealSpace(1), schedule), 20_000
    t, u = (torch.full((rows, 1), time, dtype=torch.float64) for time in (start, 0.6))
    x0 = torch.full((rows, 1, 1), 0.8, dtype=torch.float64)
    x_t, _ = process.corrupt(x0, t, noise(1))
    x_u = process.forward_step(x_t, t, u, noise(2)).flatten().numpy()
    (a_t, s_t), (a_u, s_u) = ([float(v[0, 0]) for v in schedule(time)[:2]] for time in (t, u))
    assert stats.kstest(x_u, stats.norm(0.8 * a_u, s_u).cdf).pvalue > RARE
    assert stats.kstest(x_u, stats.norm(0.8 * a_u, 0.9 * s_u).cdf).pvalue < RARE
    if start:
        correlation = np.corrcoef(x_t.flatten(), x_u)[0, 1]
        strayed = np.arctanh(correlation) - np.arctanh(a_u / a_t * s_t / s_u)
        assert abs(strayed) * math.sqrt(rows - 3) < largest_z()


@pytest.mark.parametrize("coupling", ["independent", "systematic"])
@pytest.mark.parametrize("schedule", [LinearMask(), CosineMask()], ids=repr)
@pytest.mark.parametrize("start", [0.0, 0.35])
def test_two_masking_steps_have_the_law_of_one_corruption(schedule, coupling, start):
    process, rows = MaskedProcess(CategoricalSpace((2, 4, 3)), schedule, coupling), 20_000
    x0 = torch.tensor([[1, 3, 0]]).expand(rows, 3)
    t, u = torch.full((1, 1), start), torch.full((1, 3), 0.6)
    x_t, _ = process.corrupt(x0, t, noise(1))
    x_u = process.forward_step(x_t, t, u, noise(2))
    codes = torch.tensor(SIZES)
    assert ((x_u == x_t) | (x_u == codes)).all()
    assert (x_u == codes)[x_t == codes].all()
    chance = 1 - float(schedule(torch.tensor(0.6)).alpha)
    for cell in range(3):
        count = int((x_u[:, cell] == SIZES[cell]).sum())
        assert stats.binomtest(count, rows, chance).pvalue > RARE / 3
        assert stats.binomtest(count, rows, chance + 0.05).pvalue < RARE
    if coupling == "independent":
        patterns = (x_u == codes).long() @ torch.tensor([4, 2, 1])
        law = [chance ** (k := bin(i).count("1")) * (1 - chance) ** (3 - k) for i in range(8)]
        counts = np.bincount(patterns, minlength=8)
        assert stats.chisquare(counts, rows * np.array(law)).pvalue > RARE


@pytest.mark.parametrize("start", [0.0, 0.3, 1.0])
def test_cells_that_stay_in_time_go_no_further_into_the_noise_bit_for_bit(start):
    t = torch.full((1, 3), start)
    later = torch.tensor([[start, 1.0, start]])
    numbers = GaussianProcess(RealSpace(3))
    x_t = noise(1).normal((50, 3, 1))
    assert torch.equal(numbers.forward_step(x_t, t, t, noise(2)), x_t)
    moved = numbers.forward_step(x_t, t, later, noise(2))
    assert torch.equal(moved[:, [0, 2]], x_t[:, [0, 2]])
    assert (start == 1) == torch.equal(moved, x_t)
    for coupling in ("independent", "systematic"):
        categories = MaskedProcess(CategoricalSpace(SIZES), coupling=coupling)
        codes = torch.tensor([[1, 3, 3], [2, 0, 1]])
        assert torch.equal(categories.forward_step(codes, t, t, noise(2)), codes)
        if start < 1:
            moved = categories.forward_step(codes, t, later, noise(2))
            assert torch.equal(moved, torch.tensor([[1, 4, 3], [2, 4, 1]]))


# --- Guidance -------------------------------------------------------------------------------------


def test_guided_numbers_are_extrapolated():
    process = GaussianProcess(RealSpace(3, 2))
    pred, reference = (noise(i).normal((8, 3, 2), torch.float64) for i in (1, 2))
    for strength in (0.0, 0.5, 1.0, 3.0):
        expected = reference + strength * (pred - reference)
        torch.testing.assert_close(process.guide(pred, reference, strength), expected)
    assert torch.equal(process.guide(pred, reference, 1.0), pred)
    assert torch.equal(process.guide(pred, pred, 3.0), pred)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 3.0])
def test_guided_categories_follow_the_normalised_powers(strength):
    process = MaskedProcess(CategoricalSpace((3,)))
    pred, reference = np.array([0.6, 0.3, 0.1]), np.array([0.2, 0.3, 0.5])
    expected = pred**strength * reference ** (1 - strength)
    logs = (torch.tensor(p).log().expand(2, 1, 3) for p in (pred, reference))
    found = process.guide(*logs, strength).exp()
    torch.testing.assert_close(found[0, 0], torch.tensor(expected / expected.sum()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("strength", [0.0, 0.5, 3.0, 20.0])
def test_what_the_prediction_excludes_stays_excluded_under_guidance(strength, dtype):
    process = MaskedProcess(CategoricalSpace((3,)))
    reference = torch.tensor([[[0.2, 0.3, 0.5]], [[0.0, 0.4, 0.6]]], dtype=dtype).log()
    certain = torch.tensor([[[0.0, 1.0, 0.0]]] * 2, dtype=dtype).log()
    assert torch.equal(process.guide(certain, reference, strength), certain)
    partly = torch.tensor([[[0.5, 0.5, 0.0]]] * 2, dtype=dtype).log()
    found = process.guide(partly, reference, strength)
    assert (found[..., 2] == -torch.inf).all()
    assert not found.isnan().any()
    torch.testing.assert_close(found.exp().sum(dim=-1), torch.ones(2, 1, dtype=dtype))


# --- Devices --------------------------------------------------------------------------------------


def test_the_weight_of_a_time_may_stay_on_the_host():
    """The meta device refuses tensors of other devices as a GPU does, and needs none."""
    t, weight = torch.ones(8, 3, device="meta"), torch.tensor(0.1, dtype=torch.float64)
    x = torch.ones(8, 3, 2, device="meta")
    found = GaussianProcess(RealSpace(3, 2)).surprise(x, x, x, x, t, weight)
    assert (found.shape, found.device) == (t.shape, t.device)
    code, log_probs = torch.zeros_like(t, dtype=torch.long), torch.ones(8, 3, 4, device="meta")
    process = MaskedProcess(CategoricalSpace((4, 4, 4)))
    found = process.surprise(log_probs, code, code, code, t, weight)
    assert (found.shape, found.device) == (t.shape, t.device)
