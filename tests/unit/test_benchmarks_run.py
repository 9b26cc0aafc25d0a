"""The command line, end to end, with a method that only copies rows."""

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import cli, environment, formats, methods, results, runner
from benchmarks.cli import main
from benchmarks.data import known, load
from benchmarks.figure import bin_edges
from tabdiffuse.metrics.quality import quality

WIDE = {"COLUMNS": "120"}


class Copier:
    """Draw rows of the train table with replacement."""

    def generate(self, train, n, seed, options):
        rows = train.sample(n, replace=True, random_state=seed)
        info = {
            "fit_seconds": 61.0,
            "sample_seconds": 0.5,
            "n_parameters": 68_210,
            "steps": 10,
            "rows_seen": 100,
            "stop_reason": "max_steps",
            "parameters": {"width": 24, **options},
        }
        return rows, info


@pytest.fixture(scope="module")
def adult():
    """Cut the test rows down: the metrics are not what is tested here."""
    whole = load("adult")
    return replace(whole, test=whole.test[:400])


@pytest.fixture(scope="module")
def finished(tmp_path_factory, adult):
    """Run two seeds on 200 rows."""
    output = tmp_path_factory.mktemp("results")
    arguments = ["run", "adult", "--preset", "fast", "--seed", "3", "--seed", "4"]
    arguments += ["--train-rows", "200", "--max-time", "60", "--output", str(output)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(methods.METHODS, "tabdiffuse", Copier)
        patch.setattr(runner, "load", lambda name, split: adult)
        outcome = CliRunner(env=WIDE).invoke(main, arguments, obj=time.perf_counter())
    assert outcome.exit_code == 0, outcome.output
    return output, outcome.output


def stem(seed):
    return f"adult-fast-60s-seed{seed}-200rows"


def test_run_writes_a_table_a_record_a_line_and_a_figure_for_each_seed(finished):
    output, _ = finished
    lines = results.read_lines([output / "results.jsonl"])
    assert [line["config"]["seed"] for line in lines] == [3, 4]
    for seed, line in zip((3, 4), lines, strict=True):
        assert pd.read_csv(output / f"{stem(seed)}.csv").shape == (200, 15)
        record = json.loads((output / f"{stem(seed)}.json").read_text())
        assert {name: line[name] for name in record} == record
        with Image.open(output / f"{stem(seed)}.png") as image:
            assert image.width == 2000


def test_line_says_what_made_the_result(finished):
    line = results.read_lines([finished[0] / "results.jsonl"])[0]
    assert line["config"]["max_time"] == 60
    assert line["config"]["overrides"] == {}
    assert line["n_parameters"] == 68_210
    assert line["parameters"]["width"] == 24
    assert line["stop_reason"] == "max_steps"
    assert {"python", "torch", "numpy", "pandas", "scikit-learn", "xgboost"} <= set(
        line["versions"]
    )
    assert line["versions"]["xgboost"] is not None
    for made in (line, line["evaluation"]):
        assert set(made["git"]) == {"commit", "dirty"}
        assert {"cpu", "cores", "threads", "gpu"} <= set(made["hardware"])
    assert line["fit_seconds"] == 61.0
    assert line["sample_seconds"] == 0.5
    assert line["evaluate_seconds"] > 0
    assert len(line["scores"]["detail"]["columns"]) == 15
    assert len(line["scores"]["detail"]["pairs"]) == 105


def test_scores_are_of_the_file_that_was_written(finished, adult):
    output, _ = finished
    data = results.quick_look(adult, 200)
    line = results.read_lines([output / "results.jsonl"])[0]
    for seed, same in ((3, True), (4, False)):
        table = results.read_table(output / f"{stem(seed)}.csv", data)
        again = quality(data.train, table, data.categorical)
        for name in ("shape", "trend"):
            assert (line["scores"][name] == pytest.approx(getattr(again, name), abs=1e-6)) is same


def test_table_shows_ours_the_references_and_the_published(finished):
    shown = " ".join(finished[1].split())
    for said in ("tabdiffuse:fast:60s:200rows", "real test rows", "columns shuffled", "TabSyn"):
        assert said in shown
    for said in ("Diffuse Everything", "68.2K", "61 s", "±", "seeds 3, 4", "From the command"):
        assert said in shown


def test_quick_look_keeps_its_references_to_itself(finished):
    output, _ = finished
    kept = json.loads((output / "adult-references-200.json").read_text())
    assert kept["key"]["rows"] == [200, 400]
    assert kept["shuffled"]["c2st"] < kept["real"]["c2st"]


def test_report_rebuilds_the_table_from_lines(finished):
    lines = finished[0] / "results.jsonl"
    outcome = CliRunner(env=WIDE).invoke(main, ["report", "adult", str(lines)])
    assert outcome.exit_code == 0, outcome.output
    shapes = [100 * line["scores"]["shape"] for line in results.read_lines([lines])]
    assert formats.spread(shapes, 2) in outcome.output
    assert "seeds 3, 4" in " ".join(outcome.output.split())


def test_unknown_data_set_lists_the_known_ones(tmp_path):
    outcome = CliRunner().invoke(main, ["run", "nope", "--output", str(tmp_path)])
    assert outcome.exit_code == 1
    assert "Unknown data set 'nope'. Known: adult" in outcome.output


def test_list_names_source_licence_and_methods():
    outcome = CliRunner().invoke(main, ["list"])
    assert outcome.exit_code == 0
    assert "adult: Adult (Census Income), 32,561 + 16,281 rows, 15 columns" in outcome.output
    assert "CC BY 4.0" in outcome.output
    assert "methods: tabdiffuse, " in outcome.output


def test_all_stands_for_every_table_and_no_task():
    assert cli._names(["all"]) == known()
    assert "digits" not in cli._names(["all"])


def test_method_that_returns_too_few_rows_is_refused(tmp_path, monkeypatch):
    class Miser(Copier):
        def generate(self, train, n, seed, options):
            return super().generate(train, n - 1, seed, options)

    monkeypatch.setitem(methods.METHODS, "tabdiffuse", Miser)
    arguments = ["run", "adult", "--train-rows", "50", "--output", str(tmp_path)]
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 1
    assert "returned 49 rows where 50 were asked for" in outcome.output
    assert not list(tmp_path.iterdir())


# Parts


def test_csv_round_trip_keeps_missing_cells_and_words_for_missing(adult, tmp_path):
    table = adult.train.iloc[:3].copy()
    table["age"] = [1.5, np.nan, 3.0]
    table["workclass"] = ["NA", None, "?"]
    results.write_table(table, tmp_path / "t.csv")
    again = results.read_table(tmp_path / "t.csv", adult)
    assert again["workclass"].tolist()[::2] == ["NA", "?"]
    assert again["workclass"].isna().tolist() == [False, True, False]
    assert again["age"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.53, "0.5 s"), (61, "61 s"), (300, "5.0 min"), (3083, "51 min"), (11605, "3.2 h")],
)
def test_durations_read_well(seconds, said):
    assert formats.duration(seconds) == said


def test_spread_is_the_sample_standard_deviation():
    assert formats.spread([0.9, 0.92], 3) == "0.910±.014"
    assert formats.spread([0.9], 3) == "0.900"


def test_bins_of_whole_numbers_hold_equally_many_values():
    edges = bin_edges(np.arange(17.0, 91.0), np.array([17.0, 95.0]))
    held = np.histogram(np.arange(17, 96), edges)[0]
    assert set(held[:-1]) == {3}
    assert held.sum() == 79


def test_bins_survive_a_constant_and_an_empty_column():
    assert len(bin_edges(np.ones(3), np.ones(3))) > 1
    assert len(bin_edges(np.array([]), np.array([]))) > 1


def test_environment_outside_of_git_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    assert environment.git_state() == {"commit": None, "dirty": None}


def test_adapter_passes_seed_and_options_and_reads_the_fitted_model(tiny_frame, monkeypatch):
    import tabdiffuse

    class Fake:
        n_parameters_ = 5
        fit_time_ = 0.0
        stop_reason_ = "max_time"
        history_ = pd.DataFrame({"step": [1, 2], "rows_seen": [10, 20]})
        preset_ = tabdiffuse.PRESETS["fast"]

        def __init__(self, **parameters):
            self.parameters = parameters

        def fit(self, table):
            self.table = table
            return self

        def sample(self, n, random_state):
            return self.table.sample(n, random_state=random_state)

        def get_params(self):
            return self.parameters

    monkeypatch.setattr(tabdiffuse, "TabularDiffusion", Fake, raising=False)
    options = {"preset": "fast", "device": "cpu", "max_time": 9.0}
    rows, info = methods.TabDiffuse().generate(tiny_frame, 20, 7, options)
    assert rows.equals(tiny_frame.sample(20, random_state=7))
    assert info["parameters"] == {"random_state": 7, "verbose": 1, **options}
    assert (info["steps"], info["rows_seen"], info["n_parameters"]) == (2, 20, 5)
    assert info["stop_reason"] == "max_time"
