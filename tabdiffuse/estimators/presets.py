"""Presets: every constant of the recipe, from the size of the network to the steps of sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch

from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.rules import (
    COUNT,
    COUNT_OR_ZERO,
    FLAG,
    NON_NEGATIVE,
    POSITIVE,
    SHARE,
    SHARE_BELOW_ONE,
    WIDTH,
    Rule,
    one_of,
)
from tabdiffuse.nn.dit import DiTConfig

__all__ = [
    "MULTIMODAL_PRESETS",
    "NETWORK",
    "PRESETS",
    "TABLES_ONLY",
    "Preset",
    "check_no_table_fields",
    "choose_preset",
]

NETWORK = tuple(field.name for field in fields(DiTConfig))
"""Fields of a preset that size the backbone."""

TABLES_ONLY = (
    "frequencies",
    "one_token",
    "mask_coupling",
    "categorical_weight",
    "min_atom_mass",
    "max_atoms",
)
"""Fields that say how a table becomes modalities; other modalities are made by their user."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A recipe: every constant of network, training and sampling.

    Arguments of the estimator of the same name win over these fields.

    Parameters
    ----------
    width : int
        Width of a token, a multiple of 8 and of ``heads``.
    depth, heads : int
        Blocks and attention heads.
    mlp_ratio : float
        Hidden width of the feed-forward part, in units of ``width``.
    time_features : int
        Features of the time that modulate the blocks (adaLN-Zero).
    frequencies : int
        Learned frequencies with which a number enters as waves; 0 leaves a straight line. Tables
        only.
    one_token : bool
        Whether a number and its events share one token, or have one each. Tables only.
    batch_size : int
        Rows of a training step.
    max_steps, min_steps : int
        Bounds of the number of training steps.
    epochs : float
        Passes over the data, within these bounds.
    learning_rate : float
        Peak of the learning rate.
    warmup : float
        Share of the run in which the rate rises to its peak, in [0, 1).
    final_lr : float
        Rate at the end over its peak, in [0, 1].
    beta1, beta2 : float
        Decay of AdamW's means of gradients and of their squares, in [0, 1).
    weight_decay : float
        AdamW's decay of matrices; vectors do not decay.
    clip : float
        Largest norm of the gradient.
    ema_gamma : float
        Exponent of the average of the weights: step i weighs i**gamma, so 16 averages over about
        the last 6 % of the run, 0 over all of it.
    clean, independent : float
        Shares of the batches with random cells clean (for `MultimodalDiffusion`, in half of them
        whole modalities), and with a time of its own for each cell (modality); in the others, all
        cells of a row have one time.
    categorical_weight : float
        Loss weight of a categorical cell; a number's is 1. Tables only.
    mask_coupling : {"systematic", "independent"}
        How the masked cells of a row are chosen; see `CategoricalModality`. Tables only.
    min_atom_mass : float
        Share of the rows, in [0, 1], from which one value of a number is an event. Tables only.
    max_atoms : int
        Number of distinct values up to which each is an event; 0 or more. Tables only.
    n_steps : int
        Sampling steps.
    prior_scale : float
        Factor on the noise of numbers with which sampling starts. A network that minimises squared
        errors removes a little too much noise, which costs the tails of the columns; slightly more
        noise makes up for it (Karras et al. 2022, arXiv 2206.00364, section 4, on S_noise).

    Raises
    ------
    ParameterError
        When a value is out of its range, or two do not go together.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from tabdiffuse import PRESETS, TabularDiffusion
    >>> recipe = replace(PRESETS["fast"], heads=4, ema_gamma=8)
    >>> TabularDiffusion(preset=recipe).preset.heads
    4
    """

    width: int
    depth: int
    heads: int
    mlp_ratio: float = 4.0
    time_features: int = 16
    frequencies: int = 6
    one_token: bool = True

    batch_size: int
    max_steps: int
    min_steps: int
    epochs: float
    learning_rate: float
    warmup: float = 0.02
    final_lr: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0
    ema_gamma: float = 16.0

    clean: float = 0.1
    independent: float = 0.1
    categorical_weight: float = 1.0
    mask_coupling: Literal["systematic", "independent"] = "systematic"
    min_atom_mass: float = 0.04
    max_atoms: int = 20

    n_steps: int
    prior_scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name, rule in _RULES.items():
            if not rule.accepts(getattr(self, name)):
                raise ParameterError(
                    f"The field {name!r} of a Preset must be {rule.text}. "
                    f"Got {getattr(self, name)!r} instead."
                )
        if self.width % self.heads:
            raise ParameterError(
                f"The width of a Preset must be a multiple of its heads. Got width={self.width} "
                f"and heads={self.heads}; heads=1, 2, 4 and 8 divide every width."
            )
        if self.clean + self.independent > 1:
            raise ParameterError(
                "The shares 'clean' and 'independent' of a Preset must sum to 1 at most; the rest "
                f"of the batches has one time a row. Got {self.clean} and {self.independent}."
            )
        if self.min_steps > self.max_steps:
            raise ParameterError(
                "The field 'min_steps' of a Preset must be 'max_steps' at most. Got "
                f"{self.min_steps} and {self.max_steps}; set both, or pass max_steps to the "
                "estimator, which fixes the number of steps."
            )

    @property
    def network(self) -> DiTConfig:
        """Size of the backbone."""
        return DiTConfig(**{name: getattr(self, name) for name in NETWORK})

    @property
    def tied(self) -> float:
        """Share of the batches in which all cells of a row have one time."""
        return max(0.0, 1 - self.independent - self.clean)

    def steps_for(self, rows: int, batch_size: int) -> int:
        """Return the number of training steps for data of ``rows`` rows."""
        wanted = round(self.epochs * rows / min(batch_size, rows))
        return max(self.min_steps, min(self.max_steps, wanted))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; ``Preset(**values)`` is the preset again."""
        return {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in asdict(self).items()
        }


_RULES: dict[str, Rule] = {
    "width": WIDTH,
    **dict.fromkeys(("depth", "heads", "time_features", "batch_size", "n_steps"), COUNT),
    **dict.fromkeys(("max_steps", "min_steps"), COUNT),
    **dict.fromkeys(("frequencies", "max_atoms"), COUNT_OR_ZERO),
    **dict.fromkeys(
        ("mlp_ratio", "epochs", "learning_rate", "clip", "categorical_weight", "prior_scale"),
        POSITIVE,
    ),
    **dict.fromkeys(("weight_decay", "ema_gamma"), NON_NEGATIVE),
    **dict.fromkeys(("warmup", "beta1", "beta2"), SHARE_BELOW_ONE),
    **dict.fromkeys(("final_lr", "clean", "independent", "min_atom_mass"), SHARE),
    "one_token": FLAG,
    "mask_coupling": one_of(("systematic", "independent")),
}

# From a width of 64 on, products of half the bits and Muon make width cheap: a step of six times
# the weights takes twice the time. It goes into elementwise passes, of which few blocks make few.
_WIDE = Preset(
    width=96,
    depth=3,
    heads=4,
    batch_size=256,
    learning_rate=6e-3,
    max_steps=6_000,
    min_steps=1_500,
    epochs=150,
    n_steps=50,
    prior_scale=1.01,
)

PRESETS = {
    "fast": Preset(
        width=32,
        depth=3,
        heads=2,
        batch_size=256,
        learning_rate=6e-3,
        max_steps=12_000,
        min_steps=1_500,
        epochs=300,
        n_steps=20,
        prior_scale=1.01,
    ),
    "balanced": _WIDE,
    "best": replace(_WIDE, max_steps=16_000, min_steps=3_000, epochs=300),
}
"""Defaults for tables."""

# A patch or a vector carries more than a cell of a table, so tokens are wider. Such data often have
# few rows, which reward many small steps more than large ones. Joint samples want tied times,
# conditionals want one modality clean while another is noisy. The rates are those of Muon.
MULTIMODAL_PRESETS = {
    "fast": Preset(
        width=64,
        depth=3,
        heads=4,
        batch_size=64,
        learning_rate=4e-3,
        max_steps=16_000,
        min_steps=6_000,
        epochs=125,
        clean=0.4,
        independent=0.2,
        n_steps=25,
    ),
    "balanced": Preset(
        width=96,
        depth=4,
        heads=4,
        batch_size=128,
        learning_rate=4e-3,
        max_steps=30_000,
        min_steps=8_000,
        epochs=300,
        clean=0.4,
        independent=0.2,
        n_steps=50,
    ),
    "best": Preset(
        width=128,
        depth=6,
        heads=8,
        batch_size=256,
        learning_rate=2e-3,
        max_steps=60_000,
        min_steps=12_000,
        epochs=600,
        clean=0.4,
        independent=0.2,
        n_steps=100,
    ),
}
"""Defaults for named modalities, under the same names."""


def choose_preset(
    given: str | Preset, device: torch.device, presets: Mapping[str, Preset] = PRESETS
) -> Preset:
    """Return a preset by name, or the one that is given.

    "auto" is "fast" on a CPU and "balanced" on anything else.
    """
    if isinstance(given, Preset):
        return given
    if given == "auto":
        given = "fast" if device.type == "cpu" else "balanced"
    return presets[given]


def check_no_table_fields(preset: Preset) -> None:
    """Refuse what would change nothing: the modalities are made by the user."""
    usual = MULTIMODAL_PRESETS["fast"]
    for name in TABLES_ONLY:
        if getattr(preset, name) != getattr(usual, name):
            raise ParameterError(
                f"The field {name!r} of a Preset is for tables; MultimodalDiffusion takes its "
                f"modalities as they are. Got {getattr(preset, name)!r}; leave it at "
                f"{getattr(usual, name)!r} and set what you need on the modality."
            )
