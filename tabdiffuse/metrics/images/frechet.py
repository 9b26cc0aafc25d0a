"""Fréchet distance: how far apart two sets of features are, each taken for a Gaussian."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import qr, svdvals

from tabdiffuse.metrics.images.inputs import Floats, check_features


def frechet_distance(features_real: Any, features_made: Any) -> float:
    """Fréchet distance between Gaussians with the moments of two sets of features.

    ``|µ₁ - µ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½)``, Heusel et al. 2017, arXiv 1706.08500, eq. 6, with
    the unbiased covariances. With features of the Inception network it is known as FID; numbers
    from other networks compare with each other alone. It is biased upwards for few images, so
    compare equally many.

    Parameters
    ----------
    features_real, features_made : array-like, shape (n, F) and (m, F)
        Features of real images and of those that a model made; at least two rows each.

    Returns
    -------
    float
        In squared units of the features; 0 for equal moments, lower is better.

    Raises
    ------
    DataError
        A wrong shape, too few rows, or values that are not finite.

    Notes
    -----
    With ``Σᵢ = Rᵢᵀ Rᵢ`` the eigenvalues of ``Σ₁ Σ₂`` are the squared singular values of ``R₁ R₂ᵀ``,
    so the trace of its root is their sum. The triangles ``Rᵢ`` come from the centred features
    themselves. Nothing is squared and rooted again, so that dependent features and fewer images
    than features cost no digits.
    """
    real, made = check_features(features_real, features_made)
    shift = real.mean(axis=0) - made.mean(axis=0)
    ours, theirs = _root_of_covariance(real), _root_of_covariance(made)
    shared = svdvals(ours @ theirs.T).sum()
    distance = (shift**2).sum() + (ours**2).sum() + (theirs**2).sum() - 2 * shared
    return max(0.0, float(distance))


def _root_of_covariance(features: Floats) -> Floats:
    """Return a triangle R with ``RᵀR`` the covariance, ``(min(n, F), F)``."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    triangle: Floats = qr(centred, mode="r", check_finite=False)[0][: min(centred.shape)]
    return triangle
