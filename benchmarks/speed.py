"""Where the time of a training step and of a sampling step goes, by kind of kernel."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from tabdiffuse import TabularDiffusion

WARM_UP, STEPS, REPEATS = 25, 100, 5
SAMPLE_STEPS, SAMPLE_ROWS = 20, 2048

KINDS = {
    "linear layers": ("aten::addmm", "aten::mm"),
    "attention products": ("aten::bmm", "aten::baddbmm"),
    "softmax": ("aten::_softmax", "aten::_log_softmax"),
    "activation": ("aten::gelu",),
    "layer norm": ("aten::native_layer_norm",),
    "copies": ("aten::copy_", "aten::cat", "aten::index", "aten::gather"),
    "optimizer, clipping, average": ("aten::_fused_adamw", "aten::lerp", "aten::linalg_vector"),
}


@dataclass(frozen=True)
class Speed:
    """Rows a second, and the share of each kind of kernel.

    Parameters
    ----------
    rows_per_second : list of float
        One entry for each repeat.
    shares : dict of str to float
        Share of the profiled time, summing to 1.
    """

    rows_per_second: list[float]
    shares: dict[str, float]


def measure(train: pd.DataFrame, preset: Any, device: str) -> dict[str, Speed]:
    """Measure training and sampling on a table.

    Parameters
    ----------
    train : DataFrame
        Rows to train on.
    preset : str
        Preset of the model.
    device : str
        Where to run.
    """
    model = TabularDiffusion(preset=preset, device=device, random_state=0, verbose=0)
    model.set_params(max_steps=WARM_UP + STEPS).fit(train)
    rates = [_training_rate(model.fit(train)) for _ in range(REPEATS)]

    def sample() -> pd.DataFrame:
        return model.sample(SAMPLE_ROWS, n_steps=SAMPLE_STEPS, random_state=0)

    sample_rates = [SAMPLE_ROWS / _seconds(sample) for _ in range(REPEATS)]
    return {
        "training": Speed(rates, _shares(lambda: model.fit(train))),
        f"sampling in {SAMPLE_STEPS} steps": Speed(sample_rates, _shares(sample)),
    }


def render(speeds: dict[str, Speed]) -> Table:
    """Lay the measurements out as a table; speeds are median and range."""
    table = Table("", *speeds, title="Speed, and where the time goes")
    table.add_row("rows a second", *(_spread(s.rows_per_second) for s in speeds.values()))
    for kind in [*KINDS, "everything else"]:
        table.add_row(kind, *(f"{100 * s.shares[kind]:.0f} %" for s in speeds.values()))
    return table


def _spread(rates: list[float]) -> str:
    return f"{np.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


def _training_rate(model: TabularDiffusion) -> float:
    """Rows a second of a fit after its warm-up, from its history."""
    history = model.history_
    first, last = history[history["step"] >= WARM_UP].iloc[[0, -1]].to_dict("records")
    return float((last["rows"] - first["rows"]) / (last["seconds"] - first["seconds"]))


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _shares(work: Callable[[], Any]) -> dict[str, float]:
    """Profile a call and add up the self time of its kernels by kind."""
    activities = [ProfilerActivity.CPU]
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as recorded:
        work()
    sums = dict.fromkeys([*KINDS, "everything else"], 0.0)
    for event in recorded.key_averages():
        spent = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        sums[_kind(event.key)] += spent
    total = sum(sums.values())
    return {kind: spent / total for kind, spent in sums.items()}


def _kind(kernel: str) -> str:
    for kind, prefixes in KINDS.items():
        if kernel.startswith(prefixes):
            return kind
    return "everything else"
