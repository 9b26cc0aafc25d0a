"""A benchmark data set: a train and a test table, and the recipe that made them."""

from dataclasses import dataclass, replace

import pandas as pd

from benchmarks.data import files
from benchmarks.data.recipes import (
    DataError,
    Recipe,
    columns_of_kind,
    data_digest,
    read_recipe,
    row_files,
)
from benchmarks.data.splits import hold_out, split_tables
from benchmarks.data.steps import make_table

SPLITS = ("protocol", "corrected", "dcr", "validation")
VALIDATION_ONE_IN = 9


@dataclass(frozen=True)
class Dataset:
    """A train and a test table with the recipe that made them.

    Parameters
    ----------
    name : str
        Name of the folder under ``datasets/``.
    train, test : DataFrame
        Numeric columns are int64 or float64, categorical ones hold strings.
    recipe : dict
        Content of ``recipe.json``.
    sources : dict of str to str
        Where each file was found.
    split : str, default="protocol"
        How the rows were split; see :func:`load`.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    recipe: Recipe
    sources: dict[str, str]
    split: str = "protocol"

    @property
    def target(self) -> str:
        """Name of the column the utility metric predicts."""
        return str(self.recipe["target"])

    @property
    def task(self) -> str:
        """``binclass`` or ``regression``."""
        return str(self.recipe["task"])

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in table order."""
        return [column["name"] for column in self.recipe["columns"]]

    @property
    def numeric(self) -> list[str]:
        """Names of the numeric columns, a regression target included, in table order."""
        return columns_of_kind(self.recipe, "numeric")

    @property
    def categorical(self) -> list[str]:
        """Names of the categorical columns, a class target included, in table order."""
        return columns_of_kind(self.recipe, "categorical")

    @property
    def sha256(self) -> str:
        """One digest of the files, what is done with them, and the split."""
        return data_digest(self.recipe, self.split)

    def validation(self) -> "Dataset":
        """Set a random ninth of the train rows aside as the test table of a new data set.

        For choosing settings: the test rows of the protocol stay unseen. The split is then called
        ``validation``, or ``corrected validation`` and so on where it was not the protocol's.

        Raises
        ------
        DataError
            If this is a validation split already.
        """
        if self.split.endswith("validation"):
            raise DataError(f"{self.name} is split for validation already: {self.split!r}.")
        name = "validation" if self.split == "protocol" else f"{self.split} validation"
        train, test = hold_out(self.train, VALIDATION_ONE_IN)
        return replace(self, train=train, test=test, split=name)


def load(name: str, split: str = "protocol") -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        One of :func:`benchmarks.data.known`.
    split : {"protocol", "corrected", "dcr", "validation"}, default="protocol"
        ``protocol``: rows and columns of the published code, its bugs included. ``corrected``:
        without its bugs, and equal where it has none. ``dcr``: all rows in two halves, train and
        holdout, for the distance to the closest record. ``validation``: a random ninth of the
        protocol's train rows takes the place of its test rows.

    Raises
    ------
    DataError
        If the name or the split is unknown, a file cannot be had, or its content is not the
        published one.
    """
    if split not in SPLITS:
        raise DataError(f"Unknown split {split!r}. Known: {', '.join(SPLITS)}.")
    if split == "validation":
        return load(name).validation()
    recipe = read_recipe(name)
    variant = "corrected" if split == "corrected" else "protocol"
    tables, sources = {}, {}
    for part, entry in row_files(recipe).items():
        content, sources[part] = files.read(name, entry)
        tables[part] = make_table(content, entry, recipe, variant)
    train, test = split_tables(tables, recipe, halves=split == "dcr")
    return Dataset(name, train, test, recipe, sources, split)
