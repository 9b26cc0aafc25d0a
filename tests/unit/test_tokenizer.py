"""Tokenizers: which pieces a text has, which codes they get, how they come back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.modalities import CharacterTokenizer, Tokenizer, WordTokenizer

TEXTS = ["A red cat", "the red fish, not the cat", "Cat!"]
KINDS = [WordTokenizer, CharacterTokenizer]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("A red cat.", ["a", "red", "cat", "."]),
        ("smiling face with heart-eyes", ["smiling", "face", "with", "heart-eyes"]),
        ("woman’s hat; don't", ["woman’s", "hat", ";", "don't"]),
        ("flag: Åland (Islands)", ["flag", ":", "åland", "(", "islands", ")"]),
        ("a - b--c", ["a", "-", "b", "-", "-", "c"]),
        (" \t\n", []),
        ("", []),
    ],
)
def test_words_and_signs_are_pieces(text, pieces):
    assert WordTokenizer().split(text) == pieces


@pytest.mark.parametrize(
    "text", ["a red cat.", "flag: åland (islands), or not?", "woman’s heart-eyes", "no 1!"]
)
def test_usual_texts_are_written_as_they_were(text):
    words = WordTokenizer()
    assert words.join(words.split(text)) == text


@given(st.text(max_size=30))
def test_words_are_found_again_in_what_is_written(text):
    words = WordTokenizer()
    pieces = words.split(text)
    assert words.split(words.join(pieces)) == pieces


@given(st.lists(st.text(max_size=12), min_size=1).filter(any))
def test_characters_come_back_exactly(texts):
    characters = CharacterTokenizer().fit(texts)
    assert [characters.decode(characters.encode(text)) for text in texts] == texts


def test_codes_follow_frequency_and_then_the_alphabet():
    words = WordTokenizer().fit(TEXTS)
    assert words.vocabulary == ("<unknown>", "cat", "red", "the", "!", ",", "a", "fish", "not")
    assert words.size == 9
    assert words.encode("The Cat") == [3, 1]


def test_only_the_most_frequent_pieces_are_kept():
    words = WordTokenizer(vocabulary_size=2).fit(TEXTS)
    assert words.vocabulary == ("<unknown>", "cat", "red")
    assert words.encode("a red cat") == [0, 2, 1]
    assert words.decode([0, 2, 1]) == "<unknown> red cat"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_unknown_has_one_code(kind):
    tokenizer = kind().fit(["ab"])
    assert set(tokenizer.encode("? ż")) == {0}
    assert tokenizer.decode([0]) == tokenizer.unknown


@pytest.mark.parametrize("kind", KINDS)
def test_learnt_tokenizers_fit_the_protocol(kind):
    assert isinstance(kind().fit(TEXTS), Tokenizer)


@pytest.mark.parametrize("kind", KINDS)
def test_before_a_fit_there_are_no_codes(kind):
    tokenizer = kind()
    assert not tokenizer.is_fitted
    message = f"The {kind.__name__} has no vocabulary yet. Call fit with some texts."
    for use in (
        lambda: tokenizer.encode("a"),
        lambda: tokenizer.decode([1]),
        lambda: tokenizer.size,
    ):
        with pytest.raises(ParameterError, match=re.escape(message)):
            use()


@pytest.mark.parametrize("kind", KINDS)
def test_empty_texts_teach_nothing(kind):
    with pytest.raises(DataError, match="texts that are all empty"):
        kind().fit(["", ""])


@pytest.mark.parametrize("size", [0, -3])
def test_a_vocabulary_has_words(size):
    with pytest.raises(ParameterError, match=f"positive integer or None. Got {size}"):
        WordTokenizer(size)
