"""The command that repeats finished runs."""

import shlex
from collections.abc import Iterable

from benchmarks.results import OWN_METHOD, Line
from benchmarks.rows import config_of


def commands(lines: Iterable[Line], *, every_method: bool = False) -> list[str]:
    """One command for all runs that differ in the seed only, in the order of the runs.

    With ``every_method``, runs may differ in the method too: a command that names none runs all.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for line in lines:
        seeds = groups.setdefault(_arguments(line, every_method=every_method), [])
        if line["config"]["seed"] not in seeds:
            seeds.append(line["config"]["seed"])
    return [
        shlex.join(["python", "-m", "benchmarks", "run", *arguments, *_seeds(seeds)])
        for arguments, seeds in groups.items()
    ]


def _arguments(record: Line, *, every_method: bool) -> tuple[str, ...]:
    """Every setting that is not the default, as options."""
    config = config_of(record)
    written = [config.dataset]
    if config.method == OWN_METHOD:
        written += ["--preset", config.preset]
    elif not every_method:
        written += ["--method", config.method]
    if config.max_time is not None:
        written += ["--max-time", f"{config.max_time:g}"]
    for name, value in sorted(config.overrides.items()):
        written += ["--set", f"{name}={value}"]
    if config.split != "protocol":
        written += ["--split", config.split]
    if config.train_rows is not None:
        written += ["--train-rows", str(config.train_rows)]
    if config.device != "auto":
        written += ["--device", config.device]
    return tuple(written)


def _seeds(seeds: list[int]) -> list[str]:
    return [word for seed in sorted(seeds) for word in ("--seed", str(seed))]
