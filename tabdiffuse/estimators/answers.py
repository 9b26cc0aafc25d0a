"""Probabilities of rows and cells of a table, computed; `TableScores` asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from tabdiffuse._random import child_seed
from tabdiffuse.denoiser import Denoiser
from tabdiffuse.estimators.predictions import conditional_mean, no_probabilities
from tabdiffuse.estimators.progress import RowsBar
from tabdiffuse.estimators.rows import TableRows
from tabdiffuse.scoring import Quadrature, expectation, predict_hidden, surprise
from tabdiffuse.tables import TableCodec
from tabdiffuse.tables.values import missing_mask, numbers

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["Floats", "TableAnswers"]

Floats = NDArray[np.float64]

# Rows times noises in one call of the network; as in sampling, a CPU wants what fits its caches.
_CPU_ROWS = 512
_GPU_ROWS = 16_384
_LEAST_SHARE = 1e-6  # of a category that no row of the training data has; where its logit starts


@dataclass(frozen=True)
class TableAnswers:
    """What a fitted model says of rows.

    Attributes
    ----------
    codec : TableCodec
        The columns.
    denoiser : Denoiser
        The network.
    device : torch.device
        Where it is.
    seed : int
        Seed of the fit, from which the noise follows that all rows share.
    bar : RowsBar
        Told of rows that are done.
    batch_size : int, optional
        Rows, or rows times noises, in one call of the network.
    """

    codec: TableCodec
    denoiser: Denoiser
    device: torch.device
    seed: int
    bar: RowsBar
    batch_size: int | None = None

    def probabilities(self, rows: TableRows, column: int, index: pd.Index[Any]) -> pd.DataFrame:
        """Give the probability of each value of a column given the others, a column for each.

        Raises
        ------
        ParameterError
            The column holds numbers of which any is possible.
        """
        name = self.codec.schema.names[column]
        if self.codec.codecs[column].is_numeric:
            raise no_probabilities(name)
        columns = pd.Index(self.values(column).tolist(), name=name)
        return pd.DataFrame(self.event_probabilities(rows, column), index, columns)

    def likeliest(self, rows: TableRows, column: int, index: pd.Index[Any]) -> Series:
        """Give the likeliest value of a column given the others."""
        codes = self.event_probabilities(rows, column).argmax(axis=1)
        values = self.codec.codecs[column].decode(len(rows), None, codes)
        return values.set_axis(index).rename(self.codec.schema.names[column])

    def log_probability(
        self, rows: TableRows, asked: Sequence[int], n_draws: int, n_steps: int
    ) -> Floats:
        """Estimate the log-probability of the cells of some columns given the others, (n,)."""
        if len(rows) == 0:
            return np.zeros(0)
        total = self._surprise(rows, asked, self._points(n_draws, n_steps), np.arange(len(rows)))
        counted = np.isin(rows.columns.get("numeric", []), list(asked))
        result: Floats = rows.log_marginal[:, counted].sum(axis=1) - total
        return result

    def cell_surprise(
        self, rows: TableRows, column: int, n_draws: int, n_steps: int, *, relative: bool
    ) -> Floats:
        """Compute ``-log p`` of the cells of one column given all others, (n,); 0 if hidden.

        ``relative`` adds the log-probability of each cell by its column alone.
        """
        found = np.zeros(len(rows))
        known = ~rows.hidden[:, column]
        is_number = np.zeros(len(rows), dtype=bool)
        number = rows.cell_of(column, "numeric")
        if number is not None:
            is_number = rows.informative[:, number]
            own = np.flatnonzero(is_number & known)
            # The event first, and then the number given its event.
            points = self._points(n_draws, n_steps).categories_last(self.denoiser.joint)
            found[own] = self._surprise(rows, [column], points, own)
            if not relative:
                found[own] -= rows.log_marginal[own, number]
        event = rows.cell_of(column, "categorical")
        if event is not None:
            own = np.flatnonzero(~is_number & known)
            code = rows.x0["categorical"][own, event].numpy()
            log_probs = self._event_log_probs(rows, column, own)
            found[own] = -log_probs[np.arange(len(own)), code]
            if relative:
                codes = rows.x0["categorical"][known, event].numpy()
                found[known] += self._log_frequencies(event)[codes]
        return found

    def _log_frequencies(self, event: int) -> Floats:
        """Give the log of the share of each code, as far from 0 as one unseen in training."""
        shares = self.codec.layout.frequencies[event]
        result: Floats = np.log(np.maximum(shares, _LEAST_SHARE))
        return result

    def values(self, column: int) -> Series:
        """Give the values that have an event of their own, in the order of their codes."""
        codec = self.codec.codecs[column]
        missing = bool(self.codec.schema.columns[column].missing)
        codes = np.arange(int(codec.is_numeric), codec.cardinality - missing)
        return codec.decode(len(codes), np.zeros(len(codes)) if codec.is_numeric else None, codes)

    def event_probabilities(self, rows: TableRows, column: int) -> Floats:
        """Give the probability of each event but missing, given the other columns, (n, K)."""
        log_probs = self._event_log_probs(rows, column, np.arange(len(rows)))
        missing = bool(self.codec.schema.columns[column].missing)
        count = self.codec.codecs[column].cardinality - missing
        chances = np.exp(log_probs[:, :count])
        result: Floats = chances / chances.sum(axis=1, keepdims=True)
        return result

    def mean(self, rows: TableRows, column: int, n_draws: int, n_steps: int) -> Floats:
        """Give the mean of a numeric column, where it is not missing, given the others, (n,)."""
        codec = self.codec.codecs[column]
        chances = np.ones((len(rows), 1))
        if codec.cardinality:
            chances = self.event_probabilities(rows, column)
        mean = np.zeros(len(rows))
        atoms = _as_floats(self.values(column)) if codec.cardinality else np.zeros(0)
        mean += chances[:, int(codec.is_numeric) :] @ atoms
        if codec.is_numeric and len(rows):
            mean += chances[:, 0] * self._mean_number(rows, column, n_draws, n_steps)
        return mean

    def _mean_number(self, rows: TableRows, column: int, n_draws: int, n_steps: int) -> Floats:
        """Give the mean of the number, given that it is none of the events."""
        codec = self.codec.codecs[column]
        number = rows.cell_of(column, "numeric")
        assert number is not None

        def value_of(scores: Tensor) -> Tensor:
            codes = np.zeros(len(scores), dtype=np.int64) if codec.cardinality else None
            return torch.as_tensor(_as_floats(codec.decode(len(scores), scores.numpy(), codes)))

        means = conditional_mean(
            self.denoiser,
            self.denoiser.joint,
            rows.ask([column]),
            ("numeric", number),
            value_of,
            seed=child_seed(self.seed, "predict"),
            n_draws=n_draws,
            n_steps=n_steps,
            batch_size=self._batch_size,
            device=self.device,
            on_rows=self.bar.add,
        )
        return np.asarray(means.numpy())

    def _surprise(
        self, rows: TableRows, asked: Sequence[int], points: Quadrature, own: NDArray[np.intp]
    ) -> Floats:
        """Add up the surprise of the cells of some columns, for some rows, (len(own),)."""
        if len(own) == 0:
            return np.zeros(0)
        nats = surprise(
            self.denoiser,
            self.denoiser.joint,
            rows.ask(asked, own),
            points,
            batch_size=self._batch_size,
            device=self.device,
            on_rows=self.bar.add,
        )
        return np.asarray(torch.cat(list(nats.values()), dim=1).sum(dim=1).numpy())

    def _event_log_probs(self, rows: TableRows, column: int, own: NDArray[np.intp]) -> Floats:
        """Predict the event of a column given the others, for some rows, (len(own), K)."""
        event = rows.cell_of(column, "categorical")
        assert event is not None
        count = self.codec.codecs[column].cardinality
        if len(own) == 0:
            return np.zeros((0, count))
        joint, question = self.denoiser.joint, rows.ask([column], own)
        settings: dict[str, Any] = {"batch_size": self._batch_size, "device": self.device}
        if rows.beside:
            seed = child_seed(self.seed, "predict")
            evidence = question.observed()
            law = expectation(self.denoiser, joint, evidence, "categorical", seed=seed, **settings)
        else:
            law = predict_hidden(self.denoiser, joint, question, **settings)["categorical"]
        return np.asarray(law[:, event, :count].double().numpy())

    def _points(self, n_draws: int, n_steps: int) -> Quadrature:
        return Quadrature.make(
            self.denoiser.joint, n_steps, n_draws, child_seed(self.seed, "score")
        )

    @property
    def _batch_size(self) -> int:
        return self.batch_size or (_CPU_ROWS if self.device.type == "cpu" else _GPU_ROWS)


def _as_floats(values: Series) -> Floats:
    return numbers(values, missing_mask(values))
