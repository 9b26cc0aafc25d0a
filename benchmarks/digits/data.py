"""The digits that scikit-learn bundles, split once and for all into train and test."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

NAME = "digits"
TITLE = "Digits (UCI, as bundled with scikit-learn), 1,797 images of 8x8 pixels, 10 labels"
TEST_SHARE, SPLIT_SEED = 0.25, 0
LEVELS = 16  # pixels are whole numbers from 0 to 16


@dataclass(frozen=True)
class Labelled:
    """Images ``(n, 8, 8)`` in [0, 1] with their labels ``(n,)``."""

    images: NDArray[np.float64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Any) -> "Labelled":
        """Return the chosen rows."""
        return Labelled(self.images[index], self.labels[index])

    def relabelled(self, seed: int) -> "Labelled":
        """Return the same images with the labels permuted: nothing left to learn."""
        return Labelled(self.images, np.random.default_rng(seed).permutation(self.labels))


@dataclass(frozen=True)
class Digits:
    """Train and test part, stratified by label.

    Parameters
    ----------
    train, test : Labelled
        Three quarters and one quarter.
    """

    train: Labelled
    test: Labelled

    @property
    def sha256(self) -> str:
        """One digest of all pixels and labels, in the order of the split."""
        digest = hashlib.sha256()
        for part in (self.train, self.test):
            digest.update((part.images * LEVELS).astype(np.uint8).tobytes())
            digest.update(part.labels.astype(np.uint8).tobytes())
        return digest.hexdigest()


def load(train_rows: int | None = None) -> Digits:
    """Load and split; ``train_rows`` keeps as many train rows, for a quick look."""
    bundled = load_digits()
    everything = Labelled(bundled.images / LEVELS, bundled.target.astype(np.int64))
    train, test = train_test_split(
        np.arange(len(everything)),
        test_size=TEST_SHARE,
        stratify=everything.labels,
        random_state=SPLIT_SEED,
    )
    return Digits(everything.take(train[:train_rows]), everything.take(test))
