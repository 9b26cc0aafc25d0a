"""What a column of a DataFrame is given the others, where some hold pictures, texts or vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from tabdiffuse._random import child_seed
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.estimators.answers import TableAnswers
from tabdiffuse.estimators.entries import present
from tabdiffuse.estimators.frames import TABLE, FrameForm
from tabdiffuse.estimators.given import check_known
from tabdiffuse.estimators.parts import KnownPart, decode_law, is_categorical
from tabdiffuse.estimators.predictions import no_probabilities, nothing_to_predict
from tabdiffuse.estimators.progress import RowsBar, rows_bar
from tabdiffuse.estimators.rows import TableRows
from tabdiffuse.joint import ProductProcess
from tabdiffuse.modalities import Modality
from tabdiffuse.scoring import expectation
from tabdiffuse.tables import check_same_columns

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["FrameAnswers"]


@dataclass(frozen=True)
class FrameAnswers:
    """What a fitted model says of the columns of a DataFrame.

    Attributes
    ----------
    form : FrameForm
        The columns.
    denoiser : Denoiser
        The network.
    device : torch.device
        Where it is.
    seed : int
        Seed of the fit.
    batch_size : int
        Rows in one call of the network.
    given : tuple of str
        Columns of modalities that are always given.
    shows_progress : bool
        Whether to show a bar where it takes long, as means of numbers do.
    """

    form: FrameForm
    denoiser: Denoiser
    device: torch.device
    seed: int
    batch_size: int
    given: tuple[str, ...]
    shows_progress: bool

    def probabilities(self, X: Any, target: Any) -> pd.DataFrame:
        """Give the probability of each value of a column; see `ModalPredictions.predict_proba`."""
        rows = self._rows(X, target)
        if target not in self.form.entries:
            return self._of_table(RowsBar()).probabilities(rows, self._place(target), X.index)
        part = self._parts[target]
        if not is_categorical(part):
            raise no_probabilities(target)
        chances = part.decode_probabilities(self._law(rows, target).exp())
        if chances.ndim != 2:
            raise ParameterError(
                f"{target!r} has many cells, which a table of probabilities has no room for. Fit "
                "to a mapping of names to arrays, whose predict_proba gives an array."
            )
        names = part.decode(torch.arange(chances.shape[1])[:, None])
        return pd.DataFrame(chances, X.index, pd.Index(names.tolist(), name=target))

    def prediction(self, X: Any, target: Any, n_draws: int, n_steps: int) -> Series:
        """Predict a column: the likeliest value, or the mean; see `ModalPredictions.predict`."""
        rows = self._rows(X, target)
        if target in self.form.entries:
            values = decode_law(self._parts[target], self._law(rows, target))
            return self.form.entries[target].column(values).set_axis(X.index)
        place = self._place(target)
        if self.form.codec.schema.columns[place].kind != "numeric":
            return self._of_table(RowsBar()).likeliest(rows, place, X.index)
        with rows_bar("Predicting", len(X), shown=self.shows_progress) as bar:
            mean = self._of_table(bar).mean(rows, place, n_draws, n_steps)
        return pd.Series(mean, index=X.index, name=target)

    @property
    def _parts(self) -> dict[str, Modality]:
        return self.denoiser.joint.parts()

    def _of_table(self, bar: RowsBar) -> TableAnswers:
        codec = self.form.codec
        return TableAnswers(codec, self.denoiser, self.device, self.seed, bar, self.batch_size)

    def _place(self, target: Any) -> int:
        return self.form.codec.schema.names.index(target)

    def _check_varies(self, target: Any) -> None:
        if target in self.form.entries:
            return
        if self.form.codec.schema.columns[self._place(target)].kind == "constant":
            raise nothing_to_predict(target)

    def _rows(self, X: Any, target: Any) -> TableRows:
        """Check and encode rows, of which the target is not known."""
        if not isinstance(self.denoiser.joint, ProductProcess):
            raise ParameterError(
                "Columns can be predicted where each modality has a process of its own. Got a "
                f"{type(self.denoiser.joint).__name__}; fit with joint=None, or draw the column "
                "by sample(conditions=)."
            )
        self._check_varies(target)
        if not isinstance(X, pd.DataFrame):
            raise DataTypeError(
                f"X must be a DataFrame, as in fit. Got {type(X).__name__} instead."
            )
        if len(X) == 0:
            raise DataError("X must have at least one row. Got none.")
        unknown = [name for name in X.columns if name not in self.form.order]
        if unknown or X.columns.has_duplicates:
            raise DataError(
                f"X must hold columns of the training data, each once: {[*self.form.order]}. "
                f"Got {[*X.columns]}."
            )
        schema, own = self.form.codec.schema, {n: p for n, p in self._parts.items() if n in TABLE}
        absent = [name for name in schema.names if name == target or name not in X.columns]
        frame = X[[name for name in schema.names if name not in absent]].copy()
        frame[absent] = np.nan
        rows = TableRows.encode(self.form.codec, own, check_same_columns(frame, schema))
        hidden = rows.hidden | np.array([name in absent for name in schema.names], dtype=bool)
        rows = replace(rows, hidden=hidden, beside=self._beside(X, target))
        check_known(self.given, rows.beside)
        return rows.opened(self._place(target)) if target in schema.names else rows

    def _beside(self, X: pd.DataFrame, target: Any) -> dict[str, KnownPart]:
        """Read the columns of modalities; what is missing, and the target, is not known."""
        found = {}
        for name, column in self.form.entries.items():
            is_there = name != target and name in X.columns
            entries = X[name].tolist() if is_there else [None] * len(X)
            given = present(entries)
            if given.any():
                values = column.stack(entries, given)
                found[name] = KnownPart.observe(name, self._parts[name], values, given)
            else:
                found[name] = KnownPart.unknown(self._parts[name], len(X))
        return found

    def _law(self, rows: TableRows, target: str) -> Tensor:
        """Give the law of each cell of a modality given the rest."""
        return expectation(
            self.denoiser,
            self.denoiser.joint,
            rows.ask([]).observed(),
            target,
            seed=child_seed(self.seed, "predict"),
            batch_size=self.batch_size,
            device=self.device,
        )
