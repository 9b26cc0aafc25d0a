"""SMOTE of the package imbalanced-learn: new rows between neighbours of one class."""

from typing import Any

import pandas as pd

from benchmarks.rivals.exchange import CATEGORICAL, Info, Job, main

PACKAGES = ("imbalanced-learn", "scikit-learn", "pandas")


class Smote:
    """Interpolate between train rows of one class (SMOTENC, or SMOTE without categories).

    The classes keep their shares. A numeric target is a column like the others, and the halves
    below and above its median are the classes.
    """

    def __init__(self, job: Job) -> None:
        from imblearn.over_sampling import SMOTE, SMOTENC

        self.job = job
        self.build = {"numeric": SMOTE, "mixed": SMOTENC}
        self.arguments = job.arguments(random_state=job.seed)

    def fit(self) -> None:
        """Split the table into inputs and classes; there is nothing to train."""
        target = self.job.train[self.job.target]
        self.by_class = self.job.kinds[self.job.target] == CATEGORICAL
        self.classes = target if self.by_class else (target > target.median()).astype(int)
        self.inputs = self.job.train.drop(columns=self.job.target if self.by_class else [])

    def sample(self) -> pd.DataFrame:
        """Oversample every class, and keep only what is new."""
        rows, classes = self._sampler().fit_resample(self.inputs, self.classes)
        rows = rows.assign(**{self.job.target: classes}) if self.by_class else rows
        new: pd.DataFrame = rows.iloc[len(self.inputs) :]
        return new

    def describe(self) -> Info:
        """Tell the classes."""
        return {
            "parameters": self.arguments,
            "target": self.job.target,
            "seeding": "argument random_state",
        }

    def _sampler(self) -> Any:
        """SMOTE with the numbers of rows that each class shall have."""
        present = self.classes.value_counts()
        shares = (present / present.sum() * self.job.rows).astype(int)
        shares.iloc[0] += self.job.rows - shares.sum()  # what rounding left goes to the largest
        wanted = dict(zip(present.index, present + shares, strict=True))
        categorical = [name for name in self.job.categorical if name in self.inputs]
        if not categorical:
            return self.build["numeric"](sampling_strategy=wanted, **self.arguments)
        return self.build["mixed"](categorical, sampling_strategy=wanted, **self.arguments)


if __name__ == "__main__":
    main(Smote, PACKAGES)
