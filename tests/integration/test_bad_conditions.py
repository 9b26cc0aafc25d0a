"""Questions that cannot be answered are refused in words before any work of the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from tabdiffuse import Approx, Between, Missing, OneOf
from tabdiffuse.errors import DataError, DataTypeError, ParameterError
from tests.tiny_tables import assert_same_rows, tiny_model

FRAME = pd.DataFrame(
    {
        "age": np.arange(18, 78).repeat(3),
        "price": np.linspace(0.5, 99.5, 180) ** 1.1,
        "weight": np.linspace(40, 90, 180, dtype="float32") ** 1.01,
        "height": np.where(np.arange(180) % 7 == 0, np.nan, np.linspace(150, 200, 180)),
        "sex": ["F", "M", "M"] * 60,
        "member": [True, False] * 90,
        "same": "x",
        "empty": np.nan,
    }
)


@pytest.fixture(scope="module")
def model():
    return tiny_model().fit(FRAME)


@pytest.fixture
def no_network(model, monkeypatch):
    """Fail when the network is called."""

    def call(*args, **kwargs):
        pytest.fail("the network was called")

    monkeypatch.setattr(type(model.denoiser_), "forward", call)


def frame_of(**cells):
    return pd.DataFrame(cells)


BAD_CONDITIONS: dict[str, Any] = {
    "a number": (3, DataTypeError, r"conditions must be a dictionary .* Got 3 of type int"),
    "a string": ("sex", DataTypeError, r"Got 'sex' of type str instead"),
    "a list of values": ([1, 2], DataTypeError, r"list of such dictionaries, or a DataFrame"),
    "a series": (pd.Series({"age": 30}), DataTypeError, r"of type Series"),
    "unknown column": (
        {"sexx": "F"},
        DataError,
        r"conditions name an unknown column 'sexx' \(row 0\)\. Did you mean 'sex'\? Known",
    ),
    "unknown column in a list": (
        [{}, {"zip": 1}],
        DataError,
        r"unknown column 'zip' \(row 1\)\. K",
    ),
    "a column twice": (
        pd.DataFrame([[30, 40]], columns=["age", "age"]),
        DataError,
        r"more than one condition is named \['age'\]",
    ),
    "unseen category": (
        {"sex": "X"},
        DataError,
        r"Column 'sex': 1 of 1 values were never seen.*\(first: 'X', row 0\)\. Known: 'F', 'M'",
    ),
    "unseen category in a frame": (
        frame_of(sex=["F", None, "X"]),
        DataError,
        r"'sex': 1 of 3 values were never seen.*\(first: 'X', row 2\)",
    ),
    "unseen category among others": ({"sex": OneOf(["F", "X"])}, DataError, r"first: 'X'"),
    "string on a number": ({"age": "30"}, DataTypeError, r"'age': 1 of 1 values are not numbers"),
    "strings on a number": (frame_of(age=["30"]), DataTypeError, r"pd\.to_numeric\(X\['age'\]\)"),
    "flag on a number": (frame_of(age=[True]), DataTypeError, r"'age' holds numbers; got True"),
    "infinite": ({"price": np.inf}, DataError, r"'price': 1 of 1 values are infinite"),
    "fraction of an integer": ({"age": 37.5}, DataError, r"whole numbers.*Write 37 or 38"),
    "fraction in a frame": (
        frame_of(age=[30, 37.5, None]),
        DataError,
        r"values do not fit .*37\.5, row 1",
    ),
    "list in place of OneOf": ({"sex": ["F", "M"]}, DataTypeError, r"Write OneOf\(\[\.\.\.\]\)"),
    "list in a frame": (frame_of(sex=["F", ["F", "M"]]), DataTypeError, r"\(row 1\).*OneOf"),
    "range beyond the data": (
        {"age": Between(100, 120)},
        DataError,
        r"no possible value satisfies",
    ),
    "range between integers": ({"age": Between(30.2, 30.8)}, DataError, r"in steps of 1"),
    "range of categories": ({"sex": Between(1, 2)}, DataTypeError, r"is categorical.*OneOf"),
    "noise on categories": ({"member": Approx(1, 2)}, DataTypeError, r"'member' is boolean"),
    "a gap where there was none": ({"age": Missing}, DataError, r"no missing values in the train"),
    "a value where all are missing": ({"empty": 1.0}, DataError, r"'empty'.*Known: only gaps\."),
    "a number beyond single precision": (
        {"weight": 1e300},
        DataError,
        r"'weight' holds numbers \(float32\); .* values do not fit .*1e\+300, row 0.*Stay bet",
    ),
    "a number beyond any float": ({"price": 10**400}, DataTypeError, r"Write an int or a float"),
    "another constant": ({"same": "y"}, DataError, r"'same': 1 of 1 values were never seen"),
    "numbers without mass": (
        {"price": OneOf([np.float64(1.0), 2.0])},
        DataError,
        r"'price' holds so many different numbers.* 1\.0 of OneOf\. Write Between\(low, high\) or",
    ),
    "a number between integers": ({"age": OneOf([30, 37.5])}, DataError, r"37\.5.*in steps of 1"),
}


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("conditions", "error", "message"), BAD_CONDITIONS.values(), ids=BAD_CONDITIONS
)
def test_condition_that_cannot_be_met_is_refused_by_sample_and_vary(
    model, conditions, error, message
):
    calls = model.n_sample_calls_
    with pytest.raises(error, match=message):
        model.sample(2, conditions)
    rows = len(conditions) if isinstance(conditions, pd.DataFrame | list) else 3
    with pytest.raises(error, match=message):
        model.vary(FRAME.head(rows), conditions=conditions)
    assert model.n_sample_calls_ == calls


BAD_QUESTIONS: dict[str, Any] = {
    "guidance out of range": (
        lambda m: m.sample(2, {"sex": "F"}, guidance=-1),
        ParameterError,
        r"'guidance' parameter of TabularDiffusion\.sample must be a non-negative",
    ),
    "guidance without conditions": (
        lambda m: m.sample(2, guidance=2),
        ParameterError,
        r"Guidance leans on conditions.*Got guidance=2",
    ),
    "guidance with open conditions": (
        lambda m: m.sample(conditions=frame_of(age=[np.nan]), guidance=2),
        ParameterError,
        r"Guidance leans on conditions",
    ),
    "balance of two columns": (
        lambda m: m.sample(4, balance={"sex": "uniform", "member": "uniform"}),
        ParameterError,
        r"balance must name one column",
    ),
    "balance of a number": (
        lambda m: m.sample(4, balance={"age": "uniform"}),
        DataError,
        r"needs a categorical or boolean column; 'age' is numeric",
    ),
    "balance of an unknown column": (
        lambda m: m.sample(4, balance={"zip": "uniform"}),
        DataError,
        r"balance names an unknown column 'zip'\. Known columns",
    ),
    "balance of an unknown level": (
        lambda m: m.sample(4, balance={"sex": {"F": 0.5, "X": 0.5}}),
        DataError,
        r"never seen.*'X'",
    ),
    "balance that does not sum": (
        lambda m: m.sample(4, balance={"sex": {"F": 0.5, "M": 0.6}}),
        ParameterError,
        r"must sum to 1\. They sum to 1\.1",
    ),
    "balance with a negative share": (
        lambda m: m.sample(4, balance={"sex": {"F": 1.5, "M": -0.5}}),
        ParameterError,
        r"numbers from 0 to 1\. Got 1\.5",
    ),
    "balance of another form": (
        lambda m: m.sample(4, balance={"sex": "equal"}),
        ParameterError,
        r"must be 'uniform' or map levels to shares\. Got 'equal'",
    ),
    "balance of a level that says nothing": (
        lambda m: m.sample(4, balance={"sex": {"F": 0.5, None: 0.5}}),
        ParameterError,
        r"levels of balance\['sex'\] must be values, or Missing for a gap\. Got None",
    ),
    "balance of gaps that were none": (
        lambda m: m.sample(4, balance={"sex": {"F": 0.5, Missing: 0.5}}),
        DataError,
        r"'sex' has no missing values",
    ),
    "balance against a condition": (
        lambda m: m.sample(4, {"sex": "F"}, balance={"sex": "uniform"}),
        DataError,
        r"'sex' is in balance and in conditions",
    ),
    "strength out of range": (
        lambda m: m.vary(FRAME, strength=1.5),
        ParameterError,
        r"strength must be a number from 0 to 1\. Got 1\.5",
    ),
    "strength of one column out of range": (
        lambda m: m.vary(FRAME, strength={"age": -1}),
        ParameterError,
        r"strength\['age'\] must be",
    ),
    "strength of an unknown column": (
        lambda m: m.vary(FRAME, strength={"zip": 0.1}),
        DataError,
        r"strength names unknown columns \['zip'\]",
    ),
    "vary and keep": (
        lambda m: m.vary(FRAME, columns=["age", "sex"], keep=["sex"]),
        ParameterError,
        r"columns and keep both name \['sex'\]",
    ),
    "vary one name": (
        lambda m: m.vary(FRAME, columns="age"),
        ParameterError,
        r"must be a list of column names\. Got 'age'; write \['age'\]",
    ),
    "vary under too many conditions": (
        lambda m: m.vary(FRAME, conditions=[{}, {}]),
        DataError,
        r"conditions have 2 rows, and X has 180",
    ),
    "vary under conditions on other rows": (
        lambda m: m.vary(FRAME.head(2), conditions=frame_of(age=[1, 2]).set_axis([5, 6])),
        DataError,
        r"different indices.*set_axis\(X\.index",
    ),
    "vary without a column": (
        lambda m: m.vary(FRAME.drop(columns="age")),
        DataError,
        r"1 of 8 columns are missing: \['age'\]",
    ),
    "impute without a column": (
        lambda m: m.impute(FRAME.drop(columns="age")),
        DataError,
        r"1 of 8 columns are missing: \['age'\]",
    ),
    "impute another column": (
        lambda m: m.impute(FRAME.assign(zip=1)),
        DataError,
        r"were not in the training data: \['zip'\]",
    ),
    "impute no frame": (
        lambda m: m.impute(FRAME.to_numpy()),
        DataTypeError,
        r"must be a pandas DataFrame; got ndarray",
    ),
    "impute an unseen category": (
        lambda m: m.impute(FRAME.assign(sex="X")),
        DataError,
        r"'sex': 180 of 180 values were never seen",
    ),
    "no draws": (
        lambda m: m.impute(FRAME, n_draws=0),
        ParameterError,
        r"'n_draws' parameter of TabularDiffusion\.impute must be a positive integer",
    ),
    "unknown agg": (
        lambda m: m.impute(FRAME, agg="max"),
        ParameterError,
        r"'agg' parameter of TabularDiffusion\.impute must be one of 'mean', 'median', 'mode' or N",
    ),
    "seed": (lambda m: m.impute(FRAME, random_state=-1), ParameterError, r"'random_state'"),
    "steps": (lambda m: m.vary(FRAME, n_steps=0), ParameterError, r"'n_steps' .*\.vary must be"),
}


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(("ask", "error", "message"), BAD_QUESTIONS.values(), ids=BAD_QUESTIONS)
def test_question_that_makes_no_sense_is_refused(model, ask, error, message):
    with pytest.raises(error, match=message):
        ask(model)


def test_model_gives_the_same_rows_after_refusals(model):
    rows = model.sample(5, {"sex": "F"}, random_state=1)
    for ask, error, _ in BAD_QUESTIONS.values():
        with pytest.raises(error):
            ask(model)
    assert_same_rows(model.sample(5, {"sex": "F"}, random_state=1), rows)


def test_nothing_is_answered_before_a_fit():
    for ask in (lambda m: m.impute(FRAME), lambda m: m.vary(FRAME), lambda m: m.sample(2, {})):
        with pytest.raises(NotFittedError):
            ask(tiny_model())
