"""Rows completed by rivals: which drawn rows agree with kept cells, rows that stay open, draws."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.questions import rejection, rival
from benchmarks.questions.argn import Completions
from benchmarks.questions.question import Question
from benchmarks.questions.rejection import Candidates
from benchmarks.questions.tasks import conditional
from benchmarks.rivals.exchange import Job

CATEGORICAL = ["c", "y"]


def table(rows, seed):
    """Draw rows of a fraction and a whole number that follow it, and two categories."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    return pd.DataFrame(
        {
            "x": x,
            "k": np.round(4 * x).astype(int),
            "c": np.select([x < -0.5, x < 0.5], ["low", "middle"], "high"),
            "y": random.choice(["no", "yes"], rows),
        }
    )


@pytest.fixture(scope="module")
def question():
    return Question(table(600, 0), table(400, 1), CATEGORICAL, "y", "binclass", seed=0, rows=200)


def test_rows_agree_if_fractions_are_near_and_all_else_is_equal():
    drawn = pd.DataFrame({"f": [1.0, 1.009, 1.011, 1.0], "k": [3, 3, 3, 4], "c": list("uuuu")})
    candidates = Candidates(drawn, ["f", "k", "c"])
    assert candidates.agreeing({"f": 1.0, "k": 3.0, "c": "u"}).tolist() == [0, 1]
    assert candidates.agreeing({"f": 1.0, "k": np.nan, "c": np.nan}).tolist() == [0, 1, 3]
    assert candidates.agreeing({"f": np.nan, "k": 3.0, "c": "v"}).tolist() == []
    assert candidates.agreeing(dict.fromkeys("fkc", np.nan)).tolist() == [0, 1, 2, 3]


@pytest.fixture
def rejecting(question, monkeypatch, tmp_path):
    """Make the script of CTGAN with a stand-in of the package that draws train rows."""

    class Synthesizer:
        def __init__(self, metadata, **arguments):
            self._model = SimpleNamespace(_generator=torch.nn.Linear(2, 3))

        def fit(self, tables):
            self.rows = tables["table"]

        def sample(self, count):
            return {
                "table": self.rows.sample(count, replace=True, random_state=0, ignore_index=True)
            }

    class Metadata:
        load_from_dict = staticmethod(lambda given: given)

    for name, content in {
        "sdv": {},
        "sdv.metadata": {"Metadata": Metadata},
        "sdv.single_table": {"CTGANSynthesizer": Synthesizer},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(rejection, "CANDIDATES", 5000)

    def make(rows, draws):
        rows.to_csv(tmp_path / "0.csv", index=False)
        kinds = {name: "categorical" if name in CATEGORICAL else "numeric" for name in rows}
        requests = [{"file": str(tmp_path / "0.csv"), "draws": draws}]
        return rejection.Rejection(
            Job(question.train, kinds, draws * len(rows), 0, {"requests": requests})
        )

    return make


def test_rejection_completes_the_rows_that_a_drawn_row_agrees_with(question, rejecting):
    rows = question.train[:40].assign(x=np.nan, y=np.nan)
    rows.loc[30:, "k"] = 1000  # no row has it
    script = rejecting(rows, draws=3)
    script.fit()
    made = script.sample()
    (draws,) = rival.split(made, [rival.Request(rows, 3)])
    known = set(map(tuple, question.train.to_numpy()))
    for draw in draws:
        assert draw[:30].notna().all(axis=None)
        assert set(map(tuple, draw[:30].to_numpy())) <= known
        assert draw.loc[30:, ["x", "y"]].isna().all(axis=None)
    assert not draws[0][:30].equals(draws[1][:30])
    told = script.describe()
    assert told["n_parameters"] == 9
    assert 0.3 < told["scores"]["completed_by_default"] < 0.75


def test_rows_that_stay_open_are_told_and_only_few_of_them_are_scored_over(question):
    rows, others = conditional.samples(question)
    whole = conditional.score(rows, others, question)
    assert set(whole) == {"c2st"}
    few = rows.mask(rows.index.to_series() % 20 == 0)
    found = conditional.score(few, others, question)
    assert found["completed"] == pytest.approx(0.95)
    assert found["c2st"] > 0.8
    assert conditional.score(rows.mask(rows["c"] == "low"), others, question) == {
        "completed": (rows["c"] != "low").mean()
    }


def test_what_a_rival_tells_of_itself_joins_its_scores(question):
    def complete(asked, requests):
        rows = [[request.rows.fillna(asked.train.iloc[0].to_dict())] for request in requests]
        return rows, {"scores": {"completed_by_default": 0.25}, "fit_seconds": 1.0}

    scores, info = rival.answers([conditional.TASK], question, "Other", complete)
    found = scores["conditional"]["Other"]
    assert found["completed_by_default"] == 0.25
    assert set(found) == {"c2st", "completed_by_default"}
    assert info == {"fit_seconds": 1.0}


def test_the_draws_of_a_table_are_asked_for_at_once_and_told_apart_again(question, tmp_path):
    class Model:
        def impute(self, rows):
            asked.append(len(rows))
            return rows.assign(x=np.arange(len(rows), dtype=float))

    asked = []
    rows = question.train[:20].assign(x=np.nan)
    rows.to_csv(tmp_path / "0.csv", index=False)
    kinds = {name: "categorical" if name in CATEGORICAL else "numeric" for name in rows}
    script = Completions.__new__(Completions)  # without its package
    script.model = Model()
    requests = {"requests": [{"file": str(tmp_path / "0.csv"), "draws": 3}]}
    script.job = Job(question.train, kinds, 60, 0, requests)
    (draws,) = rival.split(script.sample(), [rival.Request(rows, 3)])
    assert asked == [60]
    assert [draw["x"].tolist() for draw in draws] == np.arange(60.0).reshape(3, 20).tolist()
