"""Pictures of classes: which pixel is which cell, what a patch is, how much a map weighs."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tabdiffuse._random import generator
from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.joint import ProductProcess
from tabdiffuse.modalities import CategoricalModality
from tabdiffuse.modalities.discrete_image import DiscreteImageModality
from tabdiffuse.modalities.image import ImageModality
from tabdiffuse.modalities.patches import PatchGrid
from tabdiffuse.times import Independent
from tests.oracles import noise
from tests.tiny import WIDTH, lively_denoiser

CLASSES = 3


def maps(rows: int = 5):
    return np.random.default_rng(0).integers(0, CLASSES, (rows, 4, 6))


def built(**options):
    part = DiscreteImageModality(4, 6, CLASSES, **options)
    part.build(WIDTH)
    with torch.no_grad():
        for parameter in part.parameters():
            parameter += torch.randn(parameter.shape, generator=generator(1))
    return part


# --- The grid -------------------------------------------------------------------------------------


@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)
)
def test_joining_undoes_cutting(rows, columns, side, channels, n):
    grid = PatchGrid.fitting(rows * side, columns * side, side)
    picture = torch.arange(n * grid.height * grid.width * channels)
    picture = picture.reshape(n, grid.height, grid.width, channels)
    patches = grid.cut(picture)
    assert patches.shape == (n, rows * columns, side * side * channels)
    assert torch.equal(grid.join(patches), picture)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_patches_are_squares_of_pixels_row_by_row(rows, columns, side):
    grid = PatchGrid.fitting(rows * side, columns * side, side)
    picture = torch.arange(grid.height * grid.width).reshape(1, grid.height, grid.width, 1)
    expected = [
        picture[0, y : y + side, x : x + side, 0].flatten().tolist()
        for y in range(0, grid.height, side)
        for x in range(0, grid.width, side)
    ]
    assert grid.cut(picture)[0].tolist() == expected


@pytest.mark.parametrize(
    ("height", "width", "patch"), [(6, 4, 4), (4, 6, 4), (4, 4, 0), (0, 4, 2), (5, 5, None)]
)
def test_sizes_that_no_patches_fill_are_refused(height, width, patch):
    side = 2 if patch is None else patch
    message = f"height and width must be multiples of patch={side}. Got {height} x {width}."
    for make in (ImageModality, lambda *a, **k: DiscreteImageModality(*a, 2, **k)):
        with pytest.raises(ParameterError, match=re.escape(message)):
            make(height, width, patch=patch)


# --- Cells and tokens -----------------------------------------------------------------------------


@pytest.mark.parametrize("patch", [1, 2])
def test_a_map_has_the_patches_of_a_picture(patch):
    """Pixel for pixel: what lies over one another is in patches of the same number."""
    part = DiscreteImageModality(4, 6, CLASSES, patch=patch)
    picture = ImageModality(4, 6, patch=patch, value_range=(0, 2))
    cells = part.encode(maps()).view(5, part.tokens, -1)
    assert torch.equal(cells.float() - 1, picture.encode(maps()))


def test_cells_are_kept_in_a_byte_while_they_fit():
    assert DiscreteImageModality(2, 2, 256).encode(np.full((1, 2, 2), 255)).dtype == torch.uint8
    wide = DiscreteImageModality(2, 2, 257)
    assert wide.decode(wide.encode(np.full((1, 2, 2), 256))).tolist() == [[[256, 256], [256, 256]]]


def test_a_patch_is_the_sum_of_its_pixels():
    part = built()
    state = torch.randint(0, CLASSES + 1, (5, part.cells), generator=generator(2))
    table = part.embedding.view(4, CLASSES + 1, WIDTH)
    found = part.embed(state)
    for token in range(part.tokens):
        codes = state[:, part.token_of_cell() == token]
        expected = sum(table[place, codes[:, place]] for place in range(4)) + part.position[token]
        torch.testing.assert_close(found[:, token], expected)


def test_an_embedding_has_the_size_of_one_number_whatever_the_patch():
    for patch in (1, 2, 4):
        part = DiscreteImageModality(8, 8, CLASSES, patch=patch)
        part.build(4096)
        vectors = part.embed(part.process.prior(1, noise())) - part.position
        assert (vectors[0, 0].square().mean() - 1).abs() < 0.15


def test_logits_are_read_in_the_order_of_the_cells():
    part = built()
    logits = torch.arange(4 * CLASSES).float()
    part.to_classes.weight.data.zero_()
    part.to_classes.bias.data = logits
    raw = part.readout(torch.randn(2, part.tokens, WIDTH, generator=generator(3)))
    assert torch.equal(raw.view(2, part.tokens, 4, CLASSES)[1, 5], logits.view(4, CLASSES))


def test_pixels_of_a_patch_share_its_time():
    parts = {"map": DiscreteImageModality(4, 6, CLASSES), "label": CategoricalModality((2, 2))}
    joint = lively_denoiser(parts).joint
    times = Independent(per_cell=True).sample(joint.cells, 7, noise())
    tied = joint.tie(times)
    by_patch = tied["map"].view(7, 6, 4)
    assert (by_patch == by_patch[..., :1]).all()
    assert torch.equal(by_patch[..., 0], times["map"].view(7, 6, 4)[..., 0])
    assert (by_patch[..., 0].diff(dim=1) != 0).all()
    assert torch.equal(tied["label"], times["label"])  # two tokens of their own
    state = joint.prior(7, noise())
    _, token_times = joint.tokenize(state, tied)
    assert torch.equal(token_times, torch.cat([by_patch[..., 0], tied["label"]], dim=1))


# --- Weights and frequencies ----------------------------------------------------------------------


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_a_map_weighs_as_many_tokens_as_it_has_patches(patch):
    """Fully masked and without an opinion, each patch costs log K."""
    part = DiscreteImageModality(8, 8, CLASSES, patch=patch)
    joint = ProductProcess({"map": part})
    x0 = {"map": torch.zeros(2, 64, dtype=torch.int64)}
    times = {"map": torch.ones(2, 1)}
    state, target = joint.corrupt(x0, times, noise())
    loss = joint.losses({"map": torch.zeros(2, 64, CLASSES)}, target, state, times)["map"]
    torch.testing.assert_close(loss, torch.full((2,), part.tokens * math.log(CLASSES)))


def test_output_starts_at_the_shares_of_the_classes():
    values = np.array([[[0, 0], [0, 2]]] * 1000)
    part = DiscreteImageModality(2, 2, CLASSES)
    part.prepare(values)
    part.build(WIDTH)
    found = part.readout(torch.randn(1, 1, WIDTH)).softmax(dim=-1)[0]
    torch.testing.assert_close(found, torch.tensor([[0.75, 0, 0.25]] * 4), rtol=0, atol=2e-4)
    assert (found[:, 1] > 0).all()  # unseen, not impossible


def test_frequencies_that_are_given_come_first():
    part = DiscreteImageModality(2, 2, CLASSES, frequencies=[0.2, 0.3, 0.5])
    part.prepare(np.zeros((9, 2, 2), dtype=int))
    part.build(WIDTH)
    found = part.readout(torch.randn(1, 1, WIDTH)).softmax(dim=-1)[0]
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.3, 0.5]] * 4), rtol=0, atol=1e-5)


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [CLASSES, -1, 255])
def test_unknown_classes_are_refused_with_their_place(wrong):
    values = maps()
    values[3, 1, 4] = wrong
    message = f"Row 3: class {wrong} at pixel (1, 4) is not one of the known classes 0 to 2."
    part = DiscreteImageModality(4, 6, CLASSES)
    for read in (part.encode, part.prepare):
        with pytest.raises(DataError, match=re.escape(message)):
            read(values)


@pytest.mark.parametrize("values", [maps() / 1, maps().astype(str), maps() > 0])
def test_classes_that_are_no_integers_are_refused(values):
    with pytest.raises(DataError, match=r"Classes must be integers\. Got an array of"):
        DiscreteImageModality(4, 6, CLASSES).observe(values)


@pytest.mark.parametrize("shape", [(4, 6), (2, 6, 4), (2, 4, 6, 1)])
def test_maps_of_another_shape_are_refused(shape):
    message = f"Expected maps of shape (n, 4, 6). Got {shape} instead."
    with pytest.raises(DataError, match=re.escape(message)):
        DiscreteImageModality(4, 6, CLASSES).observe(np.zeros(shape, dtype=int))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 0}, "classes must be a positive integer. Got 0 instead."),
        ({"classes": 2, "frequencies": [1.0]}, "each of the 2 classes. Got 1 instead."),
    ],
)
def test_classes_that_do_not_add_up_are_refused(options, message):
    with pytest.raises(ParameterError, match=re.escape(message)):
        DiscreteImageModality(4, 4, **options)
