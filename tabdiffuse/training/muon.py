"""Muon: matrices step equally far in all their directions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["MuonAdamW", "orthogonalized"]

# The quintic of Jordan et al. 2024: steep at 0, so that small directions grow fast, and within
# 0.68 to 1.13 from there on. Closer to 1 would cost more rounds and train no better.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5
_LIKE_ADAMW = 0.2  # root mean square of an entry of AdamW's usual step, over the learning rate


def orthogonalized(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices near 1, their directions kept.

    Newton and Schulz's iteration, on all matrices of a stack at once.

    Parameters
    ----------
    matrices : Tensor
        ``(k, m, n)``; a matrix of zeros stays one. The type is that of the products.

    Returns
    -------
    Tensor
        The same shape and type.
    """
    a, b, c = _QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    for _ in range(_ROUNDS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class MuonAdamW(torch.optim.AdamW):
    """Muon for the hidden matrices of a network, AdamW for everything else.

    The momentum of a matrix is orthogonalised, so that rare directions are learnt as fast as
    common ones (Jordan et al. 2024, kellerjordan.github.io/posts/muon), and scaled to the size of
    AdamW's steps, so that one learning rate suits both (Liu et al. 2025, arXiv 2502.16982, eq. 4).

    Parameters
    ----------
    matrices : iterable of Tensor
        Weights of two dimensions. Those of equal shape are worked on together.
    others : list of dict
        Parameter groups for AdamW.
    betas : tuple of float
        Of AdamW.
    momentum : float
        Decay of the mean of a matrix's gradients.
    weight_decay : float
        Decay of the matrices.
    dtype : torch.dtype
        Type of the products of matrices; bfloat16 is exact enough.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: list[dict[str, Any]],
        *,
        betas: tuple[float, float],
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        super().__init__(others, lr=0.0, betas=betas, fused=True)
        self._momentum, self._dtype = momentum, dtype
        self.add_param_group({"params": list(matrices), "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Step the matrices, then the rest."""
        assert closure is None, "the loss is computed before the step"
        alike = defaultdict(list)
        for matrix in self.param_groups[-1]["params"]:
            if matrix.grad is not None:
                alike[matrix.shape].append(matrix)
        for group in alike.values():
            self._step_alike(group)
        super().step()

    def _step_alike(self, matrices: list[Tensor]) -> None:
        """Step matrices of one shape; AdamW does not see their gradients, which are taken off."""
        rate, decay = self.param_groups[-1]["lr"], self.param_groups[-1]["weight_decay"]
        gradients = [_taken_gradient(matrix) for matrix in matrices]
        for matrix, gradient in zip(matrices, gradients, strict=True):
            if not self.state[matrix]:
                self.state[matrix]["momentum"] = torch.zeros_like(gradient)
        means = [self.state[matrix]["momentum"] for matrix in matrices]
        torch._foreach_lerp_(means, gradients, 1 - self._momentum)
        torch._foreach_lerp_(gradients, means, self._momentum)  # Nesterov's look ahead
        moves = orthogonalized(torch.stack(gradients).to(self._dtype)).to(gradients[0].dtype)
        size = _LIKE_ADAMW * math.sqrt(max(matrices[0].shape))
        live = [matrix.detach() for matrix in matrices]
        torch._foreach_mul_(live, 1 - rate * decay)
        torch._foreach_add_(live, list(moves.unbind()), alpha=-rate * size)


def _taken_gradient(matrix: Tensor) -> Tensor:
    gradient, matrix.grad = matrix.grad, None
    assert gradient is not None
    return gradient
