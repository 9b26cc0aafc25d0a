"""The digits task of the benchmarks: its scores, its table, and a short run of the command."""

from __future__ import annotations

import time

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import digits as task
from benchmarks.cli import main
from benchmarks.digits.data import Labelled, load
from benchmarks.digits.scores import Generated, Judge, evaluate, nearer_to_train, references
from benchmarks.results import read_lines

WIDE = {"COLUMNS": "140"}


@pytest.fixture(scope="module")
def digits():
    return load()


@pytest.fixture(scope="module")
def judge(digits):
    return Judge(digits.train)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Run two seeds for a second each on 300 images."""
    output = tmp_path_factory.mktemp("results")
    arguments = ["run", "digits", "--seed", "3", "--seed", "4", "--train-rows", "300"]
    arguments += ["--max-time", "1", "--output", str(output)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.digits.task.PER_LABEL", 12)
        patch.setattr("benchmarks.digits.task.JOINT", 60)
        outcome = CliRunner(env=WIDE).invoke(main, arguments, obj=time.perf_counter())
    assert outcome.exit_code == 0, outcome.output
    return output, outcome.output


def test_split_is_stratified_and_disjoint_and_the_same_each_time(digits):
    assert (len(digits.train), len(digits.test)) == (1347, 450)
    shares = [np.bincount(part.labels) / len(part) for part in (digits.train, digits.test)]
    np.testing.assert_allclose(*shares, atol=0.005)
    seen = {image.tobytes() for image in digits.train.images}
    assert not any(image.tobytes() in seen for image in digits.test.images)
    assert digits.sha256 == load().sha256
    assert digits.sha256 != load(300).sha256


def test_references_bracket_what_a_model_can_score(digits, judge):
    bounds = references(digits, judge)
    for name in ("label_to_image", "image_to_label", "joint"):
        assert getattr(bounds["real digits"], name) > 0.98
        assert 0.03 < getattr(bounds["labels shuffled"], name) < 0.2


def test_scores_count_agreement(digits, judge):
    half = digits.test.labels.copy()
    half[::2] = (half[::2] + 1) % 10
    made = Generated(digits.train, digits.train.relabelled(0), half)
    scores = evaluate(made, digits, judge)
    assert scores.label_to_image > 0.999
    assert scores.joint < 0.2
    assert scores.image_to_label == 0.5
    assert sum(scores.detail["joint_labels"]) == pytest.approx(1)


def test_copies_of_train_digits_are_found_out(digits):
    count = len(digits.test)
    assert nearer_to_train(digits.train.images[:count], digits) == 1
    assert nearer_to_train(digits.test.images, digits) == 0


def test_real_digits_are_as_near_to_one_part_as_to_the_other(digits):
    unused = digits.train.take(slice(len(digits.test), None))
    assert 0.4 < nearer_to_train(unused.images, digits) < 0.6


def test_labels_are_permuted_not_redrawn(digits):
    shuffled = digits.test.relabelled(0)
    assert not np.array_equal(shuffled.labels, digits.test.labels)
    np.testing.assert_array_equal(np.sort(shuffled.labels), np.sort(digits.test.labels))
    assert isinstance(shuffled, Labelled)


def test_run_writes_a_line_and_a_picture_for_each_seed(finished):
    lines = read_lines([finished[0] / "results.jsonl"])
    assert [line["config"]["seed"] for line in lines] == [3, 4]
    for line in lines:
        assert line["train_rows"] == 300
        assert line["stop_reason"] == "max_time"
        assert {"git", "versions", "hardware", "fit_seconds", "data_sha256"} <= set(line)
        assert line["parameters"]["modalities"] == ["image", "label"]
        seed = line["config"]["seed"]
        with Image.open(finished[0] / f"digits-fast-1s-seed{seed}-300rows.png") as image:
            assert image.width > 1500


def test_table_shows_ours_between_the_real_digits_and_chance(finished):
    shown = " ".join(finished[1].split())
    for said in ("tabdiffuse:fast:1s:300rows", "real digits", "labels shuffled", "seeds 3, 4"):
        assert said in shown
    for said in ("Label → image", "Image → label", "Joint", "±", "nearer to a train digit"):
        assert said in shown


def test_report_rebuilds_the_table_from_lines(finished):
    lines = finished[0] / "results.jsonl"
    outcome = CliRunner(env=WIDE).invoke(main, ["report", "digits", str(lines)])
    assert outcome.exit_code == 0, outcome.output
    row = next(row for row in finished[1].splitlines() if "tabdiffuse:fast" in row)
    assert row.split() in [shown.split() for shown in outcome.output.splitlines()]


def test_digits_are_listed_beside_the_tables(tmp_path):
    assert task.TITLE in CliRunner().invoke(main, ["list"]).output
    outcome = CliRunner().invoke(main, ["run", "nope", "--output", str(tmp_path)])
    others = "restoration, image-label, transition, emoji-vectors, emoji-text, table-pictures"
    assert f"Beside the tables: digits, {others}." in " ".join(outcome.output.split())


def test_a_wrong_preset_is_refused_in_words(tmp_path):
    arguments = ["run", "digits", "--preset", "quick", "--output", str(tmp_path)]
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 2
    assert "'preset' parameter" in outcome.output
