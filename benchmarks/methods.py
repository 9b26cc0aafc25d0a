"""Methods that can be benchmarked: one adapter each, imported only when used."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import click
import pandas as pd

Info = dict[str, Any]


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
            ``preset``, ``device``, ``max_time`` (seconds or None).

        Returns
        -------
        synthetic : DataFrame
            ``n`` rows with the columns of ``train``.
        info : dict
            ``fit_seconds`` and ``sample_seconds``; where known also ``n_parameters``, ``steps``,
            ``rows_seen``, ``stop_reason``, ``parameters``.
        """
        ...


class TabDiffuse:
    """Adapter of :class:`tabdiffuse.TabularDiffusion`."""

    def generate(
        self, train: pd.DataFrame, n: int, seed: int, options: dict[str, Any]
    ) -> tuple[pd.DataFrame, Info]:
        """Train on a table and sample from it; see :meth:`Method.generate`."""
        from tabdiffuse import TabularDiffusion
        from tabdiffuse.errors import ParameterError

        model = TabularDiffusion(random_state=seed, verbose=1, **options)
        start = time.perf_counter()
        try:
            model.fit(train)
        except ParameterError as error:
            raise click.UsageError(str(error)) from error
        fitted = time.perf_counter()
        synthetic = model.sample(n, random_state=seed)
        sampled = time.perf_counter()
        info = {
            "fit_seconds": fitted - start,
            "sample_seconds": sampled - fitted,
            "n_parameters": int(model.n_parameters_),
            "steps": _last(model.history_, ("step", "steps")),
            "rows_seen": _last(model.history_, ("rows_seen", "rows")),
            "stop_reason": model.stop_reason_,
            "parameters": model.get_params(),
        }
        return synthetic, info


def _last(history: pd.DataFrame, names: tuple[str, ...]) -> int | None:
    """Last value of the first of the named columns that the history has."""
    for name in names:
        if name in history and len(history):
            return int(history[name].iloc[-1])
    return None


METHODS: dict[str, Callable[[], Method]] = {"tabdiffuse": TabDiffuse}
