"""The pictures of the data sets: found, verified, and cut into the same rows each time."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from typing import Any

import numpy as np
import pytest

from benchmarks.data import DataError, known, recipes
from benchmarks.pictures import data as pictures
from benchmarks.pictures.data import Part, held_out, idx_array, joined, scaled

LOADERS = ("mnist", "fashion_mnist", "camvid64", "noto_emoji32")
URL = "https://example.org/toy-1.tgz"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in for ``datasets/``, with no files at hand."""
    monkeypatch.delenv("TABDIFFUSE_DATA", raising=False)
    monkeypatch.setattr(recipes, "DATASETS", tmp_path / "datasets")
    (tmp_path / "datasets" / "toy").mkdir(parents=True)
    return tmp_path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def archive(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def idx(array: np.ndarray) -> bytes:
    sizes = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_recipe(folder, content: bytes, **more) -> None:
    entry = {"file": "toy.npz", "sha256": digest(content), "made_from": "frames of a film"}
    recipe = {"files": {"arrays": entry}, **more}
    (folder / "datasets" / "toy" / "pictures.json").write_text(json.dumps(recipe))


X = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


@pytest.mark.parametrize("place", ["named", "named/toy", "named/images", "images"])
def test_an_archive_is_found_in_the_named_folder_and_the_folders_of_pictures(
    folder, monkeypatch, place
):
    content = archive(x=X)
    write_recipe(folder, content)
    for name in ("named", place):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / place / "toy.npz").write_bytes(content)
    monkeypatch.setenv("TABDIFFUSE_DATA", str(folder / "named"))
    np.testing.assert_array_equal(pictures.read_arrays("toy")["x"], X)


def test_a_missing_archive_is_named_with_its_source_and_the_variable(folder):
    write_recipe(folder, b"")
    said = r"(?s)toy\.npz is not on this machine.*frames of a film.*TABDIFFUSE_DATA"
    with pytest.raises(DataError, match=said):
        pictures.read_arrays("toy")


def test_another_archive_of_the_same_name_is_refused(folder, monkeypatch):
    write_recipe(folder, archive(x=X))
    (folder / "toy.npz").write_bytes(archive(x=X + 1))
    monkeypatch.setenv("TABDIFFUSE_DATA", str(folder))
    with pytest.raises(DataError, match=r"SHA-256.*expected.*not the published one"):
        pictures.read_arrays("toy")


def test_published_idx_files_take_the_place_of_an_archive_that_is_not_there(folder, monkeypatch):
    content = idx(X)
    entry = {"file": "x-idx", "url": URL, "member": "package/x-idx", "sha256": digest(content)}
    write_recipe(folder, b"", idx={"x": entry})
    with tarfile.open(folder / "toy.tgz", "w:gz") as packed:
        info = tarfile.TarInfo("package/x-idx")
        info.size = len(content)
        packed.addfile(info, io.BytesIO(content))
    monkeypatch.setattr("pooch.retrieve", lambda url, known_hash, fname, path: folder / fname)
    np.testing.assert_array_equal(pictures.read_arrays("toy")["x"], X)
    (folder / "toy.tgz").write_bytes(b"<html>not found</html>")
    with pytest.raises(DataError, match=r"toy\.tgz, downloaded from .* is not a tgz.* Remove it"):
        pictures.read_arrays("toy")


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_idx_files_are_read_as_they_were_written(axes):
    array = np.arange(8, dtype=np.uint8).reshape((2,) * axes if axes == 3 else (8, 1)[:axes])
    np.testing.assert_array_equal(idx_array(idx(array)), array)


@pytest.mark.parametrize("content", [b"", b"\0\0\x08", b"hello world", idx(X)[:-1], idx(X) + b"1"])
def test_what_is_no_idx_file_is_refused(content):
    with pytest.raises(DataError, match="no idx file of bytes"):
        idx_array(content)


def test_unknown_pictures_are_refused_with_the_known_ones():
    with pytest.raises(DataError, match=r"'nope'.*camvid64, fashion_mnist, mnist, noto_emoji32"):
        pictures.read_arrays("nope")


@pytest.mark.parametrize("name", LOADERS)
def test_recipes_of_pictures_are_whole_and_no_tables(name):
    recipe = pictures.read_picture_recipe(name)
    assert recipe["name"] == name
    assert name not in known()
    assert {"title", "source", "address", "licence", "content", "rows", "split"} <= set(recipe)
    for entry in [*recipe["files"].values(), *recipe.get("idx", {}).values()]:
        assert len(entry["sha256"]) == 64
        assert "made_from" in entry or "url" in entry


@pytest.mark.parametrize("name", LOADERS)
def test_the_published_pictures_are_cut_as_the_recipe_says(name, monkeypatch):
    # Without the variable, the files may lie in a folder beside the clone.
    beside = recipes.DATASETS.parents[1] / "shared/data"
    if not os.environ.get("TABDIFFUSE_DATA") and beside.is_dir():
        monkeypatch.setenv("TABDIFFUSE_DATA", str(beside))
    recipe = pictures.read_picture_recipe(name)
    if not all(pictures.files.is_here(name, entry) for entry in recipe["files"].values()):
        pytest.skip(f"the files of {name} are not at hand; TABDIFFUSE_DATA may name their folder")
    data = getattr(pictures, name)(50)
    assert (len(data.real), len(data.test)) == (recipe["rows"]["train"], recipe["rows"]["test"])
    assert len(data.train) == 50
    image = next(iter(data.train.arrays.values()))
    assert image.dtype == np.float32
    assert 0 <= image.min() < 0.02
    assert image.max() == 1
    again = getattr(pictures, name)(50)
    np.testing.assert_array_equal(next(iter(again.train.arrays.values())), image)
    seen = {row.tobytes() for row in next(iter(data.test.arrays.values()))}
    assert not any(row.tobytes() in seen for row in image)


def rows(count: int = 40) -> Part:
    return Part({"image": np.arange(count), "label": np.arange(count) % 4})


def test_held_out_rows_are_the_rest_of_the_rows():
    train, test = held_out(rows(), 10)
    assert (len(train), len(test)) == (30, 10)
    np.testing.assert_array_equal(np.sort(np.r_[train["image"], test["image"]]), np.arange(40))
    assert not np.array_equal(test["image"], np.arange(10))
    np.testing.assert_array_equal(test["image"] % 4, test["label"])


def test_shuffling_permutes_one_array_and_leaves_the_others():
    shuffled = rows().shuffled("label")
    np.testing.assert_array_equal(shuffled["image"], rows()["image"])
    np.testing.assert_array_equal(np.sort(shuffled["label"]), np.sort(rows()["label"]))
    assert not np.array_equal(shuffled["label"], rows()["label"])


def test_parts_are_joined_taken_and_narrowed():
    both = joined([rows(3), rows(2)])
    np.testing.assert_array_equal(both["image"], [0, 1, 2, 0, 1])
    assert list(both.only("label").arrays) == ["label"]
    np.testing.assert_array_equal(both.take(slice(3, None))["image"], [0, 1])


def test_bytes_become_numbers_from_zero_to_one():
    np.testing.assert_array_equal(scaled(np.array([0, 255], dtype=np.uint8)), [0, 1])
