"""A judge of images: it learns, it repeats itself, and it refuses what it cannot read."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from benchmarks.pictures.judge import FEATURES, Judge
from tabdiffuse.errors import DataError, ParameterError

TRAIN = 1200


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Digits at 16 x 16 pixels in [0, 1], with labels that are no counts from 0."""
    bunch = load_digits()
    return np.kron(bunch.images / 16.0, np.ones((1, 2, 2))), bunch.target * 10 + 5


@pytest.fixture(scope="module")
def judge(digits) -> Judge:
    images, labels = digits
    return Judge.train(images[:TRAIN], labels[:TRAIN], epochs=8)


def test_judge_reads_images_it_has_not_seen(judge, digits):
    images, labels = digits
    assert judge.accuracy(images[TRAIN:], labels[TRAIN:]) > 0.88
    assert set(judge.read(images[TRAIN:])) == set(labels)


def test_judge_of_shuffled_labels_knows_nothing(digits):
    images, labels = digits
    shuffled = np.random.default_rng(0).permutation(labels[:TRAIN])
    misled = Judge.train(images[:TRAIN], shuffled, epochs=1)
    assert misled.accuracy(images[TRAIN:], labels[TRAIN:]) < 0.4


def test_features_are_what_the_labels_are_read_from(judge, digits):
    images = digits[0][:30]
    features = judge.features(images)
    assert features.shape == (30, FEATURES)
    assert features.dtype == np.float32
    with torch.inference_mode():
        logits = judge.network.head(torch.as_tensor(features)).numpy()
    assert (judge.labels[logits.argmax(axis=1)] == judge.read(images)).all()
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    assert judge.probabilities(images) == pytest.approx(shares, abs=1e-5)


def test_a_verdict_does_not_depend_on_the_other_images(judge, digits):
    images = digits[0]
    alone = judge.features(images[7:8])
    assert judge.features(images)[7:8] == pytest.approx(alone, abs=1e-4)


def test_equal_seeds_give_equal_judges_and_leave_the_global_state_alone(digits):
    images, labels = digits[0][:200], digits[1][:200]
    before = torch.random.get_rng_state()
    one, same, other = (Judge.train(images, labels, seed=seed, epochs=2) for seed in (3, 3, 4))
    assert (torch.random.get_rng_state() == before).all()
    assert (one.features(images) == same.features(images)).all()
    assert not np.allclose(one.features(images), other.features(images))


def test_judge_reads_colours():
    """Two labels that differ in hue alone, at a size that is no power of two."""
    rng = np.random.default_rng(0)
    labels = np.array(["red", "blue"])[rng.integers(0, 2, 120)]
    images = rng.uniform(0.0, 0.5, (120, 17, 21, 3))
    images[labels == "red", :, :, 0] += 0.4
    images[labels == "blue", :, :, 2] += 0.4
    judge = Judge.train(images[:80], labels[:80], epochs=10)
    assert judge.accuracy(images[80:], labels[80:]) == 1.0


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((4, 15, 16)), "at least 16"),
        (np.zeros((4, 16, 16, 2)), "1 or 3 channels"),
        (np.zeros((16, 16)), "at least 16"),
        (np.zeros((0, 16, 16)), "0 rows"),
        (np.full((4, 16, 16), 255.0), "Scale or clip"),
        (np.full((4, 16, 16), np.nan), r"\[0, 1\]"),
        (np.zeros((4, 16, 16, 3)), "trained on images of 1 channels; got 3"),
    ],
)
def test_judge_refuses_images_it_cannot_read(judge, images, words):
    with pytest.raises(DataError, match=words):
        judge.read(images)


def test_judge_refuses_labels_that_do_not_fit(judge, digits):
    images = digits[0][:10]
    with pytest.raises(DataError, match=r"got shape \(9,\)"):
        Judge.train(images, np.arange(9))
    with pytest.raises(DataError, match="1 different"):
        Judge.train(images, np.zeros(10))
    with pytest.raises(DataError, match="each of the 10 images"):
        judge.accuracy(images, np.arange(9))
    with pytest.raises(ParameterError, match="epochs must be at least 1; got 0"):
        Judge.train(images, np.arange(10), epochs=0)
