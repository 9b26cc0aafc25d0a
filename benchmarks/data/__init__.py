"""Benchmark data sets: a recipe each, files verified by checksum, and the splits."""

from benchmarks.data.dataset import SPLITS, Dataset, load
from benchmarks.data.files import FOLDER_VARIABLE
from benchmarks.data.recipes import DATASETS, DataError, describe, known, read_recipe

__all__ = [
    "DATASETS",
    "FOLDER_VARIABLE",
    "SPLITS",
    "DataError",
    "Dataset",
    "describe",
    "known",
    "load",
    "read_recipe",
]
