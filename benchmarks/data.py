"""Load a benchmark data set, its content verified, as a train and a test table.

Three sources are tried in turn: the folder named by the environment variable
``TABDIFFUSE_DATA``, the files shipped under ``datasets/``, and the public address, kept in pooch's
cache. Whatever the source, the SHA-256 of the uncompressed content must be the recipe's.
"""

import gzip
import hashlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

DATASETS = Path(__file__).resolve().parent.parent / "datasets"
FOLDER_VARIABLE = "TABDIFFUSE_DATA"


class DataError(ValueError):
    """A data set is unknown, missing, or not the published one."""


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
        Where each of the two files was found.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    recipe: dict[str, Any]
    sources: dict[str, str]

    @property
    def target(self) -> str:
        """Name of the column the utility metric predicts."""
        return str(self.recipe["target"])

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in table order."""
        return [column["name"] for column in self.recipe["columns"]]

    @property
    def numeric(self) -> list[str]:
        """Names of the numeric columns, in table order."""
        return columns_of_kind(self.recipe, "numeric")

    @property
    def categorical(self) -> list[str]:
        """Names of the categorical columns, the target included, in table order."""
        return columns_of_kind(self.recipe, "categorical")

    @property
    def sha256(self) -> str:
        """One digest for both files."""
        return data_digest(self.recipe)


def known() -> list[str]:
    """Names of the data sets that have a recipe."""
    return sorted(path.parent.name for path in DATASETS.glob("*/recipe.json"))


def columns_of_kind(recipe: dict[str, Any], kind: str) -> list[str]:
    """Names of the recipe's columns of one kind, in table order."""
    return [column["name"] for column in recipe["columns"] if column["kind"] == kind]


def data_digest(recipe: dict[str, Any]) -> str:
    """SHA-256 over the SHA-256 sums of the train and the test file."""
    sums = [recipe["files"][part]["sha256"] for part in ("train", "test")]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


def read_recipe(name: str) -> dict[str, Any]:
    """Read ``datasets/<name>/recipe.json``.

    Raises
    ------
    DataError
        If there is no such data set; the message lists the known ones.
    """
    path = DATASETS / name / "recipe.json"
    if name not in known():
        raise DataError(f"Unknown data set {name!r}. Known: {', '.join(known())}.")
    recipe: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return recipe


def load(name: str) -> Dataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        One of :func:`known`.

    Raises
    ------
    DataError
        If the name is unknown, or the content of a file is not the published one.
    """
    recipe = read_recipe(name)
    tables, sources = {}, {}
    for part in ("train", "test"):
        entry = recipe["files"][part]
        content, sources[part] = _content(name, entry)
        tables[part] = parse(content, entry, recipe)
    return Dataset(name, tables["train"], tables["test"], recipe, sources)


def parse(content: bytes, entry: dict[str, Any], recipe: dict[str, Any]) -> pd.DataFrame:
    """Turn the bytes of one published file into a table.

    Blanks after commas go, ``?`` stays an ordinary category, and the suffix the file appends to
    its labels (a final dot in adult.test) is removed.

    Raises
    ------
    DataError
        If the number of rows is not the recipe's.
    """
    names = [column["name"] for column in recipe["columns"]]
    text = dict.fromkeys(columns_of_kind(recipe, "categorical"), str)
    table = pd.read_csv(
        io.BytesIO(content),
        header=None,
        names=names,
        dtype=text,
        skiprows=entry["skip_lines"],
        skipinitialspace=True,
        keep_default_na=False,
    )
    if suffix := entry["target_suffix"]:
        table[recipe["target"]] = table[recipe["target"]].str.removesuffix(suffix)
    if len(table) != entry["rows"]:
        raise DataError(f"{entry['file']}: {len(table)} rows, expected {entry['rows']}.")
    return table


def _content(name: str, entry: dict[str, Any]) -> tuple[bytes, str]:
    """Find the verified bytes of one file, and say where they came from."""
    for path in _local_candidates(name, entry["file"]):
        if path.is_file():
            raw = path.read_bytes()
            content = gzip.decompress(raw) if path.suffix == ".gz" else raw
            _verify(content, entry, str(path))
            return content, str(path)
    path = _download(name, entry)
    content = path.read_bytes()
    _verify(content, entry, str(path))
    return content, entry["url"]


def _local_candidates(name: str, file: str) -> list[Path]:
    """Places on this machine where a file may lie, in the order they are tried."""
    folders = [DATASETS / name]
    if override := os.environ.get(FOLDER_VARIABLE):
        root = Path(override)
        if not root.is_dir():
            raise DataError(
                f"{FOLDER_VARIABLE} is {override!r}, which is not a folder. "
                "Name an existing one, or unset the variable to use the shipped files."
            )
        folders = [root, root / name, *folders]
    return [folder / f"{file}{end}" for folder in folders for end in ("", ".gz")]


def _verify(content: bytes, entry: dict[str, Any], place: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        raise DataError(
            f"{place}: the SHA-256 of the (uncompressed) content is {found}, "
            f"expected {entry['sha256']}. The file is not the published one: replace it by "
            f"{entry['url']}, or remove it so that another source is tried."
        )


def _download(name: str, entry: dict[str, Any]) -> Path:
    """Fetch one file into pooch's cache, or take it from there."""
    import pooch

    try:
        place = pooch.retrieve(
            url=entry["url"],
            known_hash=f"sha256:{entry['sha256']}",
            fname=entry["file"],
            path=pooch.os_cache("tabdiffuse") / name,
        )
    except Exception as error:
        raise DataError(
            f"{entry['file']} is not on this machine and could not be had from {entry['url']} "
            f"({error}). Put the file, or {entry['file']}.gz, into a folder and name that folder "
            f"in {FOLDER_VARIABLE}."
        ) from error
    return Path(place)
