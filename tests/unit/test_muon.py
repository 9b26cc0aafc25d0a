"""Muon: against torch's own, the singular values it leaves, and its place in a training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tabdiffuse import CategoricalModality, ImageModality
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.joint import ProductProcess
from tabdiffuse.nn.dit import DiT, DiTConfig, token_matrices
from tabdiffuse.times import Tied
from tabdiffuse.training.loop import TrainConfig, TrainState, train
from tabdiffuse.training.muon import MuonAdamW, orthogonalized

CONFIG = TrainConfig(max_steps=30, max_time=None, batch_size=8, optimizer="muon", log_every=10)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(12, 20), nn.SiLU(), nn.Linear(20, 12), nn.SiLU(), nn.Linear(12, 20)
    )


def split(model):
    matrices = [p for p in model.parameters() if p.ndim == 2]
    return matrices, [p for p in model.parameters() if p.ndim == 1]


DECAY = 2.0  # strong, so that leaving it out shows


def descend(model, optimizers, steps=20):
    random = torch.Generator().manual_seed(1)
    x, y = (torch.randn(32, size, generator=random) for size in (12, 20))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = 3e-3
    for _ in range(steps):
        model.zero_grad()
        (model(x) - y).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on")
def test_steps_are_those_of_torch_one_matrix_at_a_time():
    ours, theirs = network(), network()
    (matrices, vectors), (others, rest) = split(ours), split(theirs)
    groups = [{"params": vectors, "weight_decay": 0.0}]
    descend(ours, [MuonAdamW(matrices, groups, betas=(0.9, 0.99), weight_decay=DECAY)])
    muon = torch.optim.Muon(others, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    descend(theirs, [muon, adamw])
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-4)
    start = network()
    moved = [
        (p - q).abs().max() for p, q in zip(ours.parameters(), start.parameters(), strict=True)
    ]
    assert min(moved) > 0.01


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has Muon from 2.9 on")
@pytest.mark.parametrize("change", [{"weight_decay": 0.0}, {"momentum": 0.9}, {"nesterov": False}])
def test_the_comparison_with_torch_sees_each_part_of_a_step(change):
    """The control of the test above: without one of its parts torch is farther away."""
    ours, theirs = network(), network()
    (matrices, vectors), (others, rest) = split(ours), split(theirs)
    groups = [{"params": vectors, "weight_decay": 0.0}]
    descend(ours, [MuonAdamW(matrices, groups, betas=(0.9, 0.99), weight_decay=DECAY)])
    settings = {"weight_decay": DECAY, "adjust_lr_fn": "match_rms_adamw"} | change
    adamw = torch.optim.AdamW(rest, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    descend(theirs, [torch.optim.Muon(others, **settings), adamw])
    off = [(p - q).abs().max() for p, q in zip(matrices, others, strict=True)]
    assert max(off) > 2e-4


@pytest.mark.parametrize("shape", [(3, 16, 40), (3, 40, 16), (1, 24, 24)])
def test_singular_values_come_near_one_and_directions_stay(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalized(matrices)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.5
    assert values.max() < 1.3
    assert torch.linalg.svdvals(matrices).min() / torch.linalg.svdvals(matrices).max() < 0.5
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    turned = left.mT @ found @ right.mT  # diagonal, if the singular vectors are the same
    off = turned - torch.diag_embed(turned.diagonal(dim1=-2, dim2=-1))
    assert off.abs().max() < 1e-3


def test_a_matrix_without_gradient_does_not_move():
    assert not orthogonalized(torch.zeros(1, 4, 6)).any()
    model = network()
    matrices, vectors = split(model)
    matrices[0].requires_grad_(False)
    before = matrices[0].clone()
    groups = [{"params": vectors, "weight_decay": 0.0}]
    descend(model, [MuonAdamW(matrices, groups, betas=(0.9, 0.99), weight_decay=0.5)], steps=3)
    assert torch.equal(matrices[0], before)
    assert not torch.equal(matrices[1], network()[2].weight)


def pictures():
    parts = {"image": ImageModality(8, 8, patch=4), "label": CategoricalModality(3)}
    random = torch.Generator().manual_seed(0)
    data = {
        "image": parts["image"].encode(torch.rand(40, 8, 8, generator=random).numpy()),
        "label": parts["label"].encode(torch.randint(0, 3, (40,), generator=random).numpy()),
    }
    torch.manual_seed(0)
    for part in parts.values():
        part.build(16)
    return Denoiser(ProductProcess(parts), DiT(DiTConfig(16, 2, 2))), data


def test_muon_steps_the_matrices_of_the_blocks_and_nothing_else():
    denoiser, _ = pictures()
    hidden = {id(p) for p in token_matrices(denoiser)}
    names = {name for name, p in denoiser.named_parameters() if id(p) in hidden}
    assert names == {
        f"backbone.blocks.{block}.{layer}.weight"
        for block in (0, 1)
        for layer in ("qkv", "out", "expand", "contract")
    }
    optimizer = TrainState.start(denoiser, CONFIG).optimizer
    assert isinstance(optimizer, MuonAdamW)
    everything = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(everything) == sorted(id(p) for p in denoiser.parameters())
    assert {id(p) for p in optimizer.param_groups[-1]["params"]} == hidden


def test_a_training_stopped_between_goes_on_bit_for_bit():
    """The momentum of the matrices is part of what a checkpoint keeps."""
    whole, data = pictures()
    train(whole, data, CONFIG, Tied(), seed=0)
    parted, _ = pictures()
    kept = {}

    def keep(progress, state):
        kept.update({name: tensor.clone() for name, tensor in state.tensors().items()})
        return True

    stopped, reason = train(parted, data, CONFIG, Tied(), seed=0, callbacks=[keep])
    assert (reason, stopped.step) == ("callback", 10)
    assert any(name.startswith("optimizer/momentum/") for name in kept)
    fresh, _ = pictures()
    state = TrainState.start(fresh, CONFIG)
    state.load_tensors(kept)
    state.step = stopped.step
    train(fresh, data, CONFIG, Tied(), seed=0, state=state)
    for p, q in zip(whole.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(p, q)
