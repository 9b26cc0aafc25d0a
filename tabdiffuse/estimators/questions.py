"""The questions that a fitted table model answers with rows: sample, impute, vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from tabdiffuse._random import child_seed
from tabdiffuse.estimators.base import DiffusionEstimator
from tabdiffuse.estimators.evidence import column_times, noised, table_evidence
from tabdiffuse.estimators.parameters import check_parameters, make_guidance
from tabdiffuse.joint import State
from tabdiffuse.sampling.blocks import BLOCK_ROWS
from tabdiffuse.sampling.evidence import Evidence
from tabdiffuse.sampling.guidance import Guidance
from tabdiffuse.tables import TableCodec, TableSchema, check_same_columns
from tabdiffuse.tables.answers import with_given
from tabdiffuse.tables.asked import read_conditions
from tabdiffuse.tables.balancing import balanced, check_balance
from tabdiffuse.tables.filling import Holes
from tabdiffuse.tables.variation import Variation, column_strengths

__all__ = ["TableQuestions"]

Rows = NDArray[np.intp]

_CPU = torch.device("cpu")


class TableQuestions(DiffusionEstimator):
    """Rows from a fitted model of a table, given whatever is known of them."""

    schema_: TableSchema
    codec_: TableCodec

    def sample(
        self,
        n_samples: int | None = None,
        conditions: Mapping[Any, Any] | pd.DataFrame | Sequence[Mapping[Any, Any]] | None = None,
        *,
        guidance: float | Guidance | None = None,
        balance: Mapping[Any, Any] | None = None,
        random_state: Any = None,
        batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> pd.DataFrame:
        """Draw new rows, from the joint law or given what is known of them.

        Parameters
        ----------
        n_samples : int, optional
            Number of rows, at least 1; 1 by default. With conditions row by row, the number of rows
            for each of them, which then follow one another.
        conditions : mapping, DataFrame or list of mappings, optional
            What is known: a mapping of column names to conditions for all rows, or a DataFrame or
            list of mappings with one entry for each row. A plain value fixes its cell and comes
            back as it is; NaN, None or NA leave it open; `Missing` asks for a gap, ``Between(a,
            b)`` for a number within bounds, ``OneOf([...])`` for one of some values,
            ``Approx(value, sd)`` for a number known up to noise. A number outside the range seen
            in training is read as the nearest one, with a warning. The rows out have the index of
            a DataFrame, and the columns of it that the table has not.
        guidance : float or Guidance, optional
            How far to lean towards the conditions. A number is the strength: with 2, what the
            conditions change about a prediction is changed twice as far; 1 and None are no
            guidance.
        balance : mapping, optional
            Wanted shares of the levels of one categorical or boolean column:
            ``{"sex": {"F": 0.5, "M": 0.5}}`` or ``{"sex": "uniform"}``. The counts are those shares
            of the rows, rounded, and the rows are shuffled; the other columns are drawn given the
            level and the conditions.
        random_state : int, numpy random generator or None
            Seed of this sample. The rows depend on it alone: not on ``batch_size``, and the first
            rows of a large sample are the rows of a small one, also under one mapping of
            conditions, though not with ``balance``. None takes the next seed of a sequence that the
            fit decides; `reset_sampling` starts it anew.
        batch_size : int, optional
            Rows in one call of the network.
        n_steps : int, optional
            Sampling steps, instead of the estimator's or those of its preset; where a cell is known
            up to noise, the preset's are taken four times.

        Returns
        -------
        DataFrame
            Rows with the columns, order, dtypes and categories of the training data.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When a parameter is out of range, or there is guidance without conditions.
        DataError, DataTypeError
            When a condition names an unknown column of a mapping, a category never seen, a value
            that its column cannot hold, or one that no value satisfies.
        """
        check_is_fitted(self, "denoiser_")
        owner = f"{type(self).__name__}.sample"
        count = 1 if n_samples is None else n_samples
        settings = {"random_state": random_state, "batch_size": batch_size, "n_steps": n_steps}
        check_parameters(owner, {"n_samples": count, **settings})
        if conditions is None and balance is None:
            make_guidance(guidance, owner, has_evidence=False)
            return self._decoded(self._sample_state(count, random_state, batch_size, n_steps))
        asked = read_conditions({} if conditions is None else conditions, self.schema_)
        rows = np.repeat(np.arange(len(asked), dtype=np.intp), count)
        if balance is not None:
            column, shares = check_balance(balance, self.schema_)
            make_guidance(guidance, owner)
            seed = self._sample_seed(random_state)
            asked = balanced(asked.take(rows), column, shares, child_seed(seed, "balance"))
            settings["random_state"] = seed
            # One mapping for all rows has become one for each, but not to the caller.
            rows = np.arange(len(asked), dtype=np.intp)
        lean = make_guidance(guidance, owner, has_evidence=asked.any)
        evidence = table_evidence(self.codec_, asked)
        drawn = self._draw_given(evidence, rows, lean, **settings)
        return with_given(drawn, self.codec_, asked, rows)

    def impute(
        self,
        X: pd.DataFrame,
        *,
        n_draws: int = 1,
        agg: Literal["mean", "median", "mode"] | None = None,
        guidance: float | Guidance | None = None,
        random_state: Any = None,
        batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> pd.DataFrame | list[pd.DataFrame]:
        """Fill missing cells with draws from their law given the other cells of the row.

        Every missing cell is a hole, and gets a value: also where the model knows gaps as an event
        of the column. A column without any value in training stays as it is.

        Parameters
        ----------
        X : DataFrame
            Rows with the columns of the training data, in any order; it is not changed.
        n_draws : int, default=1
            Number of draws, as for multiple imputation.
        agg : {"mean", "median", "mode"}, optional
            Make one value of the draws of a hole: mean or median of numbers, rounded where the
            column lies on a lattice, or the most frequent one; of categories always the most
            frequent one. A single draw has the spread of the data, an average has less.
        guidance : float or Guidance, optional
            As for `sample`, with the observed cells as conditions.
        random_state : int, numpy random generator or None
            Seed, as for `sample`. The first of many draws is the only one of one draw.
        batch_size, n_steps : int, optional
            As for `sample`.

        Returns
        -------
        DataFrame or list of DataFrame
            ``X`` with its index, order and dtypes; observed cells are as they were. A list with one
            frame for each draw if there are several and no ``agg``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When a parameter is out of range.
        DataError, DataTypeError
            When columns are absent or unknown, or hold what the training data could not.
        """
        check_is_fitted(self, "denoiser_")
        owner = f"{type(self).__name__}.impute"
        settings = {"random_state": random_state, "batch_size": batch_size, "n_steps": n_steps}
        check_parameters(owner, {"n_draws": n_draws, "agg": agg, **settings})
        lean = make_guidance(guidance, owner)
        check_same_columns(X, self.schema_)
        holes = Holes.find(X)
        asked = holes.asked(self.codec_)
        evidence = table_evidence(self.codec_, asked, holdable=False)
        rows = np.tile(np.arange(len(asked), dtype=np.intp), n_draws)
        drawn = self._draw_given(evidence, rows, lean, alone=True, **settings)
        draws = [drawn.iloc[i * len(asked) : (i + 1) * len(asked)] for i in range(n_draws)]
        if agg is not None or n_draws == 1:
            return holes.fill(draws, self.codec_, agg)
        return [holes.fill([draw], self.codec_, None) for draw in draws]

    def vary(
        self,
        X: pd.DataFrame,
        *,
        strength: float | Mapping[Any, float] = 0.3,
        columns: Sequence[Any] | None = None,
        keep: Sequence[Any] | None = None,
        conditions: Mapping[Any, Any] | pd.DataFrame | Sequence[Mapping[Any, Any]] | None = None,
        random_state: Any = None,
        batch_size: int | None = None,
        n_steps: int | None = None,
    ) -> pd.DataFrame:
        """Draw rows like given ones, or what they would be if some cells were others.

        Each cell is noised up to the time ``strength`` of the diffusion, and the row is drawn anew
        given what is left of it. Rows that follow the law of the model lead to rows that do.

        Parameters
        ----------
        X : DataFrame
            Rows with the columns of the training data, in any order; it is not changed. A missing
            cell is a gap like others in columns where training saw gaps; elsewhere it is filled.
        strength : float or mapping of column name to float, default=0.3
            How much noise, in [0, 1]: 0 keeps cells bit for bit, 1 leaves nothing of them. A
            category is forgotten with that probability. With a mapping, the columns that it does
            not name stay.
        columns : list of column names, optional
            The only columns that vary; all by default.
        keep : list of column names, optional
            Columns that stay.
        conditions : mapping, DataFrame or list of mappings, optional
            As for `sample`: new values for some cells, one mapping for all rows or one entry for
            each. They are set first and held, and the other cells follow as far as ``strength``
            lets them: counterfactuals.
        random_state, batch_size, n_steps
            As for `sample`.

        Returns
        -------
        DataFrame
            One row for each row of ``X``, with its index and the columns, order, dtypes and
            categories of the training data.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            When a parameter is out of range, or a column is to vary and to stay.
        DataError, DataTypeError
            As for `sample`, also when columns of ``X`` are absent or unknown.
        """
        check_is_fitted(self, "denoiser_")
        owner = f"{type(self).__name__}.vary"
        settings = {"random_state": random_state, "batch_size": batch_size, "n_steps": n_steps}
        check_parameters(owner, settings)
        strengths = column_strengths(strength, columns, keep, self.schema_)
        frame = check_same_columns(X, self.schema_)
        like = Variation.of(frame, strengths, conditions, self.schema_)
        evidence = table_evidence(self.codec_, like.asked)
        settings["random_state"] = seed = self._sample_seed(random_state)
        if evidence.observed is not None and like.moves:
            observed = noised(
                evidence.observed,
                self.denoiser_.joint,
                self.codec_.encode(frame, allow_missing=True),
                column_times(self.codec_.layout, like.times),
                child_seed(seed, "noise"),
            )
            evidence = replace(evidence, observed=observed)
        rows = np.arange(len(frame), dtype=np.intp)
        drawn = self._draw_given(evidence, rows, None, **settings)
        return with_given(drawn, self.codec_, like.held, rows)

    def _draw_given(
        self,
        evidence: Evidence,
        rows: Rows,
        guidance: Guidance | None,
        *,
        alone: bool = False,
        random_state: Any,
        batch_size: int | None,
        n_steps: int | None,
    ) -> pd.DataFrame:
        """Draw a row for each number of an entry of the evidence.

        Rows that stand ``alone`` do not depend on others that were asked for in the same words.
        """
        if not len(rows):
            return self.codec_.empty()
        if rows.any():
            evidence = evidence.of_rows(torch.as_tensor(rows), _CPU)
        order = torch.arange(len(rows))
        if not evidence.is_alike and (alone or not evidence.restrictions):
            order = self._similar_together(evidence, rows)
            evidence = evidence.of_rows(order, _CPU)
        if alone:
            # Also those beyond the last row, which fill its block with copies of it.
            evidence = replace(evidence, groups=torch.arange(len(rows) + BLOCK_ROWS))
        state = self._sample_state(len(rows), random_state, batch_size, n_steps, evidence, guidance)
        back = order.argsort()
        return self._decoded({name: values[back] for name, values in state.items()})

    def _similar_together(self, evidence: Evidence, rows: Rows) -> Tensor:
        """Order rows so that those of which equally much is known share blocks: it costs least.

        Rows that come again are put in order anew, so that the first of many draws of a table is
        the only one of one.
        """
        hidden = evidence.hidden_tokens(self.denoiser_.joint, len(rows), self.device_)
        copy = pd.Series(rows).groupby(rows).cumcount()
        return torch.as_tensor(np.lexsort((hidden.numpy(), copy)))

    def _decoded(self, state: State) -> pd.DataFrame:
        """Turn clean states into rows."""
        parts = self.denoiser_.joint.parts()
        return self.codec_.decode({name: parts[name].decode(x) for name, x in state.items()})
