"""Objects as plain JSON and arrays: what a model file holds of modalities and their kin.

An object is described by the name of its class and the arguments of the constructor that make it
again: those of its own ``settings()``, or the fields of a dataclass. Only classes of the library
and those that the reader names are ever made; nothing else in a description is executed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabdiffuse.errors import ModelFileError, ParameterError
from tabdiffuse.estimators.presets import Preset
from tabdiffuse.joint import Shared
from tabdiffuse.modalities import (
    CategoricalModality,
    CharacterTokenizer,
    NumericModality,
    TextModality,
    VectorModality,
    WordTokenizer,
)
from tabdiffuse.modalities.discrete_image import DiscreteImageModality
from tabdiffuse.modalities.image import ImageModality
from tabdiffuse.schedules import CosineMask, EDMSchedule, LinearMask, VPCosine
from tabdiffuse.tables.values import scalar_from_json, scalar_to_json
from tabdiffuse.training.stages import Stage

__all__ = ["Describer", "Rebuilder"]

LIBRARY: dict[str, type] = {
    own.__name__: own
    for own in (
        CategoricalModality,
        CharacterTokenizer,
        CosineMask,
        DiscreteImageModality,
        EDMSchedule,
        ImageModality,
        LinearMask,
        NumericModality,
        Preset,
        Shared,
        Stage,
        TextModality,
        VPCosine,
        VectorModality,
        WordTokenizer,
    )
}
"""Classes that a file may name without the reader knowing them."""

_LARGEST_ITEM = 8  # bytes of an element of an array


class Describer:
    """Turns values into JSON and gathers their arrays.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The arrays of all that was described, by the names that the descriptions use.
    foreign : dict of str to type
        The classes of all that was described that are not of the library, by name.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self.foreign: dict[str, type] = {}

    def describe(self, value: Any, place: str) -> Any:
        """Describe a value.

        Parameters
        ----------
        value : Any
            None, scalars, arrays, tensors, lists, tuples and mappings of such values, dataclasses,
            and objects with a method ``settings``.
        place : str
            What to call it in an error.

        Returns
        -------
        Any
            JSON from which a `Rebuilder` makes an equal value.

        Raises
        ------
        ParameterError
            When there is something else in it.
        """
        if isinstance(value, Mapping):
            pairs = [
                [self.describe(key, place), self.describe(own, f"{place}[{key!r}]")]
                for key, own in value.items()
            ]
            return {"mapping": pairs}
        if isinstance(value, list | tuple):
            items = [self.describe(own, f"{place}[{i}]") for i, own in enumerate(value)]
            return items if isinstance(value, list) else {"tuple": items}
        if isinstance(value, torch.Tensor):
            return {"tensor": self._keep(np.asarray(value.detach().cpu()))}
        if isinstance(value, np.ndarray):
            is_plain = value.dtype.kind in "biuf" and value.dtype.itemsize <= _LARGEST_ITEM
            return (
                {"array": self._keep(value)} if is_plain else self.describe(value.tolist(), place)
            )
        if not isinstance(value, type) and (_has_settings(value) or is_dataclass(value)):
            return self._describe_object(value, place)
        return _describe_scalar(value, place)

    def _keep(self, array: NDArray[Any]) -> str:
        """Gather an array; return its name."""
        name = str(len(self.arrays))
        self.arrays[name] = array
        return name

    def _describe_object(self, value: Any, place: str) -> dict[str, Any]:
        own = type(value)
        settings = _settings(value, place)
        is_foreign = LIBRARY.get(own.__name__) is not own
        if is_foreign and self.foreign.setdefault(own.__name__, own) is not own:
            raise ParameterError(
                f"{place} is of a class {own.__name__!r}, and so is another part of the model, but "
                "these are two classes. Rename one of them to save the model."
            )
        described = {name: self.describe(v, f"{place}.{name}") for name, v in settings.items()}
        return {"class": own.__name__, "foreign": is_foreign, "settings": described}


class Rebuilder:
    """Makes values again from their descriptions.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        What the `Describer` gathered.
    classes : sequence of type
        Classes that are not of the library.

    Raises
    ------
    ParameterError
        When something else is among the classes.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], classes: Sequence[type] = ()) -> None:
        if not isinstance(classes, list | tuple) or not all(map(inspect.isclass, classes)):
            raise ParameterError(
                f"classes must be a list of classes, such as [MyModality]. Got {classes!r} instead."
            )
        self._arrays = arrays
        self._foreign = {own.__name__: own for own in classes}
        self._makers = {
            "mapping": lambda pairs: {self.build(key): self.build(own) for key, own in pairs},
            "tuple": lambda items: tuple(map(self.build, items)),
            "array": lambda name: self._arrays[name],
            "tensor": lambda name: torch.as_tensor(self._arrays[name]),
            "number": lambda own: np.dtype(own["dtype"]).type(scalar_from_json(own["value"])),
            "scalar": scalar_from_json,
        }

    def build(self, described: Any) -> Any:
        """Make the value that was described.

        Raises
        ------
        ModelFileError
            When it is of a class that is not known here.
        """
        if isinstance(described, list):
            return [self.build(own) for own in described]
        if not isinstance(described, dict):
            return described
        if "class" in described:
            return self._build_object(described)
        ((kind, content),) = described.items()
        return self._makers[kind](content)

    def _build_object(self, described: Mapping[str, Any]) -> Any:
        name = described["class"]
        known = self._foreign if described["foreign"] else LIBRARY
        if name not in known:
            remedy = (
                f"pass it to load, classes=[{name}]"
                if described["foreign"]
                else "upgrade tabdiffuse: pip install --upgrade tabdiffuse"
            )
            raise ModelFileError(
                f"The model has a part of the class {name!r}, which is not known here; {remedy}."
            )
        settings = {key: self.build(own) for key, own in described["settings"].items()}
        return known[name](**settings)


def _has_settings(value: Any) -> bool:
    """Tell whether an object says itself which arguments make it again."""
    return callable(getattr(value, "settings", None))


def _settings(value: Any, place: str) -> dict[str, Any]:
    """Return the arguments that make an object again, one for each that its constructor takes."""
    kind = type(value).__name__
    if not _has_settings(value):
        return {own.name: getattr(value, own.name) for own in fields(value) if own.init}
    try:
        settings = dict(value.settings())
    except NotImplementedError as error:
        raise ParameterError(
            f"{place} is of the class {kind}, which a model file cannot hold yet. Give it a method "
            "settings() that returns the arguments of its constructor, with what it learnt of the "
            "training data among them; see Modality.settings."
        ) from error
    wanted = inspect.signature(type(value)).parameters
    if set(settings) != set(wanted):
        raise ParameterError(
            f"{place} is of the class {kind}, whose method settings() must name the arguments of "
            f"its constructor, {list(wanted)}. Got {list(settings)} instead."
        )
    return settings


def _describe_scalar(value: Any, place: str) -> Any:
    """Describe what has no parts."""
    if value is None:
        return None
    try:
        plain = scalar_to_json(value)
    except TypeError as error:
        reason = "it holds no code" if callable(value) else "it holds plain values and arrays"
        raise ParameterError(
            f"{place} is {value!r} of type {type(value).__name__}, which a model file cannot hold, "
            f"as {reason}. Use an object of a class with a method settings() that returns the "
            "arguments of its constructor."
        ) from error
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {"number": {"value": plain, "dtype": value.dtype.name}}
    return {"scalar": plain} if isinstance(plain, dict) else plain
