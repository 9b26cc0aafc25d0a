"""Rows depend on seeds alone: not on batch size, on earlier calls, or on global random state."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from tests.tiny_tables import (
    assert_same_rows,
    assert_same_weights,
    mixed_frame,
    tiny_model,
    weights,
)


@pytest.fixture
def model(tiny_frame):
    return tiny_model().fit(tiny_frame)


@pytest.mark.parametrize("settings", [{}, {"max_steps": 40, "batch_size": 64, "width": 16}])
def test_equal_seeds_give_equal_models_and_samples(tiny_frame, settings):
    one, other = (tiny_model(**settings).fit(tiny_frame) for _ in range(2))
    assert_same_weights(one, other)
    assert_same_rows(one.sample(50), other.sample(50))
    columns = one.history_.columns.drop("seconds")
    assert_same_rows(one.history_[columns], other.history_[columns])


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_equal_generators_give_equal_models(tiny_frame, make):
    one, other = (tiny_model(random_state=make(5)).fit(tiny_frame) for _ in range(2))
    assert_same_weights(one, other)
    state = make(5)
    first, second = (tiny_model(random_state=state).fit(tiny_frame) for _ in range(2))
    assert_same_weights(first, one)
    assert first.seed_ != second.seed_


@pytest.mark.parametrize("other", [1, None])
def test_other_seeds_give_other_models_and_samples(tiny_frame, other):
    one, two = (tiny_model(random_state=seed).fit(tiny_frame) for seed in (0, other))
    mine, theirs = weights(one), weights(two)
    assert not torch.equal(
        mine["backbone.blocks.0.qkv.weight"], theirs["backbone.blocks.0.qkv.weight"]
    )
    assert not one.sample(50).equals(two.sample(50))
    assert not one.sample(50, random_state=1).equals(one.sample(50, random_state=2))


def test_a_fit_without_a_seed_can_be_repeated_by_its_seed(tiny_frame):
    one = tiny_model(random_state=None).fit(tiny_frame)
    assert_same_weights(one, tiny_model(random_state=one.seed_).fit(tiny_frame))


def global_states():
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - the global state is the subject
    return random.getstate(), (kind, keys.tolist(), *rest), torch.get_rng_state().tolist()


def test_global_random_state_is_left_alone(tiny_frame):
    before = global_states()
    model = tiny_model(random_state=None).fit(tiny_frame)
    model.sample(10)
    model.sample(10, random_state=3)
    assert global_states() == before


def test_global_random_state_does_not_matter(tiny_frame, model):
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - the global state is the subject
    assert_same_weights(tiny_model().fit(tiny_frame), model)


def test_small_sample_is_the_start_of_a_large_one(model):
    rows = model.sample(1100, random_state=4)
    for count in (1, 5, 511, 512, 513, 1024):
        assert_same_rows(model.sample(count, random_state=4), rows[:count])


@pytest.mark.parametrize("settings", [{}, {"solver": "euler", "eta": 1.0, "width": 32}])
def test_rows_do_not_depend_on_batch_size(tiny_frame, settings):
    model = tiny_model(**settings).fit(tiny_frame)
    rows = model.sample(1100, random_state=4)
    for batch_size in (1, 512, 513, 600, 1024, 4096):
        assert_same_rows(model.sample(1100, random_state=4, batch_size=batch_size), rows)


def test_rows_of_different_blocks_differ(model):
    rows = model.sample(1024)
    assert not rows[:512].equals(rows[512:].reset_index(drop=True))
    assert rows["price"].duplicated().mean() < 0.5


def test_successive_samples_differ_and_start_again(model):
    first, second = model.sample(30), model.sample(30)
    assert not first.equals(second)
    model.reset_sampling()
    assert_same_rows(model.sample(30), first)
    assert_same_rows(model.sample(30), second)


def test_seeded_sample_leaves_the_sequence_alone(model):
    first, second = model.sample(30), model.sample(30)
    model.reset_sampling()
    assert_same_rows(model.sample(30), first)
    model.sample(30, random_state=8)
    assert_same_rows(model.sample(30), second)


def test_refit_starts_the_sequence_again(tiny_frame, model):
    first = model.sample(30)
    model.sample(30)
    assert_same_rows(model.fit(tiny_frame).sample(30), first)


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_generators_are_advanced_by_sample(model, make):
    state = make(5)
    first, second = (model.sample(20, random_state=state) for _ in range(2))
    assert not first.equals(second)
    assert_same_rows(model.sample(20, random_state=make(5)), first)


def test_numpy_integers_are_integers(model):
    assert_same_rows(
        model.sample(np.int64(20), random_state=np.uint8(3)), model.sample(20, random_state=3)
    )


def test_sampling_steps_matter():
    model = tiny_model(max_steps=50).fit(mixed_frame())
    few, many = (model.sample(50, random_state=0, n_steps=steps) for steps in (2, 8))
    assert not few.equals(many)
    assert_same_rows(model.set_params(n_steps=8).sample(50, random_state=0), many)
