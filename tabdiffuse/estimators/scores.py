"""How likely rows and cells are, and what a column is given the others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

from tabdiffuse.denoiser import Denoiser
from tabdiffuse.errors import ParameterError
from tabdiffuse.estimators.answers import Floats, TableAnswers
from tabdiffuse.estimators.parameters import check_parameters
from tabdiffuse.estimators.predictions import nothing_to_predict
from tabdiffuse.estimators.progress import RowsBar, rows_bar
from tabdiffuse.estimators.rows import TableRows
from tabdiffuse.estimators.rules import COUNT
from tabdiffuse.tables import TableCodec, TableSchema, check_same_columns

if TYPE_CHECKING:
    Series = pd.Series[Any]

__all__ = ["TableScores"]


class TableScores:
    """The verbs of a fitted table model that ask for probabilities.

    Everything here is deterministic and row by row: noise is the same for every row and every call
    and depends on the seed of the fit alone, so the answer for a row does not depend on the rows
    beside it. NaN counts as a value in columns that had missing values in training; in others the
    cell is not known, and is neither scored nor used.
    """

    schema_: TableSchema
    codec_: TableCodec
    denoiser_: Denoiser
    device_: torch.device
    seed_: int
    verbose: int

    def score_samples(
        self,
        X: pd.DataFrame,
        *,
        given: Sequence[Any] | None = None,
        n_draws: int = 4,
        n_steps: int = 16,
    ) -> Floats:
        """Estimate the log-probability of each row.

        Numbers enter by the excess of the denoiser's squared error over that of a normal law,
        integrated over noise levels (Kong et al. 2023, arXiv 2302.03792), categories by the bound
        of masked diffusion (Sahoo et al. 2024, arXiv 2406.07524), both along the same path, in
        which all cells are noised together. The result is in nats. A column whose numbers lie on a
        lattice, or are few, counts with the probability of its value; one of continuous numbers
        with the density of its normal score. Scores are therefore comparable between rows of one
        model, and not between models of other columns. A number beyond the range seen in training
        counts as the nearest one seen.

        Parameters
        ----------
        X : DataFrame
            Rows with the columns of the training data.
        given : sequence of column names, optional
            Columns that are evidence: the result is the log-probability of the others given them.
        n_draws : int, default=4
            Pairs of mirrored noises. The error of a score falls about as their number grows; most
            of it is the same for all rows.
        n_steps : int, default=16
            Noise levels. A row costs ``2 * n_draws * n_steps`` calls of the network, where a
            sampled row costs as many as it has steps.

        Returns
        -------
        ndarray of float64, shape (n,)
            Nats; higher is likelier.

        Raises
        ------
        NotFittedError
            Before `fit`.
        DataError, DataTypeError
            Columns are missing or unknown, or a category was never seen.
        ParameterError
            ``given`` names an unknown column, or a parameter is out of range.
        """
        owner = f"{type(self).__name__}.score_samples"
        self._check_counts(owner, n_draws=n_draws, n_steps=n_steps)
        evidence = self._evidence(given, owner)
        rows = self._rows(X)
        asked = [place for place in range(len(self.schema_.names)) if place not in evidence]
        with self._bar("Scoring rows", len(rows)) as bar:
            answers = self._answers(bar)
            return answers.log_probability(rows, asked, int(n_draws), int(n_steps))

    def score(self, X: pd.DataFrame, y: Any = None) -> float:
        """Average the log-probabilities of rows.

        Parameters
        ----------
        X : DataFrame
            At least one row with the columns of the training data.
        y : None
            Ignored.

        Returns
        -------
        float
            Mean of `score_samples`, in nats.
        """
        scores = self.score_samples(X)
        if len(scores) == 0:
            raise ParameterError("score needs at least one row. Got 0 instead.")
        return float(scores.mean())

    def score_cells(
        self, X: pd.DataFrame, *, relative: bool = True, n_draws: int = 2, n_steps: int = 16
    ) -> pd.DataFrame:
        """Tell how surprising each cell is, given all the other cells of its row.

        Parameters
        ----------
        X : DataFrame
            Rows with the columns of the training data.
        relative : bool, default=True
            Compare with what the column by itself says: ``log p(cell) - log p(cell | others)``,
            the evidence that the cell does not belong to its row but was drawn from its column, as
            typos and mixed-up rows are. Columns with many and with few values can be compared, and
            0 means that the others say nothing. False gives ``-log p(cell | others)``, in the units
            of `score_samples`; a cell of a column with many values is then always surprising.
        n_draws, n_steps : int, default=2 and 16
            As in `score_samples`, for columns of numbers: a number that is no event costs ``2 *
            n_draws * n_steps`` calls of the network, any other cell one.

        Returns
        -------
        DataFrame
            Nats, with the index of X and the columns of the training data; higher is odder. NaN
            where the value is missing and the column had no missing values in training.

        Raises
        ------
        NotFittedError, DataError, DataTypeError, ParameterError
            As in `score_samples`.
        """
        owner = f"{type(self).__name__}.score_cells"
        self._check_counts(owner, n_draws=n_draws, n_steps=n_steps)
        check_parameters(owner, {"relative": relative})
        rows = self._rows(X)
        with self._bar("Scoring cells", rows.n_numbers) as bar:
            answers = self._answers(bar)
            columns = [
                answers.cell_surprise(rows, place, int(n_draws), int(n_steps), relative=relative)
                for place in range(len(self.schema_.names))
            ]
        found = np.where(rows.hidden, np.nan, np.stack(columns, axis=1))
        return pd.DataFrame(found, index=X.index, columns=pd.Index(self.schema_.names))

    def predict_proba(self, X: pd.DataFrame, target: Any = None) -> pd.DataFrame:
        """Give the probability of each value of a column, given the other columns.

        One call of the network for each row. Where the column had missing values in training, the
        probabilities are those of its values given that it is not missing.

        Parameters
        ----------
        X : DataFrame
            Rows with the other columns; the target may be there, and is not looked at.
        target : str or int, optional
            A column with categories, truth values or at most some 20 distinct numbers. By default
            the one column that X lacks.

        Returns
        -------
        DataFrame
            A column for each value of the target, with the index of X; rows add up to 1.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ParameterError
            The target is unknown, constant, or a column of continuous numbers.
        DataError, DataTypeError
            Columns are missing or unknown, or a category was never seen.
        """
        place, rows = self._target(X, target, "predict_proba")
        return self._answers(RowsBar()).probabilities(rows, place, X.index)

    def predict(
        self, X: pd.DataFrame, target: Any = None, *, n_draws: int = 16, n_steps: int = 16
    ) -> Series:
        """Predict a column given the others: the likeliest category, or the mean of numbers.

        Parameters
        ----------
        X : DataFrame
            Rows with the other columns; the target may be there, and is not looked at.
        target : str or int, optional
            Any column that is not constant. By default the one column that X lacks.
        n_draws, n_steps : int, default=16
            For numbers of which any is possible, over how many quantiles of their law the mean is
            taken, and the steps in which each is computed. Other targets cost one call of the
            network for each row.

        Returns
        -------
        Series
            Categories in the dtype of the column, means as float64; with the index of X.

        Raises
        ------
        NotFittedError, ParameterError, DataError, DataTypeError
            As in `predict_proba`.
        """
        owner = f"{type(self).__name__}.predict"
        self._check_counts(owner, n_draws=n_draws, n_steps=n_steps)
        place, rows = self._target(X, target, "predict")
        column = self.schema_.columns[place]
        if column.kind == "numeric":
            with self._bar("Predicting", len(rows)) as bar:
                mean = self._answers(bar).mean(rows, place, int(n_draws), int(n_steps))
            return pd.Series(mean, index=X.index, name=column.name)
        return self._answers(RowsBar()).likeliest(rows, place, X.index)

    def _check_counts(self, owner: str, **counts: Any) -> None:
        check_is_fitted(self, "denoiser_")
        for name, value in counts.items():
            if not COUNT.accepts(value):
                raise ParameterError(
                    f"The {name!r} parameter of {owner} must be {COUNT.text}. "
                    f"Got {value!r} instead."
                )

    def _bar(self, title: str, total: int) -> AbstractContextManager[RowsBar]:
        return rows_bar(title, total, shown=bool(self.verbose) and total > 0)

    def _answers(self, bar: RowsBar) -> TableAnswers:
        return TableAnswers(self.codec_, self.denoiser_, self.device_, self.seed_, bar)

    def _rows(self, X: pd.DataFrame) -> TableRows:
        """Check rows and encode them."""
        frame = check_same_columns(X, self.schema_)
        return TableRows.encode(self.codec_, self.denoiser_.joint.parts(), frame)

    def _evidence(self, given: Sequence[Any] | None, owner: str) -> set[int]:
        """Find the places of the columns that are evidence."""
        names = self.schema_.names
        if given is not None and not pd.api.types.is_list_like(given):
            raise ParameterError(
                f"The 'given' parameter of {owner} must be a list of column names. Got {given!r} "
                f"instead; write [{given!r}]."
            )
        wanted = [] if given is None else list(given)
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise ParameterError(
                f"The 'given' parameter of {owner} names columns that were not in the training "
                f"data: {unknown}. Known columns: {names}."
            )
        return {names.index(name) for name in wanted}

    def _target(self, X: Any, target: Any, verb: str) -> tuple[int, TableRows]:
        """Find the place of a target, and encode the rows without it."""
        check_is_fitted(self, "denoiser_")
        if not isinstance(X, pd.DataFrame):
            check_same_columns(X, self.schema_)
        names = self.schema_.names
        target = self._only_absent(X, verb) if target is None else target
        if target not in names:
            raise ParameterError(
                f"The 'target' parameter of {type(self).__name__}.{verb} must be a column of the "
                f"training data, one of {names}. Got {target!r} instead."
            )
        place = names.index(target)
        if self.schema_.columns[place].kind == "constant":
            raise nothing_to_predict(target)
        frame = X.drop(columns=[target], errors="ignore")
        frame[target] = np.nan
        rows = self._rows(frame)
        return place, rows.opened(place)

    def _only_absent(self, X: pd.DataFrame, verb: str) -> Any:
        """Give the one column that is not there."""
        absent = [name for name in self.schema_.names if name not in set(X.columns)]
        if len(absent) != 1:
            raise ParameterError(
                f"{type(self).__name__}.{verb} needs to know which column to predict: X lacks "
                f"{len(absent)} columns {absent}. Pass target=, one of {self.schema_.names}."
            )
        return absent[0]
