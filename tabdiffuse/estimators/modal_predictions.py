"""Predictions of one modality, or column, given the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from tabdiffuse._random import child_seed
from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.arrays import ArrayForm, read_rows
from tabdiffuse.estimators.base import DiffusionEstimator
from tabdiffuse.estimators.forms import Form
from tabdiffuse.estimators.frame_answers import FrameAnswers
from tabdiffuse.estimators.frames import FrameForm
from tabdiffuse.estimators.given import check_known
from tabdiffuse.estimators.parameters import check_parameters
from tabdiffuse.estimators.parts import KnownPart, decode_law, is_categorical
from tabdiffuse.estimators.predictions import no_probabilities
from tabdiffuse.joint import JointProcess, SharedProcess
from tabdiffuse.scoring import expectation

__all__ = ["ModalPredictions"]

_ROWS = 256  # in one call of the network; pictures are long rows


class ModalPredictions(DiffusionEstimator):
    """Predictions from a fitted model of modalities."""

    form_: Form
    given_: tuple[str, ...]

    def predict(
        self,
        X: Mapping[str, Any] | pd.DataFrame,
        target: Any = None,
        *,
        n_draws: int = 16,
        n_steps: int = 16,
        batch_size: int | None = None,
    ) -> Any:
        """Predict a modality given others: the likeliest categories, or the mean of numbers.

        One call of the network for each row, but for numeric columns of a DataFrame, and the same
        answer each time. Of modalities with many cells it is the likeliest class of each pixel, or
        the mean of each, which is less like an example than a draw from `sample` is, and nearer to
        the truth on average.

        Parameters
        ----------
        X : mapping of str to array_like, or DataFrame
            For each modality an array with one entry a row, as for the conditions of `sample`.
            Gaps, and modalities that are left out, are not known; the target may be there, and is
            not looked at. After a fit to a DataFrame, one with some of its columns; what it lacks
            is not known, nor is a picture that is missing. NaN counts as a value in columns that
            had missing values in training, as for `TabularDiffusion.predict`.
        target : str, optional
            The modality, or column, to predict; by default the only one that X lacks.
        n_draws, n_steps : int, default=16
            For numeric columns of a DataFrame, as for `TabularDiffusion.predict`.
        batch_size : int, optional
            Rows in one call of the network.

        Returns
        -------
        ndarray or Series
            One entry for each row of ``X``, as ``sample`` returns it; means of numeric columns are
            float64. A Series, with the index of X, after a fit to a DataFrame.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When the target is unknown, or always given, or a parameter is out of range; for columns
            of a DataFrame also when the modalities share one process, and otherwise when the
            network of such a process never sees what ``X`` holds.
        DataError, DataTypeError
            When ``X`` does not fit what the model was fitted to.
        """
        owner = f"{type(self).__name__}.predict"
        counts = {"n_draws": n_draws, "n_steps": n_steps, "batch_size": batch_size}
        target = self._target(X, target, owner, counts)
        if isinstance(self.form_, FrameForm):
            return self._frame_answers(batch_size).prediction(X, target, n_draws, n_steps)
        law = self._law(X, target, batch_size)
        return decode_law(self.denoiser_.joint.parts()[target], law)

    def predict_proba(
        self,
        X: Mapping[str, Any] | pd.DataFrame,
        target: Any = None,
        *,
        batch_size: int | None = None,
    ) -> Any:
        """Give the probability of each category of a modality given others.

        Parameters
        ----------
        X, target, batch_size
            As for `predict`; the target must hold categories: labels, maps or texts, and in a
            DataFrame labels.

        Returns
        -------
        ndarray or DataFrame
            ``(n, K)`` for a single category, in the order of its codes or of ``categories``;
            ``(n, H, W, K)`` for a map, ``(n, L, K)`` for several categories or the words of a text,
            each place by itself. After a fit to a DataFrame, one with a column for each value.

        Raises
        ------
        NotFittedError, ParameterError, DataError, DataTypeError
            As in `predict`, and when the target holds numbers.
        """
        owner = f"{type(self).__name__}.predict_proba"
        target = self._target(X, target, owner, {"batch_size": batch_size})
        if isinstance(self.form_, FrameForm):
            return self._frame_answers(batch_size).probabilities(X, target)
        part = self.denoiser_.joint.parts()[target]
        if not is_categorical(part):
            raise no_probabilities(target)
        law = self._law(X, target, batch_size)
        return part.decode_probabilities(law.exp())

    def _target(self, X: Any, target: Any, owner: str, parameters: Mapping[str, Any]) -> Any:
        """Find what is to be predicted."""
        check_is_fitted(self, "denoiser_")
        check_parameters(owner, parameters)
        names = self.form_.names
        if target is None:
            absent = [name for name in names if not hasattr(X, "keys") or name not in X]
            if len(absent) != 1:
                raise ParameterError(
                    f"{owner} needs to know what to predict: X lacks {absent}. Pass target=, one "
                    f"of {names}."
                )
            target = absent[0]
        if target not in names or target in self.given_:
            free = [name for name in names if name not in self.given_]
            raise ParameterError(
                f"The 'target' parameter of {owner} must be one of {free}. Got {target!r} instead."
            )
        return target

    def _frame_answers(self, batch_size: int | None) -> FrameAnswers:
        assert isinstance(self.form_, FrameForm)
        return FrameAnswers(
            self.form_,
            self.denoiser_,
            self.device_,
            self.seed_,
            batch_size or _ROWS,
            self.given_,
            bool(self.verbose),
        )

    def _law(self, X: Any, target: str, batch_size: int | None) -> Tensor:
        """Give the law of each cell of the target in each row of arrays."""
        joint = self.denoiser_.joint
        assert isinstance(self.form_, ArrayForm)
        if isinstance(X, Mapping):
            X = {name: values for name, values in X.items() if name != target}
        known = read_rows(X, self.form_, joint.parts())
        check_known(self.given_, known.parts)
        _check_seen(joint, known.parts)
        evidence = known.evidence()
        assert evidence is not None
        assert evidence.observed is not None
        return expectation(
            self.denoiser_,
            joint,
            evidence.observed,
            target,
            seed=child_seed(self.seed_, "predict"),
            batch_size=batch_size or _ROWS,
            device=self.device_,
        )


def _check_seen(joint: JointProcess, known: Mapping[str, KnownPart]) -> None:
    """Refuse evidence that a network which sees the latent alone would not look at."""
    if not isinstance(joint, SharedProcess) or joint.shows_known:
        return
    if joint.latent not in known or not bool(known[joint.latent].known.any()):
        raise ParameterError(
            f"The network sees the latent {joint.latent!r} alone (shows_known=False), so "
            f"{[*known]} cannot tell it anything in one call. Use sample(conditions=), or fit with "
            "shows_known=True."
        )
