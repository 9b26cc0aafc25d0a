"""The estimators: the public face of the library."""

from tabdiffuse.estimators.multimodal import MultimodalDiffusion
from tabdiffuse.estimators.table import TabularDiffusion

__all__ = ["MultimodalDiffusion", "TabularDiffusion"]
