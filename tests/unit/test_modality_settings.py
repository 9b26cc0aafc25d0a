"""Settings: the arguments that make a modality or a tokenizer again, with what it learnt."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.description import LIBRARY, Describer, Rebuilder
from tabdiffuse.modalities import CharacterTokenizer, TextModality, VectorModality, WordTokenizer
from tests.tiny import CAPTIONS, MODALITIES

TOKENIZERS = [WordTokenizer, CharacterTokenizer]


@pytest.mark.parametrize("kind", MODALITIES)
def test_settings_make_every_modality_of_the_library_again(kind):
    part = MODALITIES[kind]()
    settings = part.settings()
    assert set(settings) == set(inspect.signature(type(part)).parameters)
    again = type(part)(**settings)
    assert again.process.space == part.process.space
    assert again.process.schedule == part.process.schedule
    assert again.weight == part.weight
    torch.testing.assert_close(again.token_of_cell(), part.token_of_cell())
    # A file may name the class: without that it could be saved, but not read again.
    assert LIBRARY[type(part).__name__] is type(part)


def test_a_prepared_vector_is_made_again_with_its_units():
    values = np.random.default_rng(0).normal(3, 2, (50, 4))
    part = VectorModality(4)
    assert part.settings()["mean"] is None
    part.prepare(values)
    again = VectorModality(**part.settings())
    again.prepare(100 * values)  # what is given is not measured again
    assert torch.equal(again.encode(values), part.encode(values))
    np.testing.assert_array_equal(
        again.decode(again.encode(values)), part.decode(part.encode(values))
    )


def test_given_units_are_subtracted_and_divided_by():
    part = VectorModality(2, mean=[1, 2], scale=4)
    assert part.encode([[5.0, 0.0]]).flatten().tolist() == [1.0, -0.5]


@pytest.mark.parametrize(
    "units",
    [
        {"mean": [0.0, 1.0]},
        {"scale": 1.0},
        {"mean": [0.0], "scale": 1.0},
        {"mean": [0.0, np.nan], "scale": 1.0},
        {"mean": [0.0, 1.0], "scale": 0.0},
        {"mean": [0.0, 1.0], "scale": np.inf},
        {"mean": [0.0, 1.0], "scale": 1.0, "standardize": False},
    ],
)
def test_units_that_do_not_fit_are_refused(units):
    with pytest.raises(ParameterError, match="mean and scale go together, as 2 finite numbers"):
        VectorModality(2, **units)


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_tokenizer_is_made_again_with_its_vocabulary(kind):
    learnt = kind(5).fit(CAPTIONS)
    again = kind(**learnt.settings())
    assert again.vocabulary == learnt.vocabulary
    assert again.vocabulary_size == 5
    assert [again.encode(text) for text in CAPTIONS] == [learnt.encode(text) for text in CAPTIONS]
    assert not kind(**kind().settings()).is_fitted


@pytest.mark.parametrize("vocabulary", ["abc", [], ["a", "a"], ["a", 1]])
def test_a_vocabulary_is_distinct_texts(vocabulary):
    with pytest.raises(ParameterError, match="vocabulary must be a non-empty sequence of distinct"):
        WordTokenizer(vocabulary=vocabulary)


def test_a_prepared_text_is_made_again_with_its_vocabulary():
    part = TextModality(8)
    part.prepare(CAPTIONS)
    again = TextModality(**part.settings())
    assert again.process.space == part.process.space
    assert torch.equal(again.encode(CAPTIONS), part.encode(CAPTIONS))


VALUES = [
    None,
    True,
    3,
    2**70,
    0.1,
    "é\n",
    [1, [2.5, ()]],
    (1, ("a", [None])),
    {1: "int", "1": "str", ("a", 2): {}},
    {"mapping": [1], "class": "x"},  # looks like a description
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_plain_value_comes_back_as_it_was(value):
    found = Rebuilder({}).build(Describer().describe(value, "value"))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        np.int8(3),
        np.float32(0.1),
        np.float64(-np.inf),
        np.True_,
        np.arange(6).reshape(2, 3)[:, ::2],
        np.zeros((0, 2), dtype=np.float16),
        np.array(1.5),
    ],
    ids=repr,
)
def test_a_value_of_numpy_comes_back_in_its_type(value):
    describer = Describer()
    described = describer.describe(value, "value")
    found = Rebuilder(describer.arrays).build(described)
    assert (type(found), found.dtype) == (type(value), value.dtype)
    np.testing.assert_array_equal(found, value)


def test_words_in_an_array_come_back_as_a_list():
    words = np.array([["a", "bc"], ["", "d"]])
    assert Rebuilder({}).build(Describer().describe(words, "value")) == words.tolist()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {2}]}, r"^value\['a'\]\[1\] is \{2\} of type set, .* plain values and arrays"),
        ([len], r"^value\[0\] is <built-in function len> .* as it holds no code\."),
        (VectorModality, r"of type ABCMeta, .* as it holds no code\."),
        (np.array([1j]), r"^value\[0\] is 1j of type complex"),
    ],
)
def test_a_value_that_no_file_can_hold_is_named_with_its_place(value, message):
    with pytest.raises(ParameterError, match=message):
        Describer().describe(value, "value")
