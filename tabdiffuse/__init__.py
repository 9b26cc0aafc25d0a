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
from tabdiffuse.joint import Shared
from tabdiffuse.metrics import Report, evaluate
from tabdiffuse.modalities import (
    CategoricalModality,
    CharacterTokenizer,
    NumericModality,
    TextModality,
    Tokenizer,
    VectorModality,
    WordTokenizer,
)
from tabdiffuse.modalities.discrete_image import DiscreteImageModality
from tabdiffuse.modalities.image import ImageModality
from tabdiffuse.sampling.guidance import Guidance
from tabdiffuse.tables import Approx, Between, Missing, OneOf
from tabdiffuse.training.stages import Stage

__all__ = [
    "PRESETS",
    "Approx",
    "Between",
    "CategoricalModality",
    "CharacterTokenizer",
    "DiffusionImputer",
    "DiffusionResampler",
    "DiscreteImageModality",
    "Guidance",
    "ImageModality",
    "Missing",
    "MultimodalDiffusion",
    "NumericModality",
    "OneOf",
    "Preset",
    "Report",
    "Shared",
    "Stage",
    "TabularDiffusion",
    "TextModality",
    "Tokenizer",
    "VectorModality",
    "WordTokenizer",
    "__version__",
    "evaluate",
]
