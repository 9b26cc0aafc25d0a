"""α-precision and β-recall against their definition written out, and where they are known."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from tabdiffuse.errors import DataError
from tabdiffuse.metrics import support as module
from tabdiffuse.metrics.support import support


def table(seed, n_rows, *, shift=0.0, scale=1.0):
    rng = np.random.default_rng(seed)
    hidden = shift + scale * rng.normal(size=n_rows)
    return pd.DataFrame(
        {
            "x": hidden,
            "y": (10 * (hidden + rng.normal(size=n_rows))).round(),
            "c": np.array(list("abcd"))[np.clip(2 + hidden, 0, 3).astype(int)],
            "d": rng.choice(list("uvw"), n_rows),
        }
    )


CATEGORICAL = ["c", "d"]


def written_out(real, synthetic, categorical):
    """The definition, pair by pair, on one-hot vectors."""
    low, span = {}, {}
    for name in real:
        if name not in categorical:
            low[name], span[name] = real[name].min(), np.ptp(real[name])
    levels = {n: sorted({*real[n], *synthetic[n]}) for n in categorical}

    def vector(row):
        numbers = [(row[n] - low[n]) / span[n] for n in low]
        return numbers + [float(row[n] == level) for n in categorical for level in levels[n]]

    X, Y = (np.array([vector(row) for _, row in rows.iterrows()]) for rows in (real, synthetic))
    count = len(X)
    to_mean = [np.linalg.norm(x - X.mean(axis=0)) for x in X]
    fake_to_mean = [np.linalg.norm(y - X.mean(axis=0)) for y in Y]
    hits, depths = [], []
    for i in range(count):
        others = [np.linalg.norm(X[i] - X[j]) for j in range(count) if j != i]
        to_fake = [np.linalg.norm(X[i] - y) for y in Y]
        near = int(np.argmin(to_fake))
        hits.append(to_fake[near] <= min(others))
        depths.append(np.linalg.norm(Y[near] - Y.mean(axis=0)))
    precision_error = recall_error = total = 0.0
    for step in range(30):
        alpha = step / 29
        inside = np.mean(np.array(fake_to_mean) <= np.quantile(to_mean, alpha))
        reached = np.mean(np.array(hits) & (np.array(depths) <= np.quantile(depths, alpha)))
        precision_error += abs(alpha - inside)
        recall_error += abs(alpha - reached)
        total += alpha
    return 1 - precision_error / total, 1 - recall_error / total


@pytest.mark.parametrize(
    ("shift", "scale"), [(0.0, 1.0), (0.7, 1.0), (0.0, 0.3)], ids=["same", "moved", "collapsed"]
)
def test_both_equal_the_definition_written_out(shift, scale):
    real, fake = table(0, 80), table(1, 80, shift=shift, scale=scale)
    found = support(real, fake, CATEGORICAL)
    expected = written_out(real, fake, CATEGORICAL)
    assert (found.alpha_precision, found.beta_recall) == pytest.approx(expected, abs=1e-12)


def test_both_equal_the_definition_with_copies_and_levels_of_one_table_only():
    """Copies make distances of exactly 0, which are compared with one another."""
    real = table(0, 100)
    real.loc[50:74] = real.loc[0:24].to_numpy()
    fake = real.sample(100, replace=True, random_state=0).reset_index(drop=True)
    fake.loc[:20, "c"] = "never seen"
    found = support(real, fake, CATEGORICAL)
    expected = written_out(real, fake, CATEGORICAL)
    assert (found.alpha_precision, found.beta_recall) == pytest.approx(expected, abs=1e-12)


def test_a_category_weighs_as_much_as_in_the_definition():
    """So many columns that a differing category is often the nearer choice."""
    rng = np.random.default_rng(0)
    real, fake = (
        pd.DataFrame(rng.random((60, 20))).join(
            pd.DataFrame(rng.choice(list("ab"), (60, 6)), columns=list("pqrstu"))
        )
        for _ in range(2)
    )
    found = support(real, fake, list("pqrstu"))
    expected = written_out(real, fake, list("pqrstu"))
    assert (found.alpha_precision, found.beta_recall) == pytest.approx(expected, abs=1e-12)


def test_blocks_and_pool_change_nothing(monkeypatch):
    real, fake = table(0, 300), table(1, 300)
    expected = support(real, fake, CATEGORICAL)
    monkeypatch.setattr(module, "_ROWS", 7)
    monkeypatch.setattr(module, "_COLUMNS", 11)
    with ThreadPoolExecutor(3) as pool:
        assert support(real, fake, CATEGORICAL, pool=pool) == expected


def test_a_perfect_sampler_gets_nearly_one_and_one_half():
    found = support(table(0, 2000), table(1, 2000), CATEGORICAL)
    assert found.alpha_precision > 0.96
    assert found.beta_recall == pytest.approx(0.5, abs=0.05)


def test_copies_reach_everything_and_are_told_by_it():
    real = table(0, 1000)
    assert support(real, real, CATEGORICAL).beta_recall > 0.99
    assert support(real, real, CATEGORICAL).alpha_precision == pytest.approx(1.0, abs=0.001)


def test_rows_far_away_get_nothing():
    real = table(0, 1000)
    found = support(real, real.assign(x=real["x"] + 1000), CATEGORICAL)
    assert found.alpha_precision < 0.05
    assert found.beta_recall < 0.05


def test_a_narrow_law_loses_recall_and_precision():
    real = table(0, 2000)
    found = support(real, table(1, 2000, scale=0.2), CATEGORICAL)
    assert found.alpha_precision < 0.8
    assert found.beta_recall < 0.35


def test_units_names_and_order_do_not_matter():
    real, fake = table(0, 500), table(1, 500, shift=0.3)
    expected = support(real, fake, CATEGORICAL)
    changed = [
        rows.assign(x=3 - 1e4 * rows["x"], c=rows["c"].map({"a": 4, "b": 2, "c": 9, "d": 1}))
        .sample(frac=1, random_state=0)
        .iloc[:, ::-1]
        for rows in (real, fake)
    ]
    found = support(*changed, CATEGORICAL)
    assert found.alpha_precision == pytest.approx(expected.alpha_precision, abs=1e-9)
    assert found.beta_recall == pytest.approx(expected.beta_recall, abs=1e-9)


def test_missing_values_are_values_of_their_own():
    real, fake = (table(seed, 1000) for seed in (0, 1))
    for rows in (real, fake):
        rows.loc[:300, "x"] = np.nan
        rows.loc[200:500, "c"] = None
    found = support(real, fake, CATEGORICAL)
    assert found.alpha_precision > 0.95
    assert found.beta_recall == pytest.approx(0.5, abs=0.06)
    complete = fake.assign(x=fake["x"].fillna(real["x"].mean()))
    assert support(real, complete, CATEGORICAL).beta_recall < 0.4


def test_tables_of_one_kind_and_constant_columns_are_taken():
    real, fake = (table(seed, 300).assign(one=1.0, same="s") for seed in (0, 1))
    assert support(real[["x", "y", "one"]], fake[["x", "y", "one"]], []).alpha_precision > 0.9
    names = ["c", "d", "same"]
    assert support(real[names], real[names], names).alpha_precision > 0.7  # ties overshoot
    assert support(real[names], fake[names], names).beta_recall > 0.7  # nearly all rows have copies


def test_tables_of_different_length_are_refused():
    with pytest.raises(DataError, match="got 50 real and 49 synthetic rows"):
        support(table(0, 50), table(1, 49), CATEGORICAL)
