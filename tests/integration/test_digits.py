"""Images and labels through the core that tables use: each generates the other."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from tabdiffuse import CategoricalModality, ImageModality, MultimodalDiffusion


class Digits:
    """Real digits, split, with a judge that learnt the train part."""

    def __init__(self):
        bundled = load_digits()
        split = train_test_split(
            bundled.images / 16, bundled.target, stratify=bundled.target, random_state=0
        )
        self.images, self.held_out, self.labels, self.truth = split
        self.judge = SVC(C=10).fit(self.images.reshape(-1, 64), self.labels)

    def fit(self, **settings):
        parts = {"image": ImageModality(8, 8), "label": CategoricalModality(10)}
        model = MultimodalDiffusion(parts, random_state=0, verbose=0, device="cpu", **settings)
        return model.fit({"image": self.images, "label": self.labels})

    def agreement(self, images, labels):
        return np.mean(self.judge.predict(images.reshape(-1, 64)) == labels)

    def scores(self, model, per_label=50):
        asked = np.repeat(np.arange(10), per_label)
        drawn = model.sample(len(asked), conditions={"label": asked}, random_state=0)
        told = model.sample(len(self.truth), conditions={"image": self.held_out}, random_state=0)
        joint = model.sample(len(asked), random_state=0)
        return {
            "label to image": self.agreement(drawn["image"], asked),
            "image to label": np.mean(told["label"] == self.truth),
            "joint": self.agreement(joint["image"], joint["label"]),
        }


@pytest.fixture(scope="module")
def digits():
    return Digits()


def test_the_judge_knows_digits(digits):
    assert digits.agreement(digits.held_out, digits.truth) > 0.98


@pytest.fixture(scope="module")
def quick(digits):
    """A few seconds of training."""
    return digits.scores(digits.fit(preset="fast", max_steps=800, n_steps=25))


def test_a_few_seconds_teach_the_three_questions(quick):
    """The band is wide: chance is 0.1, and the claims of the README are tested below."""
    assert quick["label to image"] > 0.5
    assert quick["image to label"] > 0.7
    assert quick["joint"] > 0.5


def test_an_untrained_model_is_at_chance(digits):
    """The control of the tests here: nothing but training makes image and label agree."""
    scores = digits.scores(digits.fit(preset="fast", max_steps=1, n_steps=10))
    assert max(scores.values()) < 0.3


@pytest.mark.slow
def test_fast_preset_answers_nine_of_ten_within_three_minutes(digits):
    model = digits.fit(preset="fast")
    scores = digits.scores(model, per_label=100)
    assert scores["label to image"] >= 0.9
    assert scores["image to label"] >= 0.9
    assert scores["joint"] >= 0.85
    assert model.fit_time_ < 180
