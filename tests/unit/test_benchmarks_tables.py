"""Tables, page, figure and comparison, from made-up lines: no data, no model."""

from __future__ import annotations

import json
import statistics

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import stats

from benchmarks import compare, curve, page, published, rows
from benchmarks.cli import main
from benchmarks.columns import AUC, BETA, DCR, RMSE, SHAPE, mle
from benchmarks.commands import commands
from benchmarks.results import Config, ResultsError, read_lines
from tests.benchmark_lines import CPU, GPU, line, seeds

FAST = {"dataset": "adult"}
LINES = [
    *seeds(FAST, {"trend": [0.986, 0.987, 0.988], "c2st": [0.83, 0.84, 0.85]}),
    *seeds(FAST | {"split": "dcr"}, {"dcr_share": [0.51, 0.52, 0.53]}),
    *seeds(FAST | {"preset": "best"}, {"trend": [0.99]}, hardware=GPU, fit=50.0),
    *seeds({"dataset": "adult", "method": "arf", "preset": "default"}, {"trend": [0.97]}, fit=9.0),
]
BOUNDS = {
    "real": {"shape": 0.9937, "trend": 0.9822, "mle": 0.927, "c2st": 0.99},
    "bootstrap": {"shape": 0.9962, "trend": 0.991, "mle": 0.925, "c2st": 1.0},
    "shuffled": {"shape": 1.0, "trend": 0.925, "mle": 0.5, "c2st": 0.01},
}


@pytest.fixture
def unpublished(monkeypatch):
    """Leave published numbers out."""
    for module in (page, rows):
        monkeypatch.setattr(module, "published", lambda dataset: {})


# Rows


def test_lines_are_grouped_by_what_they_share_ours_first(unpublished):
    made = rows.own_rows(LINES, "adult")
    assert [(row.title, row.machine, row.seeds) for row in made] == [
        ("tabdiffuse:best", "Big GPU", [0]),
        ("tabdiffuse:fast", "2 cores of Tiny CPU", [0, 1, 2]),
        ("arf:default", "2 cores of Tiny CPU", [0]),
    ]
    cell = made[1].cells["trend"]
    assert cell.mean == pytest.approx(98.7)
    assert cell.sd == pytest.approx(statistics.stdev([98.6, 98.7, 98.8]))
    assert made[0].cells["trend"].sd is None


def test_dcr_share_is_from_runs_on_the_halved_table_and_nothing_else_is():
    fast = rows.own_rows(LINES, "adult")[1]
    assert fast.cells["dcr_share"].mean == pytest.approx(0.52)
    assert fast.cells["shape"].count == 3  # six with the halved table's runs
    assert "dcr_share" not in rows.own_rows(LINES, "adult")[0].cells


def test_time_budgets_take_the_dcr_share_of_their_own_machine_only():
    budget = FAST | {"max_time": 60.0}
    made = [
        *seeds(budget, {"trend": [0.98]}),
        *seeds(budget | {"split": "dcr"}, {"dcr_share": [0.6]}, hardware=GPU),
    ]
    assert "dcr_share" not in rows.own_rows(made, "adult")[0].cells
    made += seeds(budget | {"split": "dcr"}, {"dcr_share": [0.51]}, hardware=CPU)
    assert rows.own_rows(made, "adult")[0].cells["dcr_share"].mean == 0.51


def test_newest_of_two_equal_runs_counts():
    old = line(Config("adult"), trend=0.5)
    new = {
        **line(Config("adult"), trend=0.9),
        "finished": "2026-02-01T00:00:00+00:00",
        "config_hash": "other data",
    }
    for order in ([old, new], [new, old]):
        (row,) = rows.own_rows(order, "adult")
        assert row.cells["trend"].mean == 90
        assert row.seeds == [0]


def test_rows_on_two_machines_stay_apart_and_a_forced_cpu_is_no_gpu():
    made = [
        line(Config("adult"), hardware=GPU),
        line(Config("adult", device="cpu"), hardware=GPU),
    ]
    machines = {row.machine for row in rows.own_rows(made, "adult")}
    assert machines == {"Big GPU", "2 cores of Tiny CPU"}


@pytest.mark.parametrize(
    ("column", "values", "winner"),
    [
        (AUC, (0.9, 0.92, 0.91), {1}),
        (RMSE, (0.9, 0.92, 0.91), {0}),
        (DCR, (0.55, 0.49, 0.52), {1}),
        (BETA, (53.0, 45.0, 51.0), {2}),
        (AUC, (0.9101, 0.9103, 0.8), {0, 1}),  # equal as shown
    ],
)
def test_best_follows_the_direction_of_the_column(column, values, winner):
    made = [rows.Row(str(v), "published", {column.key: rows.Cell(v)}) for v in values]
    bound = rows.Row("bound", "reference", {column.key: rows.Cell(column.factor / 2)})
    assert rows.best([*made, bound, rows.Row("none", "ours", {})], column) == winner


def test_mle_is_an_error_where_the_target_is_a_number():
    assert mle("adult") is AUC
    assert mle("beijing") is RMSE
    assert mle("news") is RMSE


# Page


def test_table_in_markdown_is_as_agreed(unpublished, monkeypatch):
    monkeypatch.setattr(rows, "committed_references", lambda name, split: BOUNDS)
    made = rows.all_rows(LINES, "adult")
    marks = {"2 cores of Tiny CPU": "¹", "Big GPU": "²"}
    kept = [0, 1, 2, 3, 5, 8, 11, 12, 13, 14, 15]
    shown = []
    for text in page.table("adult", made, marks).splitlines():
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        shown.append(" | ".join(cells[place] for place in kept))
    assert shown == [
        "adult | Seeds | Shape ↑ | Trend ↑ | MLE (AUC) ↑ | XGB-C2ST ↑ | DCR share →.5 "
        "| Parameters | Training | Sampling | Peak memory",
        "--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---:",
        "`tabdiffuse:best` ² | 1 | **99.00** | **99.00** | **0.900** | 0.800 | – | 59.0K "
        "| 50 s | 16 s | 640 MB",
        "`tabdiffuse:fast` ¹ | 3 | **99.00±.00** | 98.70±.10 | **0.900±.000** | **0.840±.010** "
        "| **0.520±.010** | 59.0K | 1.7 min | 16 s | 640 MB",
        "`arf:default` ¹ | 1 | **99.00** | 97.00 | **0.900** | 0.800 | – | 59.0K | 9.0 s | 16 s "
        "| 640 MB",
        "real test rows | – | 99.37 | 98.22 | 0.927 | 0.990 | – | – | – | – | –",
        "train rows, resampled | – | 99.62 | 99.10 | 0.925 | 1.000 | – | – | – | – | –",
        "columns shuffled | – | 100.00 | 92.50 | 0.500 | 0.010 | – | – | – | – | –",
    ]


def test_page_has_overview_commands_machines_and_sources():
    text = page.render(LINES)
    assert text.index("## Overview") < text.index("## Adult (Census Income)")
    assert "python -m benchmarks run adult --preset fast --seed 0 --seed 1 --seed 2\n" in text
    assert "python -m benchmarks run adult --preset fast --split dcr --seed 0" in text
    assert "python -m benchmarks run adult --method arf --seed 0" in text
    assert "² 2 cores of Tiny CPU" in text
    assert "TabSyn, re-run by TabPC | trend `tabpc`" in text
    assert "(figures/adult.png)" in text
    assert "(figures/beijing.png)" not in text  # nothing of ours was run there


def test_published_numbers_on_news_never_stand_beside_our_part_of_it():
    text = page.render(seeds({"dataset": "news20k"}, {"trend": [0.97]}))
    _, _, section = text.partition("of its 39,644 rows\n")
    section, _, rest = section.partition("\n## ")
    assert "tabdiffuse:fast" in section
    assert "TabSyn" not in section
    assert rest.partition("## News, published numbers only")[2].count("TabSyn") > 3


def test_ablations_and_time_budgets_are_in_the_table_but_not_in_the_overview():
    made = [
        *LINES,
        *seeds(FAST | {"overrides": {"depth": 4}}, {"trend": [0.9]}),
        *seeds(FAST | {"max_time": 60.0}, {"trend": [0.9]}),
    ]
    overview, _, table = page.render(made).partition("## Adult (Census Income)")
    for title in ("`tabdiffuse:fast:depth=4`", "`tabdiffuse:fast:60s`"):
        assert title not in overview
        assert title in table
    assert "--set depth=4 --seed 0" in table
    assert "--max-time 60 --seed 0" in table


def test_corrected_split_has_a_table_of_its_own_without_published_numbers():
    text = page.render([*LINES, *seeds(FAST | {"split": "corrected"}, {"trend": [0.98]})])
    section = text.partition("corrected split\n")[2].partition("\n## ")[0]
    assert "tabdiffuse:fast" in section
    assert "TabSyn" not in section
    assert "--split corrected" in section


def test_command_names_each_setting_that_is_not_the_default():
    config = Config(
        "adult", "tabdiffuse", "best", 7, "cuda", 30.0, 500, "dcr", {"learning_rate": 0.001}
    )
    assert commands([line(config)]) == [
        "python -m benchmarks run adult --preset best --max-time 30 --set learning_rate=0.001 "
        "--split dcr --train-rows 500 --device cuda --seed 7"
    ]


# Published numbers


def test_published_numbers_are_well_formed_and_have_sources():
    seen = 0
    for dataset in published.DATASETS:
        for numbers in published.published(dataset).values():
            for key, number in numbers.items():
                seen += 1
                assert number.source in published.SOURCES
                if key in ("shape", "trend", "alpha_precision", "beta_recall"):
                    assert 20 < number.mean <= 100
                elif key in ("c2st", "c2st_lr", "dcr_share", "detection_auc"):
                    assert 0 <= number.mean <= 1
                assert number.sd is None or 0 < number.sd < 2
    assert seen > 400


@pytest.mark.parametrize(
    ("dataset", "method", "key", "mean", "sd"),
    [
        ("adult", "Diffuse Everything", "trend", 98.75, 0.09),
        ("beijing", "Diffuse Everything", "mle", 0.543, 0.012),
        ("diabetes", "TabDiff, re-run by TabPC", "c2st", 0.562, 0.28),
        ("default", "TabPC", "fit_seconds", 78, None),
        ("magic", "TabDiff", "trend", 99.24, 0.12),
        ("shoppers", "TabNAT", "mle", 0.926, None),
    ],
)
def test_published_numbers_stand_in_the_right_column(dataset, method, key, mean, sd):
    number = published.published(dataset)[method][key]
    assert (number.mean, number.sd) == (mean, sd)


def test_nothing_is_published_on_our_part_of_news():
    assert published.published("news20k") == {}


# Figure


def test_curve_joins_our_runs_in_order_of_time_and_leaves_ablations_out():
    made = [
        *LINES,
        *seeds(FAST | {"max_time": 10.0}, {"trend": [0.97]}, fit=10.0),
        *seeds(FAST | {"overrides": {"depth": 9}}, {"trend": [0.97]}, fit=10.0),
    ]
    joined = curve.curves(rows.own_rows(made, "adult"), SHAPE)
    assert {name: [row.title for row in members] for name, members in joined.items()} == {
        "2 cores of Tiny CPU": ["tabdiffuse:fast:10s", "tabdiffuse:fast"],
        "Big GPU": ["tabdiffuse:best"],
    }


def test_range_of_a_panel_keeps_the_best_and_drops_what_is_far_off():
    low, high = curve.limits([99.5, 99.4, 99.3, 99.2, 42.0], SHAPE)
    assert 98 < low < 99.2
    assert 99.5 < high < 99.6
    low, high = curve.limits([0.54, 0.55, 0.58, 4.86], RMSE)
    assert low < 0.54
    assert 0.58 < high < 1


def test_figure_is_drawn_from_rows_alone(tmp_path):
    made = rows.all_rows(LINES, "adult", references=BOUNDS)
    path = curve.draw("adult", made, tmp_path)
    with Image.open(path) as image:
        assert image.width == 2080
    assert curve.draw("adult", rows.all_rows([], "adult"), tmp_path) is None


# Comparison


def test_interval_is_welchs():
    first, second = np.array([98.1, 98.3, 98.2]), np.array([98.6, 98.4, 98.9, 98.5])
    expected = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    cells = rows.cell_of(list(first)), rows.cell_of(list(second))
    assert 2 * compare.half_width(*cells) == pytest.approx(expected.high - expected.low)
    assert f"{expected.low:+.3f} to {expected.high:+.3f}" in compare.verdict(*cells, 3)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([1.0, 1.1, 0.9], [2.0, 2.1, 1.9], "exceeds"),
        ([1.0, 1.1, 0.9], [1.05, 1.1, 0.95], "within"),
        ([1.0], [2.0, 2.1], "one seed: spread unknown"),
        ([1.0, 1.0], [1.0, 1.0], "the same in every seed"),
        ([1.0, 1.0], [2.0, 2.0], "differs in every seed alike"),
    ],
)
def test_verdict_in_words(first, second, said):
    assert compare.verdict(rows.cell_of(first), rows.cell_of(second), 2).startswith(said)


def test_compare_command_shows_both_rows_and_their_difference(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.cli.COMMITTED", tmp_path)
    made = [
        *seeds(FAST, {"trend": [0.980, 0.981, 0.982]}),
        *seeds(FAST | {"preset": "best"}, {"trend": [0.990, 0.991, 0.992]}),
    ]
    (tmp_path / "adult.jsonl").write_text("".join(json.dumps(record) + "\n" for record in made))
    arguments = ["compare", "tabdiffuse:fast", "tabdiffuse:best", "--output", str(tmp_path)]
    outcome = CliRunner(env={"COLUMNS": "160"}).invoke(main, arguments)
    assert outcome.exit_code == 0, outcome.output
    (trend,) = (text for text in outcome.output.splitlines() if text.startswith(" Trend "))
    assert "98.10±.10" in trend
    assert "99.10±.10" in trend
    assert "+1.00" in trend
    assert "exceeds the seeds' spread" in trend
    assert "3 seeds" in outcome.output
    arguments[2] = "tabdiffuse:huge"
    outcome = CliRunner().invoke(main, arguments)
    assert outcome.exit_code == 2
    assert "'tabdiffuse:huge'" in outcome.output
    assert "Rows there are: tabdiffuse:best, tabdiffuse:fast" in " ".join(outcome.output.split())


# Report


def test_report_without_arguments_rebuilds_page_and_figures_from_committed_files(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("benchmarks.cli.COMMITTED", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "RESULTS.md")
    monkeypatch.setattr(curve.draw, "__defaults__", (tmp_path / "figures",))
    monkeypatch.setattr("benchmarks.data.load", None)  # no data are needed
    (tmp_path / "adult.jsonl").write_text("".join(json.dumps(record) + "\n" for record in LINES))
    (tmp_path / "scale.jsonl").write_text('{"of": "another benchmark"}\n')
    outcome = CliRunner().invoke(main, ["report"])
    assert outcome.exit_code == 0, outcome.output
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8") == page.render(LINES)
    assert (tmp_path / "figures" / "adult.png").is_file()


def test_lines_of_another_format_are_refused_by_file_and_line(tmp_path):
    path = tmp_path / "adult.jsonl"
    path.write_text(json.dumps(LINES[0]) + "\n" + json.dumps({**LINES[1], "format": 1}) + "\n")
    with pytest.raises(ResultsError, match=r"adult.jsonl:2 is of format 1, .* run it again"):
        read_lines([path])
    path.write_text(json.dumps(LINES[0]) + "\n" + json.dumps(LINES[1])[:50])
    with pytest.raises(ResultsError, match=r"adult.jsonl:2 is no JSON"):
        read_lines([path])
    outcome = CliRunner().invoke(main, ["report", "adult", str(path)])
    assert outcome.exit_code == 1
    assert "Remove that line" in outcome.output
