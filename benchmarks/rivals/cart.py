"""Sequential decision trees of the package py-synthpop, a port of R's synthpop."""

import pandas as pd

from benchmarks.rivals.exchange import Info, Job, main

PACKAGES = ("py-synthpop", "scikit-learn", "numpy", "pandas")


class SequentialTrees:
    """Fit a decision tree for each column on the columns before it, with the defaults."""

    def __init__(self, job: Job) -> None:
        import numpy as np
        from synthpop import Synthpop  # type: ignore[import-not-found]

        self.job = job
        self.arguments = job.arguments(seed=job.seed)
        self.model = Synthpop(**self.arguments)
        np.random.seed(job.seed)  # noqa: NPY002  sampling takes no seed

    def fit(self) -> None:
        """Grow the trees; each leaf keeps the train values that fell into it."""
        words = dict.fromkeys(self.job.categorical, "category")
        whole = self.job.integer
        kinds = {name: "int" if name in whole else "float" for name in self.job.numeric}
        self.model.fit(self.job.train.astype(words), {**kinds, **words})

    def sample(self) -> pd.DataFrame:
        """Draw the rows."""
        rows: pd.DataFrame = self.model.generate(self.job.rows)
        return rows

    def describe(self) -> Info:
        """Tell how it was seeded."""
        return {
            "parameters": self.arguments,
            "seeding": "argument seed for the trees, global seed of numpy for the draws",
            "notes": "every value of a row is a value of the train table",
        }


if __name__ == "__main__":
    main(SequentialTrees, PACKAGES)
