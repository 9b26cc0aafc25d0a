"""The frame of the tasks on pictures: runs, lines, shared trainings, the grid and the page."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import cli
from benchmarks.cli import main
from benchmarks.pictures import catalogue, report
from benchmarks.pictures.data import Part
from benchmarks.pictures.grid import Strip, coloured, draw_grid, pixels
from benchmarks.pictures.scores import fidelity, nearer_to_train
from benchmarks.pictures.task import Column, Method, PictureTask
from benchmarks.results import read_lines

WIDE = {"COLUMNS": "160"}
RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Toy:
    """Pictures of 4 x 4 pixels, dark or bright, with their label."""

    train: Part
    test: Part
    sha256: str = "0" * 64


def load_toy(train_rows):
    label = np.arange(60) % 2
    noise = np.random.default_rng(1).normal(0, 0.05, (60, 4, 4))
    image = label[:, None, None] + noise
    rows = Part({"image": image.clip(0, 1), "label": label})
    return Toy(rows.take(slice(0, train_rows or 40)), rows.take(slice(40, None)))


def fit(data, training, name="model"):
    from tabdiffuse import CategoricalModality, ImageModality

    modalities = {"image": ImageModality(4, 4, patch=2), "label": CategoricalModality(2)}
    return training.fit(modalities, data.train.arrays, name=name)


def fit_two(data, training):
    return [fit(data, training, name) for name in ("first", "second")]


def ask(model, data, seed, method):
    chosen = model[0] if isinstance(model, list) else model
    drawn = chosen.sample(8, conditions={"label": data.test["label"][:8]}, random_state=seed)
    bright = (drawn["image"].mean(axis=(1, 2)) > 0.5).astype(int)
    right = float((bright == data.test["label"][:8]).mean())
    return {"right": right, "kept": method, "exact": float(drawn["image"].sum())}


def show(model, data, seed, method):
    chosen = model[0] if isinstance(model, list) else model
    drawn = chosen.sample(3, random_state=seed)
    return {"image": drawn["image"], "said": np.array(["a", "bc", "d"], dtype=object)}


def draw(shown, data, path):
    strips = [Strip(method, arrays["image"], arrays["said"]) for method, arrays in shown.items()]
    draw_grid(strips, path, title="toy")


TOY = PictureTask(
    name="toy",
    title="Dark and bright pictures",
    text="What is measured.",
    load=load_toy,
    methods={
        "plain": Method(fit, "one model"),
        "again": Method(fit, "the same model, asked in another way"),
        "two": Method(fit_two, "two models"),
    },
    ask=ask,
    references={"real": lambda data: {"right": 1.0}, "chance": lambda data: {"right": 0.5}},
    show=show,
    draw=draw,
    columns=(Column("right", "Right", 100, 1), Column("absent", "Absent")),
    steps=3,
    recipe={"width": 16, "depth": 1, "n_steps": 2},
    remarks=lambda scores: [f"Seeds of plain: {len(scores['plain'])}."],
)


def put_among_the_tasks(patch: pytest.MonkeyPatch) -> None:
    for place in (catalogue, report):
        patch.setattr(place, "find", {"toy": TOY}.__getitem__)
        patch.setattr(place, "NAMES", ("toy",))
    patch.setattr(cli, "PICTURES", ("toy",))
    patch.setattr(cli, "TASKS", ("digits", "toy"))


@pytest.fixture
def toy(monkeypatch):
    """Put the toy among the tasks."""
    put_among_the_tasks(monkeypatch)


def call(output, *more: str):
    arguments = ["run", "toy", "--output", str(output), "--device", "cpu", *more]
    return CliRunner(env=WIDE).invoke(main, arguments, obj=time.perf_counter())


def lines_of(output):
    return read_lines([output / "results.jsonl"])


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run two seeds of every method once."""
    output = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch:
        put_among_the_tasks(patch)
        outcome = call(output, "--seed", "1", "--seed", "2")
    assert outcome.exit_code == 0, outcome.output
    return output, outcome.output


@pytest.fixture
def finished(toy, ran, tmp_path):
    """Copy the finished runs, so that a test may add to them."""
    return shutil.copytree(ran[0], tmp_path / "finished"), ran[1]


def test_every_method_and_seed_has_a_line_and_so_has_each_reference(finished):
    ran = [(line["config"]["method"], line["config"]["seed"]) for line in lines_of(finished[0])]
    methods = [(method, seed) for seed in (1, 2) for method in ("plain", "again", "two")]
    assert ran == [*methods, ("real", 0), ("chance", 0)]
    for line in lines_of(finished[0])[:6]:
        assert {"git", "hardware", "versions", "fit_seconds", "recipe", "data_sha256"} <= set(line)
        assert line["recipe"]["width"] == 16
        assert line["scores"]["kept"] == line["config"]["method"]


def test_methods_of_one_fit_share_a_training_and_several_models_add_up(finished):
    assert finished[1].count("Train plain, seed") == 2
    assert "Train again, seed" not in finished[1]
    plain, again, two, *_ = lines_of(finished[0])
    assert again["fit_seconds"] == plain["fit_seconds"]
    assert (plain["steps"], two["steps"]) == (3, 6)
    assert two["n_parameters"] == 2 * plain["n_parameters"]


def test_what_is_finished_is_skipped_and_force_runs_it_anew(finished):
    before = (finished[0] / "results.jsonl").read_text()
    outcome = call(finished[0], "--seed", "1", "--seed", "2")
    assert outcome.output.count("skipped") == 8
    assert "Train" not in outcome.output.replace("Training", "")
    assert (finished[0] / "results.jsonl").read_text() == before
    call(finished[0], "--seed", "1", "--method", "two", "--force")
    assert len(lines_of(finished[0])) == 8 + 3  # the references too


def test_steps_recipe_and_rows_decide_what_is_the_same_run(finished):
    for option in (["--max-steps", "4"], ["--set", "depth=2"], ["--train-rows", "30"]):
        outcome = call(finished[0], "--seed", "1", "--method", "plain", *option)
        assert outcome.exit_code == 0, outcome.output
        assert "Train plain, seed 1" in outcome.output
    four, deep, few = (
        line for line in lines_of(finished[0])[8:] if line["config"]["method"] == "plain"
    )
    assert (four["steps"], deep["recipe"]["depth"], few["train_rows"]) == (4, 2, 30)


def test_spelling_out_the_defaults_is_the_same_run(finished):
    outcome = call(finished[0], "--seed", "1", "--max-steps", "3", "--set", "width=16")
    assert outcome.output.count("skipped") == 5


def test_equal_seeds_give_equal_scores(finished, tmp_path):
    call(tmp_path / "again", "--seed", "1")
    first, second = (
        [line["scores"] for line in lines_of(folder) if line["config"]["seed"] == 1]
        for folder in (finished[0], tmp_path / "again")
    )
    assert first == second


def test_a_grid_is_drawn_of_what_all_methods_of_a_seed_showed(finished):
    for seed in (1, 2):
        with Image.open(finished[0] / f"toy-seed{seed}.png") as image:
            assert image.height > image.width / 2
    with np.load(finished[0] / "toy-plain-default-seed1.npz") as shown:
        assert shown["image"].shape == (3, 4, 4)
        assert list(shown["said"]) == ["a", "bc", "d"]


def test_a_limit_leaves_what_does_not_fit_for_another_call(toy, tmp_path):
    outcome = call(tmp_path, "--time-limit", "60")
    assert outcome.exit_code == cli.LEFT
    for name in ("plain", "again", "two", "real", "chance"):
        assert f"run toy-{name}-default-seed0 (needs about" in outcome.output
    assert not (tmp_path / "results.jsonl").exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_stopped_training_goes_on_from_its_checkpoint_unless_forced(
    toy, tmp_path, monkeypatch, force
):
    allowed = iter([True, True, False])  # the start, the first report, the second
    monkeypatch.setattr(
        "tabdiffuse.estimators.checkpoint.Checkpoint.__call__",
        lambda self, progress, state: self.write(state),
    )
    monkeypatch.setattr("benchmarks.deadline.Deadline.allows", lambda *_: next(allowed, True))
    monkeypatch.setattr("benchmarks.pictures.run.FIRST_STEPS", 0.0)
    stopped = call(tmp_path, "--method", "plain", "--max-steps", "400", "--time-limit", "900")
    assert "train toy-plain-default-max_steps_400-seed0 (begun" in stopped.output.replace("=", "_")
    assert len(list(tmp_path.glob("*.checkpoint-*"))) == 1
    option = ["--force"] if force else []
    outcome = call(tmp_path, "--method", "plain", "--max-steps", "400", *option)
    assert ("Going on from the checkpoint" in outcome.output) is not force
    assert [line["steps"] for line in lines_of(tmp_path) if "steps" in line] == [400]
    assert not list(tmp_path.glob("*.checkpoint-*"))


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--method", "nope"], "toy has no method 'nope'. Known: plain, again, two."),
        (["--preset", "best"], "toy has a recipe of its own: --set changes it."),
        (["--split", "dcr"], "no --split"),
        (["--only", "generate"], "no --only"),
        (["--models", "m"], "no --models"),
        (["--set", "nope=1"], "no parameter 'nope'"),
        (["--set", "width=30"], "width"),
    ],
)
def test_what_means_nothing_is_refused_before_any_work(toy, tmp_path, option, said):
    outcome = call(tmp_path, *option)
    assert outcome.exit_code == 2, outcome.output
    assert said in " ".join(outcome.output.split())
    assert not (tmp_path / "results.jsonl").exists()


def test_the_table_shows_methods_in_their_order_and_the_references_below(finished):
    rows = [line.split()[0] for line in finished[1].splitlines() if " 100.0 " in f"{line} "]
    assert rows[-1] == "real"
    shown = report.rows(TOY, lines_of(finished[0]))
    assert [row.title for row in shown] == ["plain", "again", "two", "real", "chance"]
    assert [row.seeds for row in shown[:3]] == [[1, 2]] * 3


def test_report_rebuilds_the_table_from_lines(finished):
    lines = str(finished[0] / "results.jsonl")
    outcome = CliRunner(env=WIDE).invoke(main, ["report", "toy", lines])
    assert outcome.exit_code == 0, outcome.output
    row = next(row for row in finished[1].splitlines() if row.split()[:1] == ["two"])
    assert row.split() in [shown.split() for shown in outcome.output.splitlines()]


def test_page_has_text_table_remarks_picture_and_command(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "PAGE", tmp_path / "PAGE.md")
    monkeypatch.setattr(report, "COMMITTED", finished[0])
    call(finished[0], "--seed", "1", "--method", "plain", "--max-steps", "4")
    assert report.write_page(lines_of(finished[0])) == tmp_path / "PAGE.md"
    page = (tmp_path / "PAGE.md").read_text(encoding="utf-8")
    for said in (
        "## Dark and bright pictures\n\nWhat is measured.",
        "`two`: two models.",
        "| `plain` | 2 |",
        "| `plain:max_steps=4` | 1 |",
        "| real | – | 100.0 |",
        "Seeds of plain: 2.",
        "![Dark and bright pictures](results/toy-seed1.png)",
        "python -m benchmarks run toy --device cpu --seed 1 --seed 2\n",
        "python -m benchmarks run toy --set max_steps=4 --device cpu --seed 1\n",
    ):
        assert said in page
    assert page.index("| `two`") < page.index("| `plain:max_steps=4`") < page.index("| real")


def test_no_page_is_written_without_lines(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "PAGE", tmp_path / "PAGE.md")
    assert report.write_page([]) is None
    assert not (tmp_path / "PAGE.md").exists()


def test_every_task_is_listed_under_its_name():
    listed = CliRunner().invoke(main, ["list"]).output
    for name in catalogue.NAMES:
        task = catalogue.find(name)
        assert task.name == name
        assert f"{name}: {task.title}" in listed
        assert {column.key for column in task.columns}
        assert task.steps > 0


def test_gaps_and_wrong_pictures_are_coloured():
    image = np.full((2, 2), 0.25)
    image[0, 0] = np.nan
    shown = pixels(image, ink=True)
    np.testing.assert_allclose(shown[1, 1], 0.75)
    assert len(set(shown[0, 0])) > 1  # no grey
    codes = np.array([[0, 1], [-1, 0]])
    colours = coloured(codes, ["black", "red"])
    np.testing.assert_array_equal(colours[0], [[0, 0, 0], [1, 0, 0]])
    assert np.isnan(colours[1, 0]).all()


def test_copies_are_found_out():
    train, test = RNG.random((2, 30, 4, 4))
    assert nearer_to_train(train, train, test) == 1
    assert nearer_to_train(test, train, test) == 0
    assert 0.2 < nearer_to_train(RNG.random((200, 4, 4)), train, test) < 0.8


def test_fidelity_is_best_for_the_real_pictures_and_falls_with_noise():
    real, same, other = RNG.random((3, 200, 2, 2))

    def flat(images):
        return images.reshape(len(images), -1)

    near, far = fidelity(real, same, flat), fidelity(real, other + 0.5, flat)
    assert near["frechet"] < far["frechet"]
    assert near["kernel"] < far["kernel"]
    assert near["precision"] > far["precision"]
