"""A fixed tiny model in float64, whose weights and inputs come from formulas, not from a generator.

So every platform and every version of the libraries computes the same numbers, up to the rounding
of float64.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from tabdiffuse.denoiser import Denoiser
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tests.tiny import tiny_denoiser

STORED = Path(__file__).with_name("model.json")
SIZES = (3, 2)
ROWS = 4


def wave(shape: tuple[int, ...], phase: float) -> Tensor:
    """Fill a tensor with ``sin(i + phase)``, ``i`` counted from 1."""
    count = torch.Size(shape).numel()
    return (torch.arange(1, count + 1, dtype=torch.float64) + phase).sin().reshape(shape)


def fixed_denoiser() -> Denoiser:
    """Build the model; the phase of a weight is its place among the sorted names."""
    parts = {"x": NumericModality(2), "c": CategoricalModality(SIZES)}
    denoiser = tiny_denoiser(parts, width=8).double()
    with torch.no_grad():
        for place, (_, weight) in enumerate(sorted(denoiser.named_parameters())):
            weight.copy_(0.4 * wave(tuple(weight.shape), float(place)))
    return denoiser.eval()


def fixed_inputs() -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Return states, targets and times: clean, masked and visible cells among them."""
    state = {
        "x": 1.5 * wave((ROWS, 2, 1), 0.5),
        "c": torch.tensor([[3, 0], [1, 2], [3, 2], [2, 1]]),
    }
    targets = {"x": wave((ROWS, 2, 1), 2.5), "c": torch.tensor([[0, 0], [1, 1], [2, 0], [2, 1]])}
    times = {
        "x": torch.tensor([[0.3, 0.8], [0.0, 0.5], [1.0, 1.0], [0.01, 0.0]]).double(),
        "c": torch.tensor([[0.9, 0.0], [0.4, 0.7], [1.0, 1.0], [0.0, 0.0]]).double(),
    }
    return state, targets, times


def compute() -> dict[str, list[float]]:
    """Return raw outputs, predictions and losses, with times of each cell and with one time."""
    denoiser = fixed_denoiser()
    state, targets, times = fixed_inputs()
    tied = dict.fromkeys(times, torch.full((ROWS, 1), 0.6, dtype=torch.float64))
    found = {}
    with torch.no_grad():
        for label, t in (("cells", times), ("tied", tied)):
            raw = denoiser.raw(state, t)
            losses = denoiser.joint.losses(raw, targets, state, t)
            for name in state:
                found[f"{label}/raw/{name}"] = raw[name]
                found[f"{label}/prediction/{name}"] = denoiser(state, t)[name].clamp_min(-1e3)
                found[f"{label}/loss/{name}"] = losses[name]
    return {name: values.clamp_min(-1e3).flatten().tolist() for name, values in found.items()}


def write() -> None:
    """Store the numbers."""
    STORED.write_text(json.dumps(compute(), indent=1) + "\n", encoding="utf-8")


def read() -> dict[str, list[float]]:
    """Return the stored numbers."""
    stored: dict[str, list[float]] = json.loads(STORED.read_text(encoding="utf-8"))
    return stored
