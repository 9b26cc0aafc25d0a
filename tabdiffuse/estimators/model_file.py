"""The model file of a table model: JSON, CSV, safetensors and a model card in one archive."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from tabdiffuse._version import __version__
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import ModelFileError
from tabdiffuse.estimators.layout import table_denoiser, table_modalities
from tabdiffuse.estimators.presets import NETWORK, Preset
from tabdiffuse.io import (
    json_from_bytes,
    json_to_bytes,
    read_archive,
    tensors_from_bytes,
    tensors_to_bytes,
    write_archive,
)
from tabdiffuse.tables import TableCodec, TableSchema

if TYPE_CHECKING:
    from tabdiffuse.estimators.table import TabularDiffusion

__all__ = ["read_model", "write_model"]

_FITTED = (
    "seed_",
    "n_parameters_",
    "n_rows_",
    "n_iter_",
    "batch_size_",
    "fit_time_",
    "stop_reason_",
)
_LIBRARIES = ("torch", "numpy", "pandas", "scikit-learn", "scipy", "safetensors")
_MEMBERS = (
    "config.json",
    "schema.json",
    "codec.json",
    "codec.safetensors",
    "weights.safetensors",
    "history.csv",
    "README.md",
)
# What parts that contradict each other raise when they are put together.
_MISFITS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def write_model(model: TabularDiffusion, path: str | os.PathLike[str]) -> None:
    """Write a fitted model; see `TabularDiffusion.save`."""
    codec_json, codec_arrays = model.codec_.state()
    recipe = model.preset_.to_dict()
    config = {
        "estimator": type(model).__name__,
        "parameters": _storable(model.get_params(deep=False)),
        "fitted": {name: getattr(model, name) for name in _FITTED},
        "network": {name: recipe.pop(name) for name in NETWORK},
        "recipe": recipe,
        "versions": {name: version(name) for name in _LIBRARIES},
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    weights = {n: p.detach().cpu().numpy() for n, p in model.denoiser_.named_parameters()}
    members = {
        "config.json": json_to_bytes(config),
        "schema.json": json_to_bytes(model.schema_.to_dict()),
        "codec.json": json_to_bytes(codec_json),
        "codec.safetensors": tensors_to_bytes(codec_arrays),
        "weights.safetensors": tensors_to_bytes(weights),
        "history.csv": model.history_.to_csv(index=False).encode(),
        "README.md": _card(model).encode(),
    }
    write_archive(path, members, library_version=__version__)


def read_model(model: TabularDiffusion, path: str | os.PathLike[str], device: torch.device) -> None:
    """Fill an unfitted model from a file; see `TabularDiffusion.load`."""
    members = read_archive(path)
    absent = [name for name in _MEMBERS if name not in members]
    if absent:
        raise ModelFileError(f"{os.fspath(path)!r} holds no table model: {absent} are missing.")
    try:
        _fill(model, members, device)
    except ModelFileError:
        raise
    except _MISFITS as error:
        raise ModelFileError(
            f"{os.fspath(path)!r} is whole, but its parts do not make a model ({error!r}). It was "
            f"not written by `save` of tabdiffuse {__version__} or older."
        ) from error


def _fill(model: TabularDiffusion, members: dict[str, bytes], device: torch.device) -> None:
    """Set parameters and fitted attributes."""
    config = _json(members, "config.json")
    model.set_params(**_restored(config["parameters"]))
    schema = TableSchema.from_dict(_json(members, "schema.json"))
    arrays = tensors_from_bytes(members["codec.safetensors"], name="codec.safetensors")
    codec = TableCodec.from_state(schema, _json(members, "codec.json"), arrays)
    model._set_table(schema, codec)
    weights = tensors_from_bytes(members["weights.safetensors"], name="weights.safetensors")
    model.preset_ = Preset(**config["network"], **config["recipe"])
    model.denoiser_ = _denoiser(codec, model.preset_, weights).to(device)
    for name in _FITTED:
        setattr(model, name, config["fitted"][name])
    # As text first: the default parser of pandas may miss the last bit of a float.
    history = pd.read_csv(io.BytesIO(members["history.csv"]), dtype=str)
    model.history_ = history.astype(float).astype({"step": "int64", "rows": "int64"})
    model.device_ = device
    model.reset_sampling()


def _denoiser(
    codec: TableCodec, preset: Preset, weights: dict[str, np.ndarray[Any, Any]]
) -> Denoiser:
    """Build the network and fill in its weights."""
    modalities = table_modalities(codec.layout, preset)
    denoiser = table_denoiser(codec.layout, modalities, preset, seed=0)
    try:
        denoiser.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    except RuntimeError as error:
        raise ModelFileError(
            f"The weights do not fit the columns of the schema: {error}"
        ) from error
    return denoiser.eval()


def _json(members: dict[str, bytes], name: str) -> Any:
    return json_from_bytes(members[name], name=name)


def _storable(parameters: dict[str, Any]) -> dict[str, Any]:
    """Keep what JSON can hold; generators, callbacks and devices belong to a process."""
    kept = dict(parameters)
    for name in ("callbacks", "checkpoint", "device"):
        del kept[name]
    seed = kept["random_state"]
    kept["random_state"] = int(seed) if isinstance(seed, int | np.integer) else None
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


def _cell(text: str) -> str:
    """Keep a name from breaking the table."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def _card(model: TabularDiffusion) -> str:
    """Write the model card."""
    described = model.schema_.describe().astype(str)
    header = "| " + " | ".join(described.columns) + " |"
    rule = "|" + " --- |" * len(described.columns)
    rows = ["| " + " | ".join(map(_cell, row)) + " |" for row in described.to_numpy()]
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
            header,
            rule,
            *rows,
            "",
        ]
    )
