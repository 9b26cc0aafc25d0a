"""What a command asks for: the product of its options, as configurations of runs."""

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from itertools import product
from typing import Any

import click

from benchmarks.results import OWN_METHOD, Config

# Parameters of the estimator that have an option of their own, or that decide nothing.
RESERVED = {
    "preset": "--preset",
    "device": "--device",
    "max_time": "--max-time",
    "random_state": "--seed",
    "checkpoint": "--time-limit",
    "callbacks": None,
    "verbose": None,
    "warm_start": None,
}
DEFAULT_PRESET = "fast"
NO_PRESET = "default"  # rivals run with their own settings


def configurations(
    datasets: Sequence[str],
    *,
    methods: Sequence[str],
    presets: Sequence[str],
    seeds: Sequence[int],
    max_times: Sequence[float],
    overrides: Mapping[str, Any],
    device: str,
    split: str,
    train_rows: int | None,
) -> list[Config]:
    """Every combination, each once; all data sets and settings of one seed before the next."""
    combinations = product(
        seeds or (0,), datasets, methods, presets or (DEFAULT_PRESET,), max_times or (None,)
    )
    configs = [
        Config(
            dataset,
            method,
            preset if method == OWN_METHOD else NO_PRESET,
            seed,
            device,
            max_time,
            train_rows,
            split,
            overrides,
        )
        for seed, dataset, method, preset, max_time in combinations
    ]
    return [config for place, config in enumerate(configs) if config not in configs[:place]]


def parse_overrides(
    given: Sequence[str], methods: Sequence[str], estimator: type, presets: Sequence[str] = ()
) -> dict[str, Any]:
    """Read ``name=value`` pairs; values are JSON where they can be, else text.

    Parameters
    ----------
    given : sequence of str
        The pairs.
    methods : sequence of str
        Methods that will be run; names and values of rivals are theirs to judge.
    estimator : type
        Class whose parameters, and the fields of whose presets, may be set.
    presets : sequence of str, optional
        Presets that will be run, whose fields are tried.

    Raises
    ------
    UsageError
        Names the pair, what is wrong with it, and what may be set.
    """
    overrides: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--set takes name=value, for instance depth=4. Got {pair!r}.")
        if name in overrides:
            raise click.UsageError(f"--set {name} is given twice; a run has one value.")
        overrides[name] = _value(pair, text)
    if OWN_METHOD in methods:
        _check_names(overrides, estimator)
        for preset in presets or (DEFAULT_PRESET,):
            estimator_arguments(estimator, preset, overrides)
    return overrides


def estimator_arguments(
    estimator: Any, preset: str, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """Turn overrides into arguments: parameters as they are, fields of the preset into a preset.

    Parameters
    ----------
    estimator : type
        `TabularDiffusion` or `MultimodalDiffusion`.
    preset : str
        Name of the preset whose fields are changed.
    overrides : mapping of str to object
        Values by name of a parameter, or of a field that is no parameter.

    Raises
    ------
    UsageError
        If a value is out of range, or the preset has no fields of its own.
    """
    from tabdiffuse.errors import ParameterError

    names = inspect.signature(estimator).parameters
    arguments = {name: value for name, value in overrides.items() if name in names}
    changed = {name: value for name, value in overrides.items() if name not in names}
    if not changed:
        return {"preset": preset, **arguments}
    if preset not in estimator.presets:
        there = ", ".join(estimator.presets)
        raise click.UsageError(
            f"--set {next(iter(changed))} changes a preset that is named: --preset with one of "
            f"{there}. Got {preset!r}."
        )
    try:
        return {"preset": replace(estimator.presets[preset], **changed), **arguments}
    except (ParameterError, TypeError) as error:  # TypeError: no such field
        raise click.UsageError(str(error)) from error


def _value(pair: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = {"None": None, "True": True, "False": False}.get(text, text)
    if isinstance(value, list | dict):
        raise click.UsageError(f"--set takes numbers, words, true, false or null. Got {pair!r}.")
    return value


def _check_names(overrides: Mapping[str, Any], estimator: type) -> None:
    """Refuse what the estimator does not take; its ``fit`` checks the values."""
    from tabdiffuse import Preset

    accepted = set(inspect.signature(estimator).parameters)
    free = sorted(accepted - set(RESERVED) - {"schema", "modalities"})
    recipe = sorted({field.name for field in fields(Preset)} - accepted)
    for name in overrides:
        if instead := RESERVED.get(name):
            raise click.UsageError(f"--set {name} is not possible: use {instead}.")
        if name not in [*free, *recipe]:
            close = ", ".join(get_close_matches(name, [*free, *recipe]))
            raise click.UsageError(
                f"{estimator.__name__} has no parameter {name!r} to set. "
                f"{f'Close: {close}. ' if close else ''}"
                f"There are {', '.join(free)}, and of its preset {', '.join(recipe)}."
            )
