"""Synthetic data by diffusion: one small model of the joint distribution of a table."""

from tabdiffuse._version import __version__
from tabdiffuse.estimators import MultimodalDiffusion, TabularDiffusion
from tabdiffuse.metrics import Report, evaluate
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.modalities.image import ImageModality

__all__ = [
    "CategoricalModality",
    "ImageModality",
    "MultimodalDiffusion",
    "NumericModality",
    "Report",
    "TabularDiffusion",
    "__version__",
    "evaluate",
]
