"""Recipes: what is known of each data set, as JSON in ``datasets/<name>/recipe.json``."""

import hashlib
import json
from pathlib import Path
from typing import Any

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
PARTS = ("train", "test", "table")  # files that hold rows; others only describe them

Recipe = dict[str, Any]
Entry = dict[str, Any]


class DataError(ValueError):
    """A data set is unknown, missing, or not the published one."""


def known() -> list[str]:
    """Names of the data sets that have a recipe."""
    return sorted(path.parent.name for path in DATASETS.glob("*/recipe.json"))


def read_recipe(name: str) -> Recipe:
    """Read ``datasets/<name>/recipe.json``.

    Raises
    ------
    DataError
        If there is no such data set; the message lists the known ones.
    """
    if name not in known():
        raise DataError(f"Unknown data set {name!r}. Known: {', '.join(known())}.")
    path = DATASETS / name / "recipe.json"
    recipe: Recipe = json.loads(path.read_text(encoding="utf-8"))
    return recipe


def row_files(recipe: Recipe) -> dict[str, Entry]:
    """Entries of the files that hold rows, by part: train and test, or one table."""
    return {part: recipe["files"][part] for part in PARTS if part in recipe["files"]}


def columns_of_kind(recipe: Recipe, kind: str) -> list[str]:
    """Names of the recipe's columns of one kind, in table order."""
    return [column["name"] for column in recipe["columns"] if column["kind"] == kind]


def data_digest(recipe: Recipe, split: str) -> str:
    """SHA-256 over all that decides the rows: files, steps, split.

    Published files that are used as they are count by their checksums alone.
    """
    parts = [entry["sha256"] for entry in row_files(recipe).values()]
    rule = {key: value for key, value in recipe["split"].items() if key != "note"}
    if rule["method"] != "published" or split != "protocol":
        parts += [json.dumps(given, sort_keys=True) for given in (recipe.get("steps"), rule)]
        parts.append(split)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def describe(name: str) -> str:
    """Say in three lines what a data set is, whose it is, and where its files come from."""
    recipe = read_recipe(name)
    rows = " + ".join(f"{recipe['rows'][part]:,}" for part in ("train", "test"))
    return "\n".join(
        (
            f"{name}: {recipe['title']}, {rows} rows, {len(recipe['columns'])} columns",
            f"  {recipe['source']}, doi:{recipe['doi']}, {recipe['licence']}",
            f"  {_origin(name, recipe)}",
        )
    )


def _origin(name: str, recipe: Recipe) -> str:
    """Where the files come from if nobody provides them."""
    entries = row_files(recipe).values()
    if all((DATASETS / name / f"{entry['file']}.gz").is_file() for entry in entries):
        return "shipped with the repository"
    if all("url" in entry for entry in entries):
        return "downloaded when first used"
    return "no public address: see datasets/README.md"
