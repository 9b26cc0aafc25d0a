"""The model file of a model of modalities: theirs beside the members that every model has."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from tabdiffuse._version import __version__
from tabdiffuse.estimators.arrays import ArrayForm
from tabdiffuse.estimators.description import Describer, Rebuilder
from tabdiffuse.estimators.entries import EntryColumn
from tabdiffuse.estimators.forms import Form
from tabdiffuse.estimators.frames import FrameForm
from tabdiffuse.estimators.layout import table_modalities
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
from tabdiffuse.io import json_to_bytes, tensors_from_bytes, tensors_to_bytes, write_archive
from tabdiffuse.modalities import Modality
from tabdiffuse.tables.column import Column
from tabdiffuse.tables.values import dtype_to_spec

if TYPE_CHECKING:
    from tabdiffuse.estimators.multimodal import MultimodalDiffusion

__all__ = ["read_multimodal", "write_multimodal"]

_OWN_MEMBERS = ("modalities.json", "modalities.safetensors")


def write_multimodal(model: MultimodalDiffusion, path: str | os.PathLike[str]) -> None:
    """Write a fitted model; see `MultimodalDiffusion.save`."""
    describer, form = Describer(), model.form_
    parameters = {
        name: describer.describe(value, name) for name, value in kept_parameters(model).items()
    }
    fitted = {
        "modalities": describer.describe(_own_parts(model), "modalities"),
        "joint": describer.describe(model.joint_, "joint"),
        "form": describer.describe(_state(form), "form"),
        "given": list(model.given_),
    }
    members = common_members(model, parameters, _card(model, describer.foreign))
    members["modalities.json"] = json_to_bytes(fitted)
    members["modalities.safetensors"] = tensors_to_bytes(describer.arrays)
    if isinstance(form, FrameForm):
        members |= table_members(form.codec.schema, form.codec)
    write_archive(path, members, library_version=__version__)


def read_multimodal(
    model: MultimodalDiffusion,
    path: str | os.PathLike[str],
    device: torch.device,
    classes: Sequence[type],
) -> None:
    """Fill an unfitted model from a file; see `MultimodalDiffusion.load`."""
    members = read_members(path, "multimodal", (*COMMON_MEMBERS, *_OWN_MEMBERS))
    name = "modalities.safetensors"
    rebuilder = Rebuilder(tensors_from_bytes(members[name], name=name), classes)
    with misfits_refused(path):
        _fill(model, members, rebuilder, device)


def _fill(
    model: MultimodalDiffusion,
    members: Mapping[str, bytes],
    rebuilder: Rebuilder,
    device: torch.device,
) -> None:
    """Set parameters and fitted attributes."""
    config, fitted = read_json(members, "config.json"), read_json(members, "modalities.json")
    parameters = {name: rebuilder.build(own) for name, own in config["parameters"].items()}
    model.set_params(**parameters)
    preset = preset_of(config)
    form = _form(rebuilder.build(fitted["form"]), members)
    modalities: dict[str, Modality] = rebuilder.build(fitted["modalities"])
    if isinstance(form, FrameForm):
        modalities = table_modalities(form.codec.layout, preset) | modalities
    joint = rebuilder.build(fitted["joint"])
    denoiser = model._build(form, joint, modalities, preset, seed=0, device=device)
    model._set_form(form, joint, tuple(fitted["given"]))
    denoiser = load_weights(denoiser, members, "modalities")
    restore_fitted(model, config, members, denoiser, device)


def _own_parts(model: MultimodalDiffusion) -> dict[str, Modality]:
    """Give the fitted modalities, but for those of a table, which its codec decides."""
    parts, form = model.denoiser_.joint.parts(), model.form_
    if isinstance(form, FrameForm):
        return {name: part for name, part in parts.items() if name in form.entries}
    return parts


def _state(form: Form) -> dict[str, Any]:
    """Give what a form remembers of the training data, but for the codec of a table."""
    if isinstance(form, FrameForm):
        entries = {name: _entry_state(entry) for name, entry in form.entries.items()}
        return {"order": form.order, "entries": entries, "one_token": form.one_token}
    assert isinstance(form, ArrayForm)
    return {"ndims": form.ndims}


def _form(state: Mapping[str, Any], members: Mapping[str, bytes]) -> Form:
    """Make the form that gave this state."""
    if "ndims" in state:
        return ArrayForm(state["ndims"])
    absent = [name for name in TABLE_MEMBERS if name not in members]
    if absent:
        raise LookupError(f"{absent} are missing")
    entries = {name: _entry(name, own) for name, own in state["entries"].items()}
    return FrameForm(state["order"], entries, read_table(members), state["one_token"])


def _entry_state(entry: EntryColumn) -> dict[str, Any]:
    """Give what an entry column is made of; its dtype as that of a column of a table."""
    dtype, levels = entry.dtype, {}
    if isinstance(dtype, pd.CategoricalDtype):
        levels = {
            "categories": tuple(dtype.categories.astype(object)),
            "categories_dtype": dtype_to_spec(dtype.categories.dtype),
            "ordered": bool(dtype.ordered),
        }
    column = {"dtype": dtype_to_spec(dtype), **levels}
    return {"shape": entry.shape, "kind": entry.kind, "column": column}


def _entry(name: str, state: Mapping[str, Any]) -> EntryColumn:
    """Make the entry column that gave this state."""
    column = Column(name=name, kind="categorical", **state["column"])
    return EntryColumn(name, state["shape"], state["kind"], column.pandas_dtype)


def _card(model: MultimodalDiffusion, foreign: Collection[str]) -> str:
    """Write the model card; it names the classes that a reader must bring."""
    form = model.form_
    classes = f", classes=[{', '.join(foreign)}]" if foreign else ""
    parts = [
        {
            "modality": name,
            "kind": type(part).__name__,
            "cells": part.cells,
            "tokens": part.tokens,
            "given": "always" if name in model.given_ else "",
        }
        for name, part in _own_parts(model).items()
    ]
    lines = [
        "# Model of modalities",
        "",
        f"A `{type(model).__name__}` of tabdiffuse {__version__}. {model._summary()}",
        "",
        "The file holds weights and, for each modality, its settings with what it learnt: the",
        "mean and scale of vectors, the words of texts, the categories of labels, and arrays that",
        "its user gave, such as the mean picture of a class. It holds no training rows. It gives",
        "no formal guarantee of privacy: a model may remember what it has seen often.",
        "",
        f"Read it with `MultimodalDiffusion.load(path{classes})`; nothing in it is executed.",
        "",
        *markdown_table(pd.DataFrame(parts)),
        "",
    ]
    if isinstance(form, FrameForm) and form.codec.schema.columns:
        lines += [
            "Of the other columns it holds names, categories, and for numbers the smallest, the",
            "largest, frequent values and up to about 1,000 quantiles.",
            "",
            *markdown_table(form.codec.schema.describe()),
            "",
        ]
    return "\n".join(lines)
