"""Fashion-MNIST as a table: a column of pictures, and columns that say what they show."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.pictures.data import (
    Part,
    held_out,
    read_arrays,
    read_picture_recipe,
    scaled,
)
from benchmarks.pictures.table_pictures.columns import COLUMNS, NUMBERS, PICTURE, measured, named

if TYPE_CHECKING:
    from benchmarks.pictures.judge import Judge

NAME = "fashion_mnist"
TEST_ROWS = 2000
GAPPED = "dark"  # the column with missing values
MISSING = 0.1  # share of them
SEED = 0  # of the missing values, the quick look and the halves

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class TablePictures:
    """Rows with a picture each.

    Parameters
    ----------
    train, test : DataFrame
        "picture", in each row an array ``(H, W)`` of pixels in [0, 1], and `COLUMNS`; a share of
        the column `GAPPED` is missing.
    truth : DataFrame
        `COLUMNS` of the test rows, without gaps.
    sha256 : str
        Digest of the pictures and of all columns.
    real : DataFrame
        All train rows, also in a quick look: what a judge learns from.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    truth: pd.DataFrame
    sha256: str
    real: pd.DataFrame

    @cached_property
    def judge(self) -> Judge:
        """A classifier of real pictures that reads their category; needs a minute."""
        from benchmarks.pictures.judge import Judge

        return Judge.train(stacked(self.real), self.real["category"].to_numpy())

    @property
    def spread(self) -> pd.Series[float]:
        """Standard deviation of each number in the test rows: the unit of its errors."""
        return self.truth[list(NUMBERS)].astype(float).std(ddof=0)


def load(train_rows: int | None = None) -> TablePictures:
    """Read the pictures, measure them, and set 2,000 random rows aside for testing."""
    arrays = read_arrays(NAME)
    rows = Part({"image": scaled(arrays["x_test"]), "label": arrays["y_test"].astype(np.int64)})
    digest = str(read_picture_recipe(NAME)["files"]["arrays"]["sha256"])
    return tabulated(*held_out(rows, TEST_ROWS), digest, train_rows)


def tabulated(train: Part, test: Part, digest: str, train_rows: int | None = None) -> TablePictures:
    """Turn pictures with labels into rows of a table.

    Parameters
    ----------
    train, test : Part
        "image" ``(n, H, W)`` and "label", 0 to 9.
    digest : str
        Of the pictures.
    train_rows : int, optional
        Random train rows that are kept; all by default.
    """
    frames = [table_of(part) for part in (train, test)]
    gapped = [with_gaps(frame, [SEED, place]) for place, frame in enumerate(frames)]
    whole = gapped[0]
    kept = whole
    if train_rows is not None and train_rows < len(whole):
        chosen = np.random.default_rng(SEED).permutation(len(whole))[:train_rows]
        kept = whole.iloc[chosen].reset_index(drop=True)
    sha256 = f"{digest}/{_digest(gapped)}"
    return TablePictures(kept, gapped[1], frames[1][list(COLUMNS)], sha256, whole)


def table_of(part: Part) -> pd.DataFrame:
    """Put pictures and what is known of them side by side, without gaps."""
    pictures = pd.Series(list(part["image"]), name=PICTURE)
    columns = pd.concat([named(part["label"]), measured(part["image"])], axis=1)
    return pd.concat([pictures, columns[list(COLUMNS)]], axis=1)


def with_gaps(frame: pd.DataFrame, seed: list[int]) -> pd.DataFrame:
    """Take values of one column away, completely at random."""
    missing = np.random.default_rng(seed).random(len(frame)) < MISSING
    return frame.assign(**{GAPPED: frame[GAPPED].where(~missing)})


def stacked(frame: pd.DataFrame) -> NDArray[Any]:
    """Give the pictures of a table as one array, ``(n, H, W)``."""
    return np.stack(frame[PICTURE].to_list())


def halves(data: TablePictures, rows: int) -> tuple[pd.DataFrame, Bools]:
    """Keep the left half of each picture and a random half of its columns.

    Parameters
    ----------
    data : TablePictures
        The first test rows are asked about.
    rows : int
        How many of them.

    Returns
    -------
    frame : DataFrame
        The rows; what is hidden is NaN or None.
    hidden : ndarray of bool, shape (rows, columns)
        The hidden cells of `COLUMNS`, five of nine in each row.
    """
    frame = data.test.head(rows).copy()
    order = np.random.default_rng(SEED).random((len(frame), len(COLUMNS))).argsort(axis=1)
    hidden = order.argsort(axis=1) >= len(COLUMNS) // 2
    for name, own in zip(COLUMNS, hidden.T, strict=True):
        gap = np.nan if name in NUMBERS else None
        kind = float if name in NUMBERS else object
        frame[name] = frame[name].astype(kind).where(~own, gap)
    pictures = stacked(frame)
    pictures[:, :, pictures.shape[2] // 2 :] = np.nan
    return frame.assign(**{PICTURE: list(pictures)}), hidden


def _digest(frames: list[pd.DataFrame]) -> str:
    """Name the content of the columns."""
    text = "".join(frame[list(COLUMNS)].to_csv(index=False) for frame in frames)
    return hashlib.sha256(text.encode()).hexdigest()
