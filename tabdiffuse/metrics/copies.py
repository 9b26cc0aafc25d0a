"""Nearest-neighbour distance ratio: whether rows lie nearer to the train rows than they should."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabdiffuse.metrics.privacy import nearest_distances
from tabdiffuse.metrics.rows import equally_many


def nn_ratio(
    synthetic: pd.DataFrame,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    categorical: Sequence[Any],
    *,
    seed: int = 0,
) -> float:
    """Median distance to the nearest holdout row over that to the nearest train row.

    About 1 for rows drawn from the law of both; above 1 where rows lie nearer to those that the
    generator saw. Distances are to equally many rows of each, since they shrink as rows are added.

    Parameters
    ----------
    synthetic, train, holdout : DataFrame
        Tables with the same columns; ``train`` is what the generator learnt from.
    categorical : sequence of str
        Categorical columns; the rest is numeric.
    seed : int
        Seed of the draw from the longer of the two real tables.

    Returns
    -------
    float
        At least 0. Infinite where at least half of the rows are in the drawn train rows but not in
        those held out; 1 where both medians are 0.
    """
    seen, unseen = equally_many(train, holdout, seed=seed)
    to_train, to_holdout = (
        float(np.median(nearest_distances(synthetic, reference, categorical, scale=train)))
        for reference in (seen, unseen)
    )
    if to_train == 0:
        return 1.0 if to_holdout == 0 else float("inf")
    return to_holdout / to_train
