"""Maps and texts against laws that are known exactly, with an oracle in place of a network.

With systematic coupling and no fewer steps than open cells no two cells are revealed in one step,
so that the sampled law is the law of the data, without a bias (see `MaskedProcess`). With one step
all cells are drawn independently: the negative control.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tabdiffuse.joint import Observed, ProductProcess
from tabdiffuse.modalities import TextModality, WordTokenizer
from tabdiffuse.modalities.discrete_image import DiscreteImageModality
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import Euler
from tests.oracles import RARE, CategoricalOracle, law_p_value, noise


def draw(part, oracle, rows, n_steps, values=None):
    """Sample decoded values, given some with gaps."""
    observed = None
    if values is not None:
        states, known = part.observe(values)
        observed = Observed({"c": states.long()}, {"c": known})
    state = sample(
        oracle, ProductProcess({"c": part}), rows, noise(), solver=Euler(), n_steps=n_steps,
        observed=observed,
    )  # fmt: skip
    return part.decode(state["c"])


# --- Maps of 2 x 4 pixels and two classes ---------------------------------------------------------

MAPS = np.array(list(product(range(2), repeat=8))).reshape(-1, 2, 4)


def weights_of_maps():
    """Neighbours are often alike, more so below one another, and the right side is often 1.

    No two pixels play the same part, so a pixel in the wrong place would be found.
    """
    beside = (MAPS[:, :, 1:] == MAPS[:, :, :-1]) @ np.array([0.3, 0.5, 0.7])
    below = (MAPS[:, 0] == MAPS[:, 1]) @ np.array([0.8, 0.2, 0.6, 0.4])
    return np.exp(
        0.6 * (beside @ np.array([1.0, 0.6]) + below) + 0.2 * MAPS[:, 0, 3] - 0.3 * MAPS[:, 1, 1]
    )


def map_oracle(part):
    """Arrange the law by the cells of the modality."""
    table = np.zeros((2,) * 8)
    table[tuple(part.encode(MAPS).numpy().T)] = weights_of_maps()
    return CategoricalOracle(table)


def map_numbers(maps):
    return maps.reshape(len(maps), 8) @ (2 ** np.arange(7, -1, -1))


@pytest.mark.parametrize("patch", [1, 2])
def test_maps_are_drawn_from_their_law(patch):
    part = DiscreteImageModality(2, 4, 2, patch=patch)
    oracle, law = map_oracle(part), weights_of_maps()
    found = map_numbers(draw(part, oracle, 60_000, 8))
    assert law_p_value(np.bincount(found, minlength=256), law) > RARE
    alone = map_numbers(draw(part, oracle, 60_000, 1))
    assert law_p_value(np.bincount(alone, minlength=256), law) < RARE
    turned = law.reshape((2,) * 8).transpose(0, 4, 1, 5, 2, 6, 3, 7).ravel()  # pixels misplaced
    assert law_p_value(np.bincount(found, minlength=256), turned) < RARE


@pytest.mark.parametrize("patch", [1, 2])
def test_the_open_patch_of_a_map_follows_its_law_given_the_other(patch):
    part, rows = DiscreteImageModality(2, 4, 2, patch=patch), 20_000
    oracle = map_oracle(part)
    given = np.array([[0, 1, -1, -1], [1, 1, -1, -1]])
    agrees = (MAPS[:, :, :2] == given[:, :2]).all(axis=(1, 2))
    law = weights_of_maps()[agrees]
    found = draw(part, oracle, rows, 4, np.repeat(given[None], rows, axis=0))
    assert (found[:, :, :2] == given[:, :2]).all()
    places = {number: index for index, number in enumerate(map_numbers(MAPS[agrees]))}
    counts = np.bincount([places[n] for n in map_numbers(found)], minlength=16)
    assert law_p_value(counts, law) > RARE
    other = weights_of_maps()[(MAPS[:, :, :2] == 1 - given[:, :2]).all(axis=(1, 2))]
    assert law_p_value(counts, other) < RARE


# --- Texts of three tokens ------------------------------------------------------------------------

TEXTS = [" ".join(words) for n in range(4) for words in product(("cat", "red"), repeat=n)]


def weights_of_texts():
    """Adjectives come first, and most texts have two words."""
    length = np.array([len(text.split()) for text in TEXTS])
    order = np.array(["red cat" in text for text in TEXTS])
    return np.array([2, 1, 3, 1.0])[length] / 2.0**length * np.where(order, 4, 1) + 0.02


def text_oracle(part):
    """Give what is no text a weight of nearly nothing, so that every state has an answer."""
    table = np.full((4,) * 3, 1e-12)
    table[tuple(part.encode(TEXTS).numpy().T)] = weights_of_texts()
    return CategoricalOracle(table)


def counts_of(texts, among):
    places = {text: index for index, text in enumerate(among)}
    known = [places[text] for text in texts if text in places]
    return np.bincount(known, minlength=len(among)), len(texts) - len(known)


@pytest.fixture
def words():
    return TextModality(3, tokenizer=WordTokenizer().fit(TEXTS))


def test_texts_are_drawn_from_their_law_their_lengths_included(words):
    oracle = text_oracle(words)
    counts, strange = counts_of(draw(words, oracle, 20_000, 3), TEXTS)
    assert strange == 0
    assert law_p_value(counts, weights_of_texts()) > RARE
    counts, _ = counts_of(draw(words, oracle, 20_000, 1), TEXTS)
    assert law_p_value(counts, weights_of_texts()) < RARE


def test_a_text_goes_on_from_its_beginning_by_its_law(words):
    rows = 20_000
    found = draw(words, text_oracle(words), rows, 2, ["red <mask> <mask>"] * rows)
    among = [text for text in TEXTS if text.startswith("red")]
    law = weights_of_texts()[[TEXTS.index(text) for text in among]]
    counts, strange = counts_of(found, among)
    assert strange == 0
    assert law_p_value(counts, law) > RARE
    assert law_p_value(counts, law[::-1]) < RARE
