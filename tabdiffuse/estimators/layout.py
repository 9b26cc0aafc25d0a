"""The modalities that carry the model columns of a table."""

from __future__ import annotations

from functools import partial
from typing import Literal

from tabdiffuse.denoiser import Denoiser
from tabdiffuse.estimators.base import build_denoiser
from tabdiffuse.estimators.presets import Preset
from tabdiffuse.joint import ProductProcess
from tabdiffuse.modalities import CategoricalModality, Modality, NumericModality
from tabdiffuse.tables import TableLayout

__all__ = ["table_denoiser", "table_modalities", "table_tokens"]


def table_modalities(layout: TableLayout, preset: Preset) -> dict[str, Modality]:
    """Make the modalities of a table; one without columns is absent."""
    modalities: dict[str, Modality] = {}
    if layout.n_numeric:
        modalities["numeric"] = NumericModality(
            layout.n_numeric, frequencies=int(preset.frequencies)
        )
    if layout.cardinalities:
        modalities["categorical"] = CategoricalModality(
            layout.cardinalities,
            frequencies=layout.frequencies,
            weight=float(preset.categorical_weight),
            coupling=preset.mask_coupling,
        )
    return modalities


def table_tokens(layout: TableLayout) -> list[int]:
    """Give every column one token, which carries its number and its events."""
    sources = [*layout.numeric_sources, *layout.categorical_sources]
    places = {name: place for place, name in enumerate(dict.fromkeys(sources))}
    return [places[name] for name in sources]


def table_denoiser(
    layout: TableLayout,
    modalities: dict[str, Modality],
    preset: Preset,
    seed: int,
    precision: Literal["float32", "bfloat16"],
) -> Denoiser:
    """Build the network of a table; equal seeds give equal weights."""
    tokens = table_tokens(layout) if preset.one_token else None
    tie = partial(ProductProcess, tokens=tokens)
    return build_denoiser(modalities, preset.network, seed, precision, tie)
