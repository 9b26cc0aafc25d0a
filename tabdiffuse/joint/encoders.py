"""Encoders: how a modality looks in the state space of another.

MT-Diffusion (Chen et al. 2024, arXiv 2407.17571) adds encodings ``E_i(x_i)`` to the shared state.
An encoder takes the *mean* of a modality, ``(B, cells, K)`` probabilities or ``(B, cells, F)``
numbers, so that what is only guessed can be encoded as well: for an encoder that is linear in it,
the encoding of the expected value is the expected encoding, which is what the exact reverse step
needs. All of them are fixed or without gradient, for an encoder that learnt from the heads' loss
would make itself easy to read and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tabdiffuse._random import generator
from tabdiffuse.spaces import CategoricalSpace, RealSpace, Space

__all__ = [
    "BackboneEncoder",
    "Encoder",
    "FixedGenerator",
    "FunctionEncoder",
    "IdentityEncoder",
    "TableEncoder",
]

Encoder = Callable[[Tensor], Tensor]
"""Means ``(B, cells, K or F)`` in, states ``(B, L, F)`` of the shared space out."""


class IdentityEncoder(nn.Module):
    """Numbers in the state space of the latent stay what they are."""

    def forward(self, mean: Tensor) -> Tensor:
        """Return ``(B, L, F)`` as it is."""
        return mean


class FixedGenerator(nn.Module):
    """A fixed random linear map; the same seed gives the same map.

    Each cell of the shared state mixes the cells of the modality, or takes its own where there are
    as many of them, and maps what it got to its features. The encoding of one value has the
    standard deviation ``scale``, and equally probable categories are encoded as 0.

    Parameters
    ----------
    space : Space
        State space of the modality.
    shared : RealSpace
        State space of the latent.
    scale : float
        Standard deviation of a number in the latent.
    unit : float
        Standard deviation of a number in the modality; 1 for categories.
    seed : int
        Seed of the map.
    """

    mixing: Tensor
    features: Tensor

    def __init__(
        self, space: Space, shared: RealSpace, *, scale: float, unit: float, seed: int
    ) -> None:
        super().__init__()
        random = generator(seed, "fixed generator")
        categorical = isinstance(space, CategoricalSpace)
        inputs = max(space.cardinalities) if isinstance(space, CategoricalSpace) else space.features
        features = torch.randn(shared.cells, inputs, shared.features, generator=random) * scale
        features = _centred(features) if categorical else features / (inputs**0.5 * unit)
        mixing = torch.randn(shared.cells, space.cells, generator=random) / space.cells**0.5
        if space.cells == 1:
            mixing = torch.ones_like(mixing)
        elif space.cells == shared.cells:
            mixing = torch.eye(space.cells)
        self.register_buffer("mixing", mixing, persistent=False)
        self.register_buffer("features", features, persistent=False)

    def forward(self, mean: Tensor) -> Tensor:
        """Map ``(B, cells, K or F)`` to ``(B, L, F)``."""
        mixed = torch.einsum("lc,bck->blk", self.mixing.to(mean.dtype), mean)
        return torch.einsum("blk,lkf->blf", mixed, self.features.to(mean.dtype))


class TableEncoder(nn.Module):
    """A state of the latent for each category of a single cell, for instance the class means.

    Parameters
    ----------
    table : Tensor
        ``(K, L, F)``.
    """

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)

    def forward(self, mean: Tensor) -> Tensor:
        """Average the states by the probabilities ``(B, 1, K)``."""
        return average_states(mean, self.table)


class BackboneEncoder(nn.Module):
    """The shared network as encoder: what it expects of the latent, given this modality alone.

    ``E(x) = E_theta[z_0 | x]``, the denoised latent when the latent is at time 1 and the value is
    shown, without gradient. It lies in the latent's space and in its units, needs no weights of its
    own, and cannot collapse, as the latent's own loss at late times determines it. It moves while
    the network learns, and costs a pass through the network wherever it is used: one with as many
    rows as there are categories, or as many as the batch for numbers. Before it has learnt anything
    it is near 0.

    Parameters
    ----------
    categories : int or None
        Number of categories of the single cell; None for numbers.
    """

    network: Callable[[Tensor], Tensor] | None = None

    def __init__(self, categories: int | None) -> None:
        super().__init__()
        self.categories = categories

    def forward(self, mean: Tensor) -> Tensor:
        """Ask the network about the numbers, or about every category and average."""
        assert self.network is not None, "attach the network to the joint process first"
        with torch.no_grad():
            if self.categories is None:
                return self.network(mean)
            states = torch.arange(self.categories, device=mean.device)[:, None]
            return average_states(mean, self.network(states))


class FunctionEncoder(nn.Module):
    """A callable of the user's, called without gradient.

    Parameters
    ----------
    function : callable
        Means ``(B, cells, K or F)`` in, ``(B, L, F)`` out. Weights of a module are frozen.
    """

    def __init__(self, function: Encoder) -> None:
        super().__init__()
        self.function = function
        if isinstance(function, nn.Module):
            function.requires_grad_(False)

    def forward(self, mean: Tensor) -> Tensor:
        """Call the function."""
        with torch.no_grad():
            return self.function(mean)


def _centred(features: Tensor) -> Tensor:
    """Take the mean over the categories off ``(L, K, F)``, and make up for the lost spread."""
    count = features.shape[1]
    spread = math.sqrt(count / max(count - 1, 1))
    return (features - features.mean(dim=1, keepdim=True)) * spread


def average_states(mean: Tensor, table: Tensor) -> Tensor:
    """Average the states ``(K, L, F)`` of categories by probabilities ``(B, 1, K)``."""
    return torch.einsum("bk,klf->blf", mean[:, 0], table.to(mean.dtype))
