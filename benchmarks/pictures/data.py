"""The pictures of ``datasets/``, as arrays, cut once and for all into train and test rows."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import files, recipes
from benchmarks.data.recipes import DataError, Recipe

if TYPE_CHECKING:
    from benchmarks.pictures.judge import Judge

RECIPE = "pictures.json"  # tables have a recipe.json
LARGEST = 255.0
IDX_OF_BYTES = bytes([0, 0, 8])
SPLIT_SEED = 0

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Part:
    """Rows of pictures and of what belongs to them.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        One entry a row, in every array; in the form that `MultimodalDiffusion.fit` takes.
    """

    arrays: Arrays

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.arrays[name]

    def take(self, index: Any) -> Part:
        """Return the chosen rows."""
        return Part({name: array[index] for name, array in self.arrays.items()})

    def only(self, *names: str) -> Part:
        """Return some of the arrays."""
        return Part({name: self.arrays[name] for name in names})

    def shuffled(self, name: str, seed: int = 0) -> Part:
        """Permute one array and leave the others: nothing ties it to them any more."""
        order = np.random.default_rng(seed).permutation(len(self))
        return Part({**self.arrays, name: self.arrays[name][order]})


@dataclass(frozen=True)
class Pictures:
    """Data of a task.

    Parameters
    ----------
    name : str
        The folder in ``datasets/``.
    train, test : Part
        Rows to learn from and rows to ask about.
    sha256 : str
        Digest of the files.
    real : Part
        All train rows, also in a quick look: what a judge learns from.
    """

    name: str
    train: Part
    test: Part
    sha256: str
    real: Part

    @cached_property
    def judge(self) -> Judge:
        """A classifier of real images; needs the arrays "image" and "label", and a minute."""
        from benchmarks.pictures.judge import Judge

        return Judge.train(self.real["image"], self.real["label"])


def mnist(train_rows: int | None = None) -> Pictures:
    """MNIST: "image" ``(n, 32, 32)`` in [0, 1], two rows of background around 28 x 28; "label"."""
    arrays = read_arrays("mnist")
    train, test = (
        Part({"image": _padded(arrays[f"x_{part}"]), "label": _codes(arrays[f"y_{part}"])})
        for part in ("train", "test")
    )
    return _pictures("mnist", train, test, train_rows)


def fashion_mnist(train_rows: int | None = None) -> Pictures:
    """Fashion-MNIST, published test part: "image" ``(n, 28, 28)`` in [0, 1], "label" 0 to 9.

    9,000 random rows are for training and 1,000 for testing.
    """
    arrays = read_arrays("fashion_mnist")
    rows = Part({"image": scaled(arrays["x_test"]), "label": _codes(arrays["y_test"])})
    return _pictures("fashion_mnist", *held_out(rows, 1000), train_rows)


def camvid64(train_rows: int | None = None) -> Pictures:
    """CamVid: "photo" ``(n, 64, 64, 3)`` in [0, 1] and "map" ``(n, 64, 64)`` of classes 0 to 11.

    The published train and validation frames are for training (468), the test frames for testing
    (233). Class 11 is "unlabelled".
    """
    arrays = read_arrays("camvid64")
    parts = {
        part: Part({"photo": scaled(arrays[f"x_{part}"]), "map": _codes(arrays[f"m_{part}"])})
        for part in ("train", "val", "test")
    }
    train = joined([parts["train"], parts["val"]])
    return _pictures("camvid64", train, parts["test"], train_rows)


def noto_emoji32(train_rows: int | None = None) -> Pictures:
    """Noto Emoji: "image" ``(n, 32, 32, 3)`` in [0, 1], "caption" and "category" as text.

    1,720 random rows are for training and 191 for testing.
    """
    arrays = read_arrays("noto_emoji32")
    entries = read_entries("noto_emoji32")
    rows = Part(
        {
            "image": scaled(arrays["x"]),
            "caption": np.array([entry["caption"] for entry in entries], dtype=object),
            "category": np.array([entry["category"] for entry in entries], dtype=object),
        }
    )
    return _pictures("noto_emoji32", *held_out(rows, 191), train_rows)


def read_arrays(name: str) -> dict[str, NDArray[Any]]:
    """Read the archive of a data set as it is stored: bytes.

    Where the archive is not at hand and the recipe knows the published files, they are read, or
    downloaded, instead.

    Raises
    ------
    DataError
        If the file is missing or another one; names it, its source and where to put it.
    """
    recipe = read_picture_recipe(name)
    entry = recipe["files"]["arrays"]
    if "idx" in recipe and not files.is_here(name, entry):
        return {key: idx_array(files.read(name, file)[0]) for key, file in recipe["idx"].items()}
    content, _ = files.read(name, entry)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive)


def idx_array(content: bytes) -> NDArray[np.uint8]:
    """Read an idx file of bytes: a magic number with the number of axes, their sizes, the values.

    Raises
    ------
    DataError
        If it is none.
    """
    axes = content[3] if content[:3] == IDX_OF_BYTES and len(content) > 3 else 0
    start = 4 * (1 + axes)
    sizes = np.frombuffer(content[4:start], dtype=">u4").astype(int)
    if axes == 0 or len(content) != start + sizes.prod():
        raise DataError(
            f"This is no idx file of bytes: it begins with {content[:4]!r} and has "
            f"{len(content)} bytes. Replace it by the published one."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(sizes)


def read_entries(name: str) -> list[dict[str, Any]]:
    """Read what is written beside the pictures, one entry a row."""
    content, _ = files.read(name, read_picture_recipe(name)["files"]["entries"])
    entries: list[dict[str, Any]] = json.loads(content)
    return entries


def read_picture_recipe(name: str) -> Recipe:
    """Read ``datasets/<name>/pictures.json``.

    Raises
    ------
    DataError
        If there is no such data set; the message lists the known ones.
    """
    path = recipes.DATASETS / name / RECIPE
    if not path.is_file():
        known = ", ".join(sorted(path.parent.name for path in recipes.DATASETS.glob(f"*/{RECIPE}")))
        raise DataError(f"Unknown data set of pictures {name!r}. Known: {known}.")
    recipe: Recipe = json.loads(path.read_text(encoding="utf-8"))
    return recipe


def held_out(rows: Part, count: int) -> tuple[Part, Part]:
    """Set ``count`` random rows aside: (train, test), the same each time, in the given order."""
    chosen = np.random.default_rng(SPLIT_SEED).permutation(len(rows))[:count]
    is_test = np.zeros(len(rows), dtype=bool)
    is_test[chosen] = True
    return rows.take(~is_test), rows.take(is_test)


def joined(parts: Sequence[Part]) -> Part:
    """Put rows of the same arrays below each other."""
    return Part({n: np.concatenate([part[n] for part in parts]) for n in parts[0].arrays})


def scaled(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Turn bytes into float32 in [0, 1]."""
    return (pixels / np.float32(LARGEST)).astype(np.float32)


def _pictures(name: str, train: Part, test: Part, train_rows: int | None) -> Pictures:
    entries: Mapping[str, Any] = read_picture_recipe(name)["files"]
    sha256 = "/".join(str(entry["sha256"]) for entry in entries.values())
    return Pictures(name, _some(train, train_rows), test, sha256, train)


def _some(rows: Part, count: int | None) -> Part:
    """Keep as many random rows."""
    if count is None or count >= len(rows):
        return rows
    return rows.take(np.random.default_rng(SPLIT_SEED).permutation(len(rows))[:count])


def _padded(pixels: NDArray[Any]) -> NDArray[np.float32]:
    return scaled(np.pad(pixels, ((0, 0), (2, 2), (2, 2))))


def _codes(labels: NDArray[Any]) -> NDArray[np.int64]:
    return labels.astype(np.int64)
