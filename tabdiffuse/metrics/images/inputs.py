"""Features and images made ready for the metrics, or refused in words."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tabdiffuse.errors import DataError, DataTypeError

Floats: TypeAlias = NDArray[np.float64]

MIN_ROWS = 2  # fewer have no covariance and no neighbour
LABELS = ("real", "made")


def check_features(real: Any, made: Any, *, min_rows: int = MIN_ROWS) -> tuple[Floats, Floats]:
    """Check that two sets of features can be compared.

    Parameters
    ----------
    real, made : array-like, shape (n, F) and (m, F)
        Features of real images and of those that a model made.
    min_rows : int
        How many rows each needs.

    Returns
    -------
    tuple of two arrays
        The same numbers as float64.

    Raises
    ------
    DataError
        A wrong shape, too few rows, or values that are not finite.
    DataTypeError
        Something else than numbers.
    """
    pair = tuple(
        as_numbers(f"features_{label}", values)
        for label, values in zip(LABELS, (real, made), strict=True)
    )
    for label, values in zip(LABELS, pair, strict=True):
        if values.ndim != 2 or not values.shape[1]:
            raise DataError(
                f"features_{label} must have shape (n, F), a row of features for each image; got "
                f"{values.shape}. Reshape it with .reshape(n, -1)."
            )
        if len(values) < min_rows:
            raise DataError(
                f"features_{label} has {len(values)} rows; at least {min_rows} are needed to "
                f"compare laws. Sample more images."
            )
    ours, theirs = pair
    if ours.shape[1] != theirs.shape[1]:
        raise DataError(
            f"features_real has {ours.shape[1]} columns and features_made {theirs.shape[1]}. Take "
            f"both from the same network."
        )
    return ours, theirs


def check_pairs(real: Any, made: Any) -> tuple[Floats, Floats]:
    """Check images that are compared one by one, and give each a channel axis.

    Parameters
    ----------
    real, made : array-like, shape (n, H, W) or (n, H, W, C)
        Image ``i`` of one belongs to image ``i`` of the other.

    Returns
    -------
    tuple of two arrays, shape (n, H, W, C)
        The same numbers as float64.

    Raises
    ------
    DataError
        A wrong or different shape, no images, or values that are not finite.
    DataTypeError
        Something else than numbers.
    """
    ours, theirs = (check_images(label, each) for label, each in (("real", real), ("made", made)))
    if ours.shape != theirs.shape:
        raise DataError(
            f"Images are compared one by one, so both arrays need one shape; got {ours.shape} "
            f"(real) and {theirs.shape} (made), each as (n, H, W, C)."
        )
    return ours, theirs


def check_images(label: str, images: Any) -> Floats:
    """Give images as ``(n, H, W, C)`` float64, or say what is wrong with them."""
    pixels = as_numbers(f"The {label} images", images)
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or not pixels.size:
        raise DataError(
            f"The {label} images must have shape (n, H, W) or (n, H, W, C), at least one of them; "
            f"got {np.shape(images)}."
        )
    return pixels


def as_numbers(name: str, values: Any) -> Floats:
    """Give an array of finite float64.

    Raises
    ------
    DataError
        If a value is not finite.
    DataTypeError
        If the values are no real numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DataTypeError(f"{name}: expected an array of real numbers; got dtype {array.dtype}.")
    numbers = array.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise DataError(
            f"{name}: {int((~finite).sum())} of {numbers.size} values are not finite (first: "
            f"{numbers[place]} at {place}). Remove or repair these rows."
        )
    return numbers
