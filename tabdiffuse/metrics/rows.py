"""Samples of rows, so that tables of different length can be compared."""

import numpy as np
import pandas as pd


def equally_many(
    first: pd.DataFrame, second: pd.DataFrame, *, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Random rows of the longer table, as many as the shorter one has.

    Parameters
    ----------
    first, second : DataFrame
        Two tables.
    seed : int
        Seed of the draw; rows are drawn without replacement.

    Returns
    -------
    tuple of two DataFrame
        The shorter table as it is, and rows of the longer one.
    """
    count = min(len(first), len(second))
    pick = [
        table if len(table) == count else table.sample(count, random_state=seed)
        for table in (first, second)
    ]
    return pick[0], pick[1]


def shuffle_columns(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Permute each column on its own: marginals kept, every dependence gone.

    Parameters
    ----------
    table : DataFrame
        Any table; it is not changed.
    seed : int
        Seed of the permutations.

    Returns
    -------
    DataFrame
        As many rows, numbered from 0.
    """
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {name: column.array[rng.permutation(len(table))] for name, column in table.items()}
    )
