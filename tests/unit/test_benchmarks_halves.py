"""Runs in halves, in parts and again: what is skipped, resumed, refused, left."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from types import SimpleNamespace

import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks import generate, methods, results, runner
from benchmarks.cli import LEFT, main
from benchmarks.data import load
from benchmarks.deadline import Deadline, Expectations, TimeIsUp, Watch
from benchmarks.environment import ROOT
from benchmarks.reporter import Reporter
from benchmarks.results import Config, read_lines
from benchmarks.runner import Runner
from tabdiffuse.estimators.checkpoint import Checkpoint
from tabdiffuse.training.loop import TrainConfig
from tests.benchmark_lines import line

ROWS = 120


class Copier:
    """Draw rows of the train table with replacement; count the calls."""

    calls = 0

    def generate(self, train, n, seed, options):
        type(self).calls += 1
        rows = train.sample(n, replace=True, random_state=seed)
        return rows, {"fit_seconds": 1.0, "sample_seconds": 0.5, "n_parameters": 5}


@dataclass
class FakeScores:
    value: float = 0.5

    def to_dict(self):
        names = ("shape", "trend", "mle", "c2st", "c2st_holdout")
        return {**dict.fromkeys(names, self.value), "detail": {"unscored": []}}


@pytest.fixture(scope="module")
def tiny():
    """Adult cut down to a few rows."""
    whole = load("adult")
    return replace(whole, train=whole.train[:ROWS], test=whole.test[:ROWS])


@pytest.fixture(autouse=True)
def fast(tiny, monkeypatch):
    """A method that copies, scores that are made up, no reference rows, no picture."""
    monkeypatch.setattr(Copier, "calls", 0)
    monkeypatch.setattr(runner, "load", lambda name, split: replace(tiny, split=split))
    monkeypatch.setitem(methods.METHODS, "tabdiffuse", Copier)
    monkeypatch.setattr("benchmarks.evaluate.score", lambda *_, **__: FakeScores())
    monkeypatch.setattr(Runner, "references", lambda self, dataset: None)


def invoke(output, *arguments):
    outcome = CliRunner(env={"COLUMNS": "200"}).invoke(
        main, ["run", "adult", "--output", str(output), *arguments]
    )
    return outcome.exit_code, outcome.output


# Skipping


def test_finished_runs_are_skipped_with_a_word_and_forced_on_demand(tmp_path):
    assert invoke(tmp_path, "--seed", "0")[0] == 0
    status, said = invoke(tmp_path, "--seed", "0", "--seed", "1")
    assert status == 0
    assert Copier.calls == 2
    assert "adult-fast-seed0: finished 20" in said
    assert "skipped; --force runs it anew" in said
    assert "seeds 0, 1" in said  # the table has both
    assert invoke(tmp_path, "--seed", "0", "--force")[0] == 0
    assert Copier.calls == 3
    assert len(read_lines([tmp_path / "results.jsonl"])) == 3


@pytest.mark.parametrize(
    "changed", [("--split", "dcr"), ("--preset", "best"), ("--set", "depth=2"), ("--seed", "1")]
)
def test_a_run_with_another_setting_is_not_skipped(tmp_path, changed):
    invoke(tmp_path)
    assert invoke(tmp_path, *changed)[0] == 0
    assert Copier.calls == 2


def test_another_device_changes_nothing_that_was_asked_for(tmp_path):
    invoke(tmp_path)
    invoke(tmp_path, "--device", "cpu")
    assert Copier.calls == 1


def test_changed_data_are_generated_from_anew(tmp_path, tiny, monkeypatch):
    invoke(tmp_path, "--only", "generate")
    recipe = {**tiny.recipe, "files": {"train": {"sha256": "1"}, "test": {"sha256": "2"}}}
    monkeypatch.setattr(runner, "load", lambda name, split: replace(tiny, recipe=recipe))
    invoke(tmp_path, "--only", "generate")
    assert Copier.calls == 2


# Halves


def test_generated_rows_are_only_evaluated(tmp_path):
    status, said = invoke(tmp_path, "--only", "generate")
    assert (status, Copier.calls) == (0, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "adult-fast-seed0.csv",
        "adult-fast-seed0.json",
    ]
    status, said = invoke(tmp_path)
    assert (status, Copier.calls) == (0, 1)
    assert "rows are there, not generated again" in said
    assert [record["config"]["seed"] for record in read_lines([tmp_path / "results.jsonl"])] == [0]


def test_generating_again_beside_finished_runs_needs_no_scores(tmp_path, monkeypatch):
    invoke(tmp_path)
    monkeypatch.setattr(Runner, "references", lambda self, dataset: 1 / 0)
    assert invoke(tmp_path, "--only", "generate")[0] == 0


def test_evaluating_what_was_not_generated_says_so(tmp_path):
    status, said = invoke(tmp_path, "--only", "evaluate")
    assert (status, Copier.calls) == (LEFT, 0)
    assert "There are no rows of adult-fast-seed0" in said
    assert "generate adult-fast-seed0" in said.partition("Left, for another call")[2]


def test_line_keeps_the_machine_that_trained_and_names_the_one_that_scored(tmp_path, monkeypatch):
    there = {"git": {"commit": "a" * 40}, "versions": {}, "hardware": {"gpu": "Big GPU"}}
    here = {"git": {"commit": "b" * 40}, "versions": {}, "hardware": {"gpu": None}}
    monkeypatch.setattr("benchmarks.environment.describe", lambda: there)
    invoke(tmp_path, "--only", "generate")
    monkeypatch.setattr("benchmarks.environment.describe", lambda: here)
    assert invoke(tmp_path)[0] == 0
    (record,) = read_lines([tmp_path / "results.jsonl"])
    assert results.machine(record) == "Big GPU"
    assert record["evaluation"]["git"]["commit"] == "b" * 40


def test_a_table_that_was_cut_on_its_way_is_refused(tmp_path):
    invoke(tmp_path, "--only", "generate")
    table = tmp_path / "adult-fast-seed0.csv"
    table.write_bytes(table.read_bytes()[:-10])
    status, said = invoke(tmp_path)
    assert status == 1
    assert "is not the table that adult-fast-seed0.json describes" in said
    assert invoke(tmp_path, "--force")[0] == 0


BLOCKED = ("sdmetrics", "xgboost", "matplotlib", "pooch")
PROGRAM = """
    import sys

    for name in {blocked}:
        sys.modules[name] = None  # as if it were not installed
    from benchmarks import methods
    from benchmarks.__main__ import main

    class Copier:
        def generate(self, train, n, seed, options):
            rows = train.sample(n, replace=True, random_state=seed)
            return rows, {{"fit_seconds": 1.0, "sample_seconds": 0.5}}

    methods.METHODS["tabdiffuse"] = Copier
    sys.argv = ["benchmarks", "run", "adult", "--train-rows", "50", *{arguments}]
    main()
"""


def program(*arguments):
    """Run the command in a process of its own that lacks the evaluation's libraries."""
    code = textwrap.dedent(PROGRAM).format(blocked=BLOCKED, arguments=list(arguments))
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_generating_needs_no_library_of_the_evaluation_and_evaluating_does(tmp_path):
    output = ("--output", str(tmp_path))
    made = program("--only", "generate", *output)
    assert made.returncode == 0, made.stderr
    assert len(pd.read_csv(tmp_path / "adult-fast-seed0-50rows.csv")) == 50
    refused = program("--only", "evaluate", *output)
    assert refused.returncode == 1
    assert "pip install 'tabdiffuse[bench]'" in refused.stderr
    assert not (tmp_path / "results.jsonl").exists()
    status, said = invoke(tmp_path, "--only", "evaluate", "--train-rows", "50")
    assert status == 0, said  # in this process, which has them
    assert len(read_lines([tmp_path / "results.jsonl"])) == 1


# Time limit


def test_what_cannot_be_expected_to_finish_is_left_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "RESUMABLE", ())
    status, said = invoke(tmp_path, "--time-limit", "100", "--seed", "0", "--seed", "1")
    assert (status, Copier.calls) == (LEFT, 0)
    left = said.partition("Left, for another call of the same command:")[2]
    assert "generate adult-fast-seed0 (needs about 15 min)" in left
    assert "generate adult-fast-seed1" in left


def test_what_is_known_to_be_quick_is_run_within_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "RESUMABLE", ())
    invoke(tmp_path, "--seed", "0")
    status, said = invoke(tmp_path, "--time-limit", "100", "--seed", "0", "--seed", "1")
    assert status == 0, said
    assert Copier.calls == 2


def test_expectations_are_the_longest_known_times_with_caution():
    known = Expectations(
        [line(Config("adult", seed=seed), fit=fit) for seed, fit in ((0, 50), (1, 90))]
    )
    assert known.generation(Config("adult", seed=7)) == 1.5 * (90 + 16)
    assert known.sampling(Config("adult", split="dcr")) == 1.5 * 16
    assert known.evaluation(Config("adult", preset="best")) == 1.5 * 5
    unknown = Expectations([])
    assert known.generation(Config("adult", preset="best")) == unknown.generation(Config("adult"))
    assert known.evaluation(Config("magic")) == unknown.evaluation(Config("adult"))


def test_watch_stops_when_the_reserve_is_reached():
    now = [0.0]
    watch = Watch(Deadline(100.0, 0.0, lambda: now[0]), reserve=30.0)
    now[0] = 60.0
    watch(SimpleNamespace(step=25), None)
    now[0] = 66.0  # 5 seconds of margin, 30 of reserve
    with pytest.raises(TimeIsUp, match="after step 25"):
        watch(SimpleNamespace(step=25), None)


OVERRIDES = {"max_steps": 40, "batch_size": 32, "width": 8, "depth": 1, "n_steps": 2}
CONFIG = Config("adult", preset="fast", seed=3, device="cpu", overrides=OVERRIDES)


@pytest.fixture
def real_method(monkeypatch):
    """Train in earnest; report every five steps and write a checkpoint each time."""
    monkeypatch.setitem(methods.METHODS, "tabdiffuse", methods.TabDiffuse)
    monkeypatch.setattr("tabdiffuse.estimators.base.Checkpoint", partial(Checkpoint, every=0.0))
    often = partial(TrainConfig, log_every=5)
    monkeypatch.setattr("tabdiffuse.estimators.base.TrainConfig", often)


def run_once(output, readings=None, models=None):
    """Generate within a limit of which a clock of ``readings`` ticks is left."""
    ticks = count()
    clock = (lambda: 0.0) if readings is None else (lambda: 0.0 if next(ticks) < readings else 1e9)
    limit = None if readings is None else 1000.0
    deadline = Deadline(limit, 0.0, clock)
    made = Runner(output, deadline, Reporter(Console()), only="generate", models=models)
    return made.run([CONFIG])


def test_training_stopped_by_the_limit_goes_on_and_ends_bit_identical(
    tmp_path, real_method, capsys
):
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    (left,) = run_once(cut, readings=4).left
    assert "begun, stopped after step 20" in left
    assert [path.suffix for path in cut.iterdir()] == [".checkpoint"]
    (left,) = run_once(cut, readings=3).left
    assert "begun, stopped after step 30" in left
    assert not run_once(cut).left
    assert "Going on from the checkpoint after step 25" in capsys.readouterr().err
    assert not run_once(whole).left
    name = f"{CONFIG.stem}.csv"
    assert (cut / name).read_bytes() == (whole / name).read_bytes()
    assert not list(cut.glob("*.checkpoint"))


def test_time_of_earlier_calls_counts_as_training_time(tmp_path, real_method, monkeypatch):
    run_once(tmp_path, readings=4)
    restore = Checkpoint.restore

    def after_long(self, state):
        restore(self, state)
        state.elapsed += 777.0

    monkeypatch.setattr(Checkpoint, "restore", after_long)
    kept = tmp_path / "models"
    run_once(tmp_path, models=kept)
    record = generate.generated(
        CONFIG, Runner(tmp_path, Deadline(None), Reporter(Console())).dataset(CONFIG), tmp_path
    )
    assert record["fit_seconds"] > 777.0
    assert not {"checkpoint", "callbacks"} & set(record["parameters"])
    (told,) = kept.glob("*.json")
    assert json.loads(told.read_text())["fit_seconds"] == record["fit_seconds"]


def test_checkpoint_of_other_data_is_refused_with_a_remedy(
    tmp_path, real_method, tiny, monkeypatch
):
    run_once(tmp_path, readings=4)
    monkeypatch.setattr(runner, "load", lambda name, split: replace(tiny, train=tiny.train[:50]))
    arguments = [f"--set={name}={value}" for name, value in OVERRIDES.items()]
    status, said = invoke(tmp_path, *arguments, "--seed", "3", "--device", "cpu")
    assert status == 1
    assert "belongs to a fit with other data" in said
    assert "--force deletes it" in said
    status, _ = invoke(tmp_path, *arguments, "--seed", "3", "--device", "cpu", "--force")
    assert status == 0


# Files


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    results.write_atomically(b"first", path)
    monkeypatch.setattr("pathlib.Path.replace", lambda self, target: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        results.write_atomically(b"second", path)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


# Kept models


def test_a_kept_model_is_not_trained_again_and_samples_as_it_is_asked(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(methods.METHODS, "tabdiffuse", methods.TabDiffuse)
    fits = []
    fit = methods.TabDiffuse.fit
    monkeypatch.setattr(
        methods.TabDiffuse, "fit", lambda self, *given: fits.append(1) or fit(self, *given)
    )
    small = ["--set", "max_steps=3", "--only", "generate", "--models", str(tmp_path / "models")]
    rows = {}
    for steps, folder in ((4, "a"), (2, "b"), (4, "c")):
        code, output = invoke(tmp_path / folder, *small, "--set", f"n_steps={steps}")
        assert code == 0, output
        (table,) = (tmp_path / folder).glob("*.csv")
        rows[folder] = table.read_text()
    assert len(fits) == 1
    assert rows["a"] == rows["c"] != rows["b"]
    other = ["--set", "max_steps=2", *small[2:]]  # another training
    assert invoke(tmp_path / "d", *other)[0] == 0
    assert len(fits) == 2
    assert len(list((tmp_path / "models").glob("*.tabdiffuse"))) == 2


def test_memory_of_a_kept_model_is_that_of_its_training(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(methods.METHODS, "tabdiffuse", methods.TabDiffuse)
    peaks = iter([900, 100])

    @contextmanager
    def peak():
        yield SimpleNamespace(mb=next(peaks))

    monkeypatch.setattr(methods, "PeakMemory", peak)
    small = ["--set", "max_steps=2", "--only", "generate", "--models", str(tmp_path / "models")]
    for folder in ("trained", "found"):
        assert invoke(tmp_path / folder, *small)[0] == 0
        (record,) = (tmp_path / folder).glob("*.json")
        assert json.loads(record.read_text())["peak_memory_mb"] == 900
