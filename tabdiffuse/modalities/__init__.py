"""Modalities: each knows its own cells and nothing of the others."""

from tabdiffuse.modalities.base import Modality
from tabdiffuse.modalities.categorical import CategoricalModality
from tabdiffuse.modalities.numeric import NumericModality

__all__ = ["CategoricalModality", "Modality", "NumericModality"]
