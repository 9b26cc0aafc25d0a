"""The network: shapes, times, symmetry between columns, gradients."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from tabdiffuse._random import generator
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.nn.dit import DiT, DiTConfig, attention_weights
from tabdiffuse.nn.embeddings import TimeEmbedding
from tabdiffuse.nn.patterns import by_pattern
from tests.tiny import lively_denoiser, mixed_parts, tiny_denoiser


def lively_dit(**sizes) -> DiT:
    dit = DiT(DiTConfig(**{"width": 16, "depth": 2, "heads": 2, **sizes}))
    random = generator(0, "lively")
    with torch.no_grad():
        for parameter in dit.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random), alpha=0.3)
    return dit.double().eval()


def tokens(rows=4, count=5):
    return torch.randn(rows, count, 16, generator=generator(1), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(4, 5), (4, 1), (1, 1)])
def test_output_has_the_shape_of_the_tokens(shape):
    assert lively_dit()(tokens(), torch.full(shape, 0.5).double()).shape == (4, 5, 16)


@pytest.mark.parametrize("count", [1, 5])
def test_a_time_for_all_is_the_same_time_for_each(count):
    dit, h = lively_dit(), tokens(count=count)
    t = torch.rand(4, 1, generator=generator(2)).double()
    torch.testing.assert_close(dit(h, t.expand(4, count).contiguous()), dit(h, t))
    torch.testing.assert_close(dit(h, t[:1]), dit(h, t[:1].expand(4, 1).contiguous()))


def test_the_time_of_one_token_matters_to_all():
    dit, h = lively_dit(), tokens()
    t = torch.full((4, 5), 0.5).double()
    moved = t.clone()
    moved[:, 2] = 0.1
    change = (dit(h, moved) - dit(h, t)).abs().amax(dim=-1)
    assert (change > 1e-6).all()


def test_rows_do_not_see_each_other():
    dit, h = lively_dit(), tokens()
    t = torch.rand(4, 5, generator=generator(2)).double()
    torch.testing.assert_close(dit(h, t)[1:3], dit(h[1:3], t[1:3]))


def patterns(known: list[int], count=5):
    """Times of rows in which so many tokens, wherever they are, are clean."""
    rank = torch.rand(len(known), count, generator=generator(3)).argsort(dim=1).argsort(dim=1)
    return torch.where(rank < torch.tensor(known)[:, None], 0.0, 0.7).double()


@pytest.mark.parametrize(
    ("known", "calls"),
    [
        ([2] * 128 + [3] * 64, [(128, 1), (64, 1)]),
        ([2] * 100 + [3] * 92, [(64, 1), (64, 64), (64, 1)]),  # the second chunk is mixed
        ([2] * 64 + [3] * 6, [(64, 1), (6, 1)]),
        ([1, 2, 3, 4] * 16, [(64, 64)]),
    ],
)
def test_rows_with_equally_many_known_tokens_are_modulated_once(known, calls):
    dit, h, times = lively_dit(), tokens(len(known)), patterns(known)
    seen = []

    def spy(own, t):
        seen.append((len(own), len(t)))
        return dit(own, t)

    done = by_pattern(spy, h, times)
    assert seen == calls
    torch.testing.assert_close(done, dit._transform(h, times))
    torch.testing.assert_close(dit(h, times), dit._transform(h, times))
    shifted = dit._transform(h, times.roll(1, 0))
    assert (shifted - done).abs().max() > 1e-2  # the times of other rows are told apart


@pytest.mark.parametrize("rows", [1, 4])
def test_one_time_said_for_every_token_is_rounded_as_one(rows):
    dit, h = lively_dit().float(), tokens().float()
    once = dit(h, torch.full((1, 1), 0.5))
    assert torch.equal(dit(h, torch.full((rows, 5), 0.5)), once)


def test_rows_of_a_pattern_are_rounded_alike_in_any_batch_of_whole_chunks():
    dit = lively_dit().float()
    h, times = tokens(256).float(), patterns([1] * 100 + [3] * 156).float()
    whole = dit(h, times)
    pieces = zip(h.split(64), times.split(64), strict=True)
    assert torch.equal(whole, torch.cat([dit(own, t) for own, t in pieces]))


def test_tokens_have_no_position():
    dit, h = lively_dit(), tokens()
    t = torch.rand(4, 5, generator=generator(2)).double()
    order = [3, 0, 4, 1, 2]
    torch.testing.assert_close(dit(h[:, order], t[:, order]), dit(h, t)[:, order])


def test_every_token_reads_every_other():
    dit, h = lively_dit(), tokens().requires_grad_()
    t = torch.full((4, 1), 0.3).double()
    for reader in range(5):
        (gradient,) = torch.autograd.grad(dit(h, t)[0, reader].square().sum(), h)
        assert (gradient[0].abs().sum(dim=-1) > 1e-9).all()
        assert (gradient[1:] == 0).all()


def test_an_untrained_network_only_normalises():
    """adaLN-Zero: every block starts as the identity, whatever the time."""
    dit = DiT(DiTConfig(width=16, depth=3, heads=2)).double()
    h = tokens()
    for time in (0.0, 0.7):
        out = dit(h, torch.full((4, 1), time).double())
        torch.testing.assert_close(out, torch.nn.functional.layer_norm(h, (16,)))


@pytest.mark.parametrize("shape", [(4, 5), (4, 1)])
def test_gradient_reaches_every_weight(shape):
    dit = lively_dit()
    dit(tokens(), torch.rand(shape, generator=generator(2)).double()).square().sum().backward()
    silent = [
        name
        for name, p in dit.named_parameters()
        # A constant added to all keys cancels in the softmax, so that part of a bias has none.
        if p.grad is None or not (p.grad.abs() > 1e-12).any()
    ]
    assert silent == []


@pytest.mark.parametrize("depth", [1, 4])
def test_depth_counts_blocks(depth):
    assert len(DiT(DiTConfig(width=16, depth=depth, heads=2)).blocks) == depth


def test_time_features_are_smooth_and_tell_times_apart():
    embedding = TimeEmbedding(8).double()
    t = torch.linspace(0, 1, 1001, dtype=torch.float64)[:, None]
    features = embedding(t)
    assert features.shape == (1001, 1, 8)
    steps = features.diff(dim=0).abs().amax(dim=(1, 2))
    assert steps.max() < 0.1
    assert (steps > 0).all()


def test_time_features_start_from_cosines():
    embedding = TimeEmbedding(8, frequencies=4).double()
    t = torch.tensor([[0.3]], dtype=torch.float64)
    cosines = torch.tensor([[[math.cos(math.pi * k * 0.3) for k in range(4)]]]).double()
    torch.testing.assert_close(embedding(t), embedding.net(cosines), rtol=1e-6, atol=1e-6)


# --- With modalities ------------------------------------------------------------------------------


def permuted_copy(denoiser, order_x, order_c, sizes):
    """Build the same network for permuted columns."""
    parts = {"x": NumericModality(3), "c": CategoricalModality([sizes[j] for j in order_c])}
    copy = lively_denoiser(parts)
    copy.backbone.load_state_dict(denoiser.backbone.state_dict())
    old, new = denoiser.joint.parts(), copy.joint.parts()
    with torch.no_grad():
        for name, weight in old["x"].named_parameters():
            new["x"].get_parameter(name).copy_(weight[order_x])
        for name, weight in old["c"].named_parameters():
            masks = name == "embedding"  # the table with a row for the mask of each cell
            pieces = weight.split([k + masks for k in sizes])
            new["c"].get_parameter(name).copy_(torch.cat([pieces[j] for j in order_c]))
    return copy


def test_permuting_columns_permutes_the_prediction():
    sizes, order_x, order_c = (2, 4, 3), [2, 0, 1], [1, 2, 0]
    parts = {"x": NumericModality(3), "c": CategoricalModality(sizes)}
    denoiser = lively_denoiser(parts)
    copy = permuted_copy(denoiser, order_x, order_c, sizes)
    x = torch.randn(6, 3, 1, generator=generator(3))
    c = torch.stack([torch.arange(6) % (k + 1) for k in sizes], dim=1)  # the mask among them
    t = {name: torch.rand(6, 3, generator=generator(4, name)) for name in ("x", "c")}
    straight = denoiser({"x": x, "c": c}, t)
    turned = copy(
        {"x": x[:, order_x], "c": c[:, order_c]}, {"x": t["x"][:, order_x], "c": t["c"][:, order_c]}
    )
    torch.testing.assert_close(turned["x"], straight["x"][:, order_x], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        turned["c"].exp(), straight["c"][:, order_c].exp(), rtol=1e-4, atol=1e-5
    )
    # The control: without the permutation of the columns the answers differ.
    assert (turned["x"] - straight["x"]).abs().max() > 0.01


def test_untrained_network_answers_with_what_is_known_without_evidence():
    frequencies = [[0.2, 0.5, 0.3], [0.9, 0.1]]
    parts = {"x": NumericModality(2), "c": CategoricalModality((3, 2), frequencies=frequencies)}
    denoiser = tiny_denoiser(parts)
    state = {
        "x": torch.randn(5, 2, 1, generator=generator(6)),
        "c": torch.tensor([[3, 2]]).expand(5, 2),
    }
    t = torch.full((1, 1), 0.6)
    raw = denoiser.raw(state, {"x": t, "c": t})
    assert (raw["x"] == 0).all()
    for cell, expected in enumerate(frequencies):
        found = raw["c"][0, cell].softmax(dim=-1)[: len(expected)]
        torch.testing.assert_close(found, torch.tensor(expected), rtol=0, atol=1e-5)


def test_gradient_reaches_every_weight_of_the_denoiser():
    denoiser = lively_denoiser(mixed_parts())
    state = {
        "x": torch.randn(5, 2, 1, generator=generator(6)),
        "c": torch.tensor([[3, 2], [0, 1], [1, 2], [2, 0], [3, 1]]),
    }
    t = torch.rand(5, 1, generator=generator(5))
    raw = denoiser.raw(state, {"x": t, "c": t})
    loss = raw["x"].square().sum() + raw["c"].softmax(dim=-1).square().sum()
    loss.backward()
    assert [n for n, p in denoiser.named_parameters() if p.grad is None or p.grad.norm() == 0] == []


@pytest.mark.parametrize("tokens", [1, 2, 15, 16, 17, 40])
def test_short_and_long_rows_get_the_same_attention(tokens):
    q, k, v = torch.randn(3, 5, 2, tokens, 8, generator=generator(4))
    expected = F.scaled_dot_product_attention(q, k, v, scale=1.0)
    torch.testing.assert_close(attention_weights(q, k) @ v, expected)
