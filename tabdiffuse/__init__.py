"""Synthetic data by diffusion: one small model of the joint distribution of a table."""

from tabdiffuse._version import __version__
from tabdiffuse.estimators import (
    PRESETS,
    DiffusionImputer,
    DiffusionResampler,
    MultimodalDiffusion,
    Preset,
    TabularDiffusion,
)
from tabdiffuse.metrics import Report, evaluate
from tabdiffuse.modalities import CategoricalModality, NumericModality
from tabdiffuse.modalities.image import ImageModality
from tabdiffuse.sampling.guidance import Guidance
from tabdiffuse.tables import Approx, Between, Missing, OneOf

__all__ = [
    "PRESETS",
    "Approx",
    "Between",
    "CategoricalModality",
    "DiffusionImputer",
    "DiffusionResampler",
    "Guidance",
    "ImageModality",
    "Missing",
    "MultimodalDiffusion",
    "NumericModality",
    "OneOf",
    "Preset",
    "Report",
    "TabularDiffusion",
    "__version__",
    "evaluate",
]
