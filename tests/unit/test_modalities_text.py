"""Texts and named categories: codes, ends, gaps, refusals, tokenizers of other libraries."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities import (
    CategoricalModality,
    CharacterTokenizer,
    TextModality,
    Tokenizer,
    WordTokenizer,
)
from tests.oracles import noise
from tests.tiny import CAPTIONS, WIDTH

END = WordTokenizer().fit(CAPTIONS).size


def prepared(length: int = 8, **options) -> TextModality:
    part = TextModality(length, **options)
    part.prepare(CAPTIONS)
    return part


# --- Codes ----------------------------------------------------------------------------------------


def test_texts_end_with_the_end():
    part = prepared()
    codes = part.encode(["a red cat", ""])
    assert codes[0].tolist() == [*part.tokenizer.encode("a red cat"), *[END] * 5]
    assert (codes[1] == END).all()


def test_what_follows_the_end_is_not_shown():
    part = prepared()
    codes = part.encode(["a red cat"])
    codes[0, 5] = codes[0, 0]
    assert part.decode(codes).tolist() == ["a red cat"]


def test_a_text_may_fill_its_length():
    part = prepared(3, truncate=True)
    assert part.decode(part.encode(["a red cat"])).tolist() == ["a red cat"]


def test_the_process_has_a_category_for_each_word_and_the_end():
    part = prepared()
    assert part.process.space.cardinalities == (END + 1,) * 8
    assert (part.process.prior(1, noise()) == END + 1).all()


def test_output_starts_at_the_shares_of_the_tokens():
    part = prepared()
    part.build(WIDTH)
    found = part.readout(torch.randn(1, 8, WIDTH)).softmax(dim=-1)[0, 0]
    counts = torch.bincount(part.encode(CAPTIONS).flatten(), minlength=END + 1) + 0.5
    torch.testing.assert_close(found, counts / counts.sum())


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda x: np.array(x, dtype=object)])
def test_texts_come_in_any_sequence(kind):
    assert torch.equal(prepared().encode(kind(CAPTIONS)), prepared().encode(CAPTIONS))


# --- Tokenizers -----------------------------------------------------------------------------------


def test_a_vocabulary_is_learnt_once():
    part = prepared()
    words = part.tokenizer.vocabulary
    part.prepare([*CAPTIONS, "something else entirely"])
    assert part.tokenizer.vocabulary == words


def test_only_frequent_words_are_kept_when_asked():
    part = prepared(vocabulary_size=2)
    assert part.tokenizer.size == 3
    assert "<unknown>" in part.decode(part.encode(["two blue birds"]))[0]


def test_a_given_tokenizer_learns_if_it_has_to():
    part = prepared(24, tokenizer=CharacterTokenizer())
    assert part.decode(part.encode(CAPTIONS)).tolist() == CAPTIONS


class ForeignTokenizer:
    """A tokenizer with the interface of another library: letters, numbered from 10."""

    class Encoding:
        def __init__(self, ids):
            self.ids = ids

    def get_vocab_size(self):
        return 40

    def encode(self, text):
        return self.Encoding([10 + ord(sign) - ord("a") for sign in text])

    def decode(self, ids):
        return "".join(chr(ord("a") + code - 10) for code in ids)


class Adapter:
    """All that it takes."""

    def __init__(self, foreign):
        self.foreign = foreign
        self.size = foreign.get_vocab_size()

    def encode(self, text):
        return self.foreign.encode(text).ids

    def decode(self, codes):
        return self.foreign.decode(codes)


def test_a_tokenizer_of_another_library_fits_by_an_adapter():
    adapter = Adapter(ForeignTokenizer())
    assert isinstance(adapter, Tokenizer)
    part = TextModality(4, tokenizer=adapter)
    assert part.encode(["cat"]).tolist() == [[12, 10, 29, 40]]
    assert part.decode(part.encode(["cat", "emu", ""])).tolist() == ["cat", "emu", ""]


def test_a_tokenizer_that_breaks_its_promise_is_refused():
    part = TextModality(4, tokenizer=Adapter(ForeignTokenizer()))
    message = "Row 1: the tokenizer gave codes from 10 to 75, but its size is 40."
    with pytest.raises(ParameterError, match=re.escape(message)):
        part.encode(["cat", "a¢"])


def test_a_copy_learns_for_itself():
    part = TextModality(8)
    copy.deepcopy(part).prepare(CAPTIONS)
    assert not part.tokenizer.is_fitted


# --- Gaps -----------------------------------------------------------------------------------------


def test_a_mask_sign_is_one_open_token():
    part = prepared()
    states, known = part.observe(["a <mask> cat", "<mask>cat <mask>", "a red cat"])
    assert known[:, :4].tolist() == [
        [True, False, True, True],
        [False, True, False, True],
        [True, True, True, True],
    ]
    assert known[:, 4:].all()
    assert (states[known] == part.encode(["a red cat", "a cat cat", "a red cat"])[known]).all()


@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_missing_text_is_open_as_a_whole(gap):
    _, known = prepared().observe(["cat", gap])
    assert known.all(dim=1).tolist() == [True, False]
    assert not known[1].any()


def test_given_texts_stay_as_they_were_written():
    part = prepared()
    given = np.array(["A  red CAT", "a <mask>", None], dtype=object)
    _, known = part.observe(given)
    drawn = np.array(["x", "a cat", "two birds"], dtype=object)
    assert part.fill(given, drawn, known.numpy()).tolist() == ["A  red CAT", "a cat", "two birds"]


def test_masks_beyond_the_length_are_cut_with_their_text():
    _, known = prepared(2, truncate=True).observe(["a red <mask>"])
    assert known.all()


# --- Refusals -------------------------------------------------------------------------------------


def test_long_texts_are_refused_with_row_and_length():
    message = (
        "Row 2: the text has 8 tokens, more than length=4. Raise length, or pass truncate=True"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        prepared(4)
    part = prepared(4, truncate=True)
    assert part.decode(part.encode(CAPTIONS))[2] == "a bird, and"


@pytest.mark.parametrize("value", [3, None, b"cat", ["cat"]])
def test_what_is_no_text_is_refused(value):
    values = np.empty(2, dtype=object)
    values[:] = ["cat", value]
    message = f"Row 1: expected a text. Got {value!r} of type {type(value).__name__}."
    for read in (prepared().encode, TextModality(8).prepare):
        with pytest.raises(DataError, match=re.escape(message)):
            read(values)


def test_texts_before_a_fit_are_refused():
    with pytest.raises(ParameterError, match="has no vocabulary yet"):
        TextModality(8).encode(["cat"])


def test_parameters_that_contradict_each_other_are_refused():
    with pytest.raises(ParameterError, match="vocabulary_size=9 is for the default tokenizer"):
        TextModality(8, tokenizer=WordTokenizer(), vocabulary_size=9)
    with pytest.raises(ParameterError, match=r"length must be a positive integer\. Got 0"):
        TextModality(0)


# --- Named categories -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "categories",
    [["cat", "bird", "fish"], [1990, 2000, 2010], [True, False], ["a", 1, None], ("x", "y")],
)
def test_categories_come_back_by_their_names(categories):
    part = CategoricalModality(categories=categories)
    assert part.process.space.cardinalities == (len(categories),)
    found = part.decode(part.encode(categories))
    assert found.tolist() == list(categories)
    assert part.encode(list(categories)).flatten().tolist() == list(range(len(categories)))


def test_a_missing_category_is_open():
    part = CategoricalModality(categories=["cat", "bird"])
    states, known = part.observe(["bird", None, np.nan])
    assert known.flatten().tolist() == [True, False, False]
    assert states[0] == 1
    filled = part.fill(
        np.array(["bird", None, None], dtype=object), np.array(["cat"] * 3), known.numpy()
    )
    assert filled.tolist() == ["bird", "cat", "cat"]


def test_an_unknown_category_is_refused_with_those_known():
    part = CategoricalModality(categories=["cat", "bird"])
    message = "Row 1: 'dog' is not one of the known categories 'cat', 'bird'."
    with pytest.raises(DataError, match=re.escape(message)):
        part.encode(["cat", "dog"])
    many = CategoricalModality(categories=[f"c{k}" for k in range(99)])
    with pytest.raises(DataError, match=r"'c9', \.\.\.\.$"):
        many.encode(["c99"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs either cardinalities or categories"),
        ({"categories": []}, r"sequence of distinct values\. Got \[\] instead"),
        ({"categories": ["a", "a"]}, "sequence of distinct values"),
        ({"categories": "ab"}, "sequence of distinct values. Got 'ab' instead"),
        (
            {"categories": ["a", "b"], "cardinalities": 3},
            "there are 2 of them. Got cardinalities=3",
        ),
        ({"categories": ["a"], "cardinalities": (1,)}, r"Got cardinalities=\(1,\) instead"),
    ],
)
def test_categories_that_contradict_themselves_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        CategoricalModality(**arguments)


def test_categories_may_be_tuples_beside_text():
    part = CategoricalModality(categories=["cat", ("bird", 2)])
    given = np.empty(3, dtype=object)
    given[:2], given[2] = ["cat", "cat"], ("bird", 2)
    assert part.decode(part.encode(given)).tolist() == ["cat", "cat", ("bird", 2)]
