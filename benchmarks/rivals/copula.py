"""GaussianCopulaSynthesizer of the package sdv."""

from typing import Any

import pandas as pd

from benchmarks.rivals.exchange import Info, Job, main

PACKAGES = ("sdv", "copulas", "rdt", "pandas")
TABLE = "table"  # sdv 2 takes and returns a dict of tables, even for one


def describe_columns(job: Job) -> Any:
    """Tell the package the kinds of the columns."""
    from sdv.metadata import Metadata  # type: ignore[import-not-found]

    kinds = {"numeric": "numerical", "categorical": "categorical"}
    columns = {name: {"sdtype": kinds[kind]} for name, kind in job.kinds.items()}
    return Metadata.load_from_dict({"tables": {TABLE: {"columns": columns}}})


class GaussianCopula:
    """Fit a Gaussian copula with the package's defaults (beta marginals)."""

    def __init__(self, job: Job) -> None:
        from sdv.single_table import GaussianCopulaSynthesizer  # type: ignore[import-not-found]

        self.job = job
        self.arguments = job.arguments()
        self.model = GaussianCopulaSynthesizer(describe_columns(job), **self.arguments)

    def fit(self) -> None:
        """Fit marginals and correlations."""
        self.model.fit({TABLE: self.job.train})

    def sample(self) -> pd.DataFrame:
        """Draw the rows."""
        rows: pd.DataFrame = self.model.sample(self.job.rows)[TABLE]
        return rows

    def describe(self) -> Info:
        """Say that the seed is the package's own."""
        return {
            "parameters": self.arguments,
            "seeding": "none: the package samples with a fixed seed of its own, so seeds agree",
        }


if __name__ == "__main__":
    main(GaussianCopula, PACKAGES)
