"""Image and label: the scores count what they say, and the grid shows what was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from benchmarks.pictures import image_label as task
from benchmarks.pictures.data import Part, Pictures

SIDE = 8
TINT = 0.02  # half the range of a label's brightness is .05


def painted(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """Paint each label as a brightness of its own."""
    noise = np.random.default_rng(seed).uniform(-TINT, TINT, (len(labels), SIDE, SIDE))
    return (np.asarray(labels)[:, None, None] + 0.5) / task.LABELS + noise


class Judge:
    """Reads brightness."""

    def read(self, images):
        return (images.mean(axis=(1, 2)) * task.LABELS).astype(int)

    def features(self, images):
        return images.reshape(len(images), -1)

    def accuracy(self, images, labels):
        return float((self.read(images) == labels).mean())


@dataclass
class Model:
    """Knows the law, but is wrong in every ``slip``-th row."""

    slip: int | None = None

    def sample(self, count, conditions=None, guidance=None, random_state=None):
        self.guidance = guidance
        given = dict(conditions or {})
        label = given.get("label", np.random.default_rng(random_state).integers(0, 10, count))
        shown = label.copy()
        if self.slip:
            shown[:: self.slip] = (shown[:: self.slip] + 1) % task.LABELS
        if "image" in given:
            read = Judge().read(given["image"])
            if self.slip:
                read[:: self.slip] = (read[:: self.slip] + 1) % task.LABELS
            return {"image": given["image"], "label": read}
        return {"image": painted(shown, random_state), "label": label}

    def predict(self, X, target):
        return self.sample(len(X["image"]), X)[target]


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setattr(task, "ASKED", 200)
    train, test = (
        Part({"image": painted(labels, seed), "label": labels})
        for seed, labels in enumerate(np.random.default_rng(9).integers(0, 10, (2, 400)))
    )
    pictures = Pictures("made up", train, test, "0" * 64, train)
    pictures.__dict__["judge"] = Judge()
    return pictures


def test_a_model_that_knows_the_law_scores_like_real_images(data):
    scores, real = task.ask(Model(), data, 0, task.JOINT), task.real_test(data)
    for key in ("agreement", "accuracy", "joint"):
        assert scores[key] == real[key] == 1
    for key in ("precision", "recall", "nearer_to_train"):
        assert scores[key] == pytest.approx(real[key], abs=0.25)
    assert scores["frechet"] == pytest.approx(real["frechet"], abs=0.05)


@pytest.mark.parametrize("slip", [2, 4])
def test_every_slip_counts(data, slip):
    scores = task.ask(Model(slip), data, 0, task.JOINT)
    for key in ("agreement", "accuracy", "accuracy_drawn", "joint"):
        assert scores[key] == pytest.approx(1 - 1 / slip)
    assert np.mean(scores["agreement_by_label"]) == pytest.approx(1 - 1 / slip)
    assert sum(scores["joint_labels"]) == pytest.approx(1)


def test_shuffled_labels_are_what_chance_gives(data):
    scores = task.shuffled_labels(data)
    assert set(scores) == {"agreement", "accuracy", "joint"}
    assert 0 < scores["agreement"] < 0.3


def test_each_method_is_asked_what_it_can_answer(data):
    images, labels = (task.ask(Model(), data, 0, name) for name in (task.IMAGES, task.CLASSIFIER))
    assert {"agreement", "frechet", "nearer_to_train"} <= set(images)
    assert not {"accuracy", "joint"} & set(images)
    assert set(labels) == {"accuracy", "accuracy_drawn"}
    every = set(task.ask(Model(), data, 0, task.JOINT))
    assert {column.key for column in task.COLUMNS} <= every


def test_only_the_guided_method_is_guided(data):
    for name in (task.JOINT, task.GUIDED, task.IMAGES):
        model = Model()
        task.draw_images(model, task.asked_labels(20), 0, task.strength(name))
        assert model.guidance == (task.STRENGTH if name == task.GUIDED else None)


def test_labels_are_asked_for_equally_often():
    assert np.bincount(task.asked_labels(200)).tolist() == [20] * 10


def test_the_grid_shows_every_label_of_every_method(data, tmp_path):
    shown = {name: task.show(Model(5), data, 0, name) for name in task.TASK.methods}
    assert shown[task.IMAGES]["image"].shape == (task.LABELS * task.CARDS, SIDE, SIDE)
    strips = [strip for name, arrays in shown.items() for strip in task._strips(name, arrays, data)]
    assert len(strips) == 3 * task.LABELS + 3  # those that draw; joint samples, two of guesses
    assert sum(strip.wrong.sum() for strip in strips[: task.LABELS]) == 140 / 5
    task.draw(shown, data, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as image:
        assert image.height > 2000


def test_the_page_says_what_the_joint_model_pays():
    scores = {
        task.JOINT: [{"agreement": 0.97, "accuracy": 0.98}],
        task.IMAGES: [{"agreement": 0.98}],
        task.CLASSIFIER: [{"accuracy": 0.97}],
    }
    (said,) = task.remarks(scores)
    assert "-1.00 points of agreement" in said
    assert "+1.00 points of accuracy" in said
    assert task.remarks({task.JOINT: scores[task.JOINT]}) == []
