"""Modalities: each knows its own cells and nothing of the others."""

from tabdiffuse.modalities.base import Modality
from tabdiffuse.modalities.categorical import CategoricalModality
from tabdiffuse.modalities.numeric import NumericModality
from tabdiffuse.modalities.text import TextModality
from tabdiffuse.modalities.tokenizer import CharacterTokenizer, Tokenizer, WordTokenizer
from tabdiffuse.modalities.vector import VectorModality

__all__ = [
    "CategoricalModality",
    "CharacterTokenizer",
    "Modality",
    "NumericModality",
    "TextModality",
    "Tokenizer",
    "VectorModality",
    "WordTokenizer",
]
