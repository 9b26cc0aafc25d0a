"""What a command asks for: the product of its options, as configurations of runs."""

import inspect
import json
from collections.abc import Mapping, Sequence
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
        seeds or (0,), datasets, methods, presets or ("fast",), max_times or (None,)
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
    given: Sequence[str], methods: Sequence[str], estimator: type
) -> dict[str, Any]:
    """Read ``name=value`` pairs; values are JSON where they can be, else text.

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
    return overrides


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
    accepted = set(inspect.signature(estimator).parameters)
    free = sorted(accepted - set(RESERVED) - {"schema", "modalities"})
    for name in overrides:
        if instead := RESERVED.get(name):
            raise click.UsageError(f"--set {name} is not possible: use {instead}.")
        if name not in free:
            raise click.UsageError(
                f"{estimator.__name__} has no parameter {name!r} to set. "
                f"There are {', '.join(free)}."
            )
