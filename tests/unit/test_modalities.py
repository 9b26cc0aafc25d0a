"""Modalities: what each of them owes the rest, and what each does alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from tabdiffuse._random import Noise, generator
from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.modalities.image import ImageModality
from tests.oracles import RARE
from tests.tiny import CAPTIONS, MODALITIES, WIDTH

ROWS = 6
MASKED = ["categorical", "map", "text"]


def values_for(name: str):
    """Values as a user would give them."""
    rng = np.random.default_rng(0)
    return {
        "numeric": lambda: rng.random((ROWS, 3)),
        "categorical": lambda: rng.integers(0, [2, 4, 3], (ROWS, 3)),
        "image": lambda: rng.random((ROWS, 4, 6, 2)),
        "map": lambda: rng.integers(0, 3, (ROWS, 4, 6)),
        "vector": lambda: rng.normal(size=(ROWS, 6)),
        "text": lambda: np.array(CAPTIONS, dtype=object),
        "labels": lambda: rng.choice(["cat", "bird", "fish"], ROWS),
    }[name]()


def noise() -> Noise:
    return Noise([generator(0)])


@pytest.fixture(params=MODALITIES)
def kind(request):
    return request.param


@pytest.fixture
def part(kind):
    part = MODALITIES[kind]()
    part.build(WIDTH)
    return part


# --- The contract of all --------------------------------------------------------------------------


def test_states_have_the_shape_of_the_space(part, kind):
    state = part.draw(part.encode(values_for(kind)), noise())
    assert tuple(state.shape) == part.process.space.shape(ROWS)
    assert part.cells == part.process.space.cells
    prior = part.process.prior(ROWS, noise())
    assert prior.shape == state.shape
    assert prior.dtype == state.dtype


def test_every_token_is_embedded_and_every_cell_is_read(part, kind):
    state = part.draw(part.encode(values_for(kind)), noise())
    h = part.embed(state)
    assert h.shape == (ROWS, part.tokens, WIDTH)
    raw = part.readout(h)
    assert raw.shape[:2] == (ROWS, part.cells)
    t = torch.full((ROWS, 1), 0.5)
    x_t, target = part.process.corrupt(state, t, noise())
    loss = part.process.loss(raw, target, x_t, t)
    assert loss.shape == (ROWS, part.cells)
    assert loss.isfinite().all()


def test_every_token_carries_cells(part):
    tokens = part.token_of_cell()
    assert tokens.shape == (part.cells,)
    assert tokens.dtype == torch.int64
    assert tokens.unique().tolist() == list(range(part.tokens))


def lively(part):
    """Give all weights random values, as if they had been learnt."""
    with torch.no_grad():
        for parameter in part.parameters():
            parameter += torch.randn(parameter.shape, generator=generator(2))
    return part


def test_a_cell_enters_its_own_token_and_no_other(part, kind):
    lively(part)
    state = part.draw(part.encode(values_for(kind)), noise())[:1]
    noised = part.process.prior(1, noise())
    before, token_of_cell = part.embed(state), part.token_of_cell()
    for cell in range(part.cells):
        changed = state.clone()
        changed[:, cell] = noised[:, cell]
        moved = (part.embed(changed) != before).any(dim=-1)[0]
        assert moved.nonzero().flatten().tolist() == [int(token_of_cell[cell])]


def test_a_cell_is_read_from_its_own_token_and_no_other(part):
    lively(part)
    h = torch.randn(1, part.tokens, WIDTH, generator=generator(6))
    before, token_of_cell = part.readout(h), part.token_of_cell()
    for token in range(part.tokens):
        changed = h.clone()
        changed[:, token] += 1
        moved = (part.readout(changed) != before).flatten(2).any(dim=-1)[0]
        assert torch.equal(moved, token_of_cell == token)


def test_the_mask_and_pure_noise_are_embedded_too(part):
    assert part.embed(part.process.prior(ROWS, noise())).isfinite().all()


def test_output_starts_without_opinion(part):
    raw = part.readout(torch.randn(ROWS, part.tokens, WIDTH, generator=generator(1)))
    assert (raw[raw.isfinite()] == 0).all()


def test_gradient_reaches_every_parameter(part, kind):
    lively(part)
    state = part.draw(part.encode(values_for(kind)), noise())
    state = torch.cat([state, part.process.prior(2, noise())])  # masks among them
    raw = part.readout(part.embed(state).sin())
    raw = raw.masked_fill(~raw.isfinite(), 0.0)
    (raw * torch.randn(raw.shape, generator=generator(3))).sum().backward()
    assert list(part.parameters())
    for name, parameter in part.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_equal_rows_of_data_take_one_row_of_a_batch(part, kind):
    data = part.encode(values_for(kind)[:1])
    assert len(data) == 1
    assert len(part.draw(data, noise())) == 1


def test_no_rows_are_no_error(part, kind):
    data = part.encode(values_for(kind)[:0])
    assert part.draw(data, noise()).shape == part.process.space.shape(0)


def test_wrong_shape_is_refused_with_both_shapes(part):
    with pytest.raises(DataError, match=r"Expected .* of shape \(n,.*\)\. Got \(2, 9\) instead"):
        part.encode(np.zeros((2, 9), dtype=int))


def test_values_without_gaps_are_known_everywhere(part, kind):
    states, known = part.observe(values_for(kind))
    assert torch.equal(states, part.encode(values_for(kind)))
    assert known.shape == (ROWS, part.cells)
    assert known.all()


def test_what_is_known_everywhere_comes_back_as_it_was_given(part, kind):
    given = values_for(kind)
    assert part.fill(given, given[::-1], np.ones((ROWS, part.cells), dtype=bool)) is given


def test_what_is_not_known_is_as_it_was_drawn(part, kind):
    given = values_for(kind)
    drawn = given[::-1]
    if kind != "numeric":  # given as positions, drawn as normal scores
        filled = part.fill(given, drawn, np.zeros((ROWS, part.cells), dtype=bool))
        np.testing.assert_array_equal(filled, drawn)


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_masks_are_systematic_unless_they_are_asked_to_be_independent(name, share):
    part = MODALITIES[name]()
    x0 = part.draw(part.encode(values_for(name)), noise()).repeat(50, 1)
    t = torch.full((len(x0), 1), share)
    masked = part.process.corrupt(x0, t, noise())[0] == part.process.mask_codes(x0.device)
    assert (masked.sum(dim=1) - share * part.cells).abs().max() < 1
    part.process.coupling = "independent"  # the control
    masked = part.process.corrupt(x0, t, noise())[0] == part.process.mask_codes(x0.device)
    assert (masked.sum(dim=1) - share * part.cells).abs().max() > 1


# --- Round trips ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["image", "vector"])
def test_numbers_that_are_encoded_are_decoded(name):
    part, values = MODALITIES[name](), values_for(name)
    decoded = part.decode(part.encode(values))
    assert decoded.shape == values.shape
    np.testing.assert_allclose(decoded, values, atol=1e-6)


@pytest.mark.parametrize("name", ["categorical", "map", "text", "labels"])
def test_codes_that_are_encoded_are_decoded(name):
    part, values = MODALITIES[name](), values_for(name)
    np.testing.assert_array_equal(part.decode(part.encode(values)), values)


def test_numbers_are_decoded_as_normal_scores():
    part, u = NumericModality(3), values_for("numeric")
    decoded = part.decode(part.draw(part.encode(u), noise()))
    np.testing.assert_allclose(decoded, stats.norm.ppf(u), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("frequencies", [0, 3])
def test_numbers_enter_by_a_line_and_by_waves(frequencies):
    part = NumericModality(2, frequencies=frequencies)
    part.build(WIDTH)
    x = torch.linspace(-3, 3, 7)[:, None, None].expand(7, 2, 1)
    bends = part.embed(x).diff(n=2, dim=0).abs().amax(dim=(0, 2))
    assert (bends > 1e-2).all() if frequencies else (bends < 1e-4).all()


@pytest.mark.parametrize("shape", [(7,), (7, 1)])
def test_a_single_category_is_a_vector(shape):
    part = CategoricalModality(4)
    codes = np.arange(7) % 4
    assert np.array_equal(part.decode(part.encode(codes.reshape(shape))), codes)


def test_grey_images_need_no_channel():
    part, pixels = ImageModality(4, 4), np.random.default_rng(0).random((3, 4, 4))
    assert part.decode(part.encode(pixels)).shape == (3, 4, 4)
    np.testing.assert_allclose(part.decode(part.encode(pixels)), pixels, atol=1e-6)


def test_a_patch_holds_neighbouring_pixels():
    pixels = np.zeros((1, 4, 6, 2))
    pixels[0, 2:4, 4:6] = 1  # the last patch of 2 x 3
    patches = MODALITIES["image"]().encode(pixels)
    assert patches.shape == (1, 6, 8)
    assert (patches[0, :5] == -1).all()
    assert (patches[0, 5] == 1).all()


def test_pixels_are_clipped_to_their_range():
    part = ImageModality(2, 2, value_range=(0.0, 255.0))
    assert part.decode(torch.tensor([[[-3.0, -1.0, 1.0, 9.0]]])).tolist() == [[[0, 0], [255, 255]]]


# --- Numbers --------------------------------------------------------------------------------------


def test_drawn_numbers_stay_within_their_interval():
    rng = np.random.default_rng(1)
    intervals = np.sort(rng.random((500, 3, 2)), axis=-1)
    part = NumericModality(3)
    data = part.encode(intervals)
    for index in range(5):
        u = stats.norm.cdf(part.draw(data, Noise([generator(index)]))[..., 0].double().numpy())
        assert (u >= intervals[..., 0] - 1e-6).all()
        assert (u <= intervals[..., 1] + 1e-6).all()


def test_cells_without_information_are_drawn_as_standard_normals():
    part = NumericModality(2)
    intervals = np.tile([0.0, 1.0], (10_000, 2, 1))
    z = part.draw(part.encode(intervals), noise())[..., 0].double().numpy()
    for column in z.T:
        assert stats.kstest(column, "norm").pvalue > RARE
    assert stats.kstest(1.15 * z[:, 0], "norm").pvalue < RARE  # the control
    assert abs(np.corrcoef(z.T)[0, 1]) < 4.9 / np.sqrt(10_000)


def test_a_column_of_integers_is_standard_normal_as_a_whole():
    """Each of four equally frequent integers owns a quarter of the distribution."""
    low = (np.arange(8000) % 4) / 4
    intervals = np.stack([low, low + 0.25], axis=-1)[:, None]
    z = NumericModality(1).draw(NumericModality(1).encode(intervals), noise())
    assert stats.kstest(z.flatten().double().numpy(), "norm").pvalue > RARE


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_the_ends_of_the_distribution_are_finite_numbers(dtype):
    part = NumericModality(2)
    z = part.draw(part.encode(np.array([[0, 1]], dtype=dtype)), noise())
    assert z.dtype == torch.float32
    assert z.isfinite().all()
    assert z.abs().min() > 5
    assert z.abs().max() < 5.6


@pytest.mark.parametrize(
    "interval", [[0.6, 0.4], [-0.1, 0.5], [0.5, 1.1], [np.nan, 0.5], [0.5, np.nan]]
)
def test_bad_intervals_are_refused(interval):
    with pytest.raises(DataError, match=r"Intervals must be ordered and lie within \[0, 1\]"):
        NumericModality(1).encode(np.array([[interval]]))


# --- Categories -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "cell"), [(4, 1), (-1, 1), (2, 0), (3, 2)])
def test_unknown_codes_are_refused_with_their_place(code, cell):
    codes = np.zeros((5, 3), dtype=int)
    codes[3, cell] = code
    known = (2, 4, 3)[cell] - 1
    message = f"Row 3: code {code} is not one of the known categories 0 to {known}"
    with pytest.raises(DataError, match=message):
        MODALITIES["categorical"]().encode(codes)


@pytest.mark.parametrize("values", [[0.0, 1.0], [np.nan, 1.0], ["a", "b"]])
def test_codes_that_are_not_integers_are_refused(values):
    with pytest.raises(DataError, match="Codes must be integers"):
        CategoricalModality(3).encode(np.array(values))


def test_padding_is_never_likely():
    part = MODALITIES["categorical"]()
    part.build(WIDTH)
    with torch.no_grad():
        part.read_weight += 1.0
    raw = part.readout(torch.randn(ROWS, 3, WIDTH, generator=generator(4)))
    assert (raw[:, 0, 2:] == -torch.inf).all()
    assert (raw[:, 2, 3:] == -torch.inf).all()
    assert raw[:, 1].isfinite().all()


def test_codes_of_different_cells_have_different_rows_of_the_embedding():
    part = MODALITIES["categorical"]()
    part.build(WIDTH)
    states = torch.tensor([[k, j, i] for k in range(3) for j in range(5) for i in range(4)])
    for cell, size in enumerate((2, 4, 3)):
        assert len(part.embed(states)[:, cell].unique(dim=0)) == size + 1
    assert len(part.embed(states).flatten(0, 1).unique(dim=0)) == 2 + 4 + 3 + 3


def test_output_starts_at_the_frequencies():
    frequencies = [[0.7, 0.3], [0.1, 0.2, 0.7]]
    part = CategoricalModality((2, 3), frequencies=frequencies)
    part.build(WIDTH)
    found = part.readout(torch.randn(1, 2, WIDTH, generator=generator(5))).softmax(dim=-1)[0]
    torch.testing.assert_close(found[0, :2], torch.tensor(frequencies[0]), rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1], torch.tensor(frequencies[1]), rtol=0, atol=1e-5)


# --- Images ---------------------------------------------------------------------------------------


def test_size_that_patches_do_not_fill_is_refused():
    with pytest.raises(ParameterError, match=r"multiples of patch=2\. Got 4 x 5"):
        ImageModality(4, 5)


@pytest.mark.parametrize(
    ("height", "width", "cells"), [(8, 8, 4), (28, 28, 49), (4, 4, 4), (4, 8, 8), (10, 12, 30)]
)
def test_patches_are_large_where_enough_of_them_remain(height, width, cells):
    assert ImageModality(height, width).cells == cells


@pytest.mark.parametrize("value", [-0.1, 1.5, np.nan])
def test_pixels_outside_their_range_are_refused_with_the_remedy(value):
    pixels = np.full((1, 2, 2), 0.5)
    pixels[0, 0, 0] = value
    with pytest.raises(DataError, match=r"value_range=.*Got values from.*pass value_range"):
        ImageModality(2, 2).encode(pixels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cardinalities": (3, 0)}, r"positive integers, one for each cell\. Got \(3, 0\)"),
        ({"cardinalities": ()}, r"positive integers, one for each cell\. Got \(\)"),
        ({"cardinalities": (2,), "frequencies": [[1.0, 0.0, 0.0]]}, r"\[2\]\. Got \[3\] instead"),
        ({"cardinalities": (2, 2), "frequencies": [[0.5, 0.5]]}, r"\[2, 2\]\. Got \[2\] instead"),
    ],
)
def test_categories_that_do_not_add_up_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        CategoricalModality(**arguments)


def test_a_numpy_integer_is_a_single_cell() -> None:
    count: Any = np.int64(3)
    modality = CategoricalModality(count)
    assert modality.encode(np.array([0, 2])).shape == (2, 1)


def test_pixels_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(DataError, match=r"Pixels must be numbers\. Got an array of <U1 instead"):
        ImageModality(2, 2, patch=1).encode(np.full((3, 2, 2), "x"))
