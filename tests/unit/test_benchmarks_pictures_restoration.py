"""The restoration task: its holes and scores against hand computations, and a short run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import benchmarks.pictures.restoration as task
from benchmarks.pictures.data import Part, Pictures
from benchmarks.pictures.judge import Judge
from benchmarks.pictures.restoration import TASK, methods, remarks, scores
from benchmarks.pictures.restoration.holes import GREY, greyed, holes, with_gaps
from benchmarks.pictures.restoration.masked import MOST, MaskedPicture, shared_settings
from benchmarks.pictures.task import Training
from tabdiffuse._random import Noise, generator

SIZE = 16  # 16 patches
RECIPE = {"width": 16, "depth": 1, "heads": 2, "batch_size": 16, "n_steps": 3, "verbose": 0}


def bars(rows: int, seed: int) -> Part:
    """Pictures of an upright or a lying bar, with a label for which."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    images = rng.uniform(0, 0.2, (rows, SIZE, SIZE)).astype(np.float32)
    place = rng.integers(2, 12, rows)
    for image, label, start in zip(images, labels, place, strict=True):
        (image if label else image.T)[start : start + 3] += 0.7
    return Part({"image": images, "label": labels})


@pytest.fixture(scope="module")
def data() -> Pictures:
    train, test = bars(120, 0), bars(40, 1)
    found = Pictures("bars", train, test, "0", train)
    found.__dict__["judge"] = Judge.train(train["image"], train["label"], epochs=4)
    return found


@pytest.fixture
def small(monkeypatch):
    """Make the questions small."""
    for module, name, value in (
        (scores, "ASKED", 10),
        (scores, "DRAWN", 12),
        (scores, "COUNTS", (2, 5)),
        (task, "DRAWN", 12),
        (task, "COUNTS", (2, 5)),
        (methods, "TRIED", 6),
        (methods, "TRIED_HOLES", 4),
        (methods, "STRENGTHS", (0.3, 0.6)),
    ):
        monkeypatch.setattr(module, name, value)


def test_holes_are_whole_patches_as_many_as_asked_and_the_same_each_time():
    images = np.zeros((500, 32, 32))
    hidden = holes(images, 5)
    patches = hidden.reshape(500, 8, 4, 8, 4).transpose(0, 1, 3, 2, 4).reshape(500, 64, 16)
    assert (patches.all(axis=2) == patches.any(axis=2)).all()
    assert (patches.any(axis=2).sum(axis=1) == 5).all()
    np.testing.assert_array_equal(holes(images[:7], 5), hidden[:7])
    assert not (hidden[0] == hidden[1]).all()
    assert patches.any(axis=(0, 2)).all()


def test_hidden_pixels_are_all_that_gaps_and_grey_change():
    images = np.random.default_rng(0).uniform(size=(3, 8, 8)).astype(np.float32)
    hidden = holes(images, 2)
    np.testing.assert_array_equal(np.isnan(with_gaps(images, hidden)), hidden)
    assert (greyed(images, hidden)[hidden] == GREY).all()
    np.testing.assert_array_equal(greyed(images, hidden)[~hidden], images[~hidden])


def test_pair_scores_are_those_computed_by_hand(data):
    truth, labels = data.test["image"][:4], data.test["label"][:4]
    hidden = holes(truth, 4)  # a quarter of the pixels
    restored = truth + np.where(hidden, np.float32(0.2), 0)
    restored[0, ~hidden[0]] -= np.float32(0.1)
    restored = np.clip(restored, 0, 1)
    found = scores.pair_scores(truth, restored, hidden, labels, data.judge)
    errors = (restored.astype(float) - truth) ** 2
    assert found["masked"] == pytest.approx(sum(errors[hidden]) / hidden.sum())
    assert found["known"] == pytest.approx(sum(errors[~hidden]) / (~hidden).sum())
    assert found["whole"] == pytest.approx(0.25 * found["masked"] + 0.75 * found["known"])
    assert 0.75 <= found["untouched"] < 0.78  # three pictures of four, and pixels that were 0
    assert found["label"] == (data.judge.read(restored) == labels).mean()
    ours, theirs = data.judge.features(restored), data.judge.features(truth)
    assert found["perceptual"] == pytest.approx(((ours - theirs) ** 2).sum() / 4, rel=1e-4)


def test_perfect_and_grey_restorations_bracket_all_others(data, small):
    perfect = scores.restoration_scores(lambda truth, hidden: truth + 0.0 * hidden, data)
    assert perfect["masked_2"] == perfect["known"] == perfect["perceptual"] == 0
    assert perfect["untouched"] == 1
    assert perfect["psnr"] == np.inf
    grey = scores.grey(data)
    truth = data.test["image"][:10].astype(float)
    expected = [((truth - GREY) ** 2)[holes(truth, count)].mean() for count in (2, 5)]
    assert [grey["masked_2"], grey["masked_5"]] == pytest.approx(expected)
    assert grey["known"] == 0
    assert grey["psnr"] == pytest.approx(-10 * np.log10((grey["whole_2"] + grey["whole_5"]) / 2))
    assert scores.nearest_picture(data)["masked_2"] < scores.mean_picture(data)["masked_2"]
    assert scores.mean_picture(data)["masked_2"] < grey["masked_2"]


def test_nearest_picture_is_that_of_an_exhaustive_search(monkeypatch, data):
    monkeypatch.setattr(scores, "CHUNK", 3)
    truth, train = data.test["image"][:8], data.train["image"]
    hidden = holes(truth, 6)
    found = scores.nearest_rows(truth, hidden, train)
    for picture, hole, row in zip(truth, hidden, found, strict=True):
        distances = [np.square(picture - other)[~hole].sum() for other in train]
        assert row == np.argmin(distances)


def test_masks_are_redrawn_with_every_number_of_patches_equally_often():
    part = MaskedPicture(32, 32, empty=0.25)
    data = part.encode(np.ones((2000, 32, 32)))
    drawn = part.draw(data, Noise([generator(0)]))
    is_grey = (drawn == 0).all(dim=2)
    assert (is_grey | (drawn == 1).all(dim=2)).all()
    counts = torch.bincount(is_grey.sum(dim=1), minlength=65) / 2000
    # Five standard deviations of a share of 2,000 rows.
    assert counts[64] == pytest.approx(0.25, abs=0.05)
    assert counts[: MOST + 1].numpy() == pytest.approx(0.75 / (MOST + 1), abs=0.03)
    assert is_grey[is_grey.sum(dim=1) <= MOST].float().mean(dim=0).std() < 0.015
    again = part.draw(data, Noise([generator(1)]))
    assert not (again == part.draw(data, Noise([generator(0)]))).all()


def test_masked_picture_enters_the_latent_as_it_is():
    modalities, shared = shared_settings(SIZE, SIZE, shows_known=True)
    images = bars(3, 2)["image"]
    states = {name: part.encode(images) for name, part in modalities.items()}
    assert (states["seen"] == states["image"]).all()
    assert shared.encoders == {"seen": "identity"}
    assert (modalities["seen"].encode(np.full((1, SIZE, SIZE), GREY)) == 0).all()


@pytest.fixture(scope="module")
def trained(data):
    """Train every method for 20 steps; what shares a training is trained once."""
    made = {}
    fits = {name: method.fit for name, method in TASK.methods.items()}
    for fit in dict.fromkeys(fits.values()):
        model = fit(data, Training(0, 20, RECIPE))
        made |= {name: model for name, own in fits.items() if own is fit}
    return made


def test_single_task_model_serves_sdedit_too(trained):
    assert trained[methods.SDEDIT] is trained[methods.PASTED] is trained[methods.SINGLE]
    assert trained[methods.PRODUCT] is not trained[methods.SINGLE]


@pytest.mark.parametrize("method", TASK.methods)
def test_every_method_is_asked_and_shown(method, trained, data, small):
    found = TASK.ask(trained[method], data, 0, method)
    wanted = {column.key for column in TASK.columns if not column.key.startswith("masked")}
    if method in (methods.SDEDIT, methods.PASTED):
        assert found["strength"] in methods.STRENGTHS
        wanted.remove("frechet")
    assert wanted | {"masked_2", "masked_5"} <= set(found)
    assert np.isfinite([*found.values()]).all()
    is_untouched = method in (methods.PRODUCT, methods.SINGLE, methods.PASTED)
    assert (found["untouched"] == 1) == is_untouched
    assert (found["known"] == 0) == is_untouched
    shown = TASK.show(trained[method], data, 0, method)
    assert shown["image"].shape == (6, SIZE, SIZE)
    assert shown["wrong"].dtype == bool


@pytest.mark.parametrize("method", TASK.methods)
def test_no_method_sees_what_is_hidden(method, trained, data, small):
    truth = data.test["image"][:6]
    hidden = holes(truth, 4)
    other = np.where(hidden, 1 - truth, truth)
    first, second = (
        methods.restore(trained[method], data, images, hidden, 0, method)
        for images in (truth, other)
    )
    np.testing.assert_array_equal(first, second)
    if method not in (methods.PRODUCT, methods.SINGLE, methods.PASTED):
        shifted = np.where(hidden, truth, 1 - truth)
        third = methods.restore(trained[method], data, shifted, hidden, 0, method)
        assert not (third == first).all()


def test_pictures_are_drawn_into_one_grid(trained, data, small, tmp_path):
    shown = {
        name: TASK.show(trained[name], data, 0, name) for name in (methods.PRODUCT, methods.MT_X)
    }
    TASK.draw(shown, data, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as image:
        assert image.width > 900


def test_references_name_a_ceiling_and_floors(data, small):
    found = {name: reference(data) for name, reference in TASK.references.items()}
    read = data.judge.accuracy(data.test["image"][:10], data.test["label"][:10])
    assert found["real test pictures"]["label"] == read
    assert found["holes left grey"]["masked_2"] > found["nearest train picture"]["masked_2"]


def test_remarks_hold_the_claims_against_every_seed():
    def seeds(*masked: float, frechet: float) -> list[dict[str, float]]:
        counts = scores.COUNTS
        return [
            {f"masked_{count}": error for count in counts}
            | {f"perceptual_{count}": 2 * error**2 for count in counts}
            | {"frechet": frechet}
            for error in masked
        ]

    said = remarks(
        {
            methods.SDEDIT: seeds(0.9, 0.8, frechet=0),
            methods.PRODUCT: seeds(0.1, 0.2, frechet=1),
            methods.MT_X: seeds(0.3, 0.4, frechet=3),
            methods.SINGLE: seeds(0.3, 0.5, frechet=2),
        }
    )
    assert "at least 3 times that of `product`: 4.0, 4.0" in said[0]
    assert "perceptual distance" in said[1]
    assert "at least 3 times that of `product`: 16.0, 16.0" in said[1]
    assert "not always 3 times that of `MT-X`: 2.0" in said[2]
    assert "at least 3 times that of `MT-X`: 4.0" in said[3]
    assert "`MT-X` is below that of `single-task` in 0 of 2 seeds (ratios 1.50, 1.50)" in said[4]
    assert "at all numbers of holes in 1 of 2 seeds (the largest ratios 1.00, 0.80)" in said[5]
    assert remarks({}) == []


def test_task_is_listed_with_equal_steps_for_all():
    assert TASK.name == "restoration"
    assert "max_steps" not in TASK.recipe
    assert replace(TASK, steps=5).steps == 5
