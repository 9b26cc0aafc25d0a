"""How well holes were filled: errors inside and outside of them, and what a judge makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import Pictures
from benchmarks.pictures.judge import Judge
from benchmarks.pictures.restoration.holes import Bools, greyed, holes
from benchmarks.pictures.scores import fidelity

COUNTS = (5, 10, 15, 20)  # patches that are hidden, of 64
ASKED = 500  # test pictures with holes, for each count
DRAWN = 1000  # pictures drawn without any condition
CHUNK = 100  # pictures whose distances to all train pictures are held at once
MEANS = ("untouched", "label", "perceptual")

Images = NDArray[Any]
Restore = Callable[[Images, Bools], Images]
"""Whole pictures and where their holes are, to pictures without holes."""


def restoration_scores(restore: Restore, data: Pictures) -> dict[str, float]:
    """Score a method for every number of holes.

    Parameters
    ----------
    restore : callable
        Fills the holes; what it may not see is for it to leave alone.
    data : Pictures
        Its first `ASKED` test pictures get holes.

    Returns
    -------
    dict of str to float
        The scores of `pair_scores`, each with the number of holes at its end, and means over these
        numbers without.
    """
    truth, labels = data.test["image"][:ASKED], data.test["label"][:ASKED]
    found: dict[str, float] = {}
    for count in COUNTS:
        hidden = holes(truth, count)
        scores = pair_scores(truth, restore(truth, hidden), hidden, labels, data.judge)
        found |= {f"{name}_{count}": value for name, value in scores.items()}
    for name in MEANS:
        found[name] = float(np.mean([found[f"{name}_{count}"] for count in COUNTS]))
    found["known"] = float(np.mean([found[f"known_{count}"] for count in COUNTS]))
    found["psnr"] = decibels(float(np.mean([found[f"whole_{count}"] for count in COUNTS])))
    return found


def pair_scores(
    truth: Images, restored: Images, hidden: Bools, labels: NDArray[Any], judge: Judge
) -> dict[str, float]:
    """Compare restored pictures with the true ones.

    Parameters
    ----------
    truth, restored : ndarray, shape (n, H, W)
        Pixels in [0, 1].
    hidden : ndarray of bool, shape (n, H, W)
        The holes.
    labels : ndarray, shape (n,)
        What the pictures show.
    judge : Judge
        Reads pictures.

    Returns
    -------
    dict of str to float
        "masked", "known" and "whole": mean squared error within the holes, outside and everywhere;
        "untouched": share of the pixels outside that came back bit for bit; "label": share of the
        pictures read as what they show; "perceptual": mean squared distance of the judge's
        features, in the place of LPIPS.
    """
    errors = np.square(restored.astype(np.float64) - truth)
    same = restored[~hidden] == truth[~hidden]
    apart = judge.features(restored).astype(np.float64) - judge.features(truth)
    return {
        "masked": float(errors[hidden].mean()),
        "known": float(errors[~hidden].mean()),
        "whole": float(errors.mean()),
        "untouched": float(same.mean()),
        "label": judge.accuracy(restored, labels),
        "perceptual": float(np.square(apart).sum(axis=1).mean()),
    }


def decibels(error: float) -> float:
    """Give a mean squared error of pixels in [0, 1] as a peak signal-to-noise ratio."""
    return -10 * math.log10(error) if error else math.inf


def drawn_scores(drawn: Images, data: Pictures) -> dict[str, float]:
    """Compare pictures that were drawn without conditions with as many test pictures."""
    real = data.test["image"][ASKED : ASKED + len(drawn)]
    return fidelity(real, drawn, data.judge.features)


def real_pictures(data: Pictures) -> dict[str, float]:
    """Score the true pictures: what a judge says of them, and how far real ones are from others."""
    labels = data.test["label"][:ASKED]
    others = data.test["image"][ASKED + DRAWN : ASKED + 2 * DRAWN]
    label = data.judge.accuracy(data.test["image"][:ASKED], labels)
    return {"label": label, **drawn_scores(others, data)}


def grey(data: Pictures) -> dict[str, float]:
    """Score holes that stay grey."""
    return restoration_scores(greyed, data)


def mean_picture(data: Pictures) -> dict[str, float]:
    """Fill holes from the mean of the train pictures."""
    mean = data.train["image"].mean(axis=0, dtype=np.float64).astype(np.float32)
    return restoration_scores(lambda truth, hidden: np.where(hidden, mean, truth), data)


def nearest_picture(data: Pictures) -> dict[str, float]:
    """Fill holes from the train picture that is nearest where pixels are known."""

    def restore(truth: Images, hidden: Bools) -> Images:
        found = data.train["image"][nearest_rows(truth, hidden, data.train["image"])]
        return np.where(hidden, found, truth)

    return restoration_scores(restore, data)


def nearest_rows(truth: Images, hidden: Bools, train: Images) -> NDArray[np.intp]:
    """Find the train picture with the smallest squared distance on the known pixels of each."""
    known = (~hidden).reshape(len(truth), -1).astype(np.float32)
    seen = truth.reshape(len(truth), -1) * known
    others = train.reshape(len(train), -1)
    squares = np.square(others)
    rows = []
    for start in range(0, len(truth), CHUNK):
        part = slice(start, start + CHUNK)
        # |seen - other|^2 on the known pixels, without the part that is the same for all others
        distances = known[part] @ squares.T - 2 * seen[part] @ others.T
        rows.append(distances.argmin(axis=1))
    return np.concatenate(rows)


def ratios(
    theirs: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]], key: str
) -> list[float]:
    """Divide the scores of one method by those of another, seed by seed."""
    return [float(a[key]) / float(b[key]) for a, b in zip(theirs, ours, strict=False)]
