"""Photograph to map and back: scores against hand computations, and short runs of all methods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import benchmarks.pictures.transition as task
from benchmarks.pictures.data import Part
from benchmarks.pictures.task import Training
from benchmarks.pictures.transition import TASK, methods, references, remarks, scenes, scores
from benchmarks.pictures.transition.encoder import ColouredMap
from benchmarks.pictures.transition.reader import Reader, features
from benchmarks.pictures.transition.scenes import COLOURS, KINDS, UNLABELLED, Scenes, mirrored
from tabdiffuse import DiscreteImageModality, ImageModality

SIZE = 16  # 16 patches of the photograph, 4 of the map
PAINT = np.random.default_rng(5).uniform(0.1, 0.9, (KINDS, 3))
RECIPE = {"width": 16, "depth": 1, "heads": 2, "batch_size": 8, "n_steps": 2, "verbose": 0}
SKY, ROAD, CAR = 0, 3, 8


def painted(maps: np.ndarray, seed: int = 0, noise: float = 0.02) -> np.ndarray:
    """Photographs in which each class has a colour of its own."""
    speckle = np.random.default_rng(seed).uniform(-noise, noise, (*maps.shape, 3))
    return (PAINT[maps] + speckle).astype(np.float32)


def frames(rows: int, seed: int) -> Part:
    """Sky above road, a car on the left, and a little that has no label."""
    rng = np.random.default_rng(seed)
    maps = np.full((rows, SIZE, SIZE), SKY)
    for own, horizon in zip(maps, rng.integers(4, 12, rows), strict=True):
        own[horizon:] = ROAD
        own[horizon - 2 : horizon + 1, 1:5] = CAR
        own[-1, -2:] = UNLABELLED
    return Part({"photo": painted(maps, seed), "map": maps})


@pytest.fixture(scope="module")
def data() -> Scenes:
    train, validation, test = (frames(rows, seed) for seed, rows in enumerate((60, 6, 12)))
    found = Scenes(train, validation, test, "0" * 64, train)
    rows = mirrored(train)
    found.__dict__["reader"] = Reader.train(rows["photo"], rows["map"], epochs=3)
    return found


class Oracle:
    """Knows the law, but gives every ``slip``-th row the map of all sky."""

    def __init__(self, data: Scenes, slip: int | None = None) -> None:
        self.maps, self.photos = (
            np.concatenate([part[name] for part in (data.validation, data.test)])
            for name in ("map", "photo")
        )
        self.slip = slip

    def sample(self, count, conditions, random_state, n_steps=None):
        if "photo" in conditions:
            apart = np.abs(conditions["photo"][:, None] - self.photos[None]).sum(axis=(2, 3, 4))
            maps = self.maps[apart.argmin(axis=1)].copy()
        else:
            maps = conditions["map"].copy()
        if self.slip:
            maps[:: self.slip] = SKY
        return {"map": maps, "photo": painted(maps, random_state)}

    def predict_proba(self, X, target, batch_size):
        assert target == "map"
        probabilities = 0.4 * np.eye(KINDS)[self.sample(len(X["photo"]), X, 0)["map"]]
        probabilities[..., UNLABELLED] += 0.6  # likeliest of all, and left out
        return probabilities


def test_agreement_is_what_a_hand_computes():
    truth = np.array([[[0, 0, 0, 0], [1, 1, 2, UNLABELLED]]])
    read = np.array([[[0, 0, 0, 1], [1, UNLABELLED, 0, 0]]])
    # class 0: 3 of 4 found, union 5; class 1: 1 of 2, union 3; class 2: 0 of 1, union 1;
    # what is truly unlabelled does not count, what is read as unlabelled is wrong
    found = scores.agreement(truth, read)
    assert found["pixel"] == pytest.approx(4 / 7)
    assert found["class"] == pytest.approx((3 / 4 + 1 / 2 + 0) / 3)
    assert found["iou"] == pytest.approx((3 / 5 + 1 / 3 + 0) / 3)
    assert found["by_class"] == pytest.approx({"sky": 3 / 5, "building": 1 / 3, "pole": 0})


def test_confusion_counts_every_labelled_pixel_once():
    truth, read = np.random.default_rng(0).integers(0, KINDS, (2, 5, 6, 7))
    table = scores.confusion(truth, read)
    assert table.shape == (UNLABELLED, KINDS)
    assert table.sum() == (truth != UNLABELLED).sum()
    assert table[3, 7] == ((truth == 3) & (read == 7)).sum()
    assert table[2, UNLABELLED] == ((truth == 2) & (read == UNLABELLED)).sum()


def test_drawn_maps_and_likeliest_classes_are_scored_apart():
    truth = np.zeros((1, 2, 2), dtype=np.int64)
    told, drawn = np.array([[[0, 0], [0, 2]]]), np.array([[[1, 1], [1, 0]]])
    found = scores.map_scores(truth, told, drawn)
    assert (found["pixel"], found["one_pixel"]) == (0.75, 0.25)
    assert not any(name.startswith("one_") for name in scores.map_scores(truth, told))


def test_squares_are_means_and_spreads_of_colours():
    photos = np.zeros((2, 8, 8, 3))
    photos[0, 0, 0] = [1, 0, 0.4]  # one of the four pixels of the first square
    found = scores.squares(photos)
    assert found.shape == (2, 96)
    np.testing.assert_allclose(found[0, :3], [0.25, 0, 0.1])
    np.testing.assert_allclose(found[0, 48:51], np.sqrt(3) / 4 * np.array([1, 0, 0.4]))
    assert np.count_nonzero(found) == 4


def test_mirror_images_turn_photograph_and_map_together(data):
    rows, count = mirrored(data.train), len(data.train)
    assert len(rows) == 2 * count
    np.testing.assert_array_equal(rows["map"][count + 3], data.train["map"][3][:, ::-1])
    np.testing.assert_array_equal(rows["photo"][count + 3], data.train["photo"][3][:, ::-1])
    assert (rows["map"][count:, :, :8] == CAR).sum() == 0  # it was on the left
    off = np.abs(rows["photo"] - PAINT[rows["map"]]).max()
    assert off < 0.03


def test_the_map_is_painted_where_the_photograph_has_its_pixels():
    given = DiscreteImageModality(8, 16, KINDS, patch=4)
    wanted = ImageModality(8, 16, channels=3, patch=2)
    maps = np.random.default_rng(0).integers(0, KINDS, (3, 8, 16))
    sure = torch.nn.functional.one_hot(given.encode(maps).long(), KINDS).float()
    encoder = ColouredMap(COLOURS, given, wanted)
    np.testing.assert_allclose(
        wanted.decode(encoder(sure)), task.coloured(maps, COLOURS), rtol=0, atol=1e-6
    )
    other = sure.flip(0)
    torch.testing.assert_close(encoder((sure + other) / 2), (encoder(sure) + encoder(other)) / 2)


def test_features_are_the_colours_around_a_pixel():
    photos = np.random.default_rng(0).uniform(size=(2, 40, 40, 3)).astype(np.float32)
    found = features(photos)
    assert found.shape == (2, 40, 40, 59)
    own, small = photos[1, 20, 24], photos[1, 19:22, 23:26].reshape(9, 3)
    np.testing.assert_allclose(found[1, 20, 24, :3], own)
    np.testing.assert_allclose(found[1, 20, 24, 3:6], small.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found[1, 20, 24, 15:18], small.std(axis=0), atol=1e-4)
    above, left = photos[1, 16:19, 23:26], photos[1, 19:22, 20:23]
    np.testing.assert_allclose(found[1, 20, 24, 21:24], above.mean(axis=(0, 1)), atol=1e-5)
    np.testing.assert_allclose(found[1, 20, 24, 27:30], left.mean(axis=(0, 1)), atol=1e-5)
    np.testing.assert_allclose(found[1, 20, 24, -2:], [20 / 40, 24 / 40])


def test_the_reader_reads_real_photographs_and_not_those_of_others(data):
    right = references.read_pixels(data)
    assert right["pixel"] == right["back_pixel"] > 0.95
    assert right["frechet"] == pytest.approx(0, abs=1e-5)
    wrong = references.random_row(data)
    assert wrong["back_pixel"] < right["back_pixel"] - 0.1
    assert (data.reader.read(data.test["photo"]) != UNLABELLED).all()


def test_the_reader_is_the_same_each_time(data):
    rows = data.train.take(slice(20))
    first, second = (Reader.train(rows["photo"], rows["map"], epochs=1) for _ in range(2))
    test = data.test["photo"]
    np.testing.assert_array_equal(first.read(test), second.read(test))


def test_the_most_frequent_class_is_that_of_each_place(data):
    place = references.most_frequent_class(data)
    same = np.full_like(data.test["map"], SKY)
    same[:, 8:] = ROAD
    assert place["class"] == pytest.approx(scores.agreement(data.test["map"], same)["class"], 0.2)
    own = replace(data, real=data.test.take(slice(1)), test=data.test.take(slice(1)))
    assert references.most_frequent_class(own)["pixel"] == 1


def test_the_nearest_row_is_the_one_of_least_distance():
    asked, known = (np.random.default_rng(s).normal(size=(70, 3, 4)) for s in (1, 2))
    apart = np.square(asked[:, None] - known[None]).sum(axis=(2, 3))
    np.testing.assert_array_equal(references.nearest(asked, known), apart.argmin(axis=1))


def test_every_frame_of_the_train_part_answers_for_itself(data):
    own = replace(data, test=data.train)
    found = references.nearest_row(own)
    assert found["pixel"] == 1
    assert found["back_pixel"] == pytest.approx(references.read_pixels(own)["pixel"], abs=0.02)


def test_who_knows_the_law_scores_like_real_photographs(data):
    model = Oracle(data)
    found = task.ask(methods.Trained(model, model), data, 0, methods.PRODUCT)
    assert found["pixel"] == found["class"] == found["iou"] == found["one_pixel"] == 1
    assert found["back_pixel"] == pytest.approx(references.read_pixels(data)["pixel"], abs=0.02)
    assert found["validation"]["pixel"] == 1
    assert {column.key for column in task.COLUMNS} <= set(found)


def test_wrong_maps_cost_what_they_are(data):
    good, bad = Oracle(data), Oracle(data, slip=2)
    wrong = scores.agreement(data.test["map"][::2], np.full_like(data.test["map"][::2], SKY))
    maps = task.ask(methods.Trained(bad, good), data, 0, methods.SINGLE)
    assert maps["pixel"] == maps["one_pixel"] == pytest.approx((1 + wrong["pixel"]) / 2, abs=0.05)
    photos = task.ask(methods.Trained(good, bad), data, 0, methods.SINGLE)
    assert photos["pixel"] == 1
    assert photos["back_pixel"] == pytest.approx((1 + wrong["pixel"]) / 2, abs=0.05)


@pytest.fixture(scope="module")
def trained(data) -> dict[str, methods.Trained]:
    fits = {name: method.fit for name, method in methods.METHODS.items()}
    made = {name: Training(0, 20, RECIPE, device="cpu") for name in fits}
    found = {name: fit(data, made[name]) for name, fit in fits.items()}
    steps = {name: training.info["steps"] for name, training in made.items()}
    assert steps == {**dict.fromkeys(fits, 20), methods.SINGLE: 40}
    return found


@pytest.mark.parametrize("method", methods.METHODS)
def test_every_method_answers_both_ways(trained, data, method):
    found = task.ask(trained[method], data, 0, method)
    assert {column.key for column in task.COLUMNS} <= set(found)
    assert all(0 <= found[key] <= 1 for key in ("pixel", "class", "iou", "back_pixel"))
    drawn = methods.answer(trained[method], data, 0)
    assert drawn.maps.shape == drawn.likeliest.shape == (12, SIZE, SIZE)
    assert (drawn.likeliest != UNLABELLED).all()
    assert (drawn.maps != drawn.likeliest).any()
    assert drawn.photos.shape == (12, SIZE, SIZE, 3)
    assert ((drawn.photos >= 0) & (drawn.photos <= 1)).all()
    assert drawn.validation_likeliest.shape == (6, SIZE, SIZE)
    assert drawn.validation_photos.shape == (6, SIZE, SIZE, 3)


@pytest.mark.parametrize("method", [methods.MT_X, methods.MT_U])
def test_one_step_is_enough_for_a_head(trained, data, method):
    photos, model = data.test["photo"][:4], trained[method].to_map
    given = {"photo": np.repeat(photos, 100, axis=0)}
    few, many = (
        model.sample(400, conditions=given, random_state=seed, n_steps=steps)["map"]
        for seed, steps in enumerate((1, 5))
    )
    shares = [
        np.stack([(own.reshape(4, 100, -1) == code).mean(axis=1) for code in (SKY, ROAD, CAR)])
        for own in (few, many)
    ]
    # Means over 256 pixels of shares of 100 draws: a standard error below .0045.
    np.testing.assert_allclose(shares[0].mean(axis=2), shares[1].mean(axis=2), rtol=0, atol=0.025)


def test_the_single_tasks_are_two_models_and_the_others_one(trained):
    pairs = {name: pair.to_map is pair.to_photo for name, pair in trained.items()}
    assert pairs == {"product": True, "MT-X": True, "MT-U": True, "single-task": False}
    single = trained[methods.SINGLE]
    assert (single.to_map.given, single.to_photo.given) == (("photo",), ("map",))
    shows = {name: trained[name].to_map.joint.shows_known for name in ("MT-X", "MT-U")}
    assert shows == {"MT-X": True, "MT-U": False}


def test_the_grid_shows_test_frames_and_what_every_method_drew(trained, data, tmp_path):
    shown = {name: task.show(pair, data, 0, name) for name, pair in trained.items()}
    for arrays in shown.values():
        assert len(arrays["map"]) == len(arrays["photo"]) == task.CARDS
    task.draw(shown, data, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as image:
        assert image.height > 1000
    assert task.shown_rows(4).tolist() == [0, 1, 2, 3]
    assert len(set(task.shown_rows(233).tolist())) == task.CARDS


def test_the_page_says_seed_by_seed_who_is_ahead():
    keys = ("pixel", "class", "iou", "back_pixel")
    single = [dict.fromkeys(keys, value) for value in (0.5, 0.6)]
    other = [dict.fromkeys(keys, value) for value in (0.6, 0.55)]
    (said,) = remarks({methods.MT_X: other, methods.SINGLE: single})
    assert said.count("+10.0, -5.0 (higher in 1 of 2)") == 4
    assert remarks({methods.MT_X: other}) == []


def test_the_frames_are_cut_as_published(monkeypatch):
    def pictures():
        rows = frames(110, 0)
        return Scenes(rows, rows, frames(3, 1), "0" * 64, rows)

    monkeypatch.setattr(scenes, "camvid64", pictures)
    whole, quick = TASK.load(None), TASK.load(4)
    rows = frames(110, 0)
    np.testing.assert_array_equal(whole.train["map"], rows["map"][:9])
    np.testing.assert_array_equal(whole.validation["map"], rows["map"][9:])
    assert (len(quick.train), len(quick.validation), len(quick.test)) == (4, 101, 3)
    assert len(quick.real) == len(whole.real) == len(whole.train) == 9
