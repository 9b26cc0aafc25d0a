"""PSNR and SSIM: how near each image is to its original, by scikit-image."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.metrics.images.inputs import Floats, check_pairs

SIGMA = 1.5  # pixels: width of the window of SSIM
WINDOW = 11  # pixels: its size


def psnr(real: Any, made: Any, *, data_range: float = 1.0) -> Floats:
    """Peak signal-to-noise ratio of each pair of images.

    ``10 log₁₀(data_range² / MSE)``.

    Parameters
    ----------
    real, made : array-like, shape (n, H, W) or (n, H, W, C)
        Image ``i`` of one is compared with image ``i`` of the other.
    data_range : float
        Difference of the largest and the smallest value that a pixel can have.

    Returns
    -------
    ndarray, shape (n,)
        In dB, higher is better; infinite for equal images.

    Raises
    ------
    DataError
        A wrong or different shape, values that are not finite, or that span more than
        ``data_range``.
    ParameterError
        ``data_range`` is not a positive number.
    ImportError
        scikit-image is not installed.
    """
    ours, theirs = _check(real, made, data_range)
    ratio = _import_skimage().peak_signal_noise_ratio
    with np.errstate(divide="ignore"):  # equal images
        found = [ratio(x, y, data_range=data_range) for x, y in zip(ours, theirs, strict=True)]
    return np.array(found, dtype=np.float64)


def ssim(real: Any, made: Any, *, data_range: float = 1.0) -> Floats:
    """Structural similarity of each pair of images.

    Wang et al. 2004, doi 10.1109/TIP.2003.819861, eq. 13, with the paper's constants: a Gaussian
    window of 11 pixels and width 1.5, ``K = (0.01, 0.03)``, no correction of the variances; the
    mean over channels and over the places where the window fits.

    Parameters
    ----------
    real, made : array-like, shape (n, H, W) or (n, H, W, C)
        Image ``i`` of one is compared with image ``i`` of the other; H and W at least 11.
    data_range : float
        Difference of the largest and the smallest value that a pixel can have.

    Returns
    -------
    ndarray, shape (n,)
        In [-1, 1], higher is better; 1 for equal images.

    Raises
    ------
    DataError
        A wrong or different shape, images smaller than the window, values that are not finite, or
        that span more than ``data_range``.
    ParameterError
        ``data_range`` is not a positive number.
    ImportError
        scikit-image is not installed.
    """
    ours, theirs = _check(real, made, data_range)
    if min(ours.shape[1:3]) < WINDOW:
        raise DataError(
            f"SSIM looks through a window of {WINDOW} x {WINDOW} pixels; got images of "
            f"{ours.shape[1]} x {ours.shape[2]}. Enlarge them, or use psnr."
        )
    similarity = _import_skimage().structural_similarity
    found = [
        similarity(
            x,
            y,
            data_range=data_range,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=SIGMA,
            use_sample_covariance=False,
        )
        for x, y in zip(ours, theirs, strict=True)
    ]
    return np.array(found, dtype=np.float64)


def _check(real: Any, made: Any, data_range: float) -> tuple[Floats, Floats]:
    """Check the images, and that their values fit into the range."""
    if not (np.isfinite(data_range) and data_range > 0):
        raise ParameterError(f"data_range must be a positive number; got {data_range}.")
    ours, theirs = check_pairs(real, made)
    low, high = min(ours.min(), theirs.min()), max(ours.max(), theirs.max())
    if high - low > data_range * (1 + 1e-6):
        raise DataError(
            f"Pixels span {low:g} to {high:g}, more than data_range={data_range:g}. Pass the range "
            f"that pixels can have, e.g. data_range=255 for 8 bits, or clip the images."
        )
    return ours, theirs


def _import_skimage() -> ModuleType:
    """Return ``skimage.metrics``, imported only when a metric needs it."""
    try:
        import skimage.metrics
    except ImportError as error:
        raise ImportError(
            "PSNR and SSIM are computed by scikit-image, which is not installed. Install it with "
            "`pip install tabdiffuse[images]`."
        ) from error
    module: ModuleType = skimage.metrics
    return module
