"""The law of the scale benchmark is exact; what it measures, it measures."""

import json
import sys
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.special import ndtr
from scipy.stats import chi2, multivariate_normal

from benchmarks.scale import cli, measure, sweep
from benchmarks.scale.fidelity import MAX_PAIRS, bounds, chosen_pairs, fidelity
from benchmarks.scale.growth import exponent, slope
from benchmarks.scale.law import FACTORS, Law
from benchmarks.scale.margins import Margin
from benchmarks.scale.measure import Size
from benchmarks.scale.memory import CLEAR, PeakMemory
from benchmarks.scale.report import findings
from benchmarks.scale.sweep import Line, MeasureError

ROWS = 200_000
LAW = Law.make(20)


def masses(margin: Margin) -> np.ndarray:
    return np.diff(np.concatenate([[0.0], ndtr(margin.cuts), [1.0]]))


# --- law ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.5, 0.85])
def test_a_pair_table_is_the_bivariate_normal_one(rho):
    loading = np.sqrt(0.95)
    loadings = np.zeros((2, FACTORS))
    loadings[0, 0] = loading
    loadings[1, :2] = rho / loading, np.sqrt(0.95 - (rho / loading) ** 2)
    cuts = np.array([-1.0, 0.0, 0.7])
    margin = Margin("any", np.asarray, cuts, cuts)
    table = Law((margin, margin), loadings).pair_table(0, 1)
    assert table[:2, :2].sum() == pytest.approx(0.25 + np.arcsin(rho) / (2 * np.pi), abs=1e-12)
    corner = multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([-1.0, 0.7])
    assert table[0, :3].sum() == pytest.approx(corner, abs=1e-7)


def test_pair_tables_have_the_masses_of_their_columns():
    for one, other in chosen_pairs(20):
        table = LAW.pair_table(one, other)
        np.testing.assert_allclose(table.sum(axis=1), masses(LAW.margins[one]), atol=1e-12)
        np.testing.assert_allclose(table.sum(axis=0), masses(LAW.margins[other]), atol=1e-12)
        np.testing.assert_allclose(table, LAW.pair_table(other, one).T, atol=1e-12)


def p_values(law: Law, rows: pd.DataFrame) -> np.ndarray:
    """Test each pair of columns of some rows against the tables of a law."""
    cells = [margin.cells(rows[name]) for margin, name in zip(law.margins, rows, strict=True)]
    found = []
    for one, other in chosen_pairs(len(cells)):
        exact = law.pair_table(one, other).ravel()
        code = cells[one] * len(masses(law.margins[other])) + cells[other]
        counts = np.bincount(code, minlength=len(exact))
        kept = exact * len(rows) > 5
        off = (counts - exact * len(rows))[kept]
        statistic = (off**2 / (exact[kept] * len(rows))).sum()
        found.append(chi2(kept.sum() - 1).sf(statistic))
    return np.array(found)


def test_rows_follow_the_pair_tables_and_not_those_of_another_law():
    rows = LAW.sample(ROWS, seed=3)
    assert p_values(LAW, rows).min() > 1e-5
    nearly = Law(LAW.margins, 0.97 * LAW.loadings)
    assert (p_values(nearly, rows) < 1e-5).mean() > 0.1


def test_a_law_has_every_sort_of_column_and_its_names_say_the_order():
    rows = LAW.sample(1000, seed=0)
    assert list(rows) == [f"c{place:03d}" for place in range(20)]
    kinds = [dtype.kind for dtype in rows.dtypes if dtype != "category"]
    assert kinds == ["f", "f", "f", "i", "f"] * 2
    assert [len(m.categories) for m in LAW.margins[5:10]] == [2, 3, 5, 10, 20]
    assert 0.2 < (rows["c002"] == 0).mean() < 0.4
    assert (rows["c004"] * 100 - (rows["c004"] * 100).round()).abs().max() < 1e-9


def test_a_longer_table_starts_with_the_rows_of_a_shorter_one():
    law = Law.make(10)
    long, short = law.sample(250_000, seed=1), law.sample(1000, seed=1)
    pd.testing.assert_frame_equal(long.head(1000), short)
    assert not long.tail(1000).reset_index(drop=True).equals(short)
    assert not law.sample(1000, seed=2).equals(short)


# --- score -------------------------------------------------------------------------------------


def test_fresh_rows_score_better_the_more_they_are_and_shuffled_ones_do_not():
    few, few_shuffled = bounds(LAW, 2000, seed=1)
    many, many_shuffled = bounds(LAW, 50_000, seed=1)
    assert 0.9 < few.pairs < many.pairs < 1
    assert many.pairs > 0.99
    assert many_shuffled.pairs < 0.95
    assert few_shuffled.columns == few.columns


def test_values_that_no_category_has_and_cells_out_of_range_are_counted_somewhere():
    law = Law.make(6)
    rows = law.sample(100, seed=0)
    rows["c000"] = 1e9
    rows["c005"] = rows["c005"].astype(object)
    assert 0 < fidelity(law, rows).pairs < fidelity(law, law.sample(100, seed=0)).pairs


def test_many_columns_are_scored_on_some_pairs():
    assert len(chosen_pairs(20)) == 190
    assert len(set(chosen_pairs(500))) == MAX_PAIRS
    assert chosen_pairs(500) == chosen_pairs(500)


# --- measuring ---------------------------------------------------------------------------------


@pytest.mark.skipif(not CLEAR.exists(), reason="the kernel does not tell")
def test_peak_memory_is_what_a_block_holds_at_once():
    before = np.ones(10_000_000)
    with PeakMemory() as one:
        np.ones(5_000_000)
        np.ones(5_000_000)
    with PeakMemory() as none:
        pass
    assert before.sum() == 10_000_000
    assert one.bytes is not None
    assert none.bytes is not None
    assert 39e6 < one.bytes < 60e6  # the kernel counts pages by the dozen
    assert none.bytes < 5e6


def test_a_small_size_is_measured(monkeypatch):
    monkeypatch.setattr(measure, "WARM_UP_ROWS", 20)
    found = measure.measure(Size(rows=300, columns=10, steps=3, sample_rows=20, score=True))
    assert json.loads(json.dumps(found)) == found
    assert found["tokens"] >= 10
    assert found["step_seconds"] > 0
    assert found["encoded_bytes"] > 300 * 10
    assert found["quality"]["shuffled"]["pairs"] <= 1


def test_the_time_of_a_step_is_a_median_over_reports(monkeypatch):
    seconds = iter([10.0, 12.5, 15.0, 90.0, 92.5])
    monkeypatch.setattr(measure, "clock", lambda: next(seconds))
    steps = measure.StepClock()
    for step in (25, 50, 75, 100, 125):
        steps(type("Progress", (), {"step": step}), None)
    assert steps.median() == pytest.approx(0.1)  # one report was late


def test_a_failing_size_is_named(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(MeasureError, match="5 rows of 7 columns could not be measured"):
        sweep.measure_apart(Size(5, 7, 2, 1, score=False))


# --- report ------------------------------------------------------------------------------------


def test_exponents_and_slopes_are_those_of_exact_laws():
    sizes = [10.0, 100.0, 1000.0]
    assert exponent(sizes, [3 * size**1.3 for size in sizes]) == pytest.approx(1.3)
    assert slope(sizes, [7 + 2 * size for size in sizes]) == pytest.approx((7, 2))


def line(name: str, size: int, power: float = 1.0, finished: str = "") -> Line:
    quality = {"model": {"pairs": 0.95}, "fresh": {"pairs": 0.98}, "shuffled": {"pairs": 0.9}}
    rows, columns = (size, 10) if name == "rows" else (20_000, size)
    return {
        "sweep": name,
        "finished": finished,
        "size": asdict(Size(rows, columns, 100, 10, score=True)),
        "measured": {
            "tokens": columns,
            "table_bytes": 45 * rows,
            "encoded_bytes": 46 * rows,
            "peak_bytes": 50_000_000 + 60 * rows,
            "prepare_seconds": 0.25 + 1e-6 * rows,
            "encode_seconds": 1e-6 * rows,
            "step_seconds": 0.01 * columns**power,
            "sample_rows_per_second": 1000.0,
            "quality": quality if columns == 10 else None,
        },
    }


def test_the_report_reads_the_newest_lines_and_draws_them(tmp_path):
    file, figure = tmp_path / "scale.jsonl", tmp_path / "scale.png"
    sweep.append(line("columns", 100, power=9.0), file)
    for size in (200, 10, 100):
        sweep.append(line("columns", size, power=1.25), file)
    for size in (100_000, 1_000_000, 10_000):
        sweep.append(line("rows", size), file)
    done = CliRunner().invoke(cli.main, ["report", str(file), "--figure", str(figure)])
    assert done.exit_code == 0, done.output
    assert "time of a step ~ columns^1.25 (10 to 200 columns)" in done.output
    assert "time of a step ~ rows^0.00" in done.output.replace("rows^-0.00", "rows^0.00")
    assert "before the first step = 0.25 s + 1.00 s a million rows" in done.output
    assert "= 50 MB + 60.0 bytes a row; the table has 45.0, encoded 46.0" in done.output
    assert figure.stat().st_size > 10_000


def test_half_a_sweep_is_reported_too(tmp_path):
    file = tmp_path / "scale.jsonl"
    sweep.append(line("columns", 500), file)
    assert findings(sweep.read(file)) == []
    done = CliRunner().invoke(cli.main, ["report", str(file), "--figure", str(tmp_path / "a.png")])
    assert done.exit_code == 0, done.output


def test_a_sweep_appends_a_line_for_each_size(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(sweep, "measure_apart", lambda size: seen.append(size) or {"tokens": 1})
    file = tmp_path / "scale.jsonl"
    arguments = ["columns", "--quick", "--largest", "50", "--output", str(file)]
    done = CliRunner().invoke(cli.main, arguments)
    assert done.exit_code == 0, done.output
    assert [size.columns for size in seen] == [10, 20, 50]
    assert not any(size.score for size in seen)
    assert len(file.read_text().splitlines()) == 3
