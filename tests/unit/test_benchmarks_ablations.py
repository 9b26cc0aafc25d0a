"""Ablations: variants that can be, lines that are kept, a page that invents nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks import environment, methods, results
from benchmarks.ablations import cli as command
from benchmarks.ablations import run as running
from benchmarks.ablations.report import INTRODUCTION, missing, render
from benchmarks.ablations.run import Ablations
from benchmarks.ablations.scores import FastScores, score
from benchmarks.ablations.variants import BASE, HEADINGS, SAMPLING, VARIANTS, Settings
from benchmarks.cli import main
from benchmarks.data import Dataset
from benchmarks.deadline import Deadline, TimeIsUp
from benchmarks.results import OWN_METHOD, Config
from benchmarks.settings import estimator_arguments
from tabdiffuse import PRESETS, TabularDiffusion
from tabdiffuse.estimators.checkpoint import Checkpoint
from tests.benchmark_lines import CPU, line

# The list


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: f"{v.heading}: {v.label}")
def test_every_variant_is_possible_and_differs_from_the_preset(variant):
    assert estimator_arguments(TabularDiffusion, "fast", variant.overrides)
    usual = {**TabularDiffusion().get_params(), **PRESETS["fast"].to_dict()}
    same = [name for name, value in variant.overrides.items() if usual[name] == value]
    assert len(same) < len(variant.overrides) or variant.stretch != 1


def test_variants_differ_from_one_another_and_have_headings():
    settings = Settings(datasets=["adult"], seeds=[0])
    configs = [settings.config(variant, "adult", 0) for variant in settings.variants]
    assert len({config.stem for config in configs}) == len(configs) == len(VARIANTS) + 1
    assert all(variant.heading and variant.label for variant in VARIANTS)
    asked = ["Width", "Depth", "Heads", "Batch", "Steps", "Learning rate", "EMA", "Loss weights"]
    asked += ["Time law", "Embedding of numbers", "One token per column", "Masks"]
    asked += ["adaLN time features", "Event thresholds", "Solver and sampling steps"]
    assert asked == HEADINGS


def test_variants_of_sampling_share_the_training_of_the_base():
    settings = Settings()
    groups = settings.trainings()
    with_base = [g for g in groups if settings.config(BASE, "adult", 0) in g]
    sampled = [v for v in VARIANTS if set(v.overrides) <= set(SAMPLING) and v.stretch == 1]
    assert [len(group) for group in with_base] == [1 + len(sampled)]
    assert len(groups) == 9 * (1 + len(VARIANTS) - len(sampled))
    assert [group[0].seed for group in groups] == sorted(group[0].seed for group in groups)


def test_steps_follow_those_of_the_base():
    settings = Settings(max_steps=100, headings=["Steps", "Batch"])
    steps = {
        v.label: settings.config(v, "adult", 0).overrides["max_steps"] for v in settings.variants
    }
    assert steps["base"] == 100
    assert (steps["half as many"], steps["twice as many"]) == (50, 200)
    assert steps["`batch_size=512`, as many rows seen"] == 50


def test_a_base_run_is_a_run_like_any_other():
    assert Settings().config(BASE, "adult", 1) == Config(
        "adult", preset="fast", seed=1, split="validation", overrides={"max_steps": 3000}
    )


# The runs


class Stub:
    """Learn nothing; say what was asked."""

    fits: ClassVar[list[dict[str, Any]]] = []
    stop_after: int | None = None

    def fit(self, train, seed, options):
        if len(Stub.fits) == Stub.stop_after:
            raise TimeIsUp("stopped after step 7")
        Stub.fits.append(dict(options["overrides"]))
        info = {"fit_seconds": 30.0, "steps": 3000, "n_parameters": 1000, "parameters": {}}
        return StubModel(train), info


class StubModel:
    def __init__(self, train):
        self.train = train
        self.settings = {"solver": "2m", "eta": 0.0, "n_steps": None}

    def get_params(self):
        return {"other": 1, **self.settings}

    def set_params(self, **given):
        assert set(given) == set(SAMPLING)  # what an earlier variant set is set back
        self.settings = given
        return self

    def sample(self, n, random_state):
        return self.train.sample(n, replace=True, random_state=random_state).assign(
            asked=json.dumps(self.settings)
        )


@pytest.fixture
def stub(monkeypatch):
    """Replace data, method and metrics."""
    train = pd.DataFrame({"x": np.arange(40.0), "y": list("ab") * 20})
    recipe = {"columns": [], "target": "y", "task": "binclass"}
    fake = Dataset("fake", train, train, recipe, {}, "validation")
    monkeypatch.setattr(Dataset, "sha256", "0" * 64)
    monkeypatch.setattr(running, "load", lambda name, split: replace(fake, name=name, split=split))
    monkeypatch.setitem(methods.METHODS, OWN_METHOD, Stub)
    monkeypatch.setattr(running, "score", lambda *_: FastScores(0.9, 0.8, 0.7, 0.6, 0.5, 0.4))
    monkeypatch.setattr(Stub, "fits", [])
    return Stub


SMALL = ["--dataset", "adult", "--seed", "0", "--seed", "1", "--max-steps", "100"]
SMALL += ["--heading", "Width", "--heading", "Solver and sampling steps"]
OF_WIDTH = sum(variant.heading == "Width" for variant in VARIANTS)
OF_SAMPLING = sum(variant.heading == "Solver and sampling steps" for variant in VARIANTS)


def invoke(tmp_path, *arguments):
    monkey = ["ablations", *arguments, *SMALL, "--lines", str(tmp_path / "lines.jsonl")]
    return CliRunner().invoke(main, monkey)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    machine = {"git": {"commit": "0123456789"}, "hardware": CPU}
    monkeypatch.setattr(environment, "describe", lambda: machine)
    monkeypatch.setattr(command, "SCRATCH", tmp_path / "scratch")


def test_run_keeps_a_line_for_each_variant_and_trains_the_base_once(stub, tmp_path):
    outcome = invoke(tmp_path, "run")
    assert outcome.exit_code == 0, outcome.output
    lines = results.read_lines([tmp_path / "lines.jsonl"])
    assert len(lines) == 2 * (1 + OF_WIDTH + OF_SAMPLING)
    assert len(stub.fits) == 2 * (1 + OF_WIDTH)
    assert [dict(fit) for fit in stub.fits[:2]] == [
        {"max_steps": 100},
        {"max_steps": 100, "width": 16},
    ]
    for kept in lines:
        assert kept["scores"] == {
            "shape": 0.9,
            "trend": 0.8,
            "trend_real_edges": 0.7,
            "c2st": 0.6,
            "mle_repaired": 0.5,
            "completion": 0.4,
        }
        assert kept["config"]["split"] == "validation"
        assert "parameters" not in kept
        assert (kept["n_parameters"], kept["fit_seconds"]) == (1000, 30.0)


def test_a_finished_run_is_skipped(stub, tmp_path):
    invoke(tmp_path, "run")
    path = tmp_path / "lines.jsonl"
    whole = path.read_text()
    stub.fits.clear()
    assert invoke(tmp_path, "run").exit_code == 0
    assert (stub.fits, path.read_text()) == ([], whole)
    # Without one variant of sampling, the base is trained again, and only that variant sampled.
    kept = [row for row in whole.splitlines() if '"n_steps": 5}' not in row]
    path.write_text("\n".join(kept) + "\n")
    assert invoke(tmp_path, "run").exit_code == 0
    assert stub.fits == [{"max_steps": 100}] * 2
    assert len(path.read_text().splitlines()) == len(whole.splitlines()) == len(kept) + 2


def test_each_variant_samples_by_its_own_settings(stub, tmp_path, monkeypatch):
    asked = []

    def look(data, rows, model, seed):
        asked.append(json.loads(rows["asked"].iloc[0]))
        return FastScores(0.9, 0.8, 0.7, 0.6, 0.5, 0.4)

    monkeypatch.setattr(running, "score", look)
    invoke(tmp_path, "run")
    usual = {"solver": "2m", "eta": 0.0, "n_steps": None}
    wanted = [v.overrides for v in VARIANTS if v.heading == "Solver and sampling steps"]
    assert asked[: 1 + OF_SAMPLING] == [usual, *({**usual, **own} for own in wanted)]


def test_the_limit_leaves_the_rest_for_another_call(stub, tmp_path, monkeypatch):
    monkeypatch.setattr(stub, "stop_after", 1)
    outcome = invoke(tmp_path, "run")
    assert outcome.exit_code == 75
    done = len(results.read_lines([tmp_path / "lines.jsonl"]))
    assert done == 1 + OF_SAMPLING  # the first training and what it gives
    assert (
        f"Left, for another call of the same command: {2 * OF_WIDTH + done} runs" in outcome.output
    )
    monkeypatch.setattr(stub, "stop_after", None)
    assert invoke(tmp_path, "run").exit_code == 0
    assert len(results.read_lines([tmp_path / "lines.jsonl"])) == 2 * (done + OF_WIDTH)


def test_nothing_is_begun_that_cannot_finish(stub, tmp_path):
    outcome = invoke(tmp_path, "run", "--time-limit", "60")
    assert outcome.exit_code == 75
    assert stub.fits == []
    assert not (tmp_path / "lines.jsonl").exists()


def test_a_real_training_is_stopped_by_the_limit_and_goes_on(tmp_path, monkeypatch, capfd):
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    train = pd.DataFrame({"x": x, "y": np.where(x > 0, "a", "b")})
    recipe = {"columns": [], "target": "y", "task": "binclass"}
    fake = Dataset("adult", train, train, recipe, {}, "validation")
    monkeypatch.setattr(Dataset, "sha256", "0" * 64)
    monkeypatch.setattr(running, "load", lambda name, split: fake)
    monkeypatch.setattr(running, "score", lambda *_: FastScores(0.9, 0.8, 0.7, 0.6, 0.5, 0.4))
    settings = Settings(["adult"], [0], ["Masks"], max_steps=60, device="cpu")
    reporter = SimpleNamespace(
        phase=lambda title: pytest.MonkeyPatch.context(), note=lambda t: None
    )
    monkeypatch.setattr("tabdiffuse.estimators.base.Checkpoint", partial(Checkpoint, every=0.0))
    deadline = Deadline(None)
    looks = iter([True, True, False])  # before the training, after 25 steps, after 50
    deadline.allows = lambda seconds: next(looks, False)
    stopped = Ablations(tmp_path / "lines", tmp_path / "scratch", deadline, reporter)
    stopped.run(settings)
    assert [item.partition(" ")[2] for item in stopped.left] == ["(begun)", ""]
    assert len(list((tmp_path / "scratch").glob("*.checkpoint"))) == 1
    capfd.readouterr()
    again = Ablations(tmp_path / "lines", tmp_path / "scratch", Deadline(None), reporter)
    again.run(settings)
    assert capfd.readouterr().err.count("Going on from the checkpoint after step 25.") == 1
    assert list((tmp_path / "scratch").iterdir()) == []
    lines = results.read_lines([tmp_path / "lines"])
    assert sorted(kept["config"]["overrides"].get("mask_coupling", "") for kept in lines) == [
        "",
        "independent",
    ]
    assert {kept["steps"] for kept in lines} == {60}
    assert {kept["recipe"]["mask_coupling"] for kept in lines} == {"independent", "systematic"}


class Filler:
    """Fill holes with what was there, or with what its column holds elsewhere."""

    def __init__(self, rows, *, truth):
        self.rows, self.truth = rows, truth

    def sample(self, *, conditions, random_state):
        rng = np.random.default_rng(random_state)
        fill = conditions.apply(
            lambda column: rng.permutation(self.rows[column.name])[: len(conditions)]
        )
        if self.truth:
            z = conditions["z"].fillna(conditions["x"] ** 2)
            sign = np.where(conditions["y"] == "b", -1, 1)
            x = conditions["x"].fillna(pd.Series(sign * np.sqrt(z.fillna(fill["z"])), z.index))
            fill = pd.DataFrame({"x": x, "z": x**2, "y": np.where(x > 0, "a", "b")}, x.index)
        return conditions.where(conditions.notna(), fill)


def test_scores_tell_a_copy_from_shuffled_columns(monkeypatch):
    """A copy of the train rows is good in all of them; shuffled columns are in Shape alone."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    train = pd.DataFrame({"x": x, "z": x**2, "y": np.where(x > 0, "a", "b")})
    columns = [{"name": n, "kind": "numeric"} for n in "xz"] + [
        {"name": "y", "kind": "categorical"}
    ]
    recipe = {"columns": columns, "target": "y", "task": "binclass"}
    monkeypatch.setattr(Dataset, "categorical", ["y"])
    data = Dataset("adult", train, train, recipe, {}, "validation")
    same = score(data, train, Filler(train, truth=True), 0)
    assert same.shape == same.trend == same.trend_real_edges == 1
    assert same.c2st == pytest.approx(1, abs=0.2)
    assert same.mle_repaired > 0.95
    mixed = train.apply(lambda column: rng.permutation(column))
    other = score(data, mixed, Filler(train, truth=False), 0)
    assert other.shape == 1
    assert max(other.trend, other.c2st, other.mle_repaired) < 0.9
    assert same.completion > other.completion + 0.2


# The page


def lines_of(settings, heading_scores):
    """Make lines: ``{label: {score: values over seeds}}``."""
    made = []
    for variant in settings.variants:
        for seed, values in enumerate(heading_scores.get(variant.label, [])):
            config = settings.config(variant, "adult", seed)
            made.append(line(config, trend_real_edges=0.9, mle_repaired=0.91, **values))
            made[-1]["steps"] = config.overrides["max_steps"]
    return made


def trends(*values):
    return [{"trend": value} for value in values]


WIDTHS = Settings(datasets=["adult"], seeds=[0, 1, 2], headings=["Width"], max_steps=100)
RESULTS = {
    "base": trends(0.980, 0.981, 0.982),
    "`width=16`": trends(0.950, 0.951, 0.952),
    "`width=24`": trends(0.9805, 0.9825, 0.9810),
    "`width=48`": trends(0.99),
}


def row_of(page, label):
    (row,) = [row for row in page.splitlines() if row.startswith(f"| {label} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_page_says_which_differences_exceed_the_spread():
    page = render(lines_of(WIDTHS, RESULTS), WIDTHS)
    assert row_of(page, "base")[:4] == ["base", "3", "99.00±.00", "98.10±.10"]
    assert row_of(page, "`width=16`")[3] == "95.10±.10 (**−3.00**)"
    assert row_of(page, "`width=24`")[3] == "98.13±.10 (+.03)"
    assert row_of(page, "`width=48`")[1:4] == ["1", "99.00 (+.00?)", "99.00 (+.90?)"]
    assert row_of(page, "base")[-3:] == ["59.0K", "1000.0", "16 s"]


def test_the_page_says_how_it_was_made_and_what_is_missing():
    page = render(lines_of(WIDTHS, RESULTS), WIDTHS)
    command = 'python -m benchmarks ablations run --dataset adult --heading "Width" --max-steps 100'
    assert command in page
    assert "10 of 15 runs are finished. Trained on 2 cores of Tiny CPU. Commits: 0123456." in page
    assert "Missing on adult: `width=48` (seeds 1, 2); `width=64` (seeds 0, 1, 2)." in page
    assert len(missing(lines_of(WIDTHS, RESULTS), WIDTHS)) == 5


def test_without_lines_the_page_holds_no_number_and_names_everything():
    settings = Settings()
    page = render([], settings)
    assert page.startswith(INTRODUCTION.splitlines()[0])
    assert f"0 of {9 * (len(VARIANTS) + 1)} runs are finished." in page
    assert "±." not in page
    assert "| ---" not in page
    for heading in HEADINGS:
        assert f"## {heading}" in page
    for dataset in ("adult", "default", "beijing"):
        assert page.count(f"Missing on {dataset}: base (seeds 0, 1, 2);") == len(HEADINGS)
    assert len(missing([], settings)) == 9 * (len(VARIANTS) + 1)


def test_lines_of_other_runs_are_left_out():
    base = WIDTHS.config(BASE, "adult", 0)
    others = [
        replace(base, split="protocol"),
        replace(base, preset="best"),
        replace(base, overrides={"max_steps": 99}),
        replace(base, seed=7),
    ]
    page = render([line(config) for config in others], WIDTHS)
    assert "0 of 15 runs are finished." in page


def test_the_newest_of_equal_lines_counts():
    old, new = (line(WIDTHS.config(BASE, "adult", 0), trend=value) for value in (0.5, 0.9))
    for made, day in ((old, "01"), (new, "02")):
        made["finished"] = f"2026-01-{day}T00:00:00+00:00"
        made["scores"] |= {"trend_real_edges": 0.9, "mle_repaired": 0.9}
    width = lines_of(WIDTHS, {"`width=16`": trends(0.9)})
    assert row_of(render([new, *width, old], WIDTHS), "base")[3] == "90.00"


def test_report_writes_the_page_of_the_lines(stub, tmp_path):
    invoke(tmp_path, "run")
    outcome = invoke(tmp_path, "report", "--page", str(tmp_path / "page.md"))
    assert outcome.exit_code == 0, outcome.output
    assert "page.md; 0 runs are missing." in outcome.output
    page = (tmp_path / "page.md").read_text()
    assert "Nothing is trained anew" not in page.split("## Solver and sampling steps")[0]
    assert "nothing is trained anew" in page.split("## Solver and sampling steps")[1]
    assert row_of(page.split("## Width")[1].split("## ")[0], "`width=16`")[-2] == "10.0"
