"""Adversarial random forests of the package arfpy."""

import pandas as pd

from benchmarks.rivals.exchange import Info, Job, main

PACKAGES = ("arfpy", "scikit-learn", "numpy", "pandas")


class AdversarialForest:
    """Fit an adversarial random forest with the package's defaults."""

    def __init__(self, job: Job) -> None:
        import numpy as np
        from arfpy import arf  # type: ignore[import-not-found]

        self.job = job
        self.build = arf.arf
        self.arguments = job.arguments(verbose=False)
        np.random.seed(job.seed)  # noqa: NPY002  the package has no other way

    def fit(self) -> None:
        """Grow the forest, then estimate the densities in its leaves."""
        self.model = self.build(self.job.train, **self.arguments)
        self.model.forde()

    def sample(self) -> pd.DataFrame:
        """Draw the rows."""
        rows: pd.DataFrame = self.model.forge(n=self.job.rows)
        return rows

    def describe(self) -> Info:
        """Count the leaves."""
        return {
            "parameters": self.arguments,
            "seeding": "global seed of numpy, which the package and scikit-learn draw from",
            "leaves": int(sum(tree.get_n_leaves() for tree in self.model.clf.estimators_)),
        }


if __name__ == "__main__":
    main(AdversarialForest, PACKAGES)
