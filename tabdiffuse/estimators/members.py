"""What the model files of all estimators have in common: settings, weights, history, refusals."""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
import torch

from tabdiffuse._version import __version__
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import ModelFileError
from tabdiffuse.estimators.base import DiffusionEstimator
from tabdiffuse.estimators.presets import NETWORK, Preset
from tabdiffuse.io import (
    json_from_bytes,
    json_to_bytes,
    read_archive,
    tensors_from_bytes,
    tensors_to_bytes,
)
from tabdiffuse.tables import TableCodec, TableSchema

__all__ = [
    "COMMON_MEMBERS",
    "TABLE_MEMBERS",
    "common_members",
    "kept_parameters",
    "load_weights",
    "markdown_table",
    "misfits_refused",
    "preset_of",
    "read_json",
    "read_members",
    "read_table",
    "restore_fitted",
    "table_members",
]

COMMON_MEMBERS = ("config.json", "weights.safetensors", "history.csv", "README.md")
TABLE_MEMBERS = ("schema.json", "codec.json", "codec.safetensors")

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
# The member that a kind of model alone has, the most telling first; and who reads the kind.
_KINDS = {"modalities.json": "multimodal", "schema.json": "table"}
_READERS = {"multimodal": "MultimodalDiffusion", "table": "TabularDiffusion"}
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


def kept_parameters(model: DiffusionEstimator) -> dict[str, Any]:
    """Keep the parameters of a model; generators, callbacks and devices belong to a process."""
    kept: dict[str, Any] = model.get_params(deep=False)
    for name in ("callbacks", "checkpoint", "device"):
        del kept[name]
    seed = kept["random_state"]
    kept["random_state"] = int(seed) if isinstance(seed, int | np.integer) else None
    return kept


def common_members(
    model: DiffusionEstimator, parameters: Mapping[str, Any], card: str
) -> dict[str, bytes]:
    """Write what every fitted model has.

    Parameters
    ----------
    model : DiffusionEstimator
        A fitted model.
    parameters : mapping of str to Any
        Its parameters as JSON.
    card : str
        Its model card, Markdown.

    Returns
    -------
    dict of str to bytes
        The `COMMON_MEMBERS`.
    """
    recipe = model.preset_.to_dict()
    config = {
        "estimator": type(model).__name__,
        "parameters": parameters,
        "fitted": {name: getattr(model, name) for name in _FITTED},
        "network": {name: recipe.pop(name) for name in NETWORK},
        "recipe": recipe,
        "versions": {name: version(name) for name in _LIBRARIES},
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    weights = {n: p.detach().cpu().numpy() for n, p in model.denoiser_.state_dict().items()}
    return {
        "config.json": json_to_bytes(config),
        "weights.safetensors": tensors_to_bytes(weights),
        "history.csv": model.history_.to_csv(index=False).encode(),
        "README.md": card.encode(),
    }


def table_members(schema: TableSchema, codec: TableCodec) -> dict[str, bytes]:
    """Write how a table is coded: the `TABLE_MEMBERS`."""
    codec_json, codec_arrays = codec.state()
    return {
        "schema.json": json_to_bytes(schema.to_dict()),
        "codec.json": json_to_bytes(codec_json),
        "codec.safetensors": tensors_to_bytes(codec_arrays),
    }


def read_members(
    path: str | os.PathLike[str], kind: str, needed: Collection[str]
) -> dict[str, bytes]:
    """Read the members of a file, and refuse what is no model of a kind.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : {"table", "multimodal"}
        Kind of the model that is wanted.
    needed : collection of str
        Members that it must have.

    Returns
    -------
    dict of str to bytes
        The members by name.

    Raises
    ------
    ModelFileError
        When the file is damaged, a member is missing, or it holds another kind of model.
    """
    members = read_archive(path)
    found = next((_KINDS[name] for name in _KINDS if name in members), kind)
    if found != kind:
        raise ModelFileError(
            f"{os.fspath(path)!r} holds a {found} model. Read it with {_READERS[found]}.load."
        )
    absent = [name for name in needed if name not in members]
    if absent:
        raise ModelFileError(f"{os.fspath(path)!r} holds no {kind} model: {absent} are missing.")
    return members


@contextmanager
def misfits_refused(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say of parts that contradict each other that they do not make a model."""
    try:
        yield
    except ModelFileError:
        raise
    except _MISFITS as error:
        raise ModelFileError(
            f"{os.fspath(path)!r} is whole, but its parts do not make a model ({error!r}). It was "
            f"not written by `save` of tabdiffuse {__version__} or older."
        ) from error


def read_json(members: Mapping[str, bytes], name: str) -> Any:
    """Read a member of JSON."""
    return json_from_bytes(members[name], name=name)


def read_table(members: Mapping[str, bytes]) -> TableCodec:
    """Read how a table is coded, from what `table_members` wrote."""
    schema = TableSchema.from_dict(read_json(members, "schema.json"))
    arrays = tensors_from_bytes(members["codec.safetensors"], name="codec.safetensors")
    return TableCodec.from_state(schema, read_json(members, "codec.json"), arrays)


def preset_of(config: Mapping[str, Any]) -> Preset:
    """Read the recipe."""
    return Preset(**config["network"], **config["recipe"])


def load_weights(denoiser: Denoiser, members: Mapping[str, bytes], owner: str) -> Denoiser:
    """Fill in the weights of a network.

    Raises
    ------
    ModelFileError
        When they do not fit; the message says so of their ``owner``.
    """
    weights = tensors_from_bytes(members["weights.safetensors"], name="weights.safetensors")
    try:
        denoiser.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    except RuntimeError as error:
        raise ModelFileError(f"The weights do not fit the {owner}: {error}") from error
    return denoiser.eval()


def restore_fitted(
    model: DiffusionEstimator,
    config: Mapping[str, Any],
    members: Mapping[str, bytes],
    denoiser: Denoiser,
    device: torch.device,
) -> None:
    """Set the fitted attributes that all estimators have."""
    model.preset_ = preset_of(config)
    model.denoiser_ = denoiser.to(device)
    for name in _FITTED:
        setattr(model, name, config["fitted"][name])
    # As text first: the default parser of pandas may miss the last bit of a float.
    history = pd.read_csv(io.BytesIO(members["history.csv"]), dtype=str)
    model.history_ = history.astype(float).astype({"step": "int64", "rows": "int64"})
    model.device_ = device
    model.reset_sampling()


def markdown_table(frame: pd.DataFrame) -> list[str]:
    """Write a table as lines of Markdown."""
    header = "| " + " | ".join(frame.columns) + " |"
    rule = "|" + " --- |" * len(frame.columns)
    cells = frame.astype(str).to_numpy()
    return [header, rule, *("| " + " | ".join(map(_cell, row)) + " |" for row in cells)]


def _cell(text: str) -> str:
    """Keep a name from breaking the table."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
