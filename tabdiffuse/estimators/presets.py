"""Presets: how large the network is, how long it trains, how it is sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from tabdiffuse.nn.dit import DiTConfig

__all__ = ["MULTIMODAL_PRESETS", "PRESETS", "Preset", "choose_preset"]


@dataclass(frozen=True)
class Preset:
    """One set of defaults.

    Attributes
    ----------
    network : DiTConfig
        Size of the backbone.
    batch_size : int
        Rows of a training step.
    learning_rate : float
        Peak of the learning rate.
    max_steps, min_steps : int
        Bounds of the number of training steps.
    epochs : float
        Passes over the data, within these bounds.
    n_steps : int
        Sampling steps.
    """

    network: DiTConfig
    batch_size: int
    learning_rate: float
    max_steps: int
    min_steps: int
    epochs: float
    n_steps: int

    def steps_for(self, rows: int, batch_size: int) -> int:
        """Return the number of training steps for data of ``rows`` rows."""
        wanted = round(self.epochs * rows / min(batch_size, rows))
        return max(self.min_steps, min(self.max_steps, wanted))


PRESETS = {
    "fast": Preset(DiTConfig(32, 3, 2), 256, 6e-3, 12_000, 1_500, 300, 20),
    "balanced": Preset(DiTConfig(48, 4, 4), 512, 2e-3, 20_000, 2_000, 300, 50),
    "best": Preset(DiTConfig(64, 5, 4), 1024, 2e-3, 30_000, 3_000, 600, 100),
}

"""Defaults for tables."""

# A patch or a vector carries more than a cell of a table, so tokens are wider. Such data often have
# few rows, which reward many small steps more than large ones.
MULTIMODAL_PRESETS = {
    "fast": Preset(DiTConfig(64, 3, 4), 64, 2e-3, 16_000, 6_000, 125, 25),
    "balanced": Preset(DiTConfig(96, 4, 4), 128, 2e-3, 30_000, 8_000, 300, 50),
    "best": Preset(DiTConfig(128, 6, 8), 256, 1e-3, 60_000, 12_000, 600, 100),
}
"""Defaults for named modalities, under the same names."""


def choose_preset(
    name: str, device: torch.device, presets: Mapping[str, Preset] = PRESETS
) -> Preset:
    """Return a preset by name; "auto" is "fast" on a CPU and "balanced" on anything else."""
    if name == "auto":
        name = "fast" if device.type == "cpu" else "balanced"
    return presets[name]
