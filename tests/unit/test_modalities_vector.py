"""Vectors: their scale, their pieces, their refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities import VectorModality
from tests.tiny import WIDTH


def embeddings(rows: int = 400, features: int = 12):
    """Vectors of length one around a direction, as a sentence encoder gives them."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(rows, features)) * np.linspace(0.1, 1, features) + 1.5
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def prepared(**options) -> VectorModality:
    part = VectorModality(12, **options)
    part.prepare(embeddings())
    return part


def test_encoded_vectors_have_mean_zero_and_unit_variance_as_a_whole():
    z = prepared().encode(embeddings()).double()[:, 0]
    assert z.mean(dim=0).abs().max() < 1e-6
    assert abs(float(z.square().mean()) - 1) < 1e-6
    # The control: without `prepare` they are far from it.
    assert VectorModality(12).encode(embeddings()).square().mean() < 0.2


def test_distances_keep_their_ratios():
    x, z = torch.as_tensor(embeddings(50)), prepared().encode(embeddings(50))[:, 0]
    ratio = (torch.pdist(z) / torch.pdist(x)).double()
    assert ratio.std() / ratio.mean() < 1e-5


def test_decoding_gives_the_vectors_back_in_their_units():
    part = prepared(tokens=3)
    found = part.decode(part.encode(embeddings()))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, embeddings(), atol=1e-6)


def test_a_constant_vector_is_finite():
    part = VectorModality(2)
    part.prepare(np.full((4, 2), 3.0))
    assert (part.encode(np.full((4, 2), 3.0)) == 0).all()
    assert (part.decode(torch.zeros(1, 1, 2)) == 3).all()


def test_values_are_left_alone_when_asked():
    part = prepared(standardize=False)
    assert torch.equal(part.encode(embeddings())[:, 0], torch.as_tensor(embeddings()))


def test_pieces_are_cut_in_order():
    part = VectorModality(6, tokens=3, standardize=False)
    assert part.encode([[1, 2, 3, 4, 5, 6]]).tolist() == [[[1, 2], [3, 4], [5, 6]]]
    part.build(WIDTH)
    assert part.embed(torch.zeros(2, 3, 2)).shape == (2, 3, WIDTH)


def test_a_gap_opens_its_piece_and_no_other():
    part = VectorModality(6, tokens=3)
    part.prepare(np.arange(24).reshape(4, 6))
    values = np.arange(12.0).reshape(2, 6)
    values[1, 3] = np.nan
    states, known = part.observe(values)
    assert states.isfinite().all()
    assert known.tolist() == [[True] * 3, [True, False, True]]
    filled = part.fill(values, np.full((2, 6), -1.0), known.numpy())
    assert filled.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, -1, -1, 10, 11]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_training_data_must_be_finite(value):
    values = np.zeros((4, 12))
    values[2, 7] = value
    for read in (VectorModality(12).prepare, VectorModality(12).encode):
        with pytest.raises(DataError, match=f"Row 2: feature 7 is {value}, not a finite number"):
            read(values)


def test_an_infinite_number_is_no_gap():
    with pytest.raises(DataError, match="Row 0: feature 0 is inf"):
        VectorModality(2).observe([[np.inf, np.nan]])


def test_vectors_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match=r"Vectors must be numbers\. Got an array of <U1 instead"):
        VectorModality(2).observe([["a", "b"]])


def test_a_scale_needs_rows():
    with pytest.raises(DataError, match="A scale cannot be measured on no rows"):
        VectorModality(2).prepare(np.zeros((0, 2)))


@pytest.mark.parametrize(("features", "tokens"), [(10, 3), (0, 1), (4, 0)])
def test_pieces_must_be_equal(features, tokens):
    message = f"must be a multiple of tokens. Got features={features} and tokens={tokens}."
    with pytest.raises(ParameterError, match=re.escape(message)):
        VectorModality(features, tokens=tokens)
