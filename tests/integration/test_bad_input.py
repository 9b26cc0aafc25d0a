"""Bad input is refused in words before any work, and a fitted estimator stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from tabdiffuse import TabularDiffusion
from tabdiffuse.errors import (
    DataError,
    DataTypeError,
    ParameterError,
    SchemaError,
    TrainingDivergedError,
)
from tests.tiny_tables import assert_same_rows, mixed_frame, tiny_model

N = 40


def one_column(values, name="c"):
    """Put a column beside an ordinary one."""
    return pd.DataFrame({"x": np.arange(len(values)), name: values})


BAD_FRAMES: dict[str, Any] = {
    "no rows": (mixed_frame().iloc[:0], DataError, r"X has 0 samples \(shape=\(0, 4\)\)"),
    "no columns": (pd.DataFrame(index=range(5)), DataError, r"0 feature\(s\) \(shape=\(5, 0\)\)"),
    "one row": (mixed_frame().iloc[:1], DataError, r"1 sample .* fewer than 2 rows"),
    "duplicate names": (
        pd.concat([mixed_frame(), mixed_frame()[["sign"]]], axis=1),
        DataError,
        r"more than one column is named \['sign'\]",
    ),
    "infinite": (
        pd.DataFrame({"x": [0.5, np.inf, 1.0, -np.inf]}),
        DataError,
        r"Column 'x': 2 of 4 values are infinite \(first: inf, row 1\).*NaN or by a finite",
    ),
    "mixed types": (
        one_column(["1", 2, "3", "4"]),
        DataTypeError,
        r"Column 'c' mixes the types int, str: 1 of 4 values are int \(first: 2, row 1\)",
    ),
    "nested": (one_column([[1], [2]]), DataTypeError, r"Column 'c' holds nested objects"),
    "complex": (one_column([1j, 2j]), DataError, r"Complex data not supported"),
    "datetime": (
        one_column(pd.date_range("2020-01-01", periods=N)),
        SchemaError,
        r"Column 'c' holds datetime64\[.s\] values .*not modelled yet\. Drop it, or convert",
    ),
    "timedelta": (
        one_column(pd.to_timedelta(np.arange(N), unit="s")),
        SchemaError,
        r"Column 'c' holds timedelta.*total_seconds",
    ),
    "ids": (
        one_column([f"id-{i:05}" for i in range(N)]),
        SchemaError,
        r"Column 'c' holds 40 strings that are all distinct \(first: 'id-00000', row 0\)",
    ),
    "levels": (
        one_column([f"level {i // 2}" for i in range(2002)]),
        SchemaError,
        r"Column 'c' has 1001 levels .*more than the 1000",
    ),
    "text": (
        one_column(
            [f"Sentence number {i} of a long and winding story, told twice" for i in range(N)]
        ),
        SchemaError,
        r"Column 'c' holds free text",
    ),
    "constant": (
        pd.DataFrame({"a": [1, 1, 1], "b": ["x"] * 3, "c": [np.nan] * 3}),
        DataError,
        r"nothing to learn: all 3 columns are constant \(\['a', 'b', 'c'\]\)",
    ),
    "tuple names": (
        pd.DataFrame({("a", "b"): [1, 2]}),
        DataTypeError,
        r"Column names must be strings or integers; got \('a', 'b'\)",
    ),
    "ndarray": (np.zeros((5, 2)), DataTypeError, r"must be a pandas DataFrame; got ndarray"),
    "list": ([[1, 2], [3, 4]], DataTypeError, r"must be a pandas DataFrame; got list"),
    "dict": ({"a": [1, 2]}, DataTypeError, r"must be a pandas DataFrame; got dict"),
    "none": (None, DataTypeError, r"must be a pandas DataFrame; got NoneType"),
    "series": (pd.Series([1, 2]), DataTypeError, r"must be a pandas DataFrame; got Series"),
}


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(("X", "error", "message"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_bad_frame_is_refused_before_training(X, error, message):
    with pytest.raises(error, match=message):
        tiny_model().fit(X)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"y": "numeric"}, r"schema names an unknown column 'y'\. Columns: \['x', 'twice', "),
        ({"x": "number"}, r"schema\['x'\] is 'number'; it must be one of 'boolean', "),
        ({"sign": "numeric"}, r"Column 'sign' cannot be read as numeric"),
    ],
)
def test_bad_override_is_refused(schema, message):
    with pytest.raises(SchemaError, match=message):
        tiny_model(schema=schema).fit(mixed_frame())


def test_unfitted_estimator_neither_samples_nor_saves(tmp_path):
    for call in (lambda m: m.sample(3), lambda m: m.sample(-1), lambda m: m.save(tmp_path / "m")):
        with pytest.raises(NotFittedError, match="TabularDiffusion instance is not fitted yet"):
            call(tiny_model())
    assert not list(tmp_path.iterdir())


def stop_in_the_middle(progress, state):
    raise KeyboardInterrupt


FAILURES: dict[str, Any] = {name: ({}, X, error) for name, (X, error, _) in BAD_FRAMES.items()} | {
    "parameter": ({"eta": 3}, mixed_frame(), ParameterError),
    "checkpoint": ({"checkpoint": "no/such/folder/x"}, mixed_frame(), ParameterError),
    "interrupt": ({"callbacks": [stop_in_the_middle]}, mixed_frame(50), KeyboardInterrupt),
    "divergence": ({"learning_rate": 1e30}, mixed_frame(50), TrainingDivergedError),
}


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize(("changes", "X", "error"), FAILURES.values(), ids=FAILURES)
def test_failed_fit_leaves_the_fitted_state(changes, X, error, warm_start):
    model = tiny_model().fit(mixed_frame())
    rows = model.sample(20, random_state=1)
    parameters = model.get_params()
    before = {k: v for k, v in vars(model).items() if k not in parameters}
    model.set_params(warm_start=warm_start, **changes)
    with pytest.raises((error, DataError) if warm_start else error):
        model.fit(X)
    after = {k: v for k, v in vars(model).items() if k not in parameters}
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)
    model.set_params(**parameters)
    assert_same_rows(model.sample(20, random_state=1), rows)


@pytest.fixture
def loaded(tiny_frame, tmp_path):
    """Give a model that was saved, loaded, and told to go on."""
    tiny_model().fit(tiny_frame).save(tmp_path / "model")
    return TabularDiffusion.load(tmp_path / "model", device="cpu").set_params(warm_start=True)


CHANGES = {
    "category": (
        lambda X: X.assign(city=["Oslo" if i == 3 else c for i, c in enumerate(X["city"])]),
        DataError,
        r"Column 'city': 1 of 200 values were never seen in the training data \(first: 'Oslo', "
        r"row 3\)\. Known: 'Paris', 'São Paulo', 'Łódź'\. Use one of these",
    ),
    "unused level": (
        lambda X: X.assign(colour=pd.Categorical(["green"] * 200, X["colour"].cat.categories)),
        DataError,
        r"Column 'colour': 200 of 200 .*\(first: 'green', row 0\)\. Known: 'blue', 'red'\.",
    ),
    "missing value": (
        lambda X: X.assign(price=X["price"].where(X.index != 7)),
        DataError,
        r"Column 'price': 1 of 200 values are missing \(first: row 7\), but none was in the tr",
    ),
    "absent column": (
        lambda X: X.drop(columns=["age", "city"]),
        DataError,
        r"2 of 7 columns are missing: \['age', 'city'\]",
    ),
    "unknown column": (
        lambda X: X.assign(zip=1),
        DataError,
        r"1 columns were not in the training data: \['zip'\].*Known columns: \['age', ",
    ),
    "strings": (
        lambda X: X.assign(age=X["age"].astype(str)),
        DataTypeError,
        r"Column 'age': 200 of 200 values are not numbers",
    ),
}


@pytest.mark.parametrize(("change", "error", "message"), CHANGES.values(), ids=CHANGES)
def test_warm_start_after_load_refuses_other_data(
    loaded, tiny_frame, forbid_training, change, error, message
):
    forbid_training()
    with pytest.raises(error, match=message):
        loaded.fit(change(tiny_frame))


@pytest.mark.parametrize("changes", [{"width": 16}, {"depth": 2}])
def test_warm_start_refuses_another_network(loaded, tiny_frame, forbid_training, changes):
    forbid_training()
    with pytest.raises(
        ParameterError,
        match=r"warm start goes on from a network of width 8 and depth 1\. Got width=.* leave them",
    ):
        loaded.set_params(**changes).fit(tiny_frame)
