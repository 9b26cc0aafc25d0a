"""What the network expects of cells it is not shown: their law in one call, cell by cell."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from tabdiffuse._random import Noise, generator
from tabdiffuse.denoiser import Denoise
from tabdiffuse.joint import JointProcess, Observed

__all__ = ["expectation"]


@torch.no_grad()
def expectation(
    denoise: Denoise,
    joint: JointProcess,
    observed: Observed,
    wanted: str,
    *,
    seed: int,
    batch_size: int,
    device: torch.device,
) -> Tensor:
    """Give the law of each cell of a modality given the evidence.

    At time 1 a cell is noise, which tells nothing, so the denoiser's answer there is that of the
    evidence alone: the mean of numbers, and the probabilities of the categories of each cell by
    itself (Rojas et al. 2025, arXiv 2506.07903, decoupled times).

    Parameters
    ----------
    denoise, joint
        The denoiser and its process.
    observed : Observed
        Known cells of the rows, at least one modality; everything else is hidden.
    wanted : str
        The modality that is asked about.
    seed : int
        Seed of the noise that stands in the hidden cells: the same in each row, so that the answer
        to a row is its own.
    batch_size : int
        Rows in one call of the network.
    device : torch.device
        Where the network is.

    Returns
    -------
    Tensor
        Means ``(n, L, F)``, or log-probabilities ``(n, L, K)``, on the CPU.
    """
    blank = joint.prior(1, Noise([generator(seed)], device))
    rows = len(next(iter(observed.known.values())))
    answers = []
    for start in range(0, rows, batch_size):
        chunk = slice(start, min(start + batch_size, rows))
        own = observed.apply(partial(_take, chunk=chunk, device=device))
        hidden = {n: x.repeat_interleave(chunk.stop - start, 0) for n, x in blank.items()}
        times = dict.fromkeys(joint.cells, torch.ones(1, 1, device=device))
        prediction = denoise(joint.clamp(hidden, own), joint.clamp_times(times, own))
        answers.append(prediction[wanted].float().cpu())
    return torch.cat(answers)


def _take(values: Tensor, chunk: slice, device: torch.device) -> Tensor:
    return values[chunk].to(device)
