"""Kernel distance: the squared maximum mean discrepancy of features, without bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tabdiffuse.errors import ParameterError
from tabdiffuse.metrics.images.inputs import MIN_ROWS, Floats, check_features

SUBSETS = 100
SUBSET_SIZE = 1000


@dataclass(frozen=True)
class KernelDistance:
    """Kernel distance over subsets.

    Parameters
    ----------
    mean : float
        Estimate of the squared discrepancy: near 0, on either side, for equal laws.
    std : float
        Standard deviation of the estimate from one subset; 0 if each subset holds all rows.
    """

    mean: float
    std: float


def kernel_distance(
    features_real: Any,
    features_made: Any,
    *,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
) -> KernelDistance:
    """Unbiased squared maximum mean discrepancy with the cubic kernel ``(x·y / F + 1)³``.

    Bińkowski et al. 2018, arXiv 1801.01401, section 4; with features of the Inception network it is
    known as KID. Unlike the Fréchet distance it is unbiased, whatever the number of images, and
    takes no law for a Gaussian.

    Parameters
    ----------
    features_real, features_made : array-like, shape (n, F) and (m, F)
        Features of real images and of those that a model made; at least two rows each.
    subsets : int
        How many subsets are compared.
    subset_size : int
        Rows of each, drawn without replacement; all rows where there are fewer.
    seed : int
        Of the subsets.

    Returns
    -------
    KernelDistance
        Mean and standard deviation over the subsets; lower is better.

    Raises
    ------
    DataError
        A wrong shape, too few rows, or values that are not finite.
    ParameterError
        ``subsets`` below 1 or ``subset_size`` below 2.
    """
    if subsets < 1:
        raise ParameterError(f"subsets must be at least 1; got {subsets}.")
    if subset_size < MIN_ROWS:
        raise ParameterError(f"subset_size must be at least {MIN_ROWS}; got {subset_size}.")
    real, made = check_features(features_real, features_made)
    if subset_size >= max(len(real), len(made)):
        return KernelDistance(_unbiased(real, made), 0.0)
    rng = np.random.default_rng(seed)
    found = [
        _unbiased(_subset(real, subset_size, rng), _subset(made, subset_size, rng))
        for _ in range(subsets)
    ]
    return KernelDistance(float(np.mean(found)), float(np.std(found)))


def _subset(features: Floats, size: int, rng: np.random.Generator) -> Floats:
    return features[rng.choice(len(features), min(size, len(features)), replace=False)]


def _unbiased(real: Floats, made: Floats) -> float:
    """Estimate the squared discrepancy: no row is compared with itself."""
    within = _mean_of_pairs(_kernel(real, real)) + _mean_of_pairs(_kernel(made, made))
    return within - 2 * float(_kernel(real, made).mean())


def _kernel(first: Floats, second: Floats) -> Floats:
    base = first @ second.T / first.shape[1] + 1
    kernel: Floats = base * base * base  # far quicker than a power
    return kernel


def _mean_of_pairs(kernel: Floats) -> float:
    """Mean over pairs of different rows."""
    rows = len(kernel)
    return float((kernel.sum() - np.trace(kernel)) / (rows * (rows - 1)))
