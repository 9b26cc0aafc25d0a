"""ForestDiffusionModel of the package ForestDiffusion: flow matching with boosted trees."""

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.rivals.exchange import CATEGORICAL, Info, Job, main

PACKAGES = ("ForestDiffusion", "xgboost", "numpy", "pandas")


class ForestFlow:
    """Fit ForestDiffusion with the package's defaults, one set of trees for each class."""

    def __init__(self, job: Job) -> None:
        from ForestDiffusion import ForestDiffusionModel  # type: ignore[import-not-found]

        self.job = job
        self.build = ForestDiffusionModel
        self.arguments = job.arguments(seed=job.seed, gpu_hist=job.device == "cuda")
        self.label = job.target if job.kinds[job.target] == CATEGORICAL else None
        self.model: Any = None
        self.levels = {name: _levels(job.train[name]) for name in job.categorical}
        self.columns = self._order()

    def fit(self) -> None:
        """Encode the table as numbers; the constructor of the package does the training."""
        table = self.job.train.copy()
        for name, levels in self.levels.items():
            table[name] = pd.Categorical(table[name].fillna(""), categories=levels).codes
        matrix = table[self.columns].to_numpy(dtype=float)
        labels = None if self.label is None else table[self.label].to_numpy()
        self.model = self.build(matrix, label_y=labels, **self._indexes(), **self.arguments)

    def sample(self) -> pd.DataFrame:
        """Draw the rows, and put words in place of codes."""
        matrix = self.model.generate(batch_size=self.job.rows)
        labelled = [] if self.label is None else [self.label]
        table = pd.DataFrame(matrix, columns=self.columns + labelled)
        for name, levels in self.levels.items():
            table[name] = np.array(levels, dtype=object)[table[name].round().astype(int)]
        return table

    def describe(self) -> Info:
        """Tell the label, and whether categorical columns could be confused."""
        return {
            "parameters": self.arguments,
            "target": self.label,
            "seeding": "argument seed, set as the global seed of numpy",
            "name_clashes": self._clashes(),
        }

    def _order(self) -> list[str]:
        """Order the columns so that the package can tell the categorical ones apart.

        It recognizes the indicator columns of column 3 by "3_" in their name, which "13_0" has
        too. Up to ten categorical columns are safe in front; more of them go to the end, behind
        the numbers.
        """
        inputs = [name for name in self.job.kinds if name != self.label]
        many = [name for name in inputs if len(self.levels.get(name, ())) > 2]
        rest = [name for name in inputs if name not in many]
        return many + rest if len(many) <= 10 else rest + many

    def _indexes(self) -> dict[str, list[int]]:
        """Positions of binary, categorical and integer columns, as the package wants them."""
        integer = self.job.integer
        groups: dict[str, list[int]] = {"bin_indexes": [], "cat_indexes": [], "int_indexes": []}
        for position, name in enumerate(self.columns):
            if name in self.levels:
                binary = len(self.levels[name]) <= 2
                groups["bin_indexes" if binary else "cat_indexes"].append(position)
            elif name in integer:
                groups["int_indexes"].append(position)
        return groups

    def _clashes(self) -> list[list[str]]:
        """Pairs of categorical columns where the number of one ends with that of the other."""
        many = self._indexes()["cat_indexes"]
        return [
            [self.columns[i], self.columns[j]]
            for i in many
            for j in many
            if i != j and str(j).endswith(str(i))
        ]


def _levels(column: "pd.Series[str]") -> list[str]:
    """Sorted values of a categorical column; a missing cell is the empty word."""
    return sorted(column.fillna("").unique())


if __name__ == "__main__":
    main(ForestFlow, PACKAGES)
