"""Does the image show what the label says? A classifier of real digits is the judge."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC

from benchmarks.digits.data import Digits, Labelled

LABELS = 10
JUDGE = {"C": 10.0, "gamma": "scale"}
SHUFFLE_SEED = 0


@dataclass(frozen=True)
class Generated:
    """What a model made.

    Parameters
    ----------
    conditional : Labelled
        Images drawn given the labels beside them.
    joint : Labelled
        Images and labels drawn together.
    guesses : ndarray
        A label drawn for each test image.
    """

    conditional: Labelled
    joint: Labelled
    guesses: NDArray[np.int64]


@dataclass(frozen=True)
class DigitScores:
    """Shares in [0, 1], higher is better.

    Parameters
    ----------
    label_to_image : float
        Images drawn given a label that the judge reads as that label.
    image_to_label : float
        Test images whose drawn label is the true one.
    joint : float
        Joint samples whose label is what the judge reads.
    detail : dict
        The first two for each label, the share of each label among the joint samples, and
        ``nearer_to_train``, the share of conditional images nearer to a train image than to any of
        equally many test images; 0.5 means that nothing was copied.
    """

    label_to_image: float
    image_to_label: float
    joint: float
    detail: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


class Judge:
    """A support vector machine that learnt the real train digits.

    Parameters
    ----------
    train : Labelled
        What it learns from.
    """

    def __init__(self, train: Labelled) -> None:
        self._svm = SVC(**JUDGE).fit(_flat(train.images), train.labels)

    def read(self, images: NDArray[Any]) -> NDArray[np.int64]:
        """Tell which digit each image shows."""
        read: NDArray[np.int64] = self._svm.predict(_flat(images))
        return read

    def agrees(self, digits: Labelled) -> NDArray[np.bool_]:
        """Tell where image and label belong together."""
        agreed: NDArray[np.bool_] = self.read(digits.images) == digits.labels
        return agreed


def evaluate(generated: Generated, digits: Digits, judge: Judge) -> DigitScores:
    """Score what one model made."""
    drawn = judge.agrees(generated.conditional)
    guessed = generated.guesses == digits.test.labels
    counts = np.bincount(generated.joint.labels, minlength=LABELS)
    detail = {
        "label_to_image": _by_label(drawn, generated.conditional.labels),
        "image_to_label": _by_label(guessed, digits.test.labels),
        "joint_labels": (counts / len(generated.joint)).tolist(),
        "nearer_to_train": nearer_to_train(generated.conditional.images, digits),
    }
    joint = judge.agrees(generated.joint)
    return DigitScores(float(drawn.mean()), float(guessed.mean()), float(joint.mean()), detail)


def references(digits: Digits, judge: Judge) -> dict[str, DigitScores]:
    """Score the real test digits, and what is left when labels are shuffled."""
    real = float(judge.agrees(digits.test).mean())
    floor = float(judge.agrees(digits.test.relabelled(SHUFFLE_SEED)).mean())
    misled = Judge(digits.train.relabelled(SHUFFLE_SEED))
    guess = float(misled.agrees(digits.test).mean())
    return {
        "real digits": DigitScores(real, real, real),
        "labels shuffled": DigitScores(floor, guess, floor),
    }


def nearer_to_train(images: NDArray[Any], digits: Digits) -> float:
    """Share of images whose nearest real digit is a train one, among equally many of both."""
    count = min(len(digits.train), len(digits.test))
    to_train, to_test = (
        NearestNeighbors(n_neighbors=1).fit(_flat(part.images[:count])).kneighbors(_flat(images))[0]
        for part in (digits.train, digits.test)
    )
    return float((to_train < to_test).mean())


def _flat(images: NDArray[Any]) -> NDArray[Any]:
    return images.reshape(len(images), -1)


def _by_label(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> list[float]:
    return [float(right[labels == label].mean()) for label in range(LABELS)]
