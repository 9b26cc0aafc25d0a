"""The estimators: the public face of the library."""

from tabdiffuse.estimators.imputer import DiffusionImputer
from tabdiffuse.estimators.multimodal import MultimodalDiffusion
from tabdiffuse.estimators.presets import PRESETS, Preset
from tabdiffuse.estimators.resampler import DiffusionResampler
from tabdiffuse.estimators.table import TabularDiffusion

__all__ = [
    "PRESETS",
    "DiffusionImputer",
    "DiffusionResampler",
    "MultimodalDiffusion",
    "Preset",
    "TabularDiffusion",
]
