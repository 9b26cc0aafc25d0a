"""Rows completed by rejection from CTGAN: the script for the rival's environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.rivals.copula import TABLE, describe_columns
from benchmarks.rivals.exchange import Info, Job, count_parameters, main, read_table

PACKAGES = ("sdv", "ctgan", "rdt", "torch", "pandas")
CANDIDATES = 200_000  # rows drawn; each row to complete may take any of them
TRIES = 100  # candidates for each row in the package's own loop, by default
TOLERANCE = 0.01  # of the package: how far a fraction may be from the one kept, relatively

Places = NDArray[np.intp]


class Rejection:
    """Train CTGAN, draw rows, and complete each given row by one that agrees with its kept cells.

    The rule is that of ``sample_remaining_columns`` of the package sdv: numbers of a column of
    fractions agree within 1 %, all other cells if they are equal. Its loop is not used: it draws
    for one row at a time, by default 100 candidates, for which it takes 17 s on Adult.
    """

    def __init__(self, job: Job) -> None:
        from sdv.single_table import CTGANSynthesizer  # type: ignore[import-not-found]

        self.job = job
        self.arguments = job.arguments(enable_gpu=job.device != "cpu")
        self.model = CTGANSynthesizer(describe_columns(job), **self.arguments)
        self.in_few_tries: list[float] = []

    def fit(self) -> None:
        """Fit; 300 epochs unless overridden."""
        import torch

        np.random.seed(self.job.seed)  # noqa: NPY002 - the package draws from the global state
        torch.manual_seed(self.job.seed)
        self.model.fit({TABLE: self.job.train})

    def sample(self) -> pd.DataFrame:
        """Complete each table that the option ``requests`` names; what stays open is missing."""
        drawn: pd.DataFrame = self.model.sample(CANDIDATES)[TABLE]
        candidates = Candidates(drawn, [*self.job.numeric, *self.job.categorical])
        random = np.random.default_rng(self.job.seed)
        made = []
        for request in self.job.options["requests"]:
            rows = read_table(Path(request["file"]), self.job.kinds)
            agreeing = [candidates.agreeing(row) for row in rows.to_dict("records")]
            self.in_few_tries += [1 - (1 - len(a) / len(drawn)) ** TRIES for a in agreeing]
            for _ in range(request["draws"]):
                chosen = [random.choice(places) if len(places) else -1 for places in agreeing]
                made.append(drawn.reindex(chosen))
        completed: pd.DataFrame = pd.concat(made, ignore_index=True)
        return completed

    def describe(self) -> Info:
        """Count the weights that sampling uses; tell what the default number of tries would do."""
        return {
            "n_parameters": count_parameters(self.model._model._generator),
            "parameters": self.arguments,
            "scores": {"completed_by_default": float(np.mean(self.in_few_tries))},
            "candidates": CANDIDATES,
            "seeding": "global states of numpy and torch; the package samples with its own seed",
            "notes": "n_parameters counts the generator only",
        }


class Candidates:
    """Drawn rows among which those are found that agree with the kept cells of another.

    Parameters
    ----------
    rows : DataFrame
        The drawn rows.
    order : list of str
        Columns in the order in which they are compared: the most telling ones first.
    """

    def __init__(self, rows: pd.DataFrame, order: list[str]) -> None:
        self.columns = {name: rows[name].to_numpy() for name in order}

    def agreeing(self, row: Mapping[Any, Any]) -> Places:
        """Find the rows that agree with all cells of a row that are not missing."""
        places = np.arange(len(next(iter(self.columns.values()))))
        for name, column in self.columns.items():
            if pd.notna(row[name]):
                places = places[_agree(column[places], row[name])]
        return places


def _agree(cells: NDArray[Any], value: Any) -> NDArray[np.bool_]:
    if cells.dtype.kind == "f":
        return np.asarray(np.abs(cells - value) <= TOLERANCE * abs(value))
    return np.asarray(cells == value)


if __name__ == "__main__":
    main(Rejection, PACKAGES)
