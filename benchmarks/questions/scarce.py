"""Train rows with few rows of one class."""

import numpy as np
import pandas as pd

from benchmarks.questions.question import Question

SHARE = 0.05


def scarce(question: Question, share: float | None = SHARE) -> pd.DataFrame:
    """Take a random half of the train rows, and thin the class that is rarer.

    Parameters
    ----------
    question : Question
        Train rows, target, seed.
    share : float or None
        Of the rarer class among the rows returned; None leaves the half as it is.
    """
    order = question.random("half of the rows").permutation(len(question.train))
    half = question.train.iloc[order[: len(order) // 2]]
    if share is None:
        return half.reset_index(drop=True)
    rarer = (half[question.target] == half[question.target].value_counts().idxmin()).to_numpy()
    wanted = round(share / (1 - share) * int((~rarer).sum()))
    kept = ~rarer
    kept[np.flatnonzero(rarer)[:wanted]] = True
    return half[kept].reset_index(drop=True)
