"""`evaluate`: numbers beside those of real rows, and inputs refused in words."""

import sys

import numpy as np
import pandas as pd
import pytest

from tabdiffuse import Report, evaluate
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tabdiffuse.metrics.copies import nn_ratio
from tabdiffuse.metrics.detection import detection
from tabdiffuse.metrics.mle import utility
from tabdiffuse.metrics.privacy import dcr_share
from tabdiffuse.metrics.quality import quality
from tabdiffuse.metrics.support import support
from tabdiffuse.tables import TableSchema

CATEGORICAL = ["work", "rich"]
EVERYTHING = [
    "Shape",
    "Trend",
    "Trend, real edges",
    "α-precision",
    "β-recall",
    "C2ST, logistic",
    "C2ST, logistic, held out",
    "C2ST, XGBoost",
    "C2ST, XGBoost, held out",
    "MLE, AUROC",
    "DCR share",
    "NN distance ratio",
]


def people(seed, n_rows):
    rng = np.random.default_rng(seed)
    age = rng.integers(17, 90, n_rows)
    pay = age * rng.lognormal(sigma=0.3, size=n_rows)
    return pd.DataFrame(
        {
            "age": age,
            "pay": pay,
            "work": np.array(["none", "part", "full"])[age // 30 % 3],
            "rich": pay + rng.normal(0, 10, n_rows) > 60,
        }
    )


@pytest.fixture(scope="module")
def tables():
    return people(0, 200), people(1, 200).assign(age=lambda table: table["age"] + 2), people(2, 200)


@pytest.fixture(scope="module")
def report(tables):
    return evaluate(*tables, target="rich", n_jobs=1)


def test_each_number_is_the_metric_of_that_name(tables, report):
    real, fake, holdout = tables
    found = report.to_frame()["synthetic"]
    same = quality(real, fake, CATEGORICAL)
    both = support(real, fake, CATEGORICAL)
    expected = {
        "Shape": same.shape,
        "Trend": same.trend,
        "Trend, real edges": same.trend_real_edges,
        "α-precision": both.alpha_precision,
        "β-recall": both.beta_recall,
        "C2ST, logistic": detection(real, fake, CATEGORICAL, classifier="logistic"),
        "C2ST, logistic, held out": detection(holdout, fake, CATEGORICAL, classifier="logistic"),
        "C2ST, XGBoost": detection(real, fake, CATEGORICAL),
        "C2ST, XGBoost, held out": detection(holdout, fake, CATEGORICAL),
        "MLE, AUROC": utility(fake, holdout, CATEGORICAL, "rich", protocol="repaired").score,
        "DCR share": dcr_share(fake, real, holdout, CATEGORICAL),
        "NN distance ratio": nn_ratio(fake, real, holdout, CATEGORICAL),
    }
    assert found.to_dict() == pytest.approx(expected, abs=1e-12)
    assert report.left_out == {}
    assert report.quality == same


def test_held_out_real_rows_stand_beside_the_synthetic_ones(tables, report):
    real, _, holdout = tables
    found = report.to_frame()["held-out real"]
    assert found["Trend"] == quality(real, holdout, CATEGORICAL).trend
    assert found["C2ST, XGBoost"] == detection(real, holdout, CATEGORICAL)
    # Where the held-out rows judge, the real ones are in their place.
    assert found["C2ST, XGBoost, held out"] == detection(holdout, real, CATEGORICAL)
    learnt = utility(real, holdout, CATEGORICAL, "rich", protocol="repaired").score
    assert found["MLE, AUROC"] == learnt
    assert found[["DCR share", "NN distance ratio"]].isna().all()


def test_shuffled_columns_are_the_floor(report):
    floor = report.to_frame()["shuffled"]
    assert floor["Shape"] == 1.0
    ceiling = report.to_frame()["held-out real"]
    assert (floor < ceiling)[["Trend", "C2ST, XGBoost", "MLE, AUROC"]].all()


def test_a_report_reads_as_a_table(report):
    lines = str(report).splitlines()
    assert lines[0].split() == ["synthetic", "held-out", "real", "shuffled", "best"]
    assert [line.split("  ")[0] for line in lines[1 : 1 + len(EVERYTHING)]] == EVERYTHING
    assert f"{report['Trend'].synthetic:.4f}" in lines[2]
    assert "Rows: 200 synthetic, 200 real, 200 held-out." in lines
    assert repr(report) == str(report)
    assert "<table" in report._repr_html_()
    with pytest.raises(KeyError, match="'Form' is not in the report; it has"):
        report["Form"]


def test_without_a_holdout_the_report_says_what_is_left_out(tables):
    real, fake, _ = tables
    seen = []
    report = evaluate(
        real, fake, target="rich", n_jobs=1, progress=lambda name, _: seen.append(name)
    )
    assert list(report.left_out) == ["mle", "copies"]
    assert "Left out: mle. It needs real rows that the generator did not see: pass holdout." in str(
        report
    )
    assert report.to_frame()["held-out real"].isna().all()
    assert seen == list(report.seconds) == ["quality", "support", "c2st_logistic", "c2st_xgboost"]


def test_without_xgboost_the_rest_is_computed_and_the_remedy_named(tables, monkeypatch):
    real, fake, _ = tables
    monkeypatch.setitem(sys.modules, "xgboost", None)
    report = evaluate(real[:50], fake[:50], n_jobs=1)
    assert report.left_out["c2st_xgboost"] == "It needs XGBoost: `pip install tabdiffuse[bench]`."
    assert "C2ST, logistic" in report.to_frame().index
    with pytest.raises(ImportError, match=r"'c2st_xgboost' cannot .*pip install tabdiffuse\[bench"):
        evaluate(real, fake, metrics=["c2st_xgboost"])


def test_only_the_metrics_asked_for_are_computed(tables):
    report = evaluate(*tables, metrics=["copies", "quality"])
    assert list(report.seconds) == ["copies", "quality"]
    assert report.left_out == {}


def test_a_numeric_target_is_scored_in_standard_deviations_whatever_its_unit(tables):
    """The protocol's logarithm of a clipped target would call all these salaries 20,000."""
    scores = []
    for factor, offset in ((1.0, 0.0), (-5e4, 3.0)):
        moved = [table.assign(pay=factor * table["pay"] + offset) for table in tables]
        report = evaluate(*moved, target="pay", metrics=["mle"], n_jobs=1)
        scores.append(report["MLE, RMSE / sd"])
    assert scores[0].held_out < 0.9 * scores[0].shuffled
    assert scores[1].held_out == pytest.approx(scores[0].held_out, rel=0.2)
    assert scores[0].best == 0.0


def test_kinds_can_be_given(tables):
    real, fake, _ = tables
    numbers = [table.assign(zip=np.arange(200) % 7) for table in (real, fake)]
    by_number = evaluate(*numbers, metrics=["quality"])
    by_level = evaluate(*numbers, metrics=["quality"], schema={"zip": "categorical"})
    assert by_number["Trend"] != by_level["Trend"]
    whole = TableSchema.infer(numbers[0], {"zip": "categorical"})
    again = evaluate(*numbers, metrics=["quality"], schema=whole)
    assert again["Trend"] == by_level["Trend"]


def test_levels_written_as_floats_for_their_missing_values_are_the_same_levels():
    real = pd.DataFrame({"zip": [1, 2, 3] * 20, "x": np.arange(60.0)})
    fake = real.assign(zip=real["zip"].astype(float).where(real.index != 5))
    report = evaluate(real, fake, schema={"zip": "categorical"}, metrics=["quality", "support"])
    assert report["Shape"].synthetic > 0.98
    assert report["β-recall"].synthetic > 0.95


def test_column_order_and_integer_names_do_not_matter(tables):
    real, fake, _ = (table.set_axis([0, 1, 2, 3], axis=1) for table in tables)
    names = ["quality", "support"]
    expected = evaluate(real, fake, metrics=names).to_frame()
    found = evaluate(real, fake[[3, 1, 0, 2]], metrics=names).to_frame()
    pd.testing.assert_frame_equal(found, expected)
    evaluate(real[:30], fake[:30], real[30:60], target=1, metrics=["mle"], n_jobs=1)


def test_tables_are_not_changed(tables):
    before = [table.copy() for table in tables]
    evaluate(*tables, metrics=["quality", "c2st_logistic", "copies"])
    for table, copy in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(table, copy)


def test_tables_that_cannot_be_compared_are_refused(tables):
    real, fake, holdout = tables
    with pytest.raises(DataTypeError, match="synthetic table must be a pandas DataFrame; got list"):
        evaluate(real, [1])
    with pytest.raises(
        DataError, match=r"holdout table .* Missing: \['pay'\]; unknown: \['wage'\]"
    ):
        evaluate(real, fake, holdout.rename(columns={"pay": "wage"}))
    with pytest.raises(DataError, match="synthetic table has 0 rows"):
        evaluate(real, fake[:0])
    with pytest.raises(DataError, match=r"synthetic table: .*'age'.*infinite"):
        evaluate(real, fake.assign(age=np.inf))
    with pytest.raises(DataTypeError, match="synthetic table: Column 'age': 200 of 200 values are"):
        evaluate(real, fake.assign(age="x"))
    with pytest.raises(
        DataError, match=r"'work': the synthetic .*no level in common, e.g. 'never'"
    ):
        evaluate(real, fake.assign(work="never"))


def test_metrics_and_targets_that_do_not_go_are_refused(tables):
    real, fake, holdout = tables
    with pytest.raises(ParameterError, match=r"metrics is \['trend'\]; it must name any of"):
        evaluate(real, fake, metrics=["trend"])
    with pytest.raises(ParameterError, match=r"Pass \['quality'\]"):
        evaluate(real, fake, metrics="quality")
    with pytest.raises(ParameterError, match=r"'copies' cannot be computed.*pass holdout"):
        evaluate(real, fake, metrics=["copies"])
    with pytest.raises(ParameterError, match=r"'mle' cannot be computed.*pass target"):
        evaluate(real, fake, holdout, metrics=["mle"])
    with pytest.raises(ParameterError, match="target is 'wage', which is no column"):
        evaluate(real, fake, holdout, target="wage")
    with pytest.raises(DataError, match="'work' has 3 levels"):
        evaluate(real, fake, holdout, target="work")


def test_nearness_of_copies_shows_in_the_ratio(tables):
    real, _, holdout = tables
    assert nn_ratio(people(3, 200), real, holdout, CATEGORICAL) == pytest.approx(1, abs=0.25)
    near = real.assign(pay=real["pay"] + 0.01)
    assert nn_ratio(near, real, holdout, CATEGORICAL) > 5
    assert nn_ratio(real, real, holdout, CATEGORICAL) == np.inf
    assert nn_ratio(real, real, real, CATEGORICAL) == 1.0


def test_an_empty_report_is_a_table_too():
    assert Report(()).to_frame().empty
