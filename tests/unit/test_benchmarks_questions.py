"""Questions: mechanisms that do as they say, tasks that know good answers from bad, kept lines."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

import tabdiffuse
from benchmarks import environment, methods, results
from benchmarks.cli import main
from benchmarks.data import Dataset
from benchmarks.deadline import TimeIsUp
from benchmarks.questions import cli as command
from benchmarks.questions import models as training
from benchmarks.questions import rival
from benchmarks.questions import run as running
from benchmarks.questions.boosted import Targets, predict
from benchmarks.questions.distances import energy_distance, nearest
from benchmarks.questions.errors import permuted_numbers, rarity, wrong_cells
from benchmarks.questions.holes import MECHANISMS, RATE, punch, random_half
from benchmarks.questions.iterative import iterative
from benchmarks.questions.matrix import Matrix
from benchmarks.questions.question import Question
from benchmarks.questions.report import missing, render
from benchmarks.questions.scarce import scarce
from benchmarks.questions.settings import BASELINES, Settings
from benchmarks.questions.smote import Oversample
from benchmarks.questions.task import OURS
from benchmarks.questions.tasks import TASKS, conditional, imputation, oversampling, target
from benchmarks.results import OWN_METHOD
from benchmarks.rivals.environments import RivalError
from benchmarks.rivals.exchange import Job
from benchmarks.trainings import Training
from tabdiffuse import TabularDiffusion
from tabdiffuse.tables import TableSchema
from tests.benchmark_lines import CPU, line
from tests.oracles import largest_z

CATEGORICAL = ["c", "y"]


def table(rows, seed):
    """Tied columns: z follows x, c its third, k the same in whole numbers, y by chance of x."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    likely = 1 / (1 + np.exp(-3 * x + 1))
    return pd.DataFrame(
        {
            "x": x,
            "z": x + 0.1 * random.normal(size=rows),
            "k": np.round(4 * x).astype(int),
            "c": np.select([x < -0.5, x < 0.5], ["low", "middle"], "high"),
            "y": np.where(random.random(rows) < likely, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def question():
    return Question(table(600, 0), table(400, 1), CATEGORICAL, "y", "binclass", seed=0, rows=200)


@pytest.fixture(scope="module")
def about_a_number(question):
    shift = {"y": np.exp(question.train["x"] + 3)}
    test = question.test.assign(y=np.exp(question.test["x"] + 3))
    train = question.train.assign(**shift)
    return replace(question, train=train, test=test, categorical=["c"], kind="regression")


class Informed:
    """Answers by the nearest train rows, as a good model would by the law."""

    neighbours = 15
    knows = True

    def __init__(self, question):
        self.question = question
        self.matrix = Matrix.fit(question.train, question.categorical)
        self.cells = self.matrix(question.train)

    def sample(self, n_samples=None, *, conditions=None, guidance=None, random_state=None):
        if not isinstance(conditions, pd.DataFrame):
            return self.question.train.sample(n_samples, replace=True, random_state=random_state)
        return self.impute(conditions, random_state=random_state)

    def impute(self, rows, *, n_draws=1, random_state=None, n_steps=None):
        draws = [self._fill(rows, np.random.default_rng([random_state, i])) for i in range(n_draws)]
        return draws[0] if n_draws == 1 else draws

    def score_samples(self, rows):
        return -np.sort(self._distances(self.matrix(rows)), axis=1)[:, : self.neighbours].mean(1)

    def score_cells(self, rows, *, relative=True):
        """Tell how far a cell is from those of the rows that are near in all others."""
        cells, found = self.matrix(rows), {}
        for name, own in self.matrix.slices.items():
            rest = np.ones(cells.shape[1], dtype=bool)
            rest[own] = False
            near = self._distances(cells[:, rest], rest).argsort(axis=1)[:, : self.neighbours]
            middle = self.cells[near][:, :, own].mean(axis=1)
            found[name] = np.abs(middle - cells[:, own]).sum(axis=1)
        return pd.DataFrame(found, index=rows.index)

    def predict_proba(self, rows, target):
        answers = self._answers(rows, target)
        return pd.DataFrame({name: (answers == name).mean(axis=1) for name in ("no", "yes")})

    def predict(self, rows, target):
        return pd.Series(self._answers(rows, target).mean(axis=1))

    def _answers(self, rows, target):
        emptied = rows.assign(**{target: np.nan})[list(self.question.train)]
        return self.question.train[target].to_numpy()[self._near(emptied)]

    def _distances(self, cells, which=None):
        mine = self.cells if which is None else self.cells[:, which]
        differences = cells[:, None] - mine
        return np.sqrt((np.nan_to_num(differences) ** 2).sum(axis=2))

    def _near(self, rows):
        if self.knows:
            return self._distances(self.matrix(rows)).argsort(axis=1)[:, : self.neighbours]
        places = np.random.default_rng(0).integers(len(self.cells), size=(len(rows), 15))
        return np.asarray(places)

    def _fill(self, rows, random):
        near = self._near(rows)
        chosen = near[np.arange(len(rows)), random.integers(self.neighbours, size=len(rows))]
        donors = self.question.train.iloc[chosen].set_axis(rows.index, axis=0)
        filled = rows.astype(object).where(rows.notna(), donors)
        return filled.astype(self.question.train.dtypes.to_dict())


class Uninformed(Informed):
    """Answers by the columns on their own."""

    knows = False

    def score_samples(self, rows):
        return -rarity(rows, self.question).sum(axis=1)

    def score_cells(self, rows, *, relative=True):
        return pd.DataFrame(rarity(rows, self.question), columns=list(rows), index=rows.index)


class OfOneClass(TabularDiffusion):
    """Draws real rows of the class that is asked for."""

    denoiser_: Any = None

    def sample(self, n_samples=None, *, conditions=None, guidance=None, random_state=None):
        random = np.random.default_rng(random_state)
        ((name, classes),) = conditions.items()
        (wanted,) = classes.unique()
        places = np.flatnonzero(self.rows_[name] == wanted)
        return self.rows_.iloc[random.choice(places, len(classes))]


def of_one_class(rows):
    model = OfOneClass()
    model.rows_, model.schema_ = rows, TableSchema.infer(rows)
    return model


# Cells, holes, errors


def test_a_matrix_puts_levels_and_standard_deviations_one_apart(question):
    matrix = Matrix.fit(question.train, CATEGORICAL)
    cells = matrix(question.train)
    assert cells[:, matrix.slices["z"]].std() == pytest.approx(1)
    levels = cells[:, matrix.slices["c"]]
    apart = np.linalg.norm(levels[:, None][:50] - levels[None, :50], axis=-1)
    codes = question.train["c"].to_numpy()[:50]
    assert apart == pytest.approx((codes[:, None] != codes[None]).astype(float))


def test_a_matrix_is_read_back_and_marks_holes(question):
    matrix = Matrix.fit(question.train, CATEGORICAL)
    rows = question.test.astype({"k": float})
    pd.testing.assert_frame_equal(matrix.decode(matrix(rows)), rows)
    holes = random_half(rows, np.random.default_rng(0))
    assert (np.isnan(matrix(punch(rows, holes))) == matrix.spread(holes)).all()


def test_an_unseen_level_and_a_constant_column_have_cells():
    matrix = Matrix.fit(pd.DataFrame({"a": [1, 1], "c": ["u", "v"]}), ["c"])
    cells = matrix(pd.DataFrame({"a": [3], "c": ["w"]}))
    assert cells.tolist() == [[2, 0, 0]]


@pytest.mark.parametrize("name", MECHANISMS)
def test_three_tenths_of_the_cells_that_can_miss_are_missing(name):
    rows = table(4000, 5)
    holes = MECHANISMS[name](rows, np.random.default_rng(0))
    columns = holes[:, holes.any(axis=0)]
    error = np.sqrt(RATE * (1 - RATE) / len(rows))
    assert np.abs(columns.mean(axis=0) - RATE).max() < largest_z() * error
    assert columns.shape[1] == (3 if name == "mar" else 5)  # of 5 columns, 2 are always seen


def test_the_reason_of_missing_is_the_one_named():
    """The hidden value explains MNAR alone; given what is always seen, MAR is like MCAR."""
    rows = pd.DataFrame(np.random.default_rng(1).normal(size=(4000, 4)), columns=list("abcd"))
    difference = {}
    for name, mechanism in MECHANISMS.items():
        holes = mechanism(rows, np.random.default_rng(0))
        places = np.flatnonzero(holes.any(axis=0))
        own = rows.to_numpy()[:, places[0]]
        seen = rows.to_numpy()[:, np.flatnonzero(~holes.any(axis=0))]
        missing_here = holes[:, places[0]]
        difference[name] = {
            "own": abs(own[missing_here].mean() - own[~missing_here].mean()),
            "seen": max(
                (abs(s[missing_here].mean() - s[~missing_here].mean()) for s in seen.T), default=0
            ),
        }
    bound = largest_z() * np.sqrt(1 / (4000 * RATE) + 1 / (4000 * (1 - RATE)))
    assert difference["mcar"]["own"] < bound
    assert difference["mar"]["own"] < bound < difference["mar"]["seen"]
    assert difference["mnar"]["own"] > 2 * bound


def test_half_of_each_row_is_hidden_and_not_the_same_half():
    holes = random_half(table(500, 0), np.random.default_rng(0))
    assert set(holes.sum(axis=1)) == {3}
    assert len(np.unique(holes, axis=0)) == 10


def test_energy_distance_is_that_of_two_points_and_zero_of_a_copy(question):
    zero, three = np.zeros((5, 2)), np.tile([3.0, 4.0], (7, 1))
    assert energy_distance(zero, three) == pytest.approx(10)
    cells = Matrix.fit(question.train, CATEGORICAL)(question.test)
    assert energy_distance(cells, cells[::-1]) == pytest.approx(0, abs=1e-12)


def test_the_nearest_row_is_found_over_the_cells_that_are_seen():
    random = np.random.default_rng(0)
    rows, among = random.normal(size=(300, 4)), random.normal(size=(50, 4))
    seen = random.random(rows.shape) < 0.6
    differences = np.where(seen[:, None], rows[:, None] - among, 0.0)
    exact = (differences**2).sum(axis=2).argmin(axis=1)
    found = nearest(np.where(seen, rows, np.nan), among, seen)
    unseen = ~seen.any(axis=1)  # every row is as near
    assert (found[~unseen] == exact[~unseen]).all()


def test_wrong_cells_are_as_many_as_asked_and_differ(question):
    rows = question.test.assign(same="one", rare=np.where(question.test.index == 0, 1, 0))
    known = question.train.assign(same="one", rare=np.where(question.train.index == 0, 1, 0))
    asked = replace(question, train=known)
    changed, wrong = wrong_cells(rows, 2, asked, np.random.default_rng(0))
    assert set(wrong.sum(axis=1)) == {2}
    differs = changed.to_numpy(object) != rows.to_numpy(object)
    assert (differs == wrong).all()
    assert not wrong[:, list(rows).index("same")].any()
    for name in rows:
        assert set(changed[name]) <= set(known[name]) | set(rows[name])


def test_permuted_numbers_keep_columns_and_categories(question):
    changed = permuted_numbers(question.test, question, np.random.default_rng(0))
    assert (changed[CATEGORICAL] == question.test[CATEGORICAL]).all(axis=None)
    assert sorted(changed["x"]) == sorted(question.test["x"])
    assert abs(changed["x"].corr(changed["z"])) < 0.3 < question.test["x"].corr(question.test["z"])


def test_rarity_is_a_share_or_a_tail(question):
    rows = pd.DataFrame({"x": [0.0, 9.0], "z": 0.0, "k": 0, "c": ["low", "new"], "y": "no"})
    found = rarity(rows, question)
    share = (question.train["c"] == "low").mean()
    assert found[0, 3] == pytest.approx(-np.log(share), abs=0.01)
    assert found[1, 3] > 6
    assert found[1, 0] > 6 > 0.2 > found[0, 0]


def test_the_iterative_imputer_fills_categories_with_more_than_the_mode(question):
    truth = question.test
    matrix = Matrix.fit(question.train, CATEGORICAL)
    holes = MECHANISMS["mcar"](truth, np.random.default_rng(0))
    filled = matrix.decode(
        iterative(matrix(question.train), matrix(punch(truth, holes)), matrix, 0)
    )
    hidden = holes[:, 3]
    right = (filled["c"] == truth["c"])[hidden].mean()
    by_mode = (question.train["c"].mode()[0] == truth["c"])[hidden].mean()
    assert right > by_mode + 0.2


def test_few_rows_of_one_class_are_left(question):
    rows = scarce(question)
    assert rows["y"].value_counts(normalize=True).min() == pytest.approx(0.05, abs=0.005)
    assert len(scarce(question, share=None)) == 300
    known = set(map(tuple, question.train.to_numpy()))
    assert set(map(tuple, rows.to_numpy())) <= known


def test_trees_predict_classes_and_numbers(question, about_a_number):
    for asked, floor in ((question, 0.25), (about_a_number, 0.5)):
        truth = Targets.of(asked)(asked.test)
        found = predict(asked.train, asked.test, asked)
        spread = np.mean((truth - truth.mean()) ** 2)
        assert np.mean((truth - found) ** 2) < (1 - floor) * spread


def test_purposes_and_row_counts_do_not_change_one_another(question):
    assert question.asked(50).equals(question.asked()[:50])
    assert question.asked().equals(replace(question, rows=200).asked())
    assert not question.asked().equals(replace(question, seed=1).asked())
    first = question.random("a").random()
    assert question.random("a").random() == first != question.random("b").random()


# The tasks


BETTER = {
    "conditional": ["c2st"],
    "imputation": [f"{name}_{score}" for name in MECHANISMS for score in ("rmse", "accuracy")],
    "target": ["micro_auc", "auc"],
    "predict": ["auc", "average_precision"],
    "anomaly": ["auc_cells", "auc_permuted"],
    "typos": ["found_first", "auc"],
}


def shown(task):
    return {column.key: column for columns in task.tables.values() for column in columns}


@pytest.fixture(scope="module")
def informed(question):
    return {name: TASKS[name].ask(question, Informed(question)) for name in BETTER}


@pytest.mark.parametrize("name", BETTER)
def test_a_task_tells_an_informed_model_from_an_uninformed_one(name, question, informed):
    uninformed = TASKS[name].ask(question, Uninformed(question))
    for method, scores in informed[name].items():
        for key in BETTER[name]:
            rank = shown(TASKS[name])[key].rank
            assert rank(scores[key]) > rank(uninformed[method][key]), (method, key)


@pytest.mark.parametrize("name", [name for name in TASKS if name not in ("oversampling", "cost")])
def test_a_task_shows_every_score_it_computes(name, question):
    answers = {**TASKS[name].baselines(question), **TASKS[name].ask(question, Informed(question))}
    given = {key for scores in answers.values() for key in scores}
    of_others = {"rmse", *(column.key for column in conditional.COMPLETED)}
    assert given == set(shown(TASKS[name])) - of_others
    assert TASKS[name].bounds <= set(answers)
    assert all(np.isfinite(value) for scores in answers.values() for value in scores.values())


@pytest.mark.parametrize("name", ["target", "predict"])
def test_a_number_as_target_is_scored_by_its_logarithm(name, about_a_number):
    ours = TASKS[name].ask(about_a_number, Informed(about_a_number))[OURS]["rmse"]
    others = TASKS[name].baselines(about_a_number)
    assert ours < 0.5 * others["target's marginal"]["rmse"]
    assert others["XGBoost on the real rows"]["rmse"] < 0.5 * others["target's marginal"]["rmse"]


def test_bounds_enclose_what_lies_between(question):
    scores = {name: each["c2st"] for name, each in conditional.baselines(question).items()}
    assert scores[conditional.REAL] > 0.8 > 0.5 > scores[conditional.MARGINAL]
    assert scores[conditional.MARGINAL] < scores[conditional.NEAREST] <= 1


def test_a_draw_has_the_law_and_the_mean_has_the_smaller_error(informed):
    scores = informed["imputation"]
    for name in MECHANISMS:
        one, mean = scores[imputation.ONE], scores[imputation.MEAN]
        assert mean[f"{name}_rmse"] < one[f"{name}_rmse"]


def test_filling_by_the_truth_is_perfect_and_by_the_mean_is_not(question):
    truth, matrix = question.asked(), Matrix.fit(question.train, CATEGORICAL)
    holes = MECHANISMS["mcar"](truth, np.random.default_rng(0))
    scores = imputation.score([truth], truth, holes, matrix, "m")
    assert scores == {"m_energy": pytest.approx(0, abs=1e-9), "m_rmse": 0, "m_accuracy": 1}
    usual = punch(truth, holes).fillna({"x": 0.0, "z": 0.0, "k": 0, "c": "middle", "y": "no"})
    assert imputation.score([usual], truth, holes, matrix, "m")["m_energy"] > 10


def test_the_published_auc_rewards_the_prior():
    truth = np.repeat([0.0, 1.0], [80, 20])
    constant = target.score(truth, np.full(100, 0.2), "binclass")
    assert constant["auc"] == 0.5
    assert constant["micro_auc"] == pytest.approx(0.8)
    votes = np.linspace(0, 1, 100)
    scores = target.score(truth, votes, "binclass")
    assert scores["auc"] == roc_auc_score(truth, votes) == 1


def test_oversampling_judges_rows_and_needs_no_rival(question, monkeypatch):
    def not_there(*arguments):
        raise RivalError("The environment 'smote' is not installed.")

    monkeypatch.setattr(oversampling, "smote", not_there)
    baselines = oversampling.baselines(question)
    assert set(baselines) == {oversampling.ALL, oversampling.NONE, oversampling.COPIES}
    best, least = baselines[oversampling.ALL]["auc"], baselines[oversampling.NONE]["auc"]
    assert least < oversampling.ask(question, of_one_class(question.train))[OURS]["auc"]
    assert best > 0.8
    assert set(baselines[oversampling.ALL]) == set(shown(TASKS["oversampling"]))

    def broken(*arguments):
        raise RivalError("SMOTE-NC ended with status 1.")

    monkeypatch.setattr(oversampling, "smote", broken)
    with pytest.raises(RivalError, match="status 1"):
        oversampling.baselines(question)


def test_rows_of_the_rarer_class_are_added_until_there_are_as_many(question, monkeypatch):
    judged = []
    monkeypatch.setattr(oversampling, "judge", lambda rows, asked: judged.append(rows))
    oversampling.ask(question, of_one_class(question.train))
    (rows,) = judged
    given = scarce(question)
    pd.testing.assert_frame_equal(rows[: len(given)], given)
    assert rows["y"].value_counts().tolist() == [given["y"].value_counts().max()] * 2
    assert set(rows["y"][len(given) :]) == {given["y"].value_counts().idxmin()}


def test_the_script_of_smote_gives_the_new_rows_alone(question, monkeypatch):
    class Sampler:
        def __init__(self, classes, random_state):
            self.classes = classes

        def fit_resample(self, rows, classes):
            new = rows[classes == "no"].iloc[:7]
            grown = pd.concat([rows, new], ignore_index=True)
            return grown, pd.Series([*classes, *["no"] * 7])

    package, inside = ModuleType("imblearn"), ModuleType("imblearn.over_sampling")
    inside.SMOTE = inside.SMOTENC = Sampler
    monkeypatch.setitem(sys.modules, "imblearn", package)
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", inside)
    kinds = {name: "categorical" if name in CATEGORICAL else "numeric" for name in question.train}
    script = Oversample(Job(question.train, kinds, 7, 0, {"target": "y"}))
    assert script.sampler.classes == ["c"]
    script.fit()
    made = script.sample()
    assert list(made["y"]) == ["no"] * 7
    assert set(made) == set(question.train)


def test_cost_is_a_ratio_to_sampling_without_conditions(question, monkeypatch):
    asked = []

    class Slow:
        def sample(self, n=None, conditions=None, guidance=None, random_state=None):
            asked.append((n, type(conditions).__name__, guidance))

    scores = TASKS["cost"].ask(question, Slow())
    assert scores["unconditional"]["times"] == 1
    assert set(asked) == {
        (200, "NoneType", None),
        (None, "DataFrame", None),
        (200, "dict", None),
        (None, "DataFrame", 1.5),
    }
    assert {key for each in scores.values() for key in each} == set(shown(TASKS["cost"]))


def test_a_rival_is_run_once_and_its_tables_reach_the_tasks_that_asked(question, informed):
    runs = []

    def complete(asked, requests):
        runs.append([request.draws for request in requests])
        model, made = Informed(asked), []
        for request in requests:
            draws = model.impute(request.rows, n_draws=request.draws, random_state=asked.seed)
            made += draws if request.draws > 1 else [draws]
        return rival.split(pd.concat(made, ignore_index=True), requests), {"fit_seconds": 1.0}

    names = rival.RIVALS["argn"].tasks
    tasks = [TASKS[name] for name in names]
    scores, info = rival.answers(tasks, question, "Other", complete)
    assert runs == [[1, 10, 10, 10]]
    assert info == {"fit_seconds": 1.0}
    for name in names:
        ours = {method.replace(OURS, "Other"): own for method, own in informed[name].items()}
        assert scores[name] == ours


def test_what_a_rival_was_shown_comes_back_as_it_was(question):
    rows = punch(question.asked(), random_half(question.asked(), np.random.default_rng(0)))
    other = {"x": 9.0, "z": 9.0, "k": 9, "c": "?", "y": "?"}
    (draws,) = rival.split(
        pd.DataFrame(other, index=range(2 * len(rows))), [rival.Request(rows, 2)]
    )
    assert len(draws) == 2
    for draw in draws:
        seen = draw.where(rows.notna())
        pd.testing.assert_frame_equal(seen.astype(object), rows.astype(object))
        assert draw["c"][rows["c"].isna()].eq("?").all()


# The runs


class Stub:
    """Learn nothing; note what was asked."""

    fits: list = []  # noqa: RUF012
    stop_after: int | None = None

    def fit(self, train, seed, options):
        if len(Stub.fits) == Stub.stop_after:
            raise TimeIsUp("stopped after step 7")
        Stub.fits.append((len(train), seed, dict(options["overrides"])))
        info = {"fit_seconds": 30.0, "steps": 100, "n_parameters": 1000, "parameters": {}}
        return StubModel(), info


class StubModel:
    def set_params(self, **given):
        assert given == {"checkpoint": None, "callbacks": None}

    def save(self, path):
        path.write_text("weights")


@pytest.fixture
def stub(monkeypatch, question, tmp_path):
    """Replace data, training, and what the tasks do."""
    recipe = {
        "columns": [
            {"name": name, "kind": "categorical" if name in CATEGORICAL else "numeric"}
            for name in question.train
        ],
        "target": "y",
        "task": "binclass",
    }
    fake = Dataset("adult", question.train, question.test, recipe, {})
    monkeypatch.setattr(Dataset, "categorical", CATEGORICAL)
    monkeypatch.setattr(Dataset, "sha256", "0" * 64)
    monkeypatch.setattr(running, "load", lambda name: fake)
    monkeypatch.setitem(methods.METHODS, OWN_METHOD, Stub)
    monkeypatch.setattr(Stub, "fits", [])
    monkeypatch.setattr(Stub, "stop_after", None)
    loaded = []

    def find(self):
        if not self.path.is_file():
            return None
        loaded.append(self.path.name)
        return StubModel(), {"fit_seconds": 30.0}

    monkeypatch.setattr(Training, "find", find)
    for name, task in TASKS.items():
        key = next(iter(shown(task)))
        quick = replace(
            task,
            baselines=task.baselines and (lambda q, key=key: {"usual": {key: 0.25}}),
            ask=lambda q, model, key=key: {OURS: {key: 0.5}},
        )
        monkeypatch.setitem(TASKS, name, quick)
    machine = {"git": {"commit": "0123456789"}, "hardware": CPU}
    monkeypatch.setattr(environment, "describe", lambda: machine)
    monkeypatch.setattr(command, "SCRATCH", tmp_path / "scratch")
    Stub.loaded = loaded
    return Stub


CTGAN = Settings(datasets=["adult"], seeds=[0], rivals=["ctgan"])
SMALL = ["--dataset", "adult", "--seed", "0", "--seed", "1", "--max-steps", "100"]


def invoke(tmp_path, *arguments):
    words = ["questions", *arguments, *SMALL, "--lines", str(tmp_path / "lines.jsonl")]
    return CliRunner().invoke(main, words)


def test_a_run_trains_one_model_for_all_tasks_and_one_on_scarce_rows(stub, tmp_path, question):
    outcome = invoke(tmp_path, "run")
    assert outcome.exit_code == 0, outcome.output
    few = [len(scarce(replace(question, seed=seed))) for seed in (0, 1)]
    assert [(rows, seed) for rows, seed, _ in stub.fits] == [
        (600, 0),
        (few[0], 0),
        (600, 1),
        (few[1], 1),
    ]
    assert all(overrides == {"max_steps": 100} for *_, overrides in stub.fits)
    lines = results.read_lines([tmp_path / "lines.jsonl"])
    assert len(lines) == 2 * (2 * len(TASKS) - 1)  # cost has no baselines
    assert len({kept["config_hash"] for kept in lines}) == len(lines)
    ours = [kept for kept in lines if kept["part"] == "model"]
    assert {kept["fit_seconds"] for kept in ours} == {30.0}
    assert {kept["config"]["method"] for kept in lines} == {OWN_METHOD, BASELINES}
    assert len(list((tmp_path / "scratch").glob("adult-fast-seed*.tabdiffuse"))) == 4


def test_what_is_finished_is_skipped_and_models_are_found_again(stub, tmp_path):
    invoke(tmp_path, "run")
    path = tmp_path / "lines.jsonl"
    whole = path.read_text()
    stub.fits.clear()
    assert invoke(tmp_path, "run").exit_code == 0
    assert (stub.fits, stub.loaded, path.read_text()) == ([], [], whole)
    kept = [row for row in whole.splitlines() if '"task": "typos"' not in row]
    path.write_text("\n".join(kept) + "\n")
    assert invoke(tmp_path, "run").exit_code == 0
    assert stub.fits == []
    assert [name[:16] for name in stub.loaded] == ["adult-fast-seed0", "adult-fast-seed1"]
    assert len(path.read_text().splitlines()) == len(whole.splitlines())
    assert invoke(tmp_path, "run", "--task", "typos", "--force").exit_code == 0
    assert len(path.read_text().splitlines()) == len(whole.splitlines()) + 4


def test_a_rival_has_lines_of_its_own_where_it_is_asked_for(stub, tmp_path, monkeypatch):
    told = {"fit_seconds": 2.0}
    complete = lambda self, question, requests, time_limit: ([], told)  # noqa: E731
    monkeypatch.setattr(rival.Rival, "complete", complete)
    asked = ["--task", "conditional", "--task", "typos"]
    assert invoke(tmp_path, "run", *asked, "--rival", "argn").exit_code == 0
    lines = results.read_lines([tmp_path / "lines.jsonl"])
    theirs = [kept for kept in lines if kept["part"] == "argn"]
    assert [kept["task"] for kept in theirs] == ["conditional"] * 2
    assert theirs[0]["scores"] == {"TabularARGN": {"c2st": 0.5}}
    page = tmp_path / "page.md"
    assert invoke(tmp_path, "report", *asked, "--page", str(page)).exit_code == 0
    assert row_of(page.read_text(), "TabularARGN") == ["TabularARGN", "2", "**0.500±.000**"]


def test_each_rival_answers_its_own_tasks(stub, tmp_path, monkeypatch):
    complete = lambda self, question, requests, time_limit: ([], {})  # noqa: E731
    monkeypatch.setattr(rival.Rival, "complete", complete)
    rivals = ["--rival", "argn", "--rival", "ctgan"]
    assert invoke(tmp_path, "run", *rivals).exit_code == 0
    lines = results.read_lines([tmp_path / "lines.jsonl"])
    assert {(kept["part"], kept["task"]) for kept in lines if kept["part"] in rival.RIVALS} == {
        ("argn", "conditional"),
        ("argn", "imputation"),
        ("ctgan", "conditional"),
    }
    (theirs, _) = (kept for kept in lines if kept["part"] == "ctgan")
    assert theirs["scores"] == {"CTGAN, rejection": {"c2st": 0.5}}


def test_a_rival_with_other_arguments_is_another_question(monkeypatch):
    (job,) = (job for job in CTGAN.jobs("adult", 0, "binclass") if job.part == "ctgan")
    digest = job.digest("0" * 64)
    assert job.digest("0" * 64) == digest
    longer = replace(rival.RIVALS["ctgan"], overrides={"epochs": 300})
    monkeypatch.setitem(rival.RIVALS, "ctgan", longer)
    assert job.digest("0" * 64) != digest


def test_another_recipe_is_trained_anew_and_baselines_are_not(stub, tmp_path, monkeypatch):
    task = ["--task", "typos"]
    invoke(tmp_path, "run", *task)
    stub.fits.clear()
    fast = tabdiffuse.PRESETS["fast"]
    monkeypatch.setitem(tabdiffuse.PRESETS, "fast", replace(fast, clean=0.25))
    assert invoke(tmp_path, "run", *task).exit_code == 0
    assert len(stub.fits) == 2
    lines = results.read_lines([tmp_path / "lines.jsonl"])
    parts = [kept["part"] for kept in lines]
    assert (parts.count("model"), parts.count("baselines")) == (4, 2)


def test_a_changed_number_of_rows_is_another_question(stub, tmp_path):
    task = ["--task", "typos"]
    invoke(tmp_path, "run", *task)
    invoke(tmp_path, "run", *task, "--rows", "100")
    lines = results.read_lines([tmp_path / "lines.jsonl"])
    assert sorted(kept["rows"] for kept in lines) == [100] * 4 + [2000] * 4
    assert len(stub.fits) == 2


def test_the_limit_leaves_the_rest_for_another_call(stub, tmp_path, monkeypatch):
    monkeypatch.setattr(stub, "stop_after", 1)
    outcome = invoke(tmp_path, "run")
    assert outcome.exit_code == 75
    assert f"Left, for another call of the same command: {len(TASKS) + 1} jobs" in outcome.output
    monkeypatch.setattr(stub, "stop_after", None)
    assert invoke(tmp_path, "run").exit_code == 0
    assert len(results.read_lines([tmp_path / "lines.jsonl"])) == 4 * len(TASKS) - 2


def test_nothing_is_begun_that_cannot_finish(stub, tmp_path):
    outcome = invoke(tmp_path, "run", "--time-limit", "60")
    assert outcome.exit_code == 75
    assert stub.fits == []
    assert not (tmp_path / "lines.jsonl").exists()


def test_a_real_model_is_kept_and_found(tmp_path, question):
    settings = Settings(overrides={"max_steps": 5}, device="cpu")
    models = training.Models(tmp_path)
    asked = models.training(settings.config("adult", 0), "0" * 64, "train")
    assert models.find(asked) is None
    model, info = models.train(asked, question.train, running.Deadline(None), 0.0)
    assert info["steps"] == 5
    again, told = models.find(asked)
    assert told["fit_seconds"] == info["fit_seconds"]
    assert again.sample(20, random_state=0).equals(model.sample(20, random_state=0))
    assert models.find(models.training(settings.config("adult", 0), "0" * 64, "scarce")) is None
    quick = replace(settings, overrides={"max_steps": 5, "n_steps": 3}).config("adult", 0)
    assert models.find(models.training(quick, "0" * 64, "train"))[0].n_steps == 3
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".json", ".tabdiffuse"]


# The page


def answers(settings, task, scores, part="model"):
    """Lines of one task on Adult; ``scores`` has one dict of methods for each seed."""
    made = []
    for seed, each in enumerate(scores):
        config = settings.config("adult", seed)
        if part == "baselines":
            config = replace(config, method=BASELINES, preset="default", overrides={})
        made.append(line(config))
        made[-1] |= {"task": task, "part": part, "rows": settings.rows, "scores": each}
    return made


ADULT = Settings(datasets=["adult"], seeds=[0, 1], tasks=["target"])
OURS_TWICE = [{OURS: {"micro_auc": 0.94, "auc": value}} for value in (0.91, 0.93)]
BESIDE = [
    {
        target.REAL: {"micro_auc": 0.95, "auc": 0.90},
        target.MARGINAL: {"micro_auc": 0.76, "auc": 0.92},
    }
]


def page_of(settings=ADULT):
    lines = answers(settings, "target", OURS_TWICE)
    return render(lines + answers(settings, "target", BESIDE, "baselines"), settings)


def row_of(page, name):
    (row,) = [row for row in page.splitlines() if row.startswith(f"| {name} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_page_marks_the_best_contestant_and_sets_bounds_apart():
    page = page_of()
    assert row_of(page, OURS) == [OURS, "2", "0.940±.000", "**0.920±.014**"]
    assert row_of(page, target.REAL) == [target.REAL, "1", "**0.950**", "0.900"]
    assert row_of(page, f"*{target.MARGINAL}*")[2:] == ["0.760", "0.920"]
    assert "RMSE, log target" not in page  # no method has it on a class


def test_published_numbers_stand_beside_and_say_that_they_are_recalled():
    page = page_of()
    assert row_of(page, "TabSyn, imputed")[2:] == ["0.932†", "–"]
    assert "† recalled, not read again in its source: TabSyn" in page


def test_the_page_gives_commands_and_names_what_is_missing():
    page = page_of()
    command_line = "python -m benchmarks questions run --dataset adult --seed 0 --seed 1"
    assert f"```sh\n{command_line} --task target\n```" in page
    assert "3 of 4 jobs are finished. Run on 2 cores of Tiny CPU. Commits: 0123456." in page
    assert "Missing on adult: baselines (seeds 1)." in page
    lines = answers(ADULT, "target", OURS_TWICE)
    assert missing(lines, ADULT) == [f"target of baselines on adult, seed {s}" for s in (0, 1)]


def test_lines_of_another_recipe_or_size_are_no_part_of_the_page():
    lines = answers(replace(ADULT, overrides={"max_steps": 9}), "target", OURS_TWICE)
    lines += answers(replace(ADULT, rows=77), "target", OURS_TWICE)
    assert len(missing(lines, ADULT)) == 4
    assert "| ---" not in render(lines, ADULT)


def test_without_lines_the_page_describes_every_task_and_holds_no_table():
    page = render([], Settings())
    for task in TASKS.values():
        assert f"## {task.title}" in page
        assert task.text in page
        assert f"--task {task.name}\n" in page
    assert "| ---" not in page
    assert "0 of " in page
    assert "Missing on beijing" in page.split(f"## {TASKS['conditional'].title}")[1]
    assert "beijing" not in page.split("## Oversampling")[1].split("## ")[0].lower()


def test_the_newest_of_equal_lines_counts():
    old = answers(ADULT, "target", [{OURS: {"auc": 0.5}}])
    new = answers(ADULT, "target", [{OURS: {"auc": 0.7}}])
    new[0]["finished"] = "2027-01-01T00:00:00+00:00"
    assert row_of(render(new + old, ADULT), OURS)[2] == "0.700"
