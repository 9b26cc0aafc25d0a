"""New rows of the rarer class by SMOTE-NC: our side, and the script for the rival's environment."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from benchmarks.rivals.exchange import Info, Job, main

if TYPE_CHECKING:  # the rival's environment has pandas, and little else
    from benchmarks.questions.question import Question

PACKAGES = ("imbalanced-learn", "scikit-learn", "pandas")


class Oversample:
    """Make the rarer class of a table as frequent as the other (SMOTENC, its defaults)."""

    def __init__(self, job: Job) -> None:
        from imblearn.over_sampling import SMOTE, SMOTENC

        self.job = job
        self.inputs = job.train.drop(columns=job.target)
        classes = [name for name in job.categorical if name in self.inputs]
        settings = job.arguments(random_state=job.seed)
        self.sampler = SMOTENC(classes, **settings) if classes else SMOTE(**settings)

    def fit(self) -> None:
        """There is nothing to train."""

    def sample(self) -> pd.DataFrame:
        """Oversample, and keep what is new."""
        rows, classes = self.sampler.fit_resample(self.inputs, self.job.train[self.job.target])
        table = rows.assign(**{self.job.target: classes})
        new: pd.DataFrame = table.iloc[len(self.inputs) :]
        return new

    def describe(self) -> Info:
        """Tell the seeding."""
        return {"target": self.job.target, "seeding": "argument random_state"}


def smote(rows: pd.DataFrame, count: int, question: "Question") -> pd.DataFrame:
    """Run the script on rows; ``count`` is how many new ones it makes.

    Raises
    ------
    RivalError
        If the environment ``smote`` is not installed, or the script fails.
    """
    from benchmarks.rivals.external import External

    rival = External("SMOTE-NC", "smote", Path(__file__).resolve())
    made, _ = rival.generate(rows, count, question.seed, {"target": question.target})
    return made


if __name__ == "__main__":
    main(Oversample, PACKAGES)
