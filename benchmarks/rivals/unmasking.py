"""UnmaskingTrees of the package utrees: boosted trees that fill in cells in random order."""

import pandas as pd

from benchmarks.rivals.exchange import CATEGORICAL, Info, Job, main

PACKAGES = ("utrees", "xgboost", "numpy", "pandas")


class Unmasking:
    """Fit UnmaskingTrees with the package's defaults (50 masking orders for each row)."""

    def __init__(self, job: Job) -> None:
        from utrees import UnmaskingTrees  # type: ignore[import-not-found]

        self.job = job
        self.arguments = job.arguments(random_state=job.seed)
        self.model = UnmaskingTrees(**self.arguments)
        self.levels = {name: sorted(job.train[name].dropna().unique()) for name in job.categorical}

    def fit(self) -> None:
        """Encode the categories as numbers and fit a model for each column."""
        table = self.job.train.copy()
        for name, levels in self.levels.items():
            codes = pd.Series(pd.Categorical(table[name], categories=levels).codes, table.index)
            table[name] = codes.where(codes >= 0).astype(float)
        self.model.fit(table.to_numpy(dtype=float), quantize_cols=self._kinds())

    def sample(self) -> pd.DataFrame:
        """Draw the rows, and put words in place of codes."""
        table = pd.DataFrame(self.model.generate(self.job.rows), columns=list(self.job.kinds))
        for name, levels in self.levels.items():
            table[name] = table[name].map(dict(enumerate(levels)))
        return table

    def describe(self) -> Info:
        """Tell how it was seeded."""
        return {"parameters": self.arguments, "seeding": "argument random_state"}

    def _kinds(self) -> list[str]:
        integer = self.job.integer
        return [
            kind if kind == CATEGORICAL else "integer" if name in integer else "continuous"
            for name, kind in self.job.kinds.items()
        ]


if __name__ == "__main__":
    main(Unmasking, PACKAGES)
