"""The mean of a number given the rest of its row, and refusals of what cannot be predicted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tabdiffuse._random import Noise, generator
from tabdiffuse.denoiser import Denoise
from tabdiffuse.errors import ParameterError
from tabdiffuse.joint import JointProcess, Observed, State
from tabdiffuse.sampling.sampler import sample
from tabdiffuse.sampling.solvers import TwoM
from tabdiffuse.scoring import Question

__all__ = ["conditional_mean", "no_probabilities", "nothing_to_predict"]


def no_probabilities(name: Any) -> ParameterError:
    """Say that numbers have no table of probabilities."""
    return ParameterError(
        f"{name!r} holds numbers of which any is possible, so they have no table of "
        f"probabilities. Use predict(X, {name!r}) for their mean, or sample to draw them."
    )


def nothing_to_predict(name: Any) -> ParameterError:
    """Say that a column was constant."""
    return ParameterError(
        f"Column {name!r} was constant in the training data: there is nothing to predict."
    )


class _CommonNoise(Noise):
    """The same numbers for every row, which stands in the batch several times."""

    def __init__(self, seed: int, rows: int, device: torch.device) -> None:
        super().__init__([generator(seed)], device)
        self.rows = rows

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw standard normal numbers."""
        return self._repeated(super().normal(self._of_one(shape), dtype))

    def uniform(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Draw numbers uniform in [0, 1)."""
        return self._repeated(super().uniform(self._of_one(shape), dtype))

    def _of_one(self, shape: Sequence[int]) -> list[int]:
        return [shape[0] // self.rows, *shape[1:]]

    def _repeated(self, values: Tensor) -> Tensor:
        return values.repeat(self.rows, *[1] * (values.ndim - 1))


def conditional_mean(
    denoise: Denoise,
    joint: JointProcess,
    question: Question,
    number: tuple[str, int],
    value_of: Callable[[Tensor], Tensor],
    *,
    seed: int,
    n_draws: int,
    n_steps: int,
    batch_size: int,
    device: torch.device,
    on_rows: Callable[[int], None] | None = None,
) -> Tensor:
    """Average a function of one number over its law given the evidence.

    The probability flow carries the quantiles of N(0, 1) to those of the number, so the draws of a
    row are spread evenly over its law. Random numbers, which hidden cells need, are the same for
    every row.

    Parameters
    ----------
    denoise, joint, n_steps, device
        As in `tabdiffuse.sampling.sampler.sample`.
    question : Question
        Rows in which the cells of the number's token are asked about; those other than the number
        hold the value it is conditioned on.
    number : tuple of str and int
        Modality and cell of the number.
    value_of : callable
        From clean numbers ``(n,)`` to what is averaged, ``(n,)`` float64.
    seed : int
        Seed of the random numbers.
    n_draws : int
        Quantiles of each row.
    batch_size : int
        Rows times draws in one call of the network; each call has the same shape.
    on_rows : callable, optional
        Called with the number of rows of each call that is done.

    Returns
    -------
    Tensor
        Means ``(B,)`` float64.
    """
    part, cell = number
    rows = max(1, batch_size // n_draws)
    middles = (torch.arange(n_draws, dtype=torch.float64) + 0.5) / n_draws
    z = torch.special.ndtri(middles).repeat(rows).to(device)
    found = []
    for own in torch.arange(len(question)).split(rows):
        filled = own[torch.arange(rows).clamp_max(len(own) - 1)].repeat_interleave(n_draws)
        chunk = question.take(filled, device)
        start: State = dict(chunk.x0)
        start[part] = start[part].clone()
        start[part][:, cell, 0] = z.to(start[part].dtype)
        noise = _CommonNoise(seed, rows, device)
        held = Observed(
            start,
            {name: ~hidden for name, hidden in chunk.hidden.items()},
            {name: asked.float() for name, asked in chunk.asked.items()},
        )
        state = sample(
            denoise, joint, len(filled), noise, solver=TwoM(), n_steps=n_steps, observed=held
        )
        values = value_of(state[part][:, cell, 0].cpu())
        found.append(values.view(rows, n_draws).mean(dim=1)[: len(own)])
        if on_rows is not None:
            on_rows(len(own))
    return torch.cat(found)
