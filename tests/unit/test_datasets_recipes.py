"""Reading, steps, splits and downloads of data sets, on small made-up files."""

import hashlib
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

from benchmarks.data import FOLDER_VARIABLE, DataError, Dataset, load
from benchmarks.data.files import unify_lines
from benchmarks.data.splits import shuffle_until_complete
from benchmarks.data.steps import STEPS, fold_flags, ordinal

ROWS = 20
CONTENT = b"x,colour,label\n" + b"".join(
    b"%d,%s,%d\n" % (row, b"red" if row % 2 else b"blue", row % 4 == 0) for row in range(ROWS)
)


def toy_recipe(content: bytes = CONTENT, **changes) -> dict:
    kinds = {"x": "numeric", "colour": "categorical", "label": "categorical"}
    return {
        "name": "toy",
        "title": "Toy",
        "task": "binclass",
        "target": "label",
        "header": True,
        "split": {"method": "shuffle", "train": 0.9, "seed": 1234},
        "columns": [{"name": name, "kind": kind} for name, kind in kinds.items()],
        "files": {"table": toy_file(content)},
        **changes,
    }


def toy_file(content: bytes = CONTENT, **changes) -> dict:
    digest = hashlib.sha256(content).hexdigest()
    return {"file": "toy.csv", "sha256": digest, "rows": ROWS, **changes}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Give a function that writes a recipe, and its file unless told otherwise, and loads it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setattr("benchmarks.data.recipes.DATASETS", tmp_path / "datasets")
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))

    def build(recipe: dict, content: bytes | None = CONTENT, split: str = "protocol") -> Dataset:
        place = tmp_path / "datasets" / "toy"
        place.mkdir(parents=True, exist_ok=True)
        (place / "recipe.json").write_text(json.dumps(recipe))
        if content is not None:
            (folder / "toy.csv").write_bytes(content)
        return load("toy", split)

    return build


# Splits

# numpy.random.seed(seed); numpy.random.shuffle(order): seeds 1234 and 1235 in a row from 0..9
FIRST = [7, 2, 9, 1, 0, 8, 4, 5, 6, 3]
SECOND = [0, 6, 8, 7, 2, 4, 1, 5, 3, 9]


def test_shuffle_is_that_of_numpys_global_generator():
    train, test = shuffle_until_complete(pd.DataFrame({"row": range(10)}), 0.7, 1234, [])
    assert [*train["row"], *test["row"]] == FIRST
    assert len(test) == 3


def test_next_seed_shuffles_on_until_train_has_every_category():
    rare = ["rare" if row == FIRST[-1] else "common" for row in range(10)]
    table = pd.DataFrame({"row": range(10), "kind": rare})
    train, test = shuffle_until_complete(table, 0.9, 1234, ["kind"])
    assert [*train["row"], *test["row"]] == SECOND
    unwatched, _ = shuffle_until_complete(table, 0.9, 1234, [])
    assert unwatched["row"].tolist() == FIRST[:-1]


def test_categories_that_fit_no_train_table_end_in_words():
    table = pd.DataFrame({"key": list("abcdefghij")})
    with pytest.raises(DataError, match=r"leave categories of 'key' out of the 9 train rows"):
        shuffle_until_complete(table, 0.9, 1234, ["key"])


def test_splitting_leaves_numpys_global_generator_alone(toy):
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - it is what must not move
    toy(toy_recipe(), split="validation")
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("split", "n_train", "n_test"),
    [("protocol", 18, 2), ("corrected", 18, 2), ("dcr", 10, 10), ("validation", 16, 2)],
)
def test_each_split_has_its_share_of_rows(toy, split, n_train, n_test):
    dataset = toy(toy_recipe(), split=split)
    assert dataset.split == split
    assert (len(dataset.train), len(dataset.test)) == (n_train, n_test)
    assert not set(dataset.train["x"]) & set(dataset.test["x"])


def test_stratified_split_keeps_class_shares_and_leaves_validation_rows_out(toy):
    rule = {"method": "stratified", "test": 0.2, "validation": 0.2, "seed": 42}
    dataset = toy(toy_recipe(split=rule))
    assert (len(dataset.train), len(dataset.test)) == (12, 4)
    assert (dataset.train["label"] == "1").sum() == 3
    assert (dataset.test["label"] == "1").sum() == 1
    halves = toy(toy_recipe(split=rule), split="dcr")
    assert sorted([*halves.train["x"], *halves.test["x"]]) == list(range(ROWS))


def test_validation_is_repeatable_never_holds_test_rows_and_is_not_taken_twice(toy):
    dataset = toy(toy_recipe())
    ours, again = dataset.validation(), dataset.validation()
    assert ours.train.equals(again.train)
    assert ours.test.equals(again.test)
    assert sorted([*ours.train["x"], *ours.test["x"]]) == sorted(dataset.train["x"])
    with pytest.raises(DataError, match=r"toy is split for validation already: 'validation'"):
        ours.validation()
    assert toy(toy_recipe(), split="dcr").validation().split == "dcr validation"


def test_digest_changes_with_file_steps_and_split_but_not_with_words(toy):
    step = {"do": "drop_first_row"}
    noted = {**toy_recipe()["split"], "note": "said otherwise"}
    plain, worded = toy(toy_recipe()), toy(toy_recipe(split=noted))
    assert plain.sha256 == worded.sha256
    reseeded = toy(toy_recipe(split={**noted, "seed": 1235}))
    stepped = toy(toy_recipe(steps=[step]))
    halved = toy(toy_recipe(), split="dcr")
    other = toy(toy_recipe(CONTENT + b"\n"), CONTENT + b"\n")
    digests = [plain, reseeded, stepped, halved, plain.validation(), other]
    assert len({dataset.sha256 for dataset in digests}) == len(digests)


# Steps


def test_step_is_kept_to_its_variant(toy):
    steps = [{"do": "drop_first_row", "only": "protocol"}]
    sizes = {
        split: sum(map(len, (dataset.train, dataset.test)))
        for split in ("protocol", "corrected", "dcr")
        for dataset in [toy(toy_recipe(steps=steps), split=split)]
    }
    assert sizes == {"protocol": ROWS - 1, "corrected": ROWS, "dcr": ROWS - 1}


FRAME = pd.DataFrame(
    {"a": [1.0, None, 3.0], "b": ["x", "y", None], "low": [0, 1, 0], "high": [0, 1, 1]}
)


@pytest.mark.parametrize(
    ("name", "arguments", "column", "expected"),
    [
        ("drop", {"columns": ["a", "low"]}, "b", ["x", "y", None]),
        ("drop_first_row", {}, "low", [1, 0]),
        ("dropna", {}, "b", ["x"]),
        ("fill", {"columns": ["b"], "value": "empty"}, "b", ["x", "y", "empty"]),
        ("ordinal", {"column": "high", "levels": [1, 0]}, "high", [1, 0, 0]),
        ("binarise", {"column": "b", "zero": "x"}, "b", ["0", "1", "1"]),
    ],
)
def test_step_does_what_it_is_called_and_leaves_its_input(name, arguments, column, expected):
    before = FRAME.copy()
    assert STEPS[name](FRAME, **arguments)[column].tolist() == expected
    assert FRAME.equals(before)


def test_flags_fold_into_the_first_largest_one():
    folded = fold_flags(FRAME, ["low", "high"], into="level")
    assert list(folded.columns) == ["a", "b", "level"]
    assert folded["level"].tolist() == ["low", "low", "high"]
    apart = fold_flags(FRAME, ["low", "high"], into="level", none="neither", prefix="hi")
    assert apart["level"].tolist() == ["neither", "low", "gh"]


def test_level_that_is_none_is_refused_with_column_and_value():
    with pytest.raises(DataError, match=r"Column 'b' holds 'y', which is no level: \['x'\]"):
        ordinal(FRAME.dropna(subset="b"), "b", ["x"])


def test_columns_left_over_or_wanting_are_named(toy):
    recipe = toy_recipe()
    recipe["columns"][0]["name"] = "z"
    with pytest.raises(DataError, match=r"toy\.csv: \['x', 'z'\] are columns of the table or"):
        toy(recipe)


def test_only_the_marks_of_the_recipe_are_missing_values(toy):
    content = CONTENT.replace(b"0,blue", b"0,NA", 1)
    text = toy(toy_recipe(content), content)
    assert set(text.train["colour"]) == {"NA", "blue", "red"}
    marked = toy(toy_recipe(content, na_values=["NA"], steps=[{"do": "dropna"}]), content)
    assert set(marked.train["colour"]) == {"blue", "red"}
    assert len(marked.train) + len(marked.test) == ROWS - 1


def test_wrong_number_of_rows_is_refused(toy):
    with pytest.raises(DataError, match=r"toy\.csv: 20 rows, expected 21"):
        toy(toy_recipe(files={"table": toy_file(rows=21)}))


# Downloads

URL = "https://example.org/toy.zip"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Stand in for the network: give a function that sets what any address returns."""
    asked = {}

    def serve(content: bytes, name: str = "toy.zip") -> dict:
        (tmp_path / name).write_bytes(content)
        return asked

    def retrieve(url, known_hash, fname, path):
        asked.update(url=url, known_hash=known_hash)
        return str(tmp_path / fname)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    return serve


def zipped(folder, **members: bytes) -> bytes:
    with zipfile.ZipFile(folder / "made.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return (folder / "made.zip").read_bytes()


def packed_recipe(**changes) -> dict:
    return toy_recipe(files={"table": toy_file(url=URL, member="toy.csv", **changes)})


def test_member_of_a_downloaded_archive_is_verified_and_read(toy, server, tmp_path):
    asked = server(zipped(tmp_path, readme_txt=b"hello", toy_csv=CONTENT))
    dataset = toy(packed_recipe(), None)
    assert asked == {"url": URL, "known_hash": None}  # the archive is not pinned, its member is
    assert dataset.sources == {"table": URL}
    assert dataset.train.equals(toy(toy_recipe()).train)


def test_changed_member_is_refused_with_both_sums(toy, server, tmp_path):
    server(zipped(tmp_path, toy_csv=CONTENT + b"\n"))
    found = hashlib.sha256(CONTENT + b"\n").hexdigest()
    expected = hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(DataError, match=rf"toy\.zip.*is {found}, expected {expected}"):
        toy(packed_recipe(), None)


def test_archive_without_the_member_says_what_it_holds(toy, server, tmp_path):
    server(zipped(tmp_path, other_csv=CONTENT))
    with pytest.raises(DataError, match=r"no 'toy\.csv' but other\.csv\. Put the file, or toy"):
        toy(packed_recipe(), None)


def test_broken_archive_is_named_with_its_place_and_the_remedy(toy, server):
    server(b"<html>not found</html>")
    with pytest.raises(DataError, match=r"toy\.zip, downloaded from .* is not a zip.* Remove it"):
        toy(packed_recipe(), None)


def test_file_whose_line_ends_are_unified_is_pinned_as_downloaded(toy, server):
    raw = b"\xef\xbb\xbf" + CONTENT.rstrip(b"\n").replace(b"\n", b"\r")
    digest = hashlib.sha256(raw).hexdigest()
    asked = server(raw, "toy.csv")
    entry = toy_file(url=URL, unify_lines=True, download_sha256=digest)
    dataset = toy(toy_recipe(files={"table": entry}), None)
    assert asked["known_hash"] == f"sha256:{digest}"
    assert dataset.train.equals(toy(toy_recipe()).train)


@pytest.mark.parametrize("raw", [b"a\r\nb\r\n", b"a\rb", b"\xef\xbb\xbfa\nb\n", b"a\nb\n"])
def test_line_ends_are_unified_and_nothing_else(raw):
    assert unify_lines(raw) == b"a\nb\n"


def test_file_without_an_address_says_where_to_read_and_what_to_do(toy):
    with pytest.raises(DataError, match=r"(?s)toy\.csv is not .*README.*toy\.csv\.gz.*TABDIFFUSE"):
        toy(toy_recipe(), None)
