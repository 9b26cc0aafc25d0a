"""Split rows into train and test as the published protocol does, draw for draw.

``RandomState`` is numpy's frozen generator: the published code draws from its global instance, and
the same seed gives the same rows here, whatever the numpy version.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from benchmarks.data.recipes import DataError, Recipe, columns_of_kind

VALIDATION_SEED = 1234
MAX_SEEDS = 1000

Pair = tuple[pd.DataFrame, pd.DataFrame]


def split_tables(
    tables: Mapping[str, pd.DataFrame], recipe: Recipe, *, halves: bool = False
) -> Pair:
    """Split the tables of a data set by the rule of its recipe.

    Parameters
    ----------
    tables : dict of str to DataFrame
        ``train`` and ``test`` if the data set is published in two parts, else ``table``.
    recipe : dict
        Its ``split`` names the rule; its columns say what has to be complete in train.
    halves : bool, default=False
        Split all rows into two halves instead, by the same draws.
    """
    rule = recipe["split"]
    if rule["method"] == "published" and not halves:
        return tables["train"], tables["test"]
    table = pd.concat(list(tables.values()), ignore_index=True)
    if rule["method"] == "stratified":
        return _stratified(table, recipe["target"], rule, halves=halves)
    watched = [name for name in columns_of_kind(recipe, "categorical") if name != recipe["target"]]
    return shuffle_until_complete(table, 0.5 if halves else rule["train"], rule["seed"], watched)


def shuffle_until_complete(
    table: pd.DataFrame, share: float, seed: int, watched: Sequence[str]
) -> Pair:
    """Shuffle, cut, and try the next seed until train has every category of the watched columns.

    Each try shuffles the order the one before left, as the published code does.

    Raises
    ------
    DataError
        If no seed does it; the message names a column.
    """
    order = np.arange(len(table))
    cut = int(len(table) * share)
    for attempt in range(MAX_SEEDS):
        np.random.RandomState(seed + attempt).shuffle(order)
        train, test = table.iloc[order[:cut]], table.iloc[order[cut:]]
        short = [name for name in watched if train[name].nunique() < table[name].nunique()]
        if not short:
            return train.reset_index(drop=True), test.reset_index(drop=True)
    raise DataError(
        f"{MAX_SEEDS} seeds from {seed} on leave categories of {short[0]!r} out of the "
        f"{cut} train rows. Merge its rare categories."
    )


def hold_out(table: pd.DataFrame, one_in: int) -> Pair:
    """Set a random one in ``one_in`` rows aside; both parts keep their order."""
    order = np.random.RandomState(VALIDATION_SEED).permutation(len(table))
    held = np.zeros(len(table), dtype=bool)
    held[order[: len(table) // one_in]] = True
    return table[~held].reset_index(drop=True), table[held].reset_index(drop=True)


def _stratified(table: pd.DataFrame, target: str, rule: dict[str, Any], *, halves: bool) -> Pair:
    """Split by class, in two draws: test first, then validation rows, which nobody gets."""
    share = 0.5 if halves else rule["test"]
    rest, test = _draw(table, target, share, rule["seed"])
    if not halves:
        rest, _ = _draw(rest, target, rule["validation"] / (1 - share), rule["seed"])
    return rest.reset_index(drop=True), test.reset_index(drop=True)


def _draw(table: pd.DataFrame, target: str, share: float, seed: int) -> Pair:
    rest, drawn = train_test_split(
        table, test_size=share, stratify=table[target], random_state=seed
    )
    return rest, drawn
