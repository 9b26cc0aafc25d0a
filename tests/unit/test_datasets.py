"""Every recipe gives the rows of the published protocol, wherever its files are at hand."""

import hashlib
import os
from collections import Counter
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.data import (
    DATASETS,
    FOLDER_VARIABLE,
    SPLITS,
    DataError,
    Dataset,
    describe,
    known,
    load,
    read_recipe,
)
from benchmarks.data.recipes import row_files
from benchmarks.data.steps import STEPS

NAMES = ["adult", "beijing", "default", "diabetes", "magic", "news20k", "shoppers"]
# Without the variable, the files may lie in a folder beside the clone.
FOLDER = Path(os.environ.get(FOLDER_VARIABLE) or DATASETS.parents[1] / "shared/data/tables")


def published(name: str, split: str = "protocol") -> Dataset:
    """Load a data set whose files are at hand; skip the test where they are not."""
    if split == "validation":
        return published(name).validation()
    for entry in row_files(read_recipe(name)).values():
        packed = f"{entry['file']}.gz"
        places = (FOLDER / entry["file"], FOLDER / packed, DATASETS / name / packed)
        if not any(place.is_file() for place in places):
            pytest.skip(f"{entry['file']} is not at hand; {FOLDER_VARIABLE} may name its folder")
    return loaded(name, split)


@cache
def loaded(name: str, split: str) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        if FOLDER.is_dir():
            patch.setenv(FOLDER_VARIABLE, str(FOLDER))
        return load(name, split)


def sequence_digest(values: pd.Series) -> str:
    return hashlib.sha256("\n".join(map(str, values)).encode()).hexdigest()[:12]


def rows_of(*tables: pd.DataFrame) -> Counter[int]:
    """Rows as a multiset, whatever their order and whichever table holds them."""
    together = pd.concat(tables, ignore_index=True)
    return Counter(pd.util.hash_pandas_object(together, index=False).tolist())


def test_data_sets_of_the_protocol_are_known():
    assert known() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_recipe_is_complete_and_consistent(name):
    recipe = read_recipe(name)
    assert recipe["name"] == name
    for key in ("title", "source", "doi", "licence", "missing", "rows"):
        assert recipe[key], key
    kinds = {column["name"]: column["kind"] for column in recipe["columns"]}
    assert len(kinds) == len(recipe["columns"])
    assert set(kinds.values()) <= {"numeric", "categorical"}
    target_kind = {"binclass": "categorical", "regression": "numeric"}[recipe["task"]]
    assert kinds[recipe["target"]] == target_kind
    assert ("positive" in recipe) == (recipe["task"] == "binclass")
    for step in recipe.get("steps", ()):
        assert step["do"] in STEPS
        assert step.get("only", "protocol") in ("protocol", "corrected")
    for entry in row_files(recipe).values():
        assert len(bytes.fromhex(entry["sha256"])) == 32
        assert name == "news20k" or entry["url"].startswith("https://")
        assert entry.get("url", "").endswith(".zip") == ("member" in entry)


@pytest.mark.parametrize("name", NAMES)
def test_readme_and_description_name_each_data_set_with_size_and_doi(name):
    readme = (DATASETS / "README.md").read_text(encoding="utf-8")
    recipe = read_recipe(name)
    numbers = " + ".join(f"{recipe['rows'][part]:,}" for part in ("train", "test"))
    row = next(line for line in readme.splitlines() if line.startswith(f"| `{name}`"))
    for said in (numbers, recipe["doi"], recipe["target"], f"| {len(recipe['columns'])} ("):
        assert said in row
    title, origin, files = describe(name).splitlines()
    assert title.startswith(f"{name}: {recipe['title']}, {numbers} rows, ")
    assert recipe["doi"] in origin
    assert recipe["licence"] in origin
    assert {"shipped": "ship", "downloaded": "down", "no": "no public"}[files.split()[0]] in row


# Table of the protocol: rows, numeric and categorical columns, categories in train (target first).
PROTOCOL = {
    "adult": (32_561, 16_281, 6, 9, [2, 9, 16, 7, 15, 6, 5, 2, 42]),
    "default": (27_000, 3_000, 14, 10, [2, 2, 7, 4, 11, 11, 11, 11, 10, 10]),
    "shoppers": (11_097, 1_233, 10, 8, [2, 10, 8, 13, 9, 20, 3, 2]),
    "magic": (17_117, 1_902, 10, 1, [2]),
    "beijing": (37_581, 4_176, 7, 5, [5, 12, 31, 24, 4]),
    "news20k": (18_234, 2_027, 46, 2, [6, 7]),
    "diabetes": (61_059, 20_354, 9, 28, None),
}


@pytest.mark.parametrize("name", NAMES)
def test_protocol_has_the_published_rows_columns_and_categories(name):
    dataset = published(name)
    n_train, n_test, n_numeric, n_categorical, cardinalities = PROTOCOL[name]
    assert (len(dataset.train), len(dataset.test)) == (n_train, n_test)
    assert dataset.recipe["rows"] == {"train": n_train, "test": n_test}
    assert (len(dataset.numeric), len(dataset.categorical)) == (n_numeric, n_categorical)
    names = sorted(dataset.categorical, key=lambda column: column != dataset.target)
    if cardinalities is not None:
        assert [dataset.train[column].nunique() for column in names] == cardinalities


# The targets' sequence in train and in test, from runs of the published scripts (TabSyn's, and
# TabDiff's for diabetes and the halves) on these files: it moves if a single row does.
SEQUENCES = {
    ("adult", "protocol"): ("d63e3c4b53d3", "1ddab662d35e"),
    ("adult", "dcr"): ("18a8c7341844", "81d2ecc52a3d"),
    ("beijing", "protocol"): ("d147ddaaf4e7", "d452d6b6d823"),
    ("beijing", "dcr"): ("845c0195dcd3", "4810c863e787"),
    ("default", "protocol"): ("9a80baac69e3", "5c3ad1339cd4"),
    ("default", "dcr"): ("e0514b23feb4", "48c2a47883fe"),
    ("diabetes", "protocol"): ("98f7ff0f0243", "c531710b5702"),
    ("diabetes", "dcr"): ("dc136f28f813", "fe10d2427942"),
    ("magic", "protocol"): ("a7cc1a575295", "1b1f920c8431"),
    ("magic", "dcr"): ("131ed11c09dd", "43f5d4a10e73"),
    ("news20k", "protocol"): ("52558667d0ea", "d4f463ac9518"),
    ("news20k", "dcr"): ("fa57e7d220c6", "a03ab3d7f547"),
    ("shoppers", "protocol"): ("fd4deace0535", "c247385e7b58"),
    ("shoppers", "dcr"): ("e59069ec6f50", "287dd4930088"),
}


@pytest.mark.parametrize(("name", "split"), SEQUENCES)
def test_rows_fall_and_stand_as_the_published_scripts_put_them(name, split):
    dataset = published(name, split)
    tables = (dataset.train, dataset.test)
    found = tuple(sequence_digest(table[dataset.target]) for table in tables)
    assert found == SEQUENCES[name, split]


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_numbers_categories_text_and_nothing_is_missing(name):
    dataset = published(name)
    assert dataset.train.dtypes.equals(dataset.test.dtypes)
    for table in (dataset.train, dataset.test):
        assert list(table.columns) == dataset.columns
        assert list(table.index) == list(range(len(table)))
        assert not table.isna().to_numpy().any()
        assert set(table[dataset.numeric].dtypes.astype(str)) <= {"int64", "float64"}
        for column in dataset.categorical:
            assert table[column].map(type).eq(str).all()


RATES = {"adult": 24.081, "default": 22.12, "shoppers": 15.474, "magic": 64.837, "diabetes": 46.088}


@pytest.mark.parametrize(("name", "rate"), RATES.items())
def test_positive_class_is_as_frequent_as_published(name, rate):
    dataset = published(name, "dcr" if name == "diabetes" else "corrected")
    tables = [dataset.train] if name == "adult" else [dataset.train, dataset.test]
    target = pd.concat([table[dataset.target] for table in tables])
    assert 100 * (target == dataset.recipe["positive"]).mean() == pytest.approx(rate, abs=5e-4)


@pytest.mark.parametrize("name", ["adult", "beijing", "default", "diabetes", "shoppers"])
def test_corrected_is_the_protocol_where_that_has_no_slip(name):
    ours, theirs = published(name, "corrected"), published(name)
    assert ours.train.equals(theirs.train)
    assert ours.test.equals(theirs.test)


def test_corrected_magic_keeps_the_first_row_that_the_protocol_loses():
    ours, theirs = published("magic", "corrected"), published("magic")
    lost = rows_of(ours.train, ours.test) - rows_of(theirs.train, theirs.test)
    assert lost.total() == 1
    both = pd.concat([ours.train, ours.test], ignore_index=True)
    row = both[pd.util.hash_pandas_object(both, index=False).isin(list(lost))]
    assert row.iloc[0].tolist()[:3] == [28.7967, 16.0021, 2.6449]
    assert rows_of(theirs.train, theirs.test) <= rows_of(ours.train, ours.test)


def test_corrected_news_sets_articles_without_a_channel_apart_and_changes_no_weekday():
    ours, theirs = published("news20k", "corrected"), published("news20k")
    assert ours.train.drop(columns="data_channel").equals(theirs.train.drop(columns="data_channel"))
    without = ours.train["data_channel"] == "none"
    assert 0.1 < without.mean() < 0.2
    assert set(theirs.train.loc[without, "data_channel"]) == {"lifestyle"}
    assert ours.train.loc[~without].equals(theirs.train.loc[~without])


@pytest.mark.parametrize("name", ["adult", "beijing", "default", "magic", "news20k", "shoppers"])
def test_halves_hold_every_row_once(name):
    halves, whole = published(name, "dcr"), published(name)
    assert len(halves.test) - len(halves.train) in (0, 1)
    assert rows_of(halves.train, halves.test) == rows_of(whole.train, whole.test)


def test_diabetes_keeps_all_admissions_and_shares_classes_out_evenly():
    halves = published("diabetes", "dcr")
    assert len(halves.train) + len(halves.test) == 101_766
    tables = [halves.train, halves.test, published("diabetes").train, published("diabetes").test]
    shares = [(table["readmitted"] == "1").mean() for table in tables]
    assert max(shares) - min(shares) < 2e-5
    assert set(halves.train["age"]) == set(range(10))
    assert "empty" in set(halves.train["race"])
    assert "None" in set(halves.train["A1Cresult"])


@pytest.mark.parametrize("name", NAMES)
def test_validation_takes_a_ninth_of_train_and_no_test_row(name):
    whole, ours = published(name), published(name, "validation")
    assert ours.split == "validation"
    assert len(ours.test) == len(whole.train) // 9
    assert rows_of(ours.train, ours.test) == rows_of(whole.train)


@pytest.mark.parametrize("name", NAMES)
def test_each_split_has_its_own_digest(name):
    digests = {split: published(name, split).sha256 for split in SPLITS}
    assert len(set(digests.values())) == len(SPLITS)
    assert published(name).validation().sha256 == digests["validation"]


def test_unknown_split_lists_the_known_ones():
    with pytest.raises(DataError, match=r"Unknown split 'dcrr'\. Known: protocol, corrected, dcr"):
        load("adult", "dcrr")
