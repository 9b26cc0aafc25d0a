"""How well maps of classes agree: pixels, classes, intersection over union."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.data import Part
from benchmarks.pictures.transition.scenes import CLASSES, KINDS, UNLABELLED, Maps

if TYPE_CHECKING:
    from benchmarks.pictures.transition.reader import Reader

SQUARES = 4  # by side, whose colours the Fréchet distance compares


def map_scores(truth: Maps, told: Maps, drawn: Maps | None = None) -> dict[str, Any]:
    """Score maps of photographs.

    Parameters
    ----------
    truth : ndarray of int, shape (n, H, W)
        The true maps.
    told : ndarray of int, shape (n, H, W)
        The likeliest classes.
    drawn : ndarray of int, shape (n, H, W), optional
        A map of each photograph, drawn.

    Returns
    -------
    dict of str to object
        The scores of `agreement`, and, with "one_" before their names, those of the drawn maps.
    """
    if drawn is None:
        return agreement(truth, told)
    alone = agreement(truth, drawn)
    return agreement(truth, told) | {f"one_{n}": alone[n] for n in ("pixel", "class", "iou")}


def photo_scores(real: Part, drawn: NDArray[Any], reader: Reader) -> dict[str, Any]:
    """Score photographs that were drawn of maps.

    Parameters
    ----------
    real : Part
        With the true photographs and the maps they were drawn of.
    drawn : ndarray, shape (n, H, W, 3)
        A photograph of each map.
    reader : Reader
        Reads the maps back.

    Returns
    -------
    dict of str to object
        The scores of `agreement` with "back_" before their names, and "frechet", the Fréchet
        distance on `squares`.
    """
    from tabdiffuse.metrics import frechet_distance

    read = agreement(real["map"], reader.read(drawn))
    back = {f"back_{name}": value for name, value in read.items()}
    return back | {"frechet": frechet_distance(squares(real["photo"]), squares(drawn))}


def confusion(truth: Maps, read: Maps) -> NDArray[np.int64]:
    """Count the pixels of each class by what they were read as.

    Parameters
    ----------
    truth, read : ndarray of int, shape (n, H, W)
        Codes of classes; pixels that are truly unlabelled do not count.

    Returns
    -------
    ndarray, shape (11, 12)
        Rows are true classes, columns what was read, "unlabelled" last.
    """
    counts = truth != UNLABELLED
    codes = truth[counts] * KINDS + read[counts]
    table: NDArray[np.int64] = np.bincount(codes, minlength=UNLABELLED * KINDS)
    return table.reshape(UNLABELLED, KINDS)


def agreement(truth: Maps, read: Maps) -> dict[str, Any]:
    """Compare maps with the true ones, over all pixels of all of them together.

    The three scores of segmentation (Long, Shelhamer and Darrell 2015, arXiv 1411.4038, section 5),
    which table 4 of MT-Diffusion (Chen et al. 2024, arXiv 2407.17571) shows.

    Parameters
    ----------
    truth, read : ndarray of int, shape (n, H, W)
        Codes of classes.

    Returns
    -------
    dict of str to object
        In [0, 1]: "pixel", share of the labelled pixels that are right; "class", mean over the
        classes that there are of the share of their pixels that are right; "iou", mean over these
        classes of intersection over union; "by_class", the latter for each class that there is.
    """
    table = confusion(truth, read)
    right = np.diag(table)
    there, said = table.sum(axis=1), table[:, :UNLABELLED].sum(axis=0)
    exists = there > 0
    found = (right[exists] / there[exists]).mean()
    overlaps = right[exists] / (there + said - right)[exists]
    names = np.array([*CLASSES])[exists]
    return {
        "pixel": float(right.sum() / there.sum()),
        "class": float(found),
        "iou": float(overlaps.mean()),
        "by_class": dict(zip(names.tolist(), overlaps.tolist(), strict=True)),
    }


def squares(photos: NDArray[Any]) -> NDArray[np.float64]:
    """Describe photographs by the mean and the spread of each colour in 4 x 4 squares, ``(n, 96)``.

    Coarse features: they tell whether the light, the colours and the contrasts of scenes are right,
    and 233 photographs are enough for their covariance.
    """
    n, height, width, channels = photos.shape
    tall, wide = height // SQUARES, width // SQUARES
    parts = photos.astype(np.float64).reshape(n, SQUARES, tall, SQUARES, wide, channels)
    told = [parts.mean(axis=(2, 4)), parts.std(axis=(2, 4))]
    return np.concatenate([part.reshape(n, -1) for part in told], axis=1)
