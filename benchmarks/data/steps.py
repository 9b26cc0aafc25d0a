"""From the bytes of a published file to a table: parse, then the recipe's steps in order.

A step is an object of the recipe: ``do`` names one of :data:`STEPS`, the other keys are its
arguments, and ``only`` keeps it to the ``protocol`` or the ``corrected`` variant of the table.
"""

import io
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from benchmarks.data.recipes import DataError, Entry, Recipe, columns_of_kind


def make_table(content: bytes, entry: Entry, recipe: Recipe, variant: str) -> pd.DataFrame:
    """Turn the content of one file into a table with the recipe's columns.

    Parameters
    ----------
    content : bytes
        The uncompressed file.
    entry : dict
        The file's entry in the recipe.
    recipe : dict
        Column kinds and steps.
    variant : {"protocol", "corrected"}
        Which steps apply.

    Raises
    ------
    DataError
        If the file has not the recorded number of rows, or a step leaves other columns.
    """
    table = parse(content, entry, recipe)
    for step in recipe.get("steps", ()):
        arguments = {key: value for key, value in step.items() if key not in ("do", "only")}
        if step.get("only", variant) == variant:
            table = STEPS[step["do"]](table, **arguments)
    names = [column["name"] for column in recipe["columns"]]
    if odd := set(table.columns) ^ set(names):
        raise DataError(
            f"{entry['file']}: {sorted(odd)} are columns of the table or of the recipe, "
            "not of both. Name them in the recipe's columns or drop them in its steps."
        )
    return table[names].reset_index(drop=True)


def parse(content: bytes, entry: Entry, recipe: Recipe) -> pd.DataFrame:
    """Read one published file: categorical columns as text, blanks after commas removed.

    What marks a missing value is the recipe's ``na_values`` and nothing else. The suffix the file
    appends to its labels (a final dot in adult.test) is removed.

    Raises
    ------
    DataError
        If the number of rows is not the recipe's.
    """
    names = None if recipe["header"] else [column["name"] for column in recipe["columns"]]
    table = pd.read_csv(
        io.BytesIO(content),
        header=0 if recipe["header"] else None,
        names=names,
        dtype=dict.fromkeys(columns_of_kind(recipe, "categorical"), str),
        skiprows=entry.get("skip_lines", 0),
        skipinitialspace=True,
        keep_default_na=False,
        na_values=recipe.get("na_values", []),
        low_memory=False,  # one type per column, also where a column is text in places
    )
    if suffix := entry.get("target_suffix"):
        table[recipe["target"]] = table[recipe["target"]].str.removesuffix(suffix)
    if len(table) != entry["rows"]:
        raise DataError(f"{entry['file']}: {len(table)} rows, expected {entry['rows']}.")
    return table


def drop(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Remove columns."""
    return table.drop(columns=list(columns))


def drop_first_row(table: pd.DataFrame) -> pd.DataFrame:
    """Lose the first row, as who takes it for a header line does."""
    return table.iloc[1:]


def dropna(table: pd.DataFrame) -> pd.DataFrame:
    """Remove the rows with a missing value."""
    return table.dropna()


def fill(table: pd.DataFrame, columns: Sequence[str], value: str) -> pd.DataFrame:
    """Make missing values of categorical columns a category of their own."""
    return table.fillna(dict.fromkeys(columns, value))


def ordinal(table: pd.DataFrame, column: str, levels: Sequence[str]) -> pd.DataFrame:
    """Replace each level by its position."""
    rank = {level: position for position, level in enumerate(levels)}
    if unknown := sorted(set(table[column]) - set(rank), key=str):
        raise DataError(f"Column {column!r} holds {unknown[0]!r}, which is no level: {levels}.")
    return table.assign(**{column: table[column].map(rank).astype("int64")})


def binarise(table: pd.DataFrame, column: str, zero: str) -> pd.DataFrame:
    """Make a column ``"0"`` where it holds ``zero`` and ``"1"`` elsewhere."""
    values = np.where(table[column] == zero, "0", "1").astype(object)
    return table.assign(**{column: values})


def fold_flags(
    table: pd.DataFrame,
    flags: Sequence[str],
    into: str,
    prefix: str = "",
    none: str | None = None,
) -> pd.DataFrame:
    """Fold 0/1 columns into one categorical column, which comes last.

    The category is the name of the first flag that is largest, without ``prefix``: so a row with
    no flag set falls to the first category, unless ``none`` names one for such rows.
    """
    values = table[list(flags)].to_numpy()
    labels = np.array([flag.removeprefix(prefix) for flag in flags], dtype=object)
    folded = labels[values.argmax(axis=1)]
    if none is not None:
        folded[~values.any(axis=1)] = none
    return table.drop(columns=list(flags)).assign(**{into: folded})


STEPS: dict[str, Callable[..., pd.DataFrame]] = {
    step.__name__: step
    for step in (drop, drop_first_row, dropna, fill, ordinal, binarise, fold_flags)
}
