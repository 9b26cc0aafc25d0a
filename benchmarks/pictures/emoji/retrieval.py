"""Retrieval: at which place the true partner of a row stands among all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

TOP = (1, 5)


def similarity(
    asked: NDArray[Any], candidates: NDArray[Any], centre: NDArray[Any]
) -> NDArray[np.float64]:
    """Cosine of the angle between two sets of rows, seen from a centre, ``(n, m)``.

    Seen from 0, every answer that is not certain lies in the direction of the mean, and whatever
    lies near the mean would be found first by all of them.

    Parameters
    ----------
    asked, candidates : ndarray, shape (n, ...) and (m, ...)
        Vectors, or pictures.
    centre : ndarray
        One row, the mean of training data.
    """
    first, second = (_directions(rows, centre) for rows in (asked, candidates))
    likeness: NDArray[np.float64] = first @ second.T
    return likeness


def places(likeness: NDArray[Any]) -> NDArray[np.intp]:
    """Place of candidate ``i`` for question ``i``, from 1; of equals the last.

    Parameters
    ----------
    likeness : ndarray, shape (n, n)
        Of each question (row) with each candidate.
    """
    own = np.diagonal(likeness)[:, None]
    found: NDArray[np.intp] = (likeness >= own).sum(axis=1)
    return found


def retrieval(
    asked: NDArray[Any], candidates: NDArray[Any], centre: NDArray[Any], name: str
) -> dict[str, float]:
    """Score answers by where they put their true partner.

    Parameters
    ----------
    asked, candidates : ndarray, shape (n, ...)
        Partners are in the same row.
    centre : ndarray
        See `similarity`.
    name : str
        Put before the names of the scores.

    Returns
    -------
    dict of str to float
        "top1" and "top5", shares of the partners that are among the first; "mrr", the mean of one
        over the place. By chance about 1 / n, 5 / n and (0.58 + log n) / n.
    """
    place = places(similarity(asked, candidates, centre))
    scores = {f"{name}_top{count}": float((place <= count).mean()) for count in TOP}
    return {**scores, f"{name}_mrr": float((1 / place).mean())}


def _directions(rows: NDArray[Any], centre: NDArray[Any]) -> NDArray[np.float64]:
    """Flatten, centre, and scale to length 1; what lies at the centre has no direction."""
    flat = (np.asarray(rows, dtype=np.float64) - centre).reshape(len(rows), -1)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = flat / np.where(lengths > 0, lengths, 1)
    return scaled
