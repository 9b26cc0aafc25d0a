"""Rivals: the exchange with a script in another environment, and how that environment is built."""

import json
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks import methods
from benchmarks.rivals import environments, exchange, memory
from benchmarks.rivals.__main__ import main as rivals_command
from benchmarks.rivals.catalogue import RIVALS
from benchmarks.rivals.environments import HERE, RivalError
from benchmarks.rivals.external import ROOT, External, column_kinds, watch
from tabdiffuse import PRESETS

PLAIN = "from benchmarks.rivals.exchange import main\n"
FAKE = (
    PLAIN
    + """
import sys
class Fake:
    def __init__(self, job):
        self.job = job
    def fit(self):
        self.rows = self.job.train.sample(self.job.rows, replace=True, random_state=self.job.seed)
    def sample(self):
        return self.rows
    def describe(self):
        return {"n_parameters": 7, "options": self.job.options, "kinds": self.job.kinds,
                "path": sys.path[0]}
main(Fake, ["pandas"])
"""
)


@pytest.fixture
def train():
    return pd.DataFrame(
        {
            "age": [31, 42, 27, 58],
            "height": [1.5, np.nan, 1.75, 1.8],
            "town": ["NA", "?", "a,b", "7"],
            "pays": ["no", "yes", "no", "yes"],
        }
    )


@pytest.fixture
def rival(tmp_path):
    """Make a rival from the text of its script, run by this Python."""

    def make(text, **options):
        script = tmp_path / "fake.py"
        script.write_text(text)
        return External("fake", "nowhere", script, options, Path(sys.executable))

    return make


def test_rows_and_what_the_script_reports_come_back(rival, train):
    rows, info = rival(FAKE).generate(train, 50, 3, {"device": "cpu"})
    expected = train.sample(50, replace=True, random_state=3).reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, expected)
    assert expected["height"].isna().any()
    assert info["n_parameters"] == 7
    assert info["options"]["device"] == "cpu"
    assert 0 <= info["fit_seconds"] < info["wall_seconds"]
    assert info["sample_seconds"] >= 0
    assert info["rival_versions"]["pandas"] == pd.__version__


def test_options_of_a_run_go_on_top_of_those_of_the_method(rival, train):
    fake = rival(FAKE, model="A", overrides={"epochs": 300, "width": 8})
    _, info = fake.generate(train, 5, 0, {"target": "pays", "overrides": {"epochs": 2}})
    assert info["options"]["model"] == "A"
    assert info["options"]["target"] == "pays"
    assert info["options"]["overrides"] == {"epochs": 2, "width": 8}


def test_script_cannot_be_shadowed_by_its_neighbours(rival, train, tmp_path):
    """A script beside ``smote.py`` could otherwise import that in place of a package."""
    (tmp_path / "pandas.py").write_text("raise SystemExit('shadowed')")
    _, info = rival(FAKE).generate(train, 5, 0, {})
    assert info["path"] == str(ROOT)


@pytest.mark.skipif(not memory.PROC.is_dir(), reason="the kernel does not tell")
def test_memory_of_children_is_counted_and_ours_is_not(rival, train):
    ours = np.ones(50_000_000)  # 400 MB
    child = "import time; kept = bytearray(200_000_000); time.sleep(0.7)"
    hungry = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\n"
    _, info = rival(hungry + FAKE).generate(train, 5, 0, {})
    assert 200 < info["peak_memory_mb"] < 400
    assert ours.nbytes == 400 * memory.MB


def test_failure_shows_the_last_lines_of_the_script(rival, train):
    text = "print('lost')\n" * 30 + "raise RuntimeError('no such column')"
    with pytest.raises(RivalError, match="fake ended with status 1") as caught:
        rival(text).generate(train, 5, 0, {})
    message = caught.value.message
    assert "no such column" in message
    assert message.count("lost") < 20


def test_missing_environment_says_how_to_build_it(train, tmp_path, monkeypatch):
    monkeypatch.setenv(environments.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(RivalError, match=r"python -m benchmarks\.rivals install sdv") as caught:
        RIVALS["ctgan"].generate(train, 5, 0, {})
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("self.rows = self.rows.iloc[1:]", "4 rows where 5 were asked for"),
        ("self.job.kinds.pop('town')", r"lacks the columns \['town'\]"),
    ],
)
def test_table_of_another_shape_is_refused(rival, train, change, said):
    text = FAKE.replace("return self.rows", f"{change}; return self.rows")
    with pytest.raises(RivalError, match=said):
        rival(text).generate(train, 5, 0, {})


def test_script_that_writes_nothing_is_refused(rival, train):
    with pytest.raises(RivalError, match="without writing a table"):
        rival("pass").generate(train, 5, 0, {})


def test_time_limit_ends_the_script(rival, train):
    start = time.monotonic()
    with pytest.raises(RivalError, match=r"after its time limit of 0\.1 s"):
        rival("import time\ntime.sleep(60)").generate(train, 5, 0, {"time_limit": 0.1})
    assert time.monotonic() - start < 30


def test_time_limit_ends_the_children_of_the_script():
    child = "import time; print('ready', flush=True); time.sleep(30)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    command = [sys.executable, "-c", parent]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout.readline() == b"ready\n"
        start = time.monotonic()
        assert watch(process, 0.0).timed_out
        process.stdout.read()  # ends when the last process that could write has ended
        assert time.monotonic() - start < 15


def test_numbers_are_numeric_and_all_else_is_categorical(train):
    train["flag"] = [True, False, True, False]
    train["code"] = pd.Categorical([1, 2, 1, 2])
    assert column_kinds(train) == {
        "age": "numeric",
        "height": "numeric",
        "town": "categorical",
        "pays": "categorical",
        "flag": "categorical",
        "code": "categorical",
    }


def test_job_knows_whole_numbers_and_takes_the_last_column_as_target(train):
    job = exchange.Job(train, column_kinds(train), 5, 0, {"overrides": {"epochs": 2}})
    assert job.numeric == ["age", "height"]
    assert job.integer == ["age"]
    assert job.target == "pays"
    assert exchange.Job(train, job.kinds, 5, 0, {"target": "town"}).target == "town"
    assert job.arguments(epochs=300, pac=10) == {"epochs": 2, "pac": 10}


# The scripts


SCRIPTS = sorted({rival.script for rival in RIVALS.values()})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_of_each_script_needs_no_package_of_the_rival(script, monkeypatch, capsys):
    """None of these packages is installed beside tabdiffuse, so an import would fail here."""
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(script), run_name="__main__")
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for name in ("--train", "--kinds", "--rows", "--seed", "--options", "--out", "--info"):
        assert name in said


def test_every_method_has_a_script_and_requirements():
    for name, rival in RIVALS.items():
        assert rival.name == name
        assert rival.script.is_file()
        assert rival.environment in environments.known()
    assert set(environments.known()) == {rival.environment for rival in RIVALS.values()}
    assert set(methods.METHODS) == {"tabdiffuse", *RIVALS}


def test_every_requirement_is_pinned_under_a_word_on_the_licence():
    for path in environments.REQUIREMENTS.glob("*.txt"):
        lines = path.read_text().splitlines()
        assert lines[0].startswith("# ")
        pins = [line for line in lines if line and not line.startswith("#")]
        assert pins
        assert all("==" in pin for pin in pins)
        if path != environments.CONSTRAINTS:
            comments = " ".join(line for line in lines if line.startswith("#"))
            assert any(licence in comments for licence in ("MIT", "Apache-2.0", "BUSL-1.1"))


def test_readme_lists_every_method():
    text = (HERE / "README.md").read_text()
    assert [name for name in RIVALS if f"`{name}`" not in text] == []


def test_forest_keeps_names_of_categorical_columns_apart():
    from benchmarks.rivals.forest_flow import ForestFlow

    def fake(numbers, categories):
        forest = ForestFlow.__new__(ForestFlow)
        names = [f"n{i}" for i in range(numbers)] + [f"c{i}" for i in range(categories)]
        kinds = {name: "numeric" if name[0] == "n" else "categorical" for name in names}
        forest.job = exchange.Job(pd.DataFrame({name: [0.5] for name in names}), kinds, 1, 0, {})
        forest.levels = {name: ["a", "b", "c"] for name in forest.job.categorical}
        forest.label = None
        forest.columns = forest._order()
        return forest

    assert fake(6, 9).columns[:2] == ["c0", "c1"]
    assert fake(6, 9)._clashes() == []
    assert fake(10, 12)._clashes() == []
    assert fake(6, 12)._clashes() == [["c0", "c10"], ["c1", "c11"]]  # 6 and 16, 7 and 17


# Environments


def test_packages_with_broken_requirements_are_installed_without_them(tmp_path, monkeypatch):
    monkeypatch.setenv(environments.FOLDER_VARIABLE, str(tmp_path))
    said, ran = [], []
    environments.install("mostlyai", said.append, lambda command: ran.append(command) or 0)
    assert [command[2] for command in ran] == ["venv", "pip", "pip"]
    assert ran[0][-1] == str(tmp_path / "mostlyai")
    assert "--no-deps" in ran[1]
    assert "--no-deps" not in ran[2]
    assert str(environments.CONSTRAINTS) in ran[2]
    assert said == ["$ " + " ".join(command) for command in ran]
    assert len(environments.commands("smote")) == 2


def test_installation_stops_at_the_command_that_failed(tmp_path, monkeypatch):
    monkeypatch.setenv(environments.FOLDER_VARIABLE, str(tmp_path))
    ran = []
    with pytest.raises(RivalError, match="ended with status 3"):
        environments.install("smote", lambda _: None, lambda command: ran.append(command) or 3)
    assert len(ran) == 1


def test_install_takes_methods_environments_and_all(monkeypatch):
    built = []
    monkeypatch.setattr(environments, "install", built.append)
    run = CliRunner().invoke
    assert run(rivals_command, ["install", "ctgan", "tvae", "smote"]).exit_code == 0
    assert built == ["sdv", "smote"]
    built.clear()
    assert run(rivals_command, ["install", "all"]).exit_code == 0
    assert built == environments.known()


def test_unknown_environment_lists_the_known_ones():
    outcome = CliRunner().invoke(rivals_command, ["install", "nope"])
    assert outcome.exit_code == 1
    assert "Unknown environment 'nope'. Known: arf" in outcome.output
    assert "Not installed: nope" in outcome.output


def test_list_says_what_is_absent(tmp_path, monkeypatch):
    monkeypatch.setenv(environments.FOLDER_VARIABLE, str(tmp_path))
    outcome = CliRunner().invoke(rivals_command, ["list"])
    assert "argn-fixed-order: environment mostlyai, absent" in outcome.output


# Memory


@pytest.mark.skipif(not memory.PROC.is_dir(), reason="the kernel does not tell")
def test_peak_memory_holds_what_is_freed_in_between():
    with memory.PeakMemory(interval=0.01) as peak:
        before = memory.process_mb(os.getpid())
        kept = np.ones(25_000_000)  # 200 MB
        time.sleep(0.1)
        del kept
    assert peak.mb >= before + 150
    assert memory.process_mb(os.getpid()) < peak.mb - 100


def test_memory_is_unknown_without_a_kernel_that_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "PROC", tmp_path)
    assert memory.tree_mb(1) is None
    with memory.PeakMemory() as peak:
        pass
    assert peak.mb is None
    assert memory.larger(None, 3) == 3


# Ours


class FakeModel:
    """Take what TabularDiffusion takes, and copy rows."""

    n_parameters_ = 5
    fit_time_ = 0.0
    stop_reason_ = "max_time"
    history_ = pd.DataFrame({"step": [1, 2], "rows": [10, 20]})
    preset_ = PRESETS["best"]

    def __init__(self, random_state, verbose, preset="fast", width=None, checkpoint=None):
        self.parameters = {"preset": preset, "width": width, "checkpoint": checkpoint}

    def fit(self, table):
        self.table = table

    def sample(self, n, random_state):
        return self.table.sample(n, replace=True, random_state=random_state)

    def get_params(self):
        return self.parameters


def test_ours_takes_overrides_and_leaves_out_what_is_for_rivals(train, monkeypatch):
    monkeypatch.setattr("tabdiffuse.TabularDiffusion", FakeModel)
    options = {"preset": "fast", "checkpoint": "here", "time_limit": 9.0, "target": "pays"}
    options["overrides"] = {"width": 16, "preset": "best"}
    _, info = methods.TabDiffuse().generate(train, 5, 0, options)
    assert info["parameters"] == {"preset": "best", "width": 16, "checkpoint": "here"}
    assert info["recipe"] == PRESETS["best"].to_dict()
    assert (info["steps"], info["rows_seen"], info["n_parameters"]) == (2, 20, 5)
    assert info["peak_memory_mb"] is None or info["peak_memory_mb"] > 50


def test_override_that_is_no_parameter_is_refused(train):
    with pytest.raises(click.UsageError, match="unexpected keyword argument 'widht'"):
        methods.TabDiffuse().generate(train, 5, 0, {"overrides": {"widht": 16}})


def test_exchange_reads_back_what_it_writes(train, tmp_path):
    kinds = column_kinds(train)
    train.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(exchange.read_table(tmp_path / "t.csv", kinds), train)
    assert json.loads(json.dumps(kinds)) == kinds
