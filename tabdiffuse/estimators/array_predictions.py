"""Predictions of one modality given others, from a model of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from tabdiffuse._random import child_seed
from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.arrays import read_rows
from tabdiffuse.estimators.base import DiffusionEstimator
from tabdiffuse.estimators.forms import Form
from tabdiffuse.estimators.given import check_known
from tabdiffuse.estimators.parameters import check_parameters
from tabdiffuse.modalities import Modality
from tabdiffuse.processes import MaskedProcess
from tabdiffuse.sampling.blocks import BLOCK_ROWS
from tabdiffuse.sampling.expectation import expectation

__all__ = ["ArrayPredictions"]


class ArrayPredictions(DiffusionEstimator):
    """Predictions from a fitted model of arrays."""

    form_: Form
    given_: tuple[str, ...]

    def predict(
        self, X: Mapping[str, Any], target: str | None = None, *, batch_size: int | None = None
    ) -> NDArray[Any]:
        """Predict a modality given others: the likeliest categories, or the mean of numbers.

        One call of the network for each row, and the same answer each time. Of modalities with many
        cells it is the likeliest class of each pixel, or the mean of each, which is less like an
        example than a draw from `sample` is, and nearer to the truth on average.

        Parameters
        ----------
        X : mapping of str to array_like
            For each modality an array with one entry a row, as for the conditions of `sample`.
            Gaps, and modalities that are left out, are not known; the target may be there, and is
            not looked at.
        target : str, optional
            The modality to predict; by default the one that X lacks.
        batch_size : int, optional
            Rows in one call of the network.

        Returns
        -------
        ndarray
            One entry for each row of ``X``, as ``sample`` returns it.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When the target is unknown, or always given, or a parameter is out of range.
        DataError, DataTypeError
            When ``X`` does not fit its modalities, or the model was fitted to a DataFrame.
        """
        name, law = self._law(X, target, batch_size, "predict")
        part = self.denoiser_.joint.parts()[name]
        return part.decode(law.argmax(dim=-1) if _is_categorical(part) else law)

    def predict_proba(
        self, X: Mapping[str, Any], target: str | None = None, *, batch_size: int | None = None
    ) -> NDArray[Any]:
        """Give the probability of each category of a modality given others.

        Parameters
        ----------
        X, target, batch_size
            As for `predict`; the target must hold categories: labels, maps or texts.

        Returns
        -------
        ndarray
            ``(n, K)`` for a single category, in the order of its codes or of ``categories``;
            ``(n, H, W, K)`` for a map, ``(n, L, K)`` for several categories or the words of a text,
            each place by itself.

        Raises
        ------
        NotFittedError, ParameterError, DataError, DataTypeError
            As in `predict`, and when the target holds numbers.
        """
        name, law = self._law(X, target, batch_size, "predict_proba")
        part = self.denoiser_.joint.parts()[name]
        if not _is_categorical(part):
            raise ParameterError(
                f"{name!r} holds numbers of which any is possible, so they have no table of "
                f"probabilities. Use predict(X, {name!r}) for their mean, or sample to draw them."
            )
        return part.decode_probabilities(law.exp())

    def _law(self, X: Any, target: Any, batch_size: int | None, verb: str) -> tuple[str, Tensor]:
        """Find the target, and its law in each row."""
        check_is_fitted(self, "denoiser_")
        check_parameters(f"{type(self).__name__}.{verb}", {"batch_size": batch_size})
        joint = self.denoiser_.joint
        parts = joint.parts()
        target = self._only_absent(X, parts, verb) if target is None else target
        if target not in parts or target in self.given_:
            free = [name for name in parts if name not in self.given_]
            raise ParameterError(
                f"The 'target' parameter of {type(self).__name__}.{verb} must be a modality that "
                f"is not always given, one of {free}. Got {target!r} instead."
            )
        if isinstance(X, Mapping):
            X = {name: values for name, values in X.items() if name != target}
        known = read_rows(X, self.form_, parts, verb)
        check_known(self.given_, known.parts)
        evidence = known.evidence()
        assert evidence is not None
        assert evidence.observed is not None
        law = expectation(
            self.denoiser_,
            joint,
            evidence.observed,
            target,
            seed=child_seed(self.seed_, "predict"),
            batch_size=batch_size or BLOCK_ROWS,
            device=self.device_,
        )
        return target, law

    def _only_absent(self, X: Any, parts: Mapping[str, Modality], verb: str) -> str:
        """Give the one modality that is not there."""
        absent = [name for name in parts if not isinstance(X, Mapping) or name not in X]
        if len(absent) != 1:
            raise ParameterError(
                f"{type(self).__name__}.{verb} needs to know which modality to predict: X lacks "
                f"{absent}. Pass target=, one of {[*parts]}."
            )
        return absent[0]


def _is_categorical(part: Modality) -> bool:
    return isinstance(part.process, MaskedProcess)
