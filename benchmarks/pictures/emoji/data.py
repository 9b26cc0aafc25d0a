"""Emoji pictures with their names, cut into train and test rows that share no emoji."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import (
    SPLIT_SEED,
    Part,
    Pictures,
    read_arrays,
    read_entries,
    read_picture_recipe,
    scaled,
)

FOLDER = "noto_emoji32"
TEST_ROWS = 300
SKIN_TONES = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")
SIGNS = ("2640", "2642", "27A1", "2194", "2195")  # female, male, to the right, shaking
GLUE = ("200D", "FE0F", "20E3")  # joiner, coloured, keycap
VARIANTS = frozenset((*SKIN_TONES, *SIGNS, *GLUE))
SAME = {"1F468": "1F9D1", "1F469": "1F9D1", "1F466": "1F9D2", "1F467": "1F9D2"}
"""Man and woman are adults, boy and girl are children."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def emoji(train_rows: int | None = None, embed: Embed | None = None) -> Pictures:
    """Read the emoji.

    Parameters
    ----------
    train_rows : int, optional
        Number of train rows of a quick look; all 1,611 by default.
    embed : callable, optional
        Turns names into vectors, for an array "vector".

    Returns
    -------
    Pictures
        "image" ``(n, 32, 32, 3)`` in [0, 1]; "name"; "label", the kind, one word such as
        "animal-bug"; "category", of which each has several kinds; "caption", kind and name. The
        300 test rows are whole groups of `base`; both parts are in random order.
    """
    entries = read_entries(FOLDER)
    arrays: dict[str, NDArray[Any]] = {
        "image": scaled(read_arrays(FOLDER)["x"]),
        "name": _texts(entry["caption"] for entry in entries),
        "label": _texts(one_word(entry["subcategory"]) for entry in entries),
        "category": _texts(entry["category"] for entry in entries),
    }
    arrays["caption"] = _texts(
        f"{kind} {name}" for kind, name in zip(arrays["label"], arrays["name"], strict=True)
    )
    if embed is not None:
        arrays["vector"] = embed(arrays["name"].tolist())
    rows = Part(arrays)
    train, test = split([base(entry["codepoints"]) for entry in entries], TEST_ROWS)
    files = read_picture_recipe(FOLDER)["files"]
    sha256 = "/".join(str(entry["sha256"]) for entry in files.values())
    learnt = rows.take(train)
    return Pictures(FOLDER, learnt.take(slice(train_rows)), rows.take(test), sha256, learnt)


def base(codepoints: str) -> tuple[str, ...]:
    """Name the emoji of which one is a variant.

    Skin tones, the signs for female and male, directions and joiners are left out, and man, woman
    and person are one: a farmer, a male and a female one are the same emoji.

    Parameters
    ----------
    codepoints : str
        Hexadecimal, joined by hyphens.
    """
    codes = codepoints.split("-")
    kept = [SAME.get(code, code) for code in codes if code not in VARIANTS]
    return tuple(kept or codes)


def split(
    groups: Sequence[Any], count: int, seed: int = SPLIT_SEED
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Set random groups with ``count`` rows in all aside, as far as whole groups allow.

    Returns
    -------
    train, test : ndarray of int
        Row numbers in random order.
    """
    rng = np.random.default_rng(seed)
    members: dict[Any, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    choices = list(members.values())
    test: list[int] = []
    for place in rng.permutation(len(choices)):
        if len(test) + len(choices[place]) <= count:
            test += choices[place]
    train = np.setdiff1d(np.arange(len(groups)), test)
    return rng.permutation(train), rng.permutation(np.array(test, dtype=np.intp))


def one_word(subcategory: str) -> str:
    """Turn "sky & weather" into "sky-weather", which a tokenizer of words leaves whole."""
    return "-".join(re.findall(r"\w+", subcategory))


def categories(data: Pictures) -> dict[str, str]:
    """Give the category of each kind."""
    return {
        kind: category
        for part in (data.real, data.test)
        for kind, category in zip(part["label"], part["category"], strict=True)
    }


def agreement(data: Pictures, images: NDArray[Any], kinds: NDArray[Any]) -> dict[str, float]:
    """Share of pictures that a judge reads as their kind ("kind"), or as its category ("category").

    Parameters
    ----------
    data : Pictures
        Its judge reads.
    images : ndarray, shape (n, 32, 32, 3)
        Pixels in [0, 1].
    kinds : ndarray of str, shape (n,)
        What they ought to show; what is no kind is never shown.
    """
    read = data.judge.read(images)
    return {
        "kind": float(np.mean(read == kinds)),
        "category": float(np.mean(~other_category(data, read, kinds))),
    }


def other_category(data: Pictures, kinds: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell in which rows two kinds are not of one category; a word that is no kind has none."""
    category = categories(data)
    found = [(category.get(a), category.get(b)) for a, b in zip(kinds, others, strict=True)]
    return np.array([a is None or a != b for a, b in found], dtype=bool)


def _texts(values: Any) -> NDArray[Any]:
    return np.array(list(values), dtype=object)
