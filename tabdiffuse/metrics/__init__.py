"""Metrics of synthetic tables, each in its own module, and one report of all; and of images.

===============  ================================================================================
``quality``      Shape and Trend: marginals and pairs of columns
``support``      α-precision and β-recall: whether rows lie where real ones do, and everywhere
``detection``    C2ST: whether a classifier can tell the two tables apart
``mle``          MLE: whether a model trained on the table works on real rows
``privacy``      DCR: whether rows are nearer to the train rows than to held-out ones
``copies``       the same as a ratio of distances
``evaluation``   `evaluate`: all of them, beside held-out real rows and shuffled columns
``images``       a room of its own: distances between features of images, and between images
===============  ================================================================================
"""

from tabdiffuse.metrics.evaluation import evaluate
from tabdiffuse.metrics.images import (
    Extractor,
    KernelDistance,
    PrecisionRecall,
    extract_features,
    frechet_distance,
    inception_fid,
    kernel_distance,
    lpips_distance,
    precision_recall,
    psnr,
    ssim,
)
from tabdiffuse.metrics.report import Report, Score

__all__ = [
    "Report",
    "Score",
    "evaluate",
    "Extractor",
    "extract_features",
    "frechet_distance",
    "inception_fid",
    "KernelDistance",
    "kernel_distance",
    "PrecisionRecall",
    "precision_recall",
    "lpips_distance",
    "psnr",
    "ssim",
]
