"""Tiny networks for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from tabdiffuse._random import generator, seeded_initialisation
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.joint import ProductProcess
from tabdiffuse.modalities import (
    CategoricalModality,
    Modality,
    NumericModality,
    TextModality,
    VectorModality,
    WordTokenizer,
)
from tabdiffuse.modalities.discrete_image import DiscreteImageModality
from tabdiffuse.modalities.image import ImageModality
from tabdiffuse.nn.dit import DiT, DiTConfig

WIDTH = 16

CAPTIONS = ["a red cat", "two blue birds", "a bird, and a red cat!", "", "cat", "a blue cat (red)"]

MODALITIES = {
    "numeric": lambda: NumericModality(3),
    "categorical": lambda: CategoricalModality((2, 4, 3)),
    "image": lambda: ImageModality(4, 6, channels=2),
    "map": lambda: DiscreteImageModality(4, 6, 3),
    "vector": lambda: VectorModality(6, tokens=2),
    "text": lambda: TextModality(8, tokenizer=WordTokenizer().fit(CAPTIONS)),
    "labels": lambda: CategoricalModality(categories=["cat", "bird", "fish"]),
}
"""One of each kind; a new modality joins the shared tests by a line here."""


def mixed_parts() -> dict[str, Modality]:
    """Two numbers and two categories."""
    return {"x": NumericModality(2), "c": CategoricalModality((3, 2))}


def tiny_denoiser(
    parts: Mapping[str, Modality],
    seed: int = 0,
    *,
    width: int = WIDTH,
    depth: int = 2,
    tokens: Sequence[int] | None = None,
) -> Denoiser:
    """Build an untrained network; its answers are those without evidence."""
    with seeded_initialisation(seed):
        for part in parts.values():
            part.build(width)
        config = DiTConfig(width=width, depth=depth, heads=2)
        return Denoiser(ProductProcess(parts, tokens), DiT(config))


def lively_denoiser(parts: Mapping[str, Modality], seed: int = 0, **options: Any) -> Denoiser:
    """Build a network with random weights everywhere, as if it had been trained on something."""
    denoiser = tiny_denoiser(parts, seed, **options)
    random = generator(seed, "lively")
    with torch.no_grad():
        for parameter in denoiser.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random), alpha=0.3)
    return denoiser.eval()
