"""The model file of a table model: JSON, CSV, safetensors and a model card in one archive."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tabdiffuse._version import __version__
from tabdiffuse.estimators.layout import table_denoiser, table_modalities
from tabdiffuse.estimators.members import (
    COMMON_MEMBERS,
    TABLE_MEMBERS,
    common_members,
    kept_parameters,
    load_weights,
    markdown_table,
    misfits_refused,
    preset_of,
    read_json,
    read_members,
    read_table,
    restore_fitted,
    table_members,
)
from tabdiffuse.estimators.presets import Preset
from tabdiffuse.io import write_archive

if TYPE_CHECKING:
    from tabdiffuse.estimators.table import TabularDiffusion

__all__ = ["read_model", "write_model"]


def write_model(model: TabularDiffusion, path: str | os.PathLike[str]) -> None:
    """Write a fitted model; see `TabularDiffusion.save`."""
    members = common_members(model, _storable(kept_parameters(model)), _card(model))
    members |= table_members(model.schema_, model.codec_)
    write_archive(path, members, library_version=__version__)


def read_model(model: TabularDiffusion, path: str | os.PathLike[str], device: torch.device) -> None:
    """Fill an unfitted model from a file; see `TabularDiffusion.load`."""
    members = read_members(path, "table", (*COMMON_MEMBERS, *TABLE_MEMBERS))
    with misfits_refused(path):
        _fill(model, members, device)


def _fill(model: TabularDiffusion, members: dict[str, bytes], device: torch.device) -> None:
    """Set parameters and fitted attributes."""
    config = read_json(members, "config.json")
    model.set_params(**_restored(config["parameters"]))
    codec, preset = read_table(members), preset_of(config)
    model._set_table(codec.schema, codec)
    modalities = table_modalities(codec.layout, preset)
    precision = model._products(device, preset)
    denoiser = table_denoiser(codec.layout, modalities, preset, seed=0, precision=precision)
    denoiser = load_weights(denoiser, members, "columns of the schema")
    restore_fitted(model, config, members, denoiser, device)


def _storable(parameters: dict[str, Any]) -> dict[str, Any]:
    """Write parameters as JSON."""
    kept = dict(parameters)
    if kept["schema"] is not None:
        kept["schema"] = list(kept["schema"].items())
    if isinstance(kept["preset"], Preset):
        kept["preset"] = kept["preset"].to_dict()
    return {k: v.item() if isinstance(v, np.generic) else v for k, v in kept.items()}


def _restored(parameters: dict[str, Any]) -> dict[str, Any]:
    kept = dict(parameters)
    if kept["schema"] is not None:
        kept["schema"] = dict(kept["schema"])
    if isinstance(kept["preset"], dict):
        kept["preset"] = Preset(**kept["preset"])
    return kept


def _card(model: TabularDiffusion) -> str:
    """Write the model card."""
    return "\n".join(
        [
            "# Synthetic-data model",
            "",
            f"A `TabularDiffusion` of tabdiffuse {__version__}. {model._summary()}",
            "",
            "The file holds weights and, column by column, names, categories, and for numbers the",
            "smallest, the largest, frequent values and up to about 1,000 quantiles, which are all",
            "the values of a column that has fewer. It holds no training rows. It gives no formal",
            "guarantee of privacy.",
            "",
            "Read it with `TabularDiffusion.load(path)`; nothing in it is executed.",
            "",
            *markdown_table(model.schema_.describe()),
            "",
        ]
    )
