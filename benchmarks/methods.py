"""Methods that can be benchmarked: ours, imported only when used, and the rivals."""

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import click
import pandas as pd

from benchmarks.rivals.catalogue import RIVALS
from benchmarks.rivals.memory import MB, PeakMemory, larger
from benchmarks.settings import DEFAULT_PRESET, estimator_arguments
from benchmarks.trainings import Training

if TYPE_CHECKING:
    from tabdiffuse import TabularDiffusion

Info = dict[str, Any]

# Options of a run that are no arguments of the estimator.
NOT_OURS = ("overrides", "time_limit", "target", "training")


class Method(Protocol):
    """Anything that turns a table into a synthetic one."""

    def generate(
        self, train: pd.DataFrame, n: int, seed: int, options: dict[str, Any]
    ) -> tuple[pd.DataFrame, Info]:
        """Train on a table and sample from it.

        Parameters
        ----------
        train : DataFrame
            All rows to learn from.
        n : int
            Number of rows to sample.
        seed : int
            Seed of training and sampling.
        options : dict
            ``preset``, ``device``, ``max_time`` (seconds or None), ``overrides`` (arguments of the
            method's own class, which win); ours also takes ``checkpoint`` (path or None) and
            ``training`` (a `Training` to keep, or None), rivals ``time_limit`` and ``target``.

        Returns
        -------
        synthetic : DataFrame
            ``n`` rows with the columns of ``train``.
        info : dict
            ``fit_seconds``, ``sample_seconds``, ``n_parameters`` and ``peak_memory_mb`` (each of
            the last two may be None); where known also ``steps``, ``rows_seen``, ``stop_reason``,
            ``parameters``, ``peak_gpu_memory_mb``, and of rivals ``rival_versions``, ``seeding``.
        """
        ...


class TabDiffuse:
    """Adapter of :class:`tabdiffuse.TabularDiffusion`."""

    def generate(
        self, train: pd.DataFrame, n: int, seed: int, options: dict[str, Any]
    ) -> tuple[pd.DataFrame, Info]:
        """Train on a table and sample from it; see :meth:`Method.generate`.

        ``peak_memory_mb`` is what this process holds, the libraries and the data included; of a
        model that was found again, the peaks of its training count too.
        """
        _forget_gpu_peak()
        training: Training | None = options.get("training")
        with PeakMemory() as peak:
            kept = training.find() if training else None
            model, info = kept or self.fit(train, seed, options)
            start = time.perf_counter()
            synthetic = model.sample(n, random_state=seed)
            info["sample_seconds"] = time.perf_counter() - start
        peaks = {"peak_memory_mb": peak.mb, "peak_gpu_memory_mb": _gpu_peak_mb()}
        info |= {name: larger(now, info.get(name)) for name, now in peaks.items()}
        if training and not kept:
            training.keep(model, info)
        return synthetic, info

    def fit(
        self, train: pd.DataFrame, seed: int, options: dict[str, Any]
    ) -> tuple["TabularDiffusion", Info]:
        """Train only; the arguments and what is told are those of :meth:`generate`.

        ``fit_seconds`` counts what earlier calls took, of which the checkpoint tells.
        """
        from tabdiffuse import TabularDiffusion
        from tabdiffuse.errors import ParameterError

        passed = {name: value for name, value in options.items() if name not in NOT_OURS}
        overrides = options.get("overrides", {})
        preset = overrides.get("preset", options.get("preset", DEFAULT_PRESET))
        passed |= estimator_arguments(TabularDiffusion, preset, overrides)
        model = TabularDiffusion(**{"random_state": seed, "verbose": 1, **passed})
        start = time.perf_counter()
        try:
            model.fit(train)
        except ParameterError as error:
            raise click.UsageError(str(error)) from error
        return model, {
            "fit_seconds": max(time.perf_counter() - start, model.fit_time_),
            "n_parameters": int(model.n_parameters_),
            "steps": _last(model.history_, ("step", "steps")),
            "rows_seen": _last(model.history_, ("rows_seen", "rows")),
            "stop_reason": model.stop_reason_,
            "parameters": {**model.get_params(), "preset": preset},
            "recipe": model.preset_.to_dict(),
        }


def _forget_gpu_peak() -> None:
    """Start anew, so that an earlier run in this process does not count."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _gpu_peak_mb() -> int | None:
    """Peak memory that torch gave to tensors on the GPU; None without one."""
    import torch

    if not torch.cuda.is_available():
        return None
    return round(torch.cuda.max_memory_allocated() / MB)


def _last(history: pd.DataFrame, names: tuple[str, ...]) -> int | None:
    """Last value of the first of the named columns that the history has."""
    for name in names:
        if name in history and len(history):
            return int(history[name].iloc[-1])
    return None


def _same(method: Method) -> Method:
    return method


METHODS: dict[str, Callable[[], Method]] = {
    "tabdiffuse": TabDiffuse,
    **{name: partial(_same, rival) for name, rival in RIVALS.items()},
}
