"""NRGBoost of the package nrgboost: an energy model of boosted trees."""

import pandas as pd

from benchmarks.rivals.exchange import Info, Job, main

PACKAGES = ("nrgboost", "numpy", "pandas")


class Nrg:
    """Train NRGBoost with the package's defaults (200 trees, 100 Gibbs steps for each row)."""

    def __init__(self, job: Job) -> None:
        from nrgboost import Dataset, NRGBooster  # type: ignore[import-not-found]

        self.job = job
        self.dataset, self.booster = Dataset, NRGBooster
        self.arguments = job.arguments()

    def fit(self) -> None:
        """Discretize the table and boost."""
        words = dict.fromkeys(self.job.categorical, "category")
        data = self.dataset(self.job.train.astype(words))
        self.model = self.booster.fit(data, dict(self.arguments), seed=self.job.seed)

    def sample(self) -> pd.DataFrame:
        """Draw the rows."""
        rows: pd.DataFrame = self.model.sample(self.job.rows, seed=self.job.seed)
        return rows

    def describe(self) -> Info:
        """Tell how it was seeded."""
        return {"parameters": self.arguments, "seeding": "arguments seed of fit and of sample"}


if __name__ == "__main__":
    main(Nrg, PACKAGES)
