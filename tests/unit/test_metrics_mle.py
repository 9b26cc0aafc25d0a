"""MLE against the published protocol written out in full, and against tables of known worth."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    classification_report,
    f1_score,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import ParameterGrid
from sklearn.preprocessing import LabelEncoder, OneHotEncoder
from xgboost import XGBClassifier, XGBRegressor

from tabdiffuse.metrics.boosting import GRID
from tabdiffuse.metrics.mle import utility

FIRST = {
    "linear": (17, 90),  # Adult's age
    "logarithm": (10_000, 800_000),  # Default's credit limit
    "zero": (0, 30),  # a bound of zero is taken for a missing one
}


def rows(n, seed, first="linear", task="binclass"):
    """Mixed rows whose target depends on a balance below 0 and on a category."""
    rng = np.random.default_rng(seed)
    low, high = FIRST[first]
    balance = np.round(rng.normal(0, 3000, n))
    kind = rng.choice(list("abcdef"), n, p=[0.4, 0.3, 0.2, 0.05, 0.03, 0.02])
    signal = 2.0 * (balance < -1500) + 1.0 * (kind == "b") + rng.normal(0, 0.7, n)
    frame = pd.DataFrame(
        {
            "first": rng.integers(low, high, n),
            "kind": kind,
            "target": np.where(signal > 1, "yes", "no"),
            "balance": balance,
            "year": rng.integers(2010, 2015, n),
            "rate": rng.uniform(0.002, 0.3, n),
        }
    )
    frame.loc[:1, "first"] = low, high
    return frame.assign(target=np.round(np.exp(signal + 2), 2)) if task == "regression" else frame


def categorical_of(task):
    return ["kind", "year"] + ["target"] * (task == "binclass")


# The published protocol, step by step, with one-hot columns and a training for each configuration.


def features_of(table, task, encoders, low, high, protocol):
    columns = []
    for name in table:
        if name == "target":
            continue
        if name in categorical_of(task):
            column = table[[name]].astype(object).to_numpy()
            if name not in encoders:
                encoders[name] = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
                encoders[name].fit(column)
            columns.append(encoders[name].transform(column))
            continue
        column = table[name].to_numpy(np.float32)
        if not low:
            low = column.min()
        if not high:
            high = column.max()
        if protocol == "repaired":
            columns.append(column)
        elif low >= 0 and high >= 1e3:
            columns.append(np.log(np.maximum(column, 1e-2)))
        else:
            columns.append((column - low) / (high - low) * 5)
    return np.column_stack(columns), low, high


def inverse_weighted_f1(labels, predicted):
    report = classification_report(labels, predicted, output_dict=True)
    classes = list(report)[:-3]
    parts = [
        report[each]["f1-score"] * (1 - report[each]["support"] / len(labels)) for each in classes
    ]
    return sum(parts) / (len(classes) - 1)


def area_of(model, x, labels):
    return roc_auc_score(np.eye(2)[labels], model.predict_proba(x))


def minus_rmse(model, x, targets):
    return -np.sqrt(mean_squared_error(targets, model.predict(x)))


def class_figures(model, x, labels):
    predicted = model.predict(x)
    f1 = f1_score(labels, predicted)
    weighted = inverse_weighted_f1(labels, predicted)
    area = area_of(model, x, labels)
    return {
        "main": area,
        "f1": f1,
        "weighted": weighted,
        "accuracy": accuracy_score(labels, predicted),
        "average": np.mean([f1, weighted, area]),
    }


def regression_figures(model, x, targets):
    return {"main": minus_rmse(model, x, targets), "r2": r2_score(targets, model.predict(x))}


def in_full(table, test, task, protocol="published", seed=0):
    """Return score, validation score, configuration, and the best test score over the rules."""
    encoders = {}
    x, low, high = features_of(table, task, encoders, None, None, protocol)
    x_test, _, _ = features_of(test, task, encoders, low, high, protocol)
    order = np.random.default_rng(seed).permutation(len(table))
    held, kept = order[: len(table) // 9], order[len(table) // 9 :]
    if task == "binclass":
        labeller = LabelEncoder().fit(table["target"])
        y, y_test = labeller.transform(table["target"]), labeller.transform(test["target"])
        y_train, y_held = y[kept], y[held]
        model_class, figures, reported, sign = XGBClassifier, class_figures, area_of, 1
    else:
        y, y_test = table["target"].to_numpy(np.float32), test["target"].to_numpy(np.float32)
        y_train, y_test = np.log(np.clip(y[kept], 1, 20000)), np.log(np.clip(y_test, 1, 20000))
        y_held = y[held] if protocol == "published" else np.log(np.clip(y[held], 1, 20000))
        model_class, figures, reported, sign = XGBRegressor, regression_figures, minus_rmse, -1
    configurations = list(ParameterGrid(dict(GRID)))
    found = []
    for configuration in configurations:
        model = model_class(**configuration, tree_method="hist", base_score=0.5, n_jobs=1)
        model.fit(x[kept], y_train)
        found.append((figures(model, x[held], y_held), reported(model, x_test, y_test)))
    picks = {rule: int(np.argmax([held[rule] for held, _ in found])) for rule in found[0][0]}
    best = picks["main"]
    optimistic = max(found[pick][1] for pick in picks.values())
    return (
        sign * found[best][1],
        sign * found[best][0]["main"],
        configurations[best],
        sign * optimistic,
    )


def assert_equal_in_full(found, written_out):
    score, validation, chosen, optimistic = written_out
    assert found.chosen == chosen
    assert (found.score, found.validation, found.optimistic) == pytest.approx(
        (score, validation, optimistic), rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize(
    ("first", "task"),
    [
        ("linear", "binclass"),
        ("zero", "binclass"),
        ("logarithm", "binclass"),
        ("linear", "regression"),
        ("logarithm", "regression"),
    ],
)
def test_published_mle_equals_the_protocol_written_out(first, task):
    table, test = rows(225, 0, first, task), rows(150, 1, first, task)
    found = utility(table, test, categorical_of(task), "target", task=task)
    assert_equal_in_full(found, in_full(table, test, task))


def test_repaired_mle_leaves_numbers_alone_and_takes_the_logarithm_throughout():
    table, test = (rows(225, seed, "logarithm", "regression") for seed in (0, 1))
    options = {"task": "regression", "protocol": "repaired"}
    found = utility(table, test, ["kind", "year"], "target", **options)
    assert_equal_in_full(found, in_full(table, test, **options))


# What the protocols do to tables of known worth


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def short(monkeypatch):
    """Two configurations instead of 36."""
    monkeypatch.setitem(GRID, "max_depth", [5])
    monkeypatch.setitem(GRID, "gamma", [0.0])


def score(table, test, **options):
    return utility(table, test, categorical_of("binclass"), "target", **options).score


@pytest.mark.usefixtures("short")
def test_the_published_logarithm_hides_negative_numbers():
    table, test = rows(600, 0, "logarithm"), rows(600, 1, "logarithm")
    assert score(table, test) < score(table, test, protocol="repaired") - 0.05


@pytest.mark.usefixtures("short")
def test_the_published_rescaling_is_invisible_where_no_logarithm_is_taken():
    table, test = rows(600, 0, "linear"), rows(600, 1, "linear")
    assert score(table, test) == pytest.approx(score(table, test, protocol="repaired"), abs=1e-6)


@pytest.mark.usefixtures("short")
def test_columns_shuffled_apart_teach_nothing_and_real_rows_do():
    table, test = rows(2000, 0), rows(2000, 1)
    shuffled = table.assign(target=table["target"].sample(frac=1, random_state=0).to_numpy())
    assert score(shuffled, test) == pytest.approx(0.5, abs=0.08)
    assert score(table, test) > 0.8


@pytest.mark.usefixtures("short")
def test_columns_shuffled_apart_predict_no_better_than_the_mean_and_real_rows_do():
    table, test = (rows(2000, seed, "linear", "regression") for seed in (0, 1))
    shuffled = table.assign(target=table["target"].sample(frac=1, random_state=0).to_numpy())
    options = {"task": "regression", "protocol": "repaired"}
    spread = np.log(test["target"].clip(1)).std()
    assert utility(shuffled, test, ["kind", "year"], "target", **options).score > 0.97 * spread
    assert utility(table, test, ["kind", "year"], "target", **options).score < 0.85 * spread


@pytest.mark.usefixtures("short")
def test_a_pool_changes_nothing(pool):
    table, test = rows(150, 0), rows(150, 1)
    alone = utility(table, test, categorical_of("binclass"), "target")
    assert utility(table, test, categorical_of("binclass"), "target", pool=pool) == alone


@pytest.mark.usefixtures("short")
def test_the_optimistic_score_is_never_worse_and_sometimes_better():
    found = [
        utility(rows(90, seed), rows(200, 10 + seed), categorical_of("binclass"), "target")
        for seed in range(6)
    ]
    assert all(each.optimistic >= each.score for each in found)
    assert any(each.optimistic > each.score for each in found)


@pytest.mark.usefixtures("short")
def test_the_seed_draws_the_validation_rows():
    table, test = rows(150, 0), rows(150, 1)
    assert score(table, test, seed=1) == score(table, test, seed=1)
    assert score(table, test, seed=1) != score(table, test, seed=2)


@pytest.mark.usefixtures("short")
def test_missing_values_are_taken_and_a_single_class_teaches_nothing():
    table, test = rows(600, 0), rows(300, 1)
    table.loc[table.index % 7 == 0, "kind"] = None
    table["balance"] = table["balance"].where(table.index % 5 > 0)
    table["first"] = table["first"].where(table.index % 11 > 0)
    assert 0.7 < score(table, test) < 1
    assert score(table[table["target"] == "yes"], test) == 0.5


@pytest.mark.usefixtures("short")
def test_rows_without_a_known_class_are_not_used():
    table, test = rows(300, 0), rows(300, 1)
    strange = table.iloc[:40].assign(target=["maybe", None] * 20)
    mixed = pd.concat([strange, table], ignore_index=True)
    assert score(mixed, test) == score(table, test)


@pytest.mark.usefixtures("short")
def test_categories_written_as_integers_and_as_floats_are_the_same():
    table, test = (
        each.assign(target=(each["target"] == "yes").astype(int))
        for each in (rows(300, 0), rows(300, 1))
    )
    other = table.astype({"target": float, "year": float})
    assert score(other, test) == score(table, test)


@pytest.mark.usefixtures("short")
def test_a_constant_first_column_divides_nothing_by_zero():
    table, test = rows(300, 0).assign(first=40), rows(300, 1)
    assert score(table, test) > 0.7


def test_targets_of_another_kind_are_refused():
    table, test = rows(100, 0), rows(100, 1)
    with pytest.raises(ValueError, match=r"'kind' has 6 levels .* task='regression'"):
        utility(table, test, ["kind"], "kind")


def test_unknown_options_and_tables_that_do_not_match_are_refused():
    table, test = rows(100, 0), rows(100, 1)
    with pytest.raises(ValueError, match="task='multiclass' is not one of binclass, regression"):
        score(table, test, task="multiclass")
    with pytest.raises(ValueError, match="protocol='fixed' is not one of published, repaired"):
        score(table, test, protocol="fixed")
    with pytest.raises(ValueError, match="same columns in the same order, 'target' among them"):
        score(table.drop(columns="rate"), test)
    with pytest.raises(ValueError, match="8 rows to learn from and 100 to test on"):
        score(table.iloc[:8], test)
