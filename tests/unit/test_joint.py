"""The product process: routing of cells and times, evidence, losses."""

from __future__ import annotations

import pytest
import torch

from tabdiffuse._random import Noise, generator
from tabdiffuse.joint import JointProcess, Observed, ProductProcess
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.times import Independent, Tied
from tests.tiny import WIDTH, lively_denoiser, mixed_parts


def noise(*labels: int) -> Noise:
    return Noise([generator(0, *labels)])


@pytest.fixture
def joint() -> JointProcess:
    return lively_denoiser(mixed_parts()).joint


@pytest.fixture
def clean():
    return {"x": noise(1).normal((6, 2, 1)), "c": torch.tensor([[2, 1], [0, 0]] * 3)}


def test_needs_a_modality():
    with pytest.raises(AssertionError, match="at least one modality"):
        ProductProcess({})


def test_cells_count_the_tokens(joint, clean):
    assert joint.cells == {"x": 2, "c": 2}
    times = Tied().sample(joint.cells, 6, noise())
    tokens, token_times = joint.tokenize(clean, times)
    assert tokens.shape == (6, 4, WIDTH)
    assert token_times.shape == (6, 1)


@pytest.mark.parametrize(("shape_x", "shape_c"), [((1, 1), (6, 2)), ((6, 1), (6, 2)), [(6, 1)] * 2])
def test_tokens_carry_the_time_of_their_cell(joint, clean, shape_x, shape_c):
    random = generator(1)
    times = {"x": torch.rand(shape_x, generator=random), "c": torch.rand(shape_c, generator=random)}
    _, token_times = joint.tokenize(clean, times)
    expected = torch.cat([times["x"].expand(6, 2), times["c"].expand(6, 2)], dim=1)
    assert torch.equal(token_times, expected)


def test_equal_but_separate_times_give_the_same_prediction():
    denoiser = lively_denoiser(mixed_parts())
    state = {"x": noise(1).normal((5, 2, 1)), "c": torch.tensor([[3, 1]]).expand(5, 2)}
    t = torch.rand(5, 1, generator=generator(2))
    shared = denoiser(state, {"x": t, "c": t})
    apart = denoiser(state, {"x": t.clone(), "c": t.expand(5, 2)})
    for name, prediction in shared.items():
        torch.testing.assert_close(apart[name], prediction)


class TestSharedTokens:
    """The second number and the first category are two cells of one token."""

    PLACES = (0, 1, 1, 2)

    @pytest.fixture
    def sharing(self) -> JointProcess:
        return lively_denoiser(mixed_parts(), tokens=self.PLACES).joint

    def test_embeddings_of_a_token_add_up(self, joint, sharing, clean):
        times = Tied().sample(joint.cells, 6, noise())
        apart, _ = joint.tokenize(clean, times)
        tokens, token_times = sharing.tokenize(clean, times)
        expected = torch.stack([apart[:, 0], apart[:, 1] + apart[:, 2], apart[:, 3]], dim=1)
        torch.testing.assert_close(tokens, expected)
        assert token_times.shape == (6, 1)

    def test_each_cell_is_read_from_its_token(self, joint, sharing):
        h = torch.randn(6, 3, WIDTH, generator=generator(3))
        raw = sharing.read(h)
        apart = joint.read(h[:, list(self.PLACES)])
        for name, values in apart.items():
            torch.testing.assert_close(raw[name], values)

    def test_cells_of_a_token_get_one_time(self, joint, sharing):
        times = Independent(per_cell=True).sample(joint.cells, 6, noise())
        tied = sharing.tie(times)
        assert torch.equal(tied["c"][:, 0], times["x"][:, 1])
        assert torch.equal(tied["x"], times["x"])
        assert torch.equal(tied["c"][:, 1], times["c"][:, 1])
        _, token_times = sharing.tokenize(
            {"x": torch.zeros(6, 2, 1), "c": torch.zeros(6, 2).long()}, tied
        )
        assert torch.equal(token_times, torch.cat([tied["x"], tied["c"][:, 1:]], dim=1))

    def test_cells_with_tokens_of_their_own_keep_their_times(self, joint):
        times = Independent(per_cell=True).sample(joint.cells, 6, noise())
        assert joint.tie(times) is times

    def test_one_time_for_a_row_stays_one_tensor(self, sharing):
        times = Tied().sample(sharing.cells, 6, noise())
        assert sharing.tie(times) is times

    @pytest.mark.parametrize("places", [(0, 1, 1), (0, 1, 3, 1)])
    def test_tokens_must_be_numbered_from_zero_for_every_cell(self, places):
        with pytest.raises(AssertionError, match="token"):
            lively_denoiser(mixed_parts(), tokens=places)


def test_each_part_is_noised_by_its_own_time(joint, clean):
    times = {"x": torch.zeros(6, 1), "c": torch.ones(6, 1)}
    state, targets = joint.corrupt(clean, times, noise())
    assert torch.equal(state["x"], clean["x"])
    assert torch.equal(state["c"], torch.tensor([[3, 2]]).expand(6, 2))
    assert torch.equal(targets["c"], clean["c"])


def test_loss_is_the_weighted_sum_over_cells():
    parts = {"x": NumericModality(2), "c": CategoricalModality((3, 2), weight=0.25)}
    denoiser = lively_denoiser(parts)
    joint, clean = denoiser.joint, {"x": noise(1).normal((6, 2, 1)), "c": torch.ones(6, 2).long()}
    times = Independent(per_cell=True).sample(joint.cells, 6, noise(2))
    state, targets = joint.corrupt(clean, times, noise(3))
    raw = denoiser.raw(state, times)
    losses = joint.losses(raw, targets, state, times)
    for name, part in parts.items():
        cells = part.process.loss(raw[name], targets[name], state[name], times[name])
        assert cells.shape == (6, 2)
        torch.testing.assert_close(losses[name], part.weight * cells.sum(dim=1))


def test_clean_rows_carry_no_loss(joint, clean):
    times = {"x": torch.zeros(6, 2), "c": torch.zeros(6, 1)}
    state, targets = joint.corrupt(clean, times, noise())
    raw = {"x": torch.ones(6, 2, 1), "c": torch.zeros(6, 2, 3)}
    losses = joint.losses(raw, targets, state, times)
    assert all((loss == 0).all() for loss in losses.values())


def test_clamp_sets_known_cells_and_their_times_and_no_others(joint, clean):
    known = torch.tensor([[True, False]]).expand(6, 2)
    observed = Observed({"x": clean["x"]}, {"x": known})
    prior = joint.prior(6, noise(4))
    state = joint.clamp(prior, observed)
    assert torch.equal(state["x"][:, 0], clean["x"][:, 0])
    assert torch.equal(state["x"][:, 1], prior["x"][:, 1])
    assert torch.equal(state["c"], prior["c"])
    t = torch.full((1, 1), 0.5)
    times = joint.clamp_times({"x": t, "c": t}, observed)
    assert torch.equal(times["x"], torch.tensor([[0.0, 0.5]]).expand(6, 2))
    assert times["c"] is t


def test_leftover_mask_is_a_bug_not_a_category(joint, clean):
    assert joint.finalize(clean) is clean
    clean["c"][3, 1] = 2
    with pytest.raises(AssertionError, match="a cell of 'c' is still masked"):
        joint.finalize(clean)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_number_that_is_lost_is_a_bug(joint, clean, value):
    clean["x"][0, 0] = value
    with pytest.raises(AssertionError, match="a cell of 'x' is not finite"):
        joint.finalize(clean)


def test_parts_learn_as_parts_of_the_process(joint):
    names = {name for name, _ in joint.named_parameters()}
    assert {name.split(".")[1] for name in names} == {"x", "c"}
