"""Schedules: values, derivatives, inverses."""

from __future__ import annotations

import pytest
import torch

from tabdiffuse.schedules import CosineMask, EDMSchedule, LinearMask, VPCosine

GAUSSIAN = [VPCosine(), EDMSchedule(), EDMSchedule(sigma_min=0.01, sigma_max=20.0, rho=3.0)]
MASK = [LinearMask(), CosineMask()]
ALL = GAUSSIAN + MASK
TIMES = torch.linspace(0.0, 1.0, 201, dtype=torch.float64)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_derivatives_are_those_of_the_values(schedule):
    t = TIMES[1:-1].clone().requires_grad_()
    levels = schedule(t)
    half = len(levels) // 2
    for value, derivative in zip(levels[:half], levels[half:], strict=True):
        expected = torch.zeros_like(t)
        if value.requires_grad:
            (expected,) = torch.autograd.grad(value.sum(), t, retain_graph=True)
        torch.testing.assert_close(derivative.detach(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("schedule", GAUSSIAN, ids=repr)
def test_inverse_of_noise_to_signal(schedule):
    levels = schedule(TIMES)
    torch.testing.assert_close(schedule.inverse(levels.sigma / levels.alpha), TIMES)


@pytest.mark.parametrize("schedule", MASK, ids=repr)
def test_inverse_of_visibility(schedule):
    # The cosine is flat at t = 1, where half of the digits of an inverse are lost.
    torch.testing.assert_close(schedule.inverse(schedule(TIMES).alpha), TIMES, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("schedule", GAUSSIAN, ids=repr)
def test_noise_rises_from_none(schedule):
    alpha, sigma, _, _ = schedule(TIMES)
    assert alpha[0] == 1
    assert sigma[0] == 0
    assert (alpha.diff() <= 0).all()
    assert (sigma.diff() > 0).all()


@pytest.mark.parametrize("schedule", MASK, ids=repr)
def test_visibility_falls_from_one_to_zero(schedule):
    alpha = schedule(TIMES).alpha
    assert alpha[0] == 1
    assert alpha[-1] == 0
    assert (alpha.diff() < 0).all()


@pytest.mark.parametrize("schedule", ALL, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_have_shape_and_type_of_the_times(schedule, dtype):
    t = torch.rand(3, 2, generator=torch.Generator().manual_seed(0)).to(dtype)
    for values in schedule(t):
        assert values.shape == t.shape
        assert values.dtype == dtype


@pytest.mark.parametrize("schedule", GAUSSIAN, ids=repr)
def test_float32_levels_are_the_rounded_float64_ones(schedule):
    for single, double in zip(
        schedule(TIMES.float()), schedule(TIMES.float().double()), strict=True
    ):
        assert torch.equal(single, double.float())


def test_cosine_preserves_variance_and_forgets_the_data():
    alpha, sigma, _, _ = VPCosine()(TIMES)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(alpha))
    assert alpha[-1] == 0
    assert VPCosine().inverse(torch.tensor(torch.inf)) == 1


def test_edm_ends_at_the_largest_noise_on_the_rho_grid():
    schedule = EDMSchedule(sigma_min=0.002, sigma_max=80.0, rho=7.0)
    sigma = schedule(TIMES).sigma
    assert sigma[-1].item() == pytest.approx(80.0, rel=1e-12)
    # Karras et al. 2022, eq. 5, with both ends moved up by sigma_min: straight in sigma**(1 / rho).
    line = (sigma + 0.002) ** (1 / 7)
    torch.testing.assert_close(line.diff(), line.diff().mean().expand(200))
