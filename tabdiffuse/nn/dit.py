"""Diffusion transformer: tokens and their times in, tokens out (Peebles and Xie 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tabdiffuse.nn.embeddings import TimeEmbedding
from tabdiffuse.nn.patterns import by_pattern

__all__ = ["DiT", "DiTBlock", "DiTConfig", "attention_weights", "token_matrices"]

_SHORTEST_ROW = 16  # floats in a vector of AVX-512


@dataclass(frozen=True)
class DiTConfig:
    """Size of a diffusion transformer.

    Attributes
    ----------
    width : int
        Width D of a token; a multiple of ``heads``.
    depth : int
        Number of blocks.
    heads : int
        Attention heads.
    mlp_ratio : float
        Hidden width of the feed-forward part, in units of ``width``.
    time_features : int
        Features of the time that modulate the blocks. The modulation is a smooth function of one
        number, so a few features are enough and a time for every token stays cheap.
    """

    width: int = 32
    depth: int = 3
    heads: int = 4
    mlp_ratio: float = 4.0
    time_features: int = 16


class DiTBlock(nn.Module):
    """Attention and feed-forward parts, each modulated by the token's time (adaLN-Zero)."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        width, hidden = config.width, int(config.width * config.mlp_ratio)
        self.heads = config.heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.modulation = nn.Linear(config.time_features, 6 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, h: Tensor, c: Tensor) -> Tensor:
        """Map tokens ``(B, L, D)``; ``c`` is ``(B, L, C)``, ``(B, 1, C)`` or ``(1, 1, C)``."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.modulation(c).chunk(6, dim=-1)
        h = torch.addcmul(h, gate_a, self._attend(_modulate(h, shift_a, scale_a)))
        hidden = F.gelu(self.expand(_modulate(h, shift_m, scale_m)))
        return torch.addcmul(h, gate_m, self.contract(hidden))

    def _attend(self, h: Tensor) -> Tensor:
        """Self-attention over the tokens of a row.

        A few dozen tokens with a few dozen channels are too small for the fused kernels, which are
        built for long sequences; two batched products and a softmax are faster.
        """
        rows, tokens, width = h.shape
        qkv = self.qkv(h).view(rows, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, L, D/H)
        mixed = attention_weights(q * (width // self.heads) ** -0.5, k) @ v  # (B, H, L, D/H)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, tokens, width))
        return out


def token_matrices(network: nn.Module) -> list[Tensor]:
    """Return the weights of all blocks in a network that map tokens to tokens."""
    blocks = [part for part in network.modules() if isinstance(part, DiTBlock)]
    return [
        layer.weight
        for block in blocks
        for layer in (block.qkv, block.out, block.expand, block.contract)
    ]


def attention_weights(q: Tensor, k: Tensor) -> Tensor:
    """Softmax over the keys of the products of ``(B, H, L, D/H)`` queries and keys.

    On a CPU the kernel works on one vector of numbers at a time, which shorter rows do not fill:
    the softmax of 15 numbers takes 20 times as long as that of 16. With the keys first, the vectors
    run along the queries. Of numbers of half the bits it takes two to four times as long as of
    whole ones, their conversion included.
    """
    if q.shape[2] < _SHORTEST_ROW:
        return _softmax(k @ q.transpose(-2, -1), -2).transpose(-2, -1)
    return _softmax(q @ k.transpose(-2, -1), -1)


def _softmax(scores: Tensor, dim: int) -> Tensor:
    return (scores.float() if scores.dtype == torch.bfloat16 else scores).softmax(dim)


def _modulate(h: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalise tokens, then scale and shift them."""
    return torch.addcmul(shift, F.layer_norm(h, h.shape[-1:]), 1 + scale)


class DiT(nn.Module):
    """A stack of blocks with a final modulated normalisation.

    Parameters
    ----------
    config : DiTConfig
        Size of the network.
    precision : {"float32", "bfloat16"}, optional
        Type of the products of matrices; weights, sums and normalisations stay float32. Half the
        bits are about twice as fast from a width of 64 on, where the processor has such products.
    """

    def __init__(
        self, config: DiTConfig, *, precision: Literal["float32", "bfloat16"] = "float32"
    ) -> None:
        super().__init__()
        self.config = config
        self.precision = precision
        self.time = TimeEmbedding(config.time_features)
        self.blocks = nn.ModuleList(DiTBlock(config) for _ in range(config.depth))
        self.modulation = nn.Linear(config.time_features, 2 * config.width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, tokens: Tensor, times: Tensor) -> Tensor:
        """Map tokens ``(B, L, D)`` with times ``(B, L)``, ``(B, 1)`` or ``(1, 1)`` to tokens."""
        if not self.training and times.shape[1] > 1 and tokens.device.type == "cpu":
            return by_pattern(self._in_precision, tokens, times)
        return self._in_precision(tokens, times)

    def _in_precision(self, tokens: Tensor, times: Tensor) -> Tensor:
        if self.precision == "float32":
            return self._transform(tokens, times)
        with torch.autocast(tokens.device.type, torch.bfloat16):
            return self._transform(tokens, times).to(tokens.dtype)

    def _transform(self, tokens: Tensor, times: Tensor) -> Tensor:
        c = F.silu(self.time(times))
        h = tokens
        for block in self.blocks:
            h = block(h, c)
        shift, scale = self.modulation(c).chunk(2, dim=-1)
        return _modulate(h, shift, scale)
