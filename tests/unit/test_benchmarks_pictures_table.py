"""A table with pictures: columns by hand, scores that count what they say, and every question."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.pictures import table_pictures as task
from benchmarks.pictures.data import Part
from benchmarks.pictures.table_pictures import columns as measures
from benchmarks.pictures.table_pictures import data as tables
from benchmarks.pictures.table_pictures import grid, methods, references, scores
from benchmarks.pictures.table_pictures.columns import COLUMNS, NUMBERS, PICTURE, measured, named
from benchmarks.pictures.task import Training
from tabdiffuse import TabularDiffusion

SIDE = 14  # four patches
RECIPE = {"width": 16, "depth": 1, "heads": 2, "batch_size": 16, "n_steps": 3, "verbose": 0}


class Judge:
    """Reads the shape of a box: the higher of ten heights, the later the category."""

    def read(self, pictures):
        height = measured(pictures)["height"].to_numpy()
        return np.array(measures.CATEGORIES, dtype=object)[np.clip(height - 3, 0, 9)]

    def features(self, pictures):
        return pictures.reshape(len(pictures), -1)[:, ::7]


def boxes(rows: int, seed: int) -> Part:
    """Boxes whose height is the label, with a width and a tone of their own."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, rows)
    pictures = np.zeros((rows, SIDE, SIDE), dtype=np.float32)
    for picture, label in zip(pictures, labels, strict=True):
        left, width = rng.integers(0, 6), rng.integers(2, 8)
        picture[1 : label + 4, left : left + width] = rng.uniform(0.3, 1)
    return Part({"image": pictures, "label": labels})


@pytest.fixture(scope="module")
def data():
    found = tables.tabulated(boxes(150, 0), boxes(60, 1), "pixels")
    found.__dict__["judge"] = Judge()
    return found


@pytest.fixture
def small(monkeypatch):
    """Make the questions small."""
    monkeypatch.setattr(scores, "ASKED", 20)
    monkeypatch.setattr(grid, "CARDS", 4)
    monkeypatch.setattr(grid, "SWEPT", ("bag",))


# --- Columns --------------------------------------------------------------------------------------


def test_measures_are_those_computed_by_hand():
    pictures = np.zeros((3, 4, 5))
    pictures[0, 1:3, 0:2] = 1  # a square of four pixels, wholly left of the middle
    pictures[1, :, 2] = 0.5  # a symmetric line
    found = measured(pictures)
    assert found["brightness"].tolist() == [0.2, 0.1, 0]
    assert found["dark"].tolist() == [0.8, 0.8, 1]
    assert found["height"].tolist() == [2, 4, 0]
    assert found["width"].tolist() == [2, 1, 0]
    assert found["symmetry"].tolist() == [0, 1, 1]
    assert found["tone"].tolist() == ["bright", "middle", "dark"]
    # down: 4 unit steps of 15; across: 2 of 16; and for the line no step down, 8 halves across
    edges = [(4 / 15 + 2 / 16) / 2, (0 + 8 * 0.5 / 16) / 2, 0]
    assert found["edges"].tolist() == pytest.approx(edges, abs=1e-4)
    assert found["height"].dtype == found["width"].dtype == np.int64


def test_symmetry_is_the_share_of_light_in_the_mirrored_place():
    picture = np.array([[[0.4, 0.0, 0.2], [0.3, 0.6, 0.1]]])
    assert measured(picture)["symmetry"].tolist() == [pytest.approx((0.4 + 0.8) / 1.6)]
    assert (measured(picture) == measured(picture[:, :, ::-1])).to_numpy().all()


@pytest.mark.parametrize(("level", "tone"), [(0.44, "dark"), (0.46, "middle"), (0.66, "bright")])
def test_tone_is_the_mean_of_what_is_shown_and_not_of_the_background(level, tone):
    picture = np.full((1, 10, 10), 0.1)
    picture[0, :2, :2] = level
    assert measured(picture)["tone"].tolist() == [tone]


def test_every_category_has_one_name_and_one_group():
    columns = named(np.arange(10))
    assert columns["category"].nunique() == 10
    assert columns["category"][9] == "ankle boot"
    assert columns["group"].value_counts().to_dict() == {"top": 4, "shoe": 3, "long": 2, "bag": 1}


# --- Rows -----------------------------------------------------------------------------------------


def test_columns_of_a_row_are_those_of_its_picture(data):
    again = measured(tables.stacked(data.test))
    for name in again:
        pd.testing.assert_series_equal(data.truth[name], again[name])
    assert (data.test["category"].map(measures.GROUPS) == data.test["group"]).all()


def test_gaps_are_planted_in_one_column_and_nowhere_else():
    pictures = boxes(2000, 3)
    whole = tables.table_of(pictures)
    gapped = tables.with_gaps(whole, [0])
    missing = gapped[tables.GAPPED].isna()
    # Five standard deviations of a share of 2,000 rows.
    assert missing.mean() == pytest.approx(tables.MISSING, abs=0.034)
    others = [name for name in COLUMNS if name != tables.GAPPED]
    pd.testing.assert_frame_equal(gapped[others], whole[others])
    assert (gapped[tables.GAPPED][~missing] == whole[tables.GAPPED][~missing]).all()


def test_a_quick_look_keeps_test_rows_judge_and_digest(data):
    quick = tables.tabulated(boxes(150, 0), boxes(60, 1), "pixels", 30)
    assert len(quick.train) == 30
    assert len(quick.real) == 150
    assert quick.sha256 == data.sha256
    assert quick.sha256 != tables.tabulated(boxes(150, 0), boxes(60, 2), "pixels").sha256
    pd.testing.assert_frame_equal(quick.truth, data.truth)


def test_halves_hide_the_right_half_and_five_columns_of_each_row(data):
    asked, hidden = tables.halves(data, 50)
    assert (hidden.sum(axis=1) == 5).all()
    assert (hidden.any(axis=0) & ~hidden.all(axis=0)).all()
    np.testing.assert_array_equal(asked[list(COLUMNS)].isna() & ~hidden, planted(data, 50, hidden))
    assert asked[list(COLUMNS)].isna().to_numpy()[hidden].all()
    pictures, true = tables.stacked(asked), tables.stacked(data.test)[:50]
    assert np.isnan(pictures[:, :, SIDE // 2 :]).all()
    np.testing.assert_array_equal(pictures[:, :, : SIDE // 2], true[:, :, : SIDE // 2])
    assert not np.isnan(true).any()


def planted(data, rows, hidden):
    """Tell which cells are open although they are not hidden: the planted gaps."""
    return data.test[list(COLUMNS)].head(rows).isna().to_numpy() & ~hidden


# --- Scores ---------------------------------------------------------------------------------------


def test_comparisons_are_those_computed_by_hand():
    truth = pd.DataFrame({"category": ["bag", "coat"], "height": [10, 20], "dark": [0.1, np.nan]})
    found = pd.DataFrame({"category": ["bag", "bag"], "height": [13, 24], "dark": [0.3, 0.9]})
    spread = pd.Series({"height": 5.0, "dark": 0.1})
    got = scores.compared(truth, found, spread)
    assert got["category"] == got["right"]["category"] == 0.5
    assert got["errors"]["height"] == pytest.approx(np.sqrt((9 + 16) / 2) / 5)
    assert got["errors"]["dark"] == pytest.approx(2)  # the missing cell does not count
    assert got["error"] == pytest.approx((got["errors"]["height"] + 2) / 2)
    where = np.zeros((2, len(COLUMNS)), dtype=bool)
    where[1, COLUMNS.index("height")] = True
    assert scores.compared(truth, found, spread, where) == {
        "right": {},
        "errors": {"height": pytest.approx(0.8)},
        "error": pytest.approx(0.8),
    }


def test_an_error_of_one_is_the_mean_of_a_column(data):
    mean = pd.DataFrame({name: np.full(60, data.truth[name].mean()) for name in NUMBERS})
    found = scores.compared(data.truth, mean, data.spread)
    assert list(found["errors"].values()) == pytest.approx([1] * len(NUMBERS))


def test_perfect_answers_have_no_error(data, small):
    rows = data.test.head(20)
    read = scores.read_scores(data.truth.head(20), data)
    drawn = scores.drawn_scores(tables.stacked(rows), data)
    joint = scores.agreement_scores(rows, data)
    halved = scores.halves_columns_scores(rows, data) | scores.halves_pictures_scores(rows, data)
    found = read | drawn | joint | halved
    for key in ("read_error", "drawn_error", "joint_error", "halves_error", "halves_kept"):
        assert found[key] == 0
    assert found["halves_pixels"] == 0
    for key in ("read_category", "drawn_category", "joint_category", "halves_label", "read_tone"):
        assert found[key] == 1


def test_pictures_of_other_rows_are_found_out(data, small):
    rows = data.test.head(20)
    turned = rows.assign(**{PICTURE: list(np.roll(tables.stacked(rows), 1, axis=0))})
    assert scores.drawn_scores(tables.stacked(turned), data)["drawn_error"] > 0.7
    assert scores.agreement_scores(turned, data)["joint_category"] < 0.5


@pytest.mark.parametrize("name", ["category", "height", PICTURE])
def test_a_known_cell_that_changes_is_an_error(name, data):
    asked, _ = tables.halves(data, 20)
    whole = data.test.head(20).copy()
    row = asked[name].notna().to_numpy().argmax()
    if name == PICTURE:
        changed = whole.at[row, name].copy()
        changed[0, 0] += 1e-6
        whole[name] = [changed if place == row else own for place, own in enumerate(whole[name])]
    else:
        whole[name] = whole[name].where(whole.index != row, "bag" if name == "category" else 99)
    score = scores.halves_pictures_scores if name == PICTURE else scores.halves_columns_scores
    with pytest.raises(AssertionError, match="came back changed"):
        score(whole, data)


# --- Methods and references -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(data):
    """Train every method for 20 steps; what shares a training is trained once."""
    made = {}
    fits = {name: method.fit for name, method in task.TASK.methods.items()}
    for fit in dict.fromkeys(fits.values()):
        training = Training(0, 20, RECIPE)
        model = fit(data, training)
        assert training.info["steps"] == 20
        assert training.info["n_parameters"] > 0
        made |= {name: model for name, own in fits.items() if own is fit}
    return made


EVERY = {column.key for column in task.TASK.columns}
ASKED_OF = {
    methods.PRODUCT: EVERY,
    methods.BY_CATEGORY: {key for key in EVERY if key.startswith(("drawn", "frechet", "nearer"))},
    methods.TABLE: {"shape", "trend", "c2st", "halves_category", "halves_error"},
    methods.OWN: {"shape", "trend", "c2st", "halves_category", "halves_error"},
}


@pytest.mark.parametrize("method", task.TASK.methods)
def test_every_method_is_asked_what_it_can_answer(method, trained, data, small):
    found = task.TASK.ask(trained[method], data, 0, method)
    assert EVERY & set(found) == ASKED_OF[method]
    assert np.isfinite([found[key] for key in ASKED_OF[method]]).all()
    json.dumps(found, allow_nan=False)


class Recorder:
    """Answers with the test rows, and remembers which columns were given."""

    def __init__(self, data):
        self.rows, self.asked = data.test, []

    def sample(self, n_samples=1, *, conditions=None, random_state=None):
        self.asked.append(None if conditions is None else list(conditions.columns))
        rows = self.rows.head(n_samples if conditions is None else len(conditions))
        each = 1 if conditions is None else n_samples
        return rows.iloc[np.repeat(np.arange(len(rows)), each)]

    def predict(self, X, target):
        assert list(X.columns) == [PICTURE]
        return self.rows[target].head(len(X))


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        (methods.PRODUCT, [None, [PICTURE], [PICTURE, *COLUMNS], list(COLUMNS)]),
        (methods.BY_CATEGORY, [["category"]]),
        (methods.TABLE, [None, list(COLUMNS)]),
        (methods.OWN, [None, list(COLUMNS)]),
    ],
)
def test_each_question_shows_the_model_what_it_says(method, asked, data, small):
    model = Recorder(data)
    found = task.TASK.ask(model, data, 0, method)
    assert model.asked == asked
    for key in ("read_error", "drawn_error", "joint_error", "halves_error", "halves_pixels"):
        assert found.get(key, 0) == 0


def test_table_alone_has_the_recipe_of_the_product_and_own_that_of_tables(trained):
    product, table, own = (trained[name] for name in (methods.PRODUCT, methods.TABLE, methods.OWN))
    for name in ("width", "depth", "heads", "clean", "independent", "ema_gamma"):
        assert getattr(product.preset_, name) == getattr(table.preset_, name)
    assert table.learning_rate == methods.ADAMW_RATE
    assert table.learning_rate < product.preset_.learning_rate
    assert table.batch_size_ == product.batch_size_ == 16
    assert own.preset_ == TabularDiffusion.presets["fast"]
    assert trained[methods.PRODUCT] is trained[methods.BY_CATEGORY]


def test_a_table_that_is_told_its_precision_trains(data):
    training = Training(0, 2, {**RECIPE, "precision": "float32"})
    assert methods.fit_table(data, training).n_iter_ == 2


def test_only_what_is_asked_reaches_the_picture(trained, data, small):
    """Pictures by category do not depend on the other columns; pictures given all of them do."""
    model, rows = trained[methods.PRODUCT], data.test.head(20)

    def pictures(names, table):
        return tables.stacked(methods.completed(model, table[names], 0))

    other = rows.assign(brightness=rows["brightness"].to_numpy()[::-1])
    for names, is_same in ((["category"], True), (list(COLUMNS), False)):
        same = np.array_equal(pictures(names, rows), pictures(names, other))
        assert same == is_same


def test_references_bracket_every_score(data, small):
    found = {name: reference(data) for name, reference in task.TASK.references.items()}
    real, shuffled = found["real test rows"], found["shuffled rows"]
    for key in ("drawn_category", "joint_category", "halves_label", "trend", "c2st"):
        assert real[key] > shuffled[key] + 0.1
    for key in ("drawn_error", "joint_error"):
        assert real[key] == 0
        assert 0.7 < shuffled[key] < 2
    assert real["shape"] > 0.8
    assert "nearer_to_train" not in real
    assert 0.7 < shuffled["read_error"] < 2
    assert shuffled["halves_pixels"] > 0.01
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("reference", [references.ridge, references.boosted_trees])
def test_regressions_read_columns_from_pixels(reference, data, small, monkeypatch):
    monkeypatch.setattr(references, "TREES", 10)
    found = reference(data)
    assert found["read_category"] > 0.3
    assert set(found["read_errors"]) == set(NUMBERS)
    assert found["read_error"] < 0.8


# --- Grid and page --------------------------------------------------------------------------------


def test_pictures_are_drawn_into_one_grid(trained, data, small, tmp_path):
    shown = {name: task.TASK.show(trained[name], data, 0, name) for name in task.TASK.methods}
    assert shown[methods.TABLE] == {}
    assert {key.split("_")[0] for key in shown[methods.PRODUCT]} == {
        "given",
        "bag",
        "both",
        "read",
        "halves",
    }
    assert shown[methods.PRODUCT]["halves_wrong"].dtype == bool
    task.TASK.draw(shown, data, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as image:
        assert image.height > 700
    task.TASK.draw({methods.BY_CATEGORY: shown[methods.BY_CATEGORY]}, data, tmp_path / "part.png")


def test_captions_name_what_is_known_and_dot_what_is_not():
    rows = pd.DataFrame(
        {"category": ["bag", None], "height": [20.0, np.nan], "width": [5, 6], "brightness": 0.256}
    )
    assert grid.captions(rows) == ["bag 20×5 0.26", "· ·×6 0.26"]


def test_a_sweep_goes_from_dark_to_bright_within_a_category(data):
    asked = grid.sweep("bag", data)
    own = data.real.loc[data.real["category"] == "bag", "brightness"]
    values = [row["brightness"] for row in asked]
    assert values == sorted(values)
    assert own.min() < values[0] < values[-1] < own.max()


def test_remarks_say_what_the_picture_costs_the_table():
    ours = [
        {"shape": 0.98, "trend": 0.96, "read_errors": {"dark": 0.1}},
        {"shape": 0.96, "trend": 0.96, "read_errors": {"dark": 0.2}},
    ]
    said = task.remarks({methods.PRODUCT: ours, methods.TABLE: [{"shape": 0.98, "trend": 0.95}]})
    assert said == [
        "Error of each number read from the picture: dark 0.150.",
        "The columns of the joint model against `table alone`: -1.00 points of Shape, +1.00 of "
        "Trend.",
    ]
    assert task.remarks({}) == []
