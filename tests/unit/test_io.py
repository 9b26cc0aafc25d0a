from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tabdiffuse import io
from tabdiffuse.errors import ModelFileError

MEMBERS = {
    "weights.safetensors": bytes(range(256)) * 2,
    "config.json": b'{"width": 32}\n',
    "codec/empty.bin": b"",
    "README.md": "# Łódź\n".encode(),
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "adult.tabdiffuse"
    io.write_archive(path, MEMBERS, library_version="0.1.0")
    return path


def rewrite(path: Path, contents: dict[str, bytes], **manifest_changes: Any) -> None:
    """Write a zip with the manifest of ``contents``, changed, as another writer could have."""
    manifest = {
        "format": io.FORMAT_NAME,
        "format_version": io.FORMAT_VERSION,
        "library_version": "9.9.9",
        "members": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in contents.items()
        },
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(io.MANIFEST, json.dumps(manifest | manifest_changes))
        for name, content in contents.items():
            archive.writestr(name, content)


def content_offset(path: Path, name: str) -> int:
    """Find where the content of a member starts: after the local header and the name."""
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(name).header_offset + 30 + len(name.encode())


def flip(path: Path, offset: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset] ^= 0xFF
    path.write_bytes(content)


def test_members_come_back(saved: Path) -> None:
    assert io.read_archive(saved) == MEMBERS
    assert io.read_archive(str(saved)) == MEMBERS


def test_no_members_is_an_archive(tmp_path: Path) -> None:
    io.write_archive(tmp_path / "empty", {}, library_version="0.1.0")
    assert io.read_archive(tmp_path / "empty") == {}


def test_bytes_depend_on_content_only(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    io.write_archive(other, dict(reversed(MEMBERS.items())), library_version="0.1.0")
    assert other.read_bytes() == saved.read_bytes()


def test_manifest_is_readable_by_other_tools(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["format"] == "tabdiffuse-model"
    assert manifest["format_version"] == 1
    assert manifest["library_version"] == "0.1.0"
    assert manifest["members"]["codec/empty.bin"] == {
        "sha256": hashlib.sha256(b"").hexdigest(),
        "size": 0,
    }


def test_archive_packed_again_is_read(saved: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    assert io.read_archive(again) == MEMBERS


@pytest.mark.parametrize(
    "name",
    ["manifest.json", "", "/etc/passwd", "../up", "a//b", "a/./b", "a\\b", "C:a", "a/", "\0"],
)
def test_unsafe_member_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(name)) + " cannot be the name"):
        io.write_archive(tmp_path / "model", {name: b""}, library_version="0.1.0")
    assert list(tmp_path.iterdir()) == []


def test_too_much_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(io, "MAX_TOTAL_BYTES", 10)
    with pytest.raises(ValueError, match="take 11 bytes; a model file holds at most 10"):
        io.write_archive(
            tmp_path / "model", {"a": b"123456", "b": b"12345"}, library_version="0.1.0"
        )


# --- writing is all or nothing


class Killed(BaseException):
    """Stands for an interrupt: not an Exception."""


@pytest.mark.parametrize("failure", [OSError("disk full"), Killed()])
@pytest.mark.parametrize("target", ["os.fsync", "os.replace", "zipfile.ZipFile.writestr"])
def test_failed_write_leaves_old_file(
    saved: Path, monkeypatch: pytest.MonkeyPatch, target: str, failure: BaseException
) -> None:
    before = saved.read_bytes()

    def fail(*args: object, **kwargs: object) -> None:
        raise failure

    monkeypatch.setattr(target, fail)
    with pytest.raises(type(failure)):
        io.write_archive(saved, {"a": b"new"}, library_version="0.1.0")
    monkeypatch.undo()
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_failed_first_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        io.write_archive(tmp_path / "model", MEMBERS, library_version="0.1.0")
    assert list(tmp_path.iterdir()) == []


def test_new_file_replaces_old(saved: Path) -> None:
    io.write_archive(saved, {"a": b"new"}, library_version="0.1.0")
    assert io.read_archive(saved) == {"a": b"new"}
    assert list(saved.parent.iterdir()) == [saved]


def test_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        io.write_archive(tmp_path / "no" / "model", MEMBERS, library_version="0.1.0")


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links and modes are POSIX")
def test_symbolic_link_and_umask_are_respected(saved: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(saved)
    old_umask = os.umask(0o027)
    try:
        io.write_archive(link, {"a": b"new"}, library_version="0.1.0")
    finally:
        os.umask(old_umask)
    assert link.is_symlink()
    assert io.read_archive(saved) == {"a": b"new"}
    assert saved.stat().st_mode & 0o777 == 0o640


# --- reading refuses what was not written


def test_missing_file_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        io.read_archive(tmp_path / "none")


def test_other_file_is_not_a_zip(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04K\x01." * 20)
    with pytest.raises(ModelFileError, match=r"model\.pkl' is not a tabdiffuse model file .*zip"):
        io.read_archive(path)


def test_empty_file_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.touch()
    with pytest.raises(ModelFileError, match="is empty"):
        io.read_archive(path)


def test_other_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ModelFileError, match=r"zip archive without manifest\.json"):
        io.read_archive(path)


@pytest.mark.parametrize("kept", [0.01, 0.3, 0.5, 0.9, 0.99])
def test_truncated_file_is_called_cut_short(saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ModelFileError, match="cut short or damaged"):
        io.read_archive(saved)


def test_every_truncation_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    for length in range(len(content)):
        saved.write_bytes(content[:length])
        with pytest.raises(ModelFileError):
            io.read_archive(saved)


@pytest.mark.parametrize("name", ["manifest.json", *(name for name in MEMBERS if MEMBERS[name])])
@pytest.mark.parametrize("position", [0, -1])
def test_altered_member_is_named(saved: Path, name: str, position: int) -> None:
    with zipfile.ZipFile(saved) as archive:
        size = archive.getinfo(name).file_size
    flip(saved, content_offset(saved, name) + position % size)
    with pytest.raises(ModelFileError, match=f"{re.escape(name)}.* was altered or damaged"):
        io.read_archive(saved)


def test_any_flipped_byte_is_refused_or_harmless(saved: Path) -> None:
    """Timestamps and modes are not content; every other damage is one kind of error."""
    content = saved.read_bytes()
    refused = 0
    for offset in range(len(content)):
        flip(saved, offset)
        try:
            assert io.read_archive(saved) == MEMBERS
        except ModelFileError:
            refused += 1
        saved.write_bytes(content)
    assert refused > len(content) / 2


def test_unexpected_member_is_named(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("extra.py", "import os")
    with pytest.raises(ModelFileError, match=r"does not list: \['extra\.py'\]"):
        io.read_archive(saved)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # what the test sets up
@pytest.mark.parametrize("name", ["config.json", "manifest.json"])
def test_repeated_member_is_named(saved: Path, name: str) -> None:
    with zipfile.ZipFile(saved) as archive:
        content = archive.read(name)
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr(name, content)
    with pytest.raises(ModelFileError, match=rf"does not list: \['{re.escape(name)}'\]"):
        io.read_archive(saved)


SHA_OF_1 = hashlib.sha256(b"1").hexdigest()
NEWER = (
    r"model' has format version 2, written by tabdiffuse 9\.9\.9; this tabdiffuse knows format "
    r"version 1\. Upgrade it: pip install --upgrade tabdiffuse"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2, "members": {"whatever": "it means"}}, NEWER),
        *(
            ({"format_version": version}, f"has no valid format version: {version!r}")
            for version in (0, -1, 1.0, True, "1", None)
        ),
        ({"format": "keras"}, r"model' has the format 'keras', not 'tabdiffuse-model'"),
        *(
            ({"members": listed}, "does not list its members as it should")
            for listed in (None, ["a.json"], {"a.json": 1}, {"a.json": {"size": 1}})
        ),
        ({"members": {"b": {"sha256": "", "size": 0}}}, r"model' lacks its member 'b'"),
        ({"members": {}}, r"does not list: \['a\.json'\]"),
        *(
            ({"members": {"a.json": entry}}, r"Member 'a\.json' of .*model' was altered.*checksum")
            for entry in ({"sha256": SHA_OF_1, "size": 1}, {"sha256": SHA_OF_1, "size": "1"})
        ),
    ],
)
def test_manifest_fault_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    """The zip itself is sound, so that only the manifest's own checks can find the fault."""
    path = tmp_path / "model"
    rewrite(path, {"a.json": b"2"}, **change)
    with pytest.raises(ModelFileError, match=message):
        io.read_archive(path)


@pytest.mark.parametrize("content", [b"[]", b"3", b"{}", b"null"])
def test_manifest_without_format_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", content)
    with pytest.raises(ModelFileError, match="has the format None"):
        io.read_archive(path)


def test_zip_bomb_is_refused_before_unpacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr("zeros", bytes(1_000_000))
    monkeypatch.setattr(io, "MAX_TOTAL_BYTES", 1_000_000)
    with pytest.raises(
        ModelFileError, match=r"claims to unpack to 1000002 bytes; .* at most 1000000"
    ):
        io.read_archive(path)


def test_huge_manifest_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    rewrite(path, MEMBERS)
    monkeypatch.setattr(io, "MAX_MANIFEST_BYTES", 10)
    with pytest.raises(ModelFileError, match=r"manifest\.json of .* is larger than 10 bytes"):
        io.read_archive(path)
