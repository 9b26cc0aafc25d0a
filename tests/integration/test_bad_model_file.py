"""Files that are no model, or no longer one, are refused in words."""

from __future__ import annotations

import json
import zipfile

import pytest

from tabdiffuse import TabularDiffusion
from tabdiffuse.errors import ModelFileError
from tabdiffuse.io import read_archive, write_archive
from tests.tiny_tables import MEMBERS, members_of, mixed_frame, tiny_model


@pytest.fixture
def saved(tiny_frame, tmp_path):
    tiny_model().fit(tiny_frame).save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("kept", [0.01, 0.3, 0.5, 0.9, 0.999])
def test_truncated_file(saved, kept):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ModelFileError, match="is cut short or damaged: copy or download it again"):
        TabularDiffusion.load(saved)


def test_empty_file(saved):
    saved.write_bytes(b"")
    with pytest.raises(ModelFileError, match="is empty"):
        TabularDiffusion.load(saved)


@pytest.mark.parametrize("name", MEMBERS)
def test_altered_member_is_named(saved, name):
    content = saved.read_bytes()
    member = members_of(saved)[name]
    place = content.index(member) + len(member) // 2
    saved.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(ModelFileError, match=rf"{name}'? of '.*' was altered or damaged"):
        TabularDiffusion.load(saved)


def test_newer_format(saved):
    members = members_of(saved)
    manifest = json.loads(members["manifest.json"])
    members["manifest.json"] = json.dumps(manifest | {"format_version": 99}).encode()
    with zipfile.ZipFile(saved, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match=r"format version 99, written by .*Upgrade it: pip"):
        TabularDiffusion.load(saved)


def test_other_files(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ModelFileError, match="not a tabdiffuse model file"):
        TabularDiffusion.load(path)
    with pytest.raises(FileNotFoundError, match=r"absent\.tabdiffuse"):
        TabularDiffusion.load(tmp_path / "absent.tabdiffuse")
    write_archive(path, {"README.md": b""}, library_version="0")
    with pytest.raises(ModelFileError, match=r"holds no table model: \['config\.json', .* missing"):
        TabularDiffusion.load(path)


def rewrite(path, **changes):
    """Replace members, with good checksums."""
    changes = {name.replace("_", "."): content for name, content in changes.items()}
    write_archive(path, read_archive(path) | changes, library_version="0")


def test_weights_of_another_model(saved, tmp_path):
    tiny_model().fit(mixed_frame()).save(tmp_path / "other")
    rewrite(saved, weights_safetensors=read_archive(tmp_path / "other")["weights.safetensors"])
    with pytest.raises(ModelFileError, match="weights do not fit the columns of the schema"):
        TabularDiffusion.load(saved)


@pytest.mark.parametrize("name", ["schema.json", "codec.json", "codec.safetensors"])
def test_parts_of_another_model(saved, tmp_path, name):
    tiny_model().fit(mixed_frame()).save(tmp_path / "other")
    rewrite(saved, **{name: read_archive(tmp_path / "other")[name]})
    with pytest.raises(ModelFileError, match=r"parts do not make a model|weights do not fit"):
        TabularDiffusion.load(saved)


@pytest.mark.parametrize(
    "edit",
    [
        lambda config: config.pop("network"),
        lambda config: config["network"].update(width="wide"),
        lambda config: config["parameters"].update(unheard_of=1),
        lambda config: config["fitted"].pop("seed_"),
    ],
)
def test_config_that_makes_no_sense(saved, edit):
    config = json.loads(read_archive(saved)["config.json"])
    edit(config)
    rewrite(saved, config_json=json.dumps(config).encode())
    with pytest.raises(ModelFileError, match="parts do not make a model"):
        TabularDiffusion.load(saved)
