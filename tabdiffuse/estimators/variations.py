"""Rows like given ones, from a model of named modalities."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from tabdiffuse._random import block_noise, child_seed
from tabdiffuse.errors import DataTypeError, ParameterError
from tabdiffuse.estimators.arrays import ArrayForm, read_rows
from tabdiffuse.estimators.base import DiffusionEstimator
from tabdiffuse.estimators.forms import Form
from tabdiffuse.joint import JointProcess, Observed, ProductProcess
from tabdiffuse.sampling.blocks import BLOCK_ROWS

__all__ = ["ArrayVariations"]

_CPU = torch.device("cpu")


class ArrayVariations(DiffusionEstimator):
    """Rows from a fitted model of arrays that are like given ones."""

    form_: Form

    def vary(
        self,
        X: Mapping[str, Any],
        *,
        strength: float | Mapping[str, float] = 0.3,
        random_state: Any = None,
        batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Draw rows like given ones: noise them up to a time, and draw them anew from there.

        This is how SDEdit edits an image (Meng et al. 2022, arXiv 2108.01073).

        Parameters
        ----------
        X : mapping of str to array_like
            For each modality an array with one entry a row, as for the conditions of `sample`.
            Gaps, and modalities that are left out, are drawn given the rest.
        strength : float or mapping of str to float, default=0.3
            Time in [0, 1] up to which a modality is noised: 0 keeps it bit for bit, 1 leaves
            nothing of it. With a mapping, the modalities that it does not name stay.
        random_state, batch_size, n_steps
            As for `TabularDiffusion.sample`.

        Returns
        -------
        dict of str to ndarray
            Every modality, one entry for each row of ``X``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When a parameter is out of range, a name is that of no modality, or the modalities share
            one process.
        DataError, DataTypeError
            When ``X`` does not fit its modalities, or the model was fitted to a DataFrame.
        """
        check_is_fitted(self, "denoiser_")
        joint = self.denoiser_.joint
        parts = joint.parts()
        strengths = _check_strengths(strength, parts)
        if not isinstance(self.form_, ArrayForm):
            raise DataTypeError(
                "vary is for models that were fitted to a mapping of names to arrays; this one was "
                "fitted to a DataFrame. Use TabularDiffusion.vary for tables."
            )
        given = read_rows(X, self.form_, parts)
        rows, seed = len(given.rows), self._sample_seed(random_state)
        evidence = given.evidence()
        if evidence is not None and evidence.observed is not None:
            noised = _noised(evidence.observed, joint, strengths, rows, child_seed(seed, "noise"))
            evidence = replace(evidence, observed=noised)
        state = self._sample_state(rows, seed, batch_size, n_steps, evidence)
        held = {name: part for name, part in given.parts.items() if not strengths[name]}
        answer: dict[str, NDArray[Any]] = self.form_.answer(
            state, replace(given, parts=held), self.form_.names, parts
        )
        return answer


def _check_strengths(strength: Any, names: Collection[str]) -> dict[str, float]:
    """Read how far each modality varies.

    Parameters
    ----------
    strength : float or mapping of str to float
        In [0, 1]; with a mapping, 0 for modalities that it does not name.
    names : collection of str
        The modalities.

    Raises
    ------
    ParameterError
        A strength is out of range, or a name unknown.
    """
    given = strength if isinstance(strength, Mapping) else dict.fromkeys(names, strength)
    for name, value in given.items():
        if name not in names:
            raise ParameterError(
                f"strength names an unknown modality {name!r}. Known: {sorted(names)}."
            )
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= 1:
            where = f"strength[{name!r}]" if isinstance(strength, Mapping) else "strength"
            raise ParameterError(f"{where} must be a number from 0 to 1. Got {value!r} instead.")
    return {name: float(given.get(name, 0.0)) for name in names}


def _noised(
    observed: Observed, joint: JointProcess, strengths: Mapping[str, float], rows: int, seed: int
) -> Observed:
    """Noise cells that are known exactly up to a time.

    Parameters
    ----------
    observed : Observed
        Known cells of the rows, at time 0.
    joint : JointProcess
        The process that adds the noise; a product process, in which a modality has its own time.
    strengths : mapping of str to float
        The time of each modality, in [0, 1]; with 0 its cells stay.
    rows : int
        Number of rows.
    seed : int
        Seed of the noise, which depends on it and on the number of the row alone.

    Returns
    -------
    Observed
        The same cells, known at their modality's time.

    Raises
    ------
    ParameterError
        The modalities share one process.
    """
    if not isinstance(joint, ProductProcess):
        raise ParameterError(
            "Rows can be varied where each modality has a process of its own. Got a "
            f"{type(joint).__name__}; fit with joint=None."
        )
    blocks = range(-(-rows // BLOCK_ROWS))
    padded = torch.arange(len(blocks) * BLOCK_ROWS).clamp_max(rows - 1)
    whole = observed.apply(lambda values: values[padded])
    noise = block_noise(seed, blocks, _CPU)
    clean = joint.clamp(joint.prior(len(padded), noise), whole)
    unknown = {name: torch.ones(len(padded), cells) for name, cells in joint.cells.items()}
    now = unknown | {name: _times(known, 0.0) for name, known in whole.known.items()}
    then = unknown | {name: _times(known, strengths[name]) for name, known in whole.known.items()}
    state = joint.forward_step(clean, now, then, noise)
    return replace(
        observed,
        values={name: state[name][:rows] for name in observed.values},
        times={name: then[name][:rows] * observed.known[name] for name in observed.known},
    )


def _times(known: Tensor, time: float) -> Tensor:
    """Give known cells a time, ``(n, L)``, and the others that of noise."""
    return torch.where(known, time, 1.0)
