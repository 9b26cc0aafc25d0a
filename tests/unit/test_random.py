"""Seeds, generators and noise in blocks."""

from __future__ import annotations

import itertools

import pytest
import torch

from tabdiffuse._random import (
    Noise,
    block_noise,
    child_seed,
    generator,
    seeded_initialisation,
    step_noise,
)


def test_child_seeds_are_the_same_on_every_platform():
    assert child_seed(0, "block", 3) == 3_516_883_210_750_969_321
    assert child_seed(2**40, "order", 0) == 1_732_450_775_873_847_466


def test_child_seeds_differ_by_seed_and_by_every_label():
    labels = [("block", 1), ("block", 2), ("step", 1), ("step", 11), ("step", 1, 1), ("step", "1")]
    seeds = {child_seed(seed, *path) for seed, path in itertools.product(range(50), labels)}
    assert len(seeds) == 50 * len(labels)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_generator_repeats_its_stream():
    first, second = (torch.rand(5, generator=generator(7, "a")) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.rand(5, generator=generator(7, "b")))


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_rows_of_a_block_do_not_depend_on_the_other_blocks(kind):
    together = getattr(block_noise(5, range(2, 5), "cpu"), kind)((12, 3))
    for position, block in enumerate(range(2, 5)):
        alone = getattr(block_noise(5, range(block, block + 1), "cpu"), kind)((4, 3))
        assert torch.equal(together[4 * position : 4 * position + 4], alone)


def test_rows_that_do_not_split_into_blocks_are_a_bug():
    with pytest.raises(AssertionError, match="5 rows do not split into 2"):
        block_noise(0, range(2), "cpu").normal((5, 1))


def test_draws_have_the_type_that_is_asked_for():
    source = Noise([generator(0)])
    assert source.normal((2, 1)).dtype == torch.float32
    assert source.normal((2, 1), torch.float64).dtype == torch.float64
    uniform = source.uniform((10_000, 1))
    assert uniform.min() >= 0
    assert uniform.max() < 1


def test_noise_of_a_step_depends_on_seed_and_step_alone():
    def draw(seed, step):
        return step_noise(seed, step, "cpu").normal((4, 2))

    assert torch.equal(draw(1, 10), draw(1, 10))
    assert not torch.equal(draw(1, 10), draw(1, 11))
    assert not torch.equal(draw(1, 10), draw(2, 10))


def test_host_draws_come_from_their_own_generator_when_there_is_one():
    source = Noise([generator(0)], host=generator(1))
    before = source.normal((3, 1))
    source = Noise([generator(0)], host=generator(1))
    choice = source.host_uniform()
    assert 0 <= choice < 1
    assert torch.equal(source.normal((3, 1)), before)


def test_initialisation_is_seeded_and_leaves_the_global_state_alone():
    state = torch.get_rng_state()
    weights = []
    for seed in (3, 3, 4):
        with seeded_initialisation(seed):
            weights.append(torch.nn.Linear(4, 4).weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_initialisation_restores_the_global_state_after_an_error():
    def fail():
        torch.rand(1)
        raise RuntimeError("stop")

    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="stop"), seeded_initialisation(0):
        fail()
    assert torch.equal(torch.get_rng_state(), state)
