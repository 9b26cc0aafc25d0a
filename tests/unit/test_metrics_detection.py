"""C2ST against the protocol written out, SDMetrics itself, and tables whose score is known."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from xgboost import XGBClassifier

from tabdiffuse.errors import DataError, ParameterError
from tabdiffuse.metrics.detection import c2st_score, detection
from tabdiffuse.metrics.rows import shuffle_columns

CATEGORICAL = ["place", "work"]


def people(seed, n_rows):
    """Numbers and categories that depend on one another."""
    rng = np.random.default_rng(seed)
    age = rng.integers(17, 90, n_rows)
    place = rng.choice(list("abcdefgh"), n_rows)
    return pd.DataFrame(
        {
            "age": age,
            "pay": age * rng.lognormal(sigma=0.3, size=n_rows) * (1 + (place == "a")),
            "place": place,
            "work": np.array(["none", "part", "full"])[
                (age // 20 + rng.integers(0, 2, n_rows)) % 3
            ],
        }
    )


def sdmetrics_logistic(real, synthetic, seed):
    from sdmetrics.single_table import LogisticDetection

    state = np.random.get_state()  # noqa: NPY002 - the folds of SDMetrics come from there
    try:
        np.random.seed(seed)  # noqa: NPY002
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return LogisticDetection.compute(real, synthetic)
    finally:
        np.random.set_state(state)  # noqa: NPY002


def test_c2st_score_is_the_detection_formula():
    assert c2st_score([0.5, 0.5, 0.5]) == 1.0
    assert c2st_score([1.0, 1.0, 1.0]) == 0.0
    assert c2st_score([0.3, 0.6, 0.75]) == pytest.approx(1 - (0 + 0.2 + 0.5) / 3)


def test_trees_equal_the_protocol_on_one_hot_columns():
    real, fake = people(0, 800), shuffle_columns(people(1, 800), 0)
    both = pd.concat([real, fake], ignore_index=True)
    matrix = pd.get_dummies(both, columns=CATEGORICAL).to_numpy(dtype=np.float32)
    labels = np.repeat([1, 0], 800)
    areas = []
    for train, test in StratifiedKFold(3, shuffle=True, random_state=0).split(matrix, labels):
        model = XGBClassifier(n_estimators=100, max_depth=6, n_jobs=1)
        model.fit(matrix[train], labels[train])
        areas.append(roc_auc_score(labels[test], model.predict_proba(matrix[test])[:, 1]))
    expected = 1 - np.mean([max(0.5, area) * 2 - 1 for area in areas])
    assert 0.1 < expected < 0.9
    assert detection(real, fake, CATEGORICAL) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_logistic_equals_sdmetrics_on_the_same_folds(seed):
    real, fake = people(seed, 400), people(seed + 10, 300)
    fake["age"] = (1.2 * fake["age"]).round().astype(int)
    found = detection(real, fake, CATEGORICAL, classifier="logistic", seed=seed)
    expected = sdmetrics_logistic(real, fake, seed)
    assert 0.3 < expected < 0.97
    assert found == pytest.approx(expected, abs=1e-6)
    assert found != pytest.approx(sdmetrics_logistic(real, fake, seed + 1), abs=1e-6)


def test_logistic_equals_sdmetrics_with_missing_values():
    rng = np.random.default_rng(0)
    tables = []
    for seed, share in ((0, 0.1), (1, 0.4)):
        table = people(seed, 400)
        table["pay"] = table["pay"].where(rng.random(400) > share)
        table["work"] = table["work"].where(rng.random(400) > share, None)
        tables.append(table)
    found = detection(*tables, CATEGORICAL, classifier="logistic")
    assert found == pytest.approx(sdmetrics_logistic(*tables, 0), abs=1e-6)


@pytest.mark.parametrize("classifier", ["xgboost", "logistic"])
def test_rows_of_one_law_cannot_be_told_apart(classifier):
    assert detection(people(0, 1500), people(1, 1500), CATEGORICAL, classifier=classifier) > 0.85


def test_trees_see_that_columns_were_shuffled_and_the_linear_model_does_not():
    real = people(0, 1000)
    fake = shuffle_columns(real, 0)
    assert detection(real, fake, CATEGORICAL) < 0.6
    assert detection(real, fake, CATEGORICAL, classifier="logistic") > 0.9


@pytest.mark.parametrize("classifier", ["xgboost", "logistic"])
def test_levels_of_one_table_only_tell_it_apart(classifier):
    real = people(0, 300)
    fake = real.assign(work="never seen")
    assert detection(real, fake, CATEGORICAL, classifier=classifier) < 0.01


@pytest.mark.parametrize("classifier", ["xgboost", "logistic"])
def test_pool_and_row_labels_change_nothing_and_the_seed_does(classifier):
    real, fake = people(0, 150), people(1, 150).assign(pay=lambda table: 1.5 * table["pay"])
    expected = detection(real, fake, CATEGORICAL, classifier=classifier)
    fake.index = fake.index[::-1] + 7
    with ThreadPoolExecutor(3) as pool:
        found = detection(real, fake, CATEGORICAL, classifier=classifier, pool=pool)
    assert found == expected
    assert detection(real, fake, CATEGORICAL, classifier=classifier, seed=1) != expected


@pytest.mark.parametrize("classifier", ["xgboost", "logistic"])
def test_missing_and_infinite_values_are_taken(classifier):
    rng = np.random.default_rng(0)
    real = pd.DataFrame({"n": rng.normal(size=300), "c": rng.choice(["a", "b", None], 300)})
    holes = real.assign(n=real["n"].where(real["n"] > 0))
    assert 0 <= detection(real, holes, ["c"], classifier=classifier) < 0.95
    for other in (real.assign(n=np.nan), real.assign(n=np.inf)):
        assert 0 <= detection(real, other, ["c"], classifier=classifier) <= 1
        assert 0 <= detection(other, other, ["c"], classifier=classifier) <= 1


def test_stopping_early_gives_no_warning_in_threads():
    """Filters are shared by threads: one that restored them would let another's warning out."""
    rng = np.random.default_rng(0)
    real = pd.DataFrame({str(i): rng.lognormal(sigma=3, size=200) for i in range(20)})
    fake = pd.DataFrame({str(i): rng.lognormal(sigma=3.1, size=200) for i in range(20)})
    with ThreadPoolExecutor(3) as pool:
        for _ in range(2):
            detection(real, fake, [], classifier="logistic", pool=pool)


def test_unknown_classifiers_and_too_few_rows_are_refused():
    real = people(0, 50)
    with pytest.raises(ParameterError, match="'forest'; it must be 'xgboost' or 'logistic'"):
        detection(real, real, CATEGORICAL, classifier="forest")
    with pytest.raises(DataError, match=r"at least 3 rows of each kind.*got 2 synthetic rows"):
        detection(real, real[:2], CATEGORICAL)
