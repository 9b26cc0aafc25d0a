"""Metrics of images that download no network weights.

==============  =================================================================================
``frechet``     Fréchet distance: means and covariances of features
``kernel``      kernel distance: an unbiased comparison of all their moments up to the third
``manifold``    precision and recall: whether images look real, and whether all kinds are made
``pixels``      PSNR and SSIM of pairs of images
``perceptual``  LPIPS of pairs of images, with the user's network and weights
``inception``   FID, with the user's Inception network
==============  =================================================================================

The first three compare features, not images: arrays ``(n, F)`` from whatever network suits the
images. `extract_features` gets them from one.
"""

from tabdiffuse.metrics.images.features import Extractor, extract_features
from tabdiffuse.metrics.images.frechet import frechet_distance
from tabdiffuse.metrics.images.inception import inception_fid
from tabdiffuse.metrics.images.kernel import KernelDistance, kernel_distance
from tabdiffuse.metrics.images.manifold import PrecisionRecall, precision_recall
from tabdiffuse.metrics.images.perceptual import lpips_distance
from tabdiffuse.metrics.images.pixels import psnr, ssim

__all__ = [
    "Extractor",
    "KernelDistance",
    "PrecisionRecall",
    "extract_features",
    "frechet_distance",
    "inception_fid",
    "kernel_distance",
    "lpips_distance",
    "precision_recall",
    "psnr",
    "ssim",
]
