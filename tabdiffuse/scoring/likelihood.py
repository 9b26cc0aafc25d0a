"""Likelihood of cells: the errors of the denoiser along a path from data to noise, added up.

For processes side by side, each with its noise, ``-log p(x0)`` is the sum over the cells of what
`Process.surprise` says: for numbers the excess of the squared error over that of a normal law,
integrated over the signal-to-noise ratio (Kong et al. 2023, arXiv 2302.03792), and for categories
the surprise at the time at which each is masked (Sahoo et al. 2024, arXiv 2406.07524). For an
optimal denoiser and many steps the sum is exact in every order in which categories are masked; the
categories' part is a bound for few steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Prediction, State, Times
from tabdiffuse.scoring.quadrature import Quadrature
from tabdiffuse.scoring.questions import Question

__all__ = ["predict_hidden", "surprise"]


@torch.no_grad()
def surprise(
    denoise: Denoise,
    joint: JointProcess,
    question: Question,
    quadrature: Quadrature,
    *,
    batch_size: int,
    device: torch.device,
    on_rows: Callable[[int], None] | None = None,
) -> dict[str, Tensor]:
    """Compute ``-log p`` of the cells asked about, given the evidence, as a sum over cells.

    What a single cell contributes depends on the order in which cells are noised; only the sum over
    the cells of a row is the log-probability.

    Parameters
    ----------
    denoise : callable
        Predicts the clean data from a state and its times.
    joint : JointProcess
        Modalities side by side.
    question : Question
        Rows, cells asked about, evidence.
    quadrature : Quadrature
        Times and noise.
    batch_size : int
        Rows times noises in one call of the network; what is short of it is filled up, so that
        every call has the same shape and a row's result does not depend on the others.
    device : torch.device
        Where the network is.
    on_rows : callable, optional
        Called with the number of rows of each chunk that is done.

    Returns
    -------
    dict of str to Tensor
        Nats ``(B, L)``, float64 on the CPU: for categories ``-log p``, for numbers ``-log p`` minus
        that of N(0, sigma_data**2); 0 for cells that are not asked about.
    """
    points = quadrature.to(device)
    rows = max(1, batch_size // points.draws)
    return _in_chunks(
        lambda chunk: _walk(denoise, joint, chunk, points), question, rows, device, on_rows
    )


@torch.no_grad()
def predict_hidden(
    denoise: Denoise,
    joint: JointProcess,
    question: Question,
    *,
    batch_size: int,
    device: torch.device,
) -> dict[str, Tensor]:
    """Predict the cells asked about while they are at time 1, given the evidence.

    Parameters
    ----------
    denoise, joint, question, batch_size, device
        As in `surprise`.

    Returns
    -------
    dict of str to Tensor
        Predictions of all cells on the CPU: means, and log-probabilities.
    """

    def predict(chunk: Question) -> Prediction:
        times = chunk.times(torch.ones(()))
        middle = {name: torch.full(x.shape, 0.5, device=device) for name, x in chunk.x0.items()}
        return denoise(_noised(joint, chunk, times, middle), times)

    return _in_chunks(predict, question, batch_size, device)


def _walk(
    denoise: Denoise, joint: JointProcess, question: Question, points: Quadrature
) -> dict[str, Tensor]:
    """Add up the surprise of some rows over the times, and average it over the noises."""
    rows, draws = len(question), points.draws
    each = question.apply(lambda x: x.repeat_interleave(draws, dim=0))
    total = {name: torch.zeros(a.shape, dtype=torch.float64) for name, a in each.asked.items()}
    total = {name: nats.to(each.device) for name, nats in total.items()}
    before = _noised(joint, each, each.times(torch.zeros(())), points.at(0, rows))
    for step, (time, weight) in enumerate(zip(points.times, points.weights, strict=True)):
        now = each.times(time)
        state = _noised(joint, each, now, points.at(step, rows))
        pred = denoise(state, now)
        for name, part in joint.parts().items():
            total[name] += part.process.surprise(
                pred[name], each.x0[name], state[name], before[name], now[name], weight
            )
        before = state
    return {
        name: torch.where(each.asked[name], nats, 0.0).view(rows, draws, -1).mean(dim=1)
        for name, nats in total.items()
    }


def _noised(
    joint: JointProcess, question: Question, times: Times, u: Mapping[str, Tensor]
) -> State:
    """Noise each cell to its time, with the given quantiles."""
    return {
        name: part.process.noised(question.x0[name], times[name], u[name])
        for name, part in joint.parts().items()
    }


def _in_chunks(
    answer: Callable[[Question], Mapping[str, Tensor]],
    question: Question,
    rows: int,
    device: torch.device,
    on_rows: Callable[[int], None] | None = None,
) -> dict[str, Tensor]:
    """Answer in chunks of one size; the last row of a kind stands for those that are short."""
    assert len(question) > 0, "no rows"
    found: dict[str, Tensor] = {}
    for kind in question.by_kind():
        for own in kind.split(rows):
            filled = own[torch.arange(rows).clamp_max(len(own) - 1)]
            answers = answer(question.take(filled, device))
            for name, values in answers.items():
                if name not in found:
                    found[name] = values.new_empty(len(question), *values.shape[1:], device="cpu")
                found[name][own] = values[: len(own)].cpu()
            if on_rows is not None:
                on_rows(len(own))
    return found
