"""The model file: a zip of JSON, text and safetensors with a checksum for every member.

Bytes in, bytes out: nothing here knows what a model is. No pickle is read or written. The checksums
find accidents (a cut download, a bad disk, an edited member), not forgers: who can rewrite a member
can rewrite the manifest.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import secrets
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from tabdiffuse.errors import ModelFileError

FORMAT_NAME = "tabdiffuse-model"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MAX_TOTAL_BYTES = 4 * 1024**3
MAX_MANIFEST_BYTES = 16 * 1024**2

PathLike: TypeAlias = str | os.PathLike[str]

_ZIP_MAGIC = b"PK"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAX_TENSOR_ITEMSIZE = 8
# What zipfile raises on damaged input, depending on where the damage is. RuntimeError holds
# "encrypted" and NotImplementedError, ValueError holds undecodable names, OSError a bad offset.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    OSError,
)


@dataclass(frozen=True)
class _Entry:
    """What the manifest says of one member."""

    size: int
    sha256: str


def write_archive(path: PathLike, members: Mapping[str, bytes], *, library_version: str) -> None:
    """Write ``members`` and a manifest as one file, all of it or nothing.

    The file is written under a temporary name in the same folder, flushed to the disk, then
    renamed: after a failure an older file at ``path`` is untouched and nothing else is left behind.
    Equal arguments give equal bytes, whatever the order of ``members`` and the time of day.

    Parameters
    ----------
    path : str or path-like
        Where the file goes; its folder must exist. A symbolic link keeps pointing where it points.
    members : mapping of str to bytes
        Content by name. Names are relative, with ``/`` between parts; ``manifest.json`` is taken.
    library_version : str
        Stored in the manifest, so that a reader can say what wrote the file.

    Raises
    ------
    ValueError
        A name that could not be unpacked safely, or more than 4 GiB in all.
    OSError
        The file cannot be written there.
    """
    _check_members(members)
    manifest = {
        "format": FORMAT_NAME,
        "format_version": FORMAT_VERSION,
        "library_version": library_version,
        "members": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in members.items()
        },
    }
    with _replacing(Path(os.path.realpath(path))) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_zip_info(MANIFEST), json_to_bytes(manifest))
        for name in sorted(members):
            archive.writestr(_zip_info(name), members[name])


def read_archive(path: PathLike) -> dict[str, bytes]:
    """Read the members of a file made by `write_archive`, after checking every one.

    Parameters
    ----------
    path : str or path-like
        The file to read.

    Returns
    -------
    dict of str to bytes
        Content by name, without the manifest, in the order of the names.

    Raises
    ------
    ModelFileError
        Not a zip, cut short, altered, incomplete, with members too many, of another format, of a
        newer format version, or claiming more than 4 GiB. The message names the file and, where
        one is at fault, the member.
    OSError
        No such file, or it cannot be opened.
    """
    shown = os.fspath(path)
    with open(path, "rb") as file:
        with _damage_as_error(f"{shown!r} is {_what_is_wrong(file)}"):
            archive = zipfile.ZipFile(file)
        with archive:
            _check_sizes(archive, shown)
            entries = _read_manifest(archive, shown)
            _check_names(archive, entries, shown)
            return {
                name: _read_member(archive, name, entries[name], shown) for name in sorted(entries)
            }


def tensors_to_bytes(tensors: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Serialise numpy arrays as safetensors; any memory order and byte order, 0-d included.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Boolean, integer or floating arrays of at most 64 bits an element.

    Returns
    -------
    bytes
        The same bytes for the same values.

    Raises
    ------
    TypeError
        An array of another dtype; the message names it.
    """
    packed = {}
    for name, value in tensors.items():
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > _MAX_TENSOR_ITEMSIZE:
            raise TypeError(
                f"Tensor {name!r} has dtype {value.dtype}, which a model file cannot hold. "
                "Convert it to a boolean, integer or floating dtype of at most 64 bits."
            )
        # safetensors copies raw memory from the first element on: a strided view would be misread.
        packed[name] = np.asarray(value, dtype=value.dtype.newbyteorder("<"), order="C")
    return bytes(save_safetensors(packed))


def tensors_from_bytes(
    data: bytes, *, name: str = "safetensors member"
) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays written by `tensors_to_bytes`; each owns its memory and is writable.

    Parameters
    ----------
    data : bytes
        A safetensors file.
    name : str
        What to call it in an error.

    Raises
    ------
    ModelFileError
        Not safetensors, or of a dtype numpy does not have.
    """
    try:
        return {key: value.copy() for key, value in load_safetensors(data).items()}
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelFileError(f"{name} does not hold readable tensors: {error!r}.") from error


def json_to_bytes(value: object) -> bytes:
    """Serialise to indented UTF-8 JSON with sorted keys and a final newline.

    Parameters
    ----------
    value : object
        What `json.dumps` takes; keys of dicts come back as str.

    Raises
    ------
    ValueError
        A NaN or an infinity: JSON has neither.
    """
    text = _dump_json(value, ascii_only=False)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate, from text read with errors="surrogateescape"
        return _dump_json(value, ascii_only=True).encode("ascii")


def json_from_bytes(data: bytes, *, name: str = "JSON member") -> Any:
    """Read what `json_to_bytes` wrote.

    Parameters
    ----------
    data : bytes
        UTF-8 JSON.
    name : str
        What to call it in an error.

    Raises
    ------
    ModelFileError
        Not UTF-8, not JSON, nested beyond reason, or holding NaN or an infinity.
    """
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name} is not valid JSON: {error}.") from error


def _dump_json(value: object, *, ascii_only: bool) -> str:
    return (
        json.dumps(value, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=ascii_only) + "\n"
    )


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _zip_info(name: str) -> zipfile.ZipInfo:
    """Describe a member with everything fixed that would tell one run or platform from another."""
    info = zipfile.ZipInfo(name, date_time=_ZIP_EPOCH)
    info.create_system = 3  # Unix, whose modes the next line gives
    info.external_attr = 0o100644 << 16
    # Stored, not deflated: weights hardly shrink, and zlib's output differs between its versions.
    info.compress_type = zipfile.ZIP_STORED
    return info


def _check_members(members: Mapping[str, bytes]) -> None:
    for name in members:
        parts = name.split("/")
        if name == MANIFEST or "\\" in name or "\0" in name or ":" in name:
            raise ValueError(f"{name!r} cannot be the name of a member of a model file.")
        if any(part in {"", ".", ".."} for part in parts) or PurePosixPath(name).is_absolute():
            raise ValueError(f"{name!r} cannot be the name of a member: it must be relative.")
    total = sum(map(len, members.values()))
    if total > MAX_TOTAL_BYTES:
        raise ValueError(
            f"The members take {total} bytes; a model file holds at most {MAX_TOTAL_BYTES}."
        )


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes the place of ``target`` if, and only if, the block succeeds."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _what_is_wrong(file: IO[bytes]) -> str:
    """Say what a file that is not a readable zip most likely is, from its first bytes."""
    start = file.read(len(_ZIP_MAGIC))
    if not start:
        return "empty"
    if start == _ZIP_MAGIC:
        return "cut short or damaged: copy or download it again"
    return "not a tabdiffuse model file (it is not a zip archive)"


@contextmanager
def _damage_as_error(message: str) -> Iterator[None]:
    try:
        yield
    except ModelFileError:
        raise
    except _DAMAGE as error:
        raise ModelFileError(f"{message}. ({error})") from error


def _check_sizes(archive: zipfile.ZipFile, shown: str) -> None:
    """Refuse on declared sizes, before a byte is unpacked; zipfile reads no more than declared."""
    total = sum(info.file_size for info in archive.infolist())
    if total > MAX_TOTAL_BYTES:
        raise ModelFileError(
            f"{shown!r} claims to unpack to {total} bytes; a model file holds at most "
            f"{MAX_TOTAL_BYTES}."
        )


def _read_manifest(archive: zipfile.ZipFile, shown: str) -> dict[str, _Entry]:
    if MANIFEST not in archive.namelist():
        raise ModelFileError(
            f"{shown!r} is a zip archive without {MANIFEST}: not a tabdiffuse model file."
        )
    if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_BYTES:
        raise ModelFileError(
            f"{MANIFEST} of {shown!r} is larger than {MAX_MANIFEST_BYTES} bytes: "
            "not a tabdiffuse model file."
        )
    with _damage_as_error(f"{MANIFEST} of {shown!r} was altered or damaged"):
        content = archive.read(MANIFEST)
    manifest = json_from_bytes(content, name=f"{MANIFEST} of {shown!r}")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT_NAME:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise ModelFileError(
            f"{shown!r} has the format {found!r}, not {FORMAT_NAME!r}: not a tabdiffuse model file."
        )
    _check_version(manifest, shown)
    with _damage_as_error(f"{MANIFEST} of {shown!r} does not list its members as it should"):
        return _parse_entries(manifest.get("members"))


def _check_version(manifest: dict[str, Any], shown: str) -> None:
    version = manifest.get("format_version")
    if type(version) is not int or version < 1:
        raise ModelFileError(f"{MANIFEST} of {shown!r} has no valid format version: {version!r}.")
    if version > FORMAT_VERSION:
        raise ModelFileError(
            f"{shown!r} has format version {version}, written by tabdiffuse "
            f"{manifest.get('library_version', 'of unknown version')}; this tabdiffuse knows "
            f"format version {FORMAT_VERSION}. Upgrade it: pip install --upgrade tabdiffuse"
        )


def _parse_entries(listed: object) -> dict[str, _Entry]:
    if not isinstance(listed, dict):
        raise ValueError("no 'members' object")
    entries = {}
    for name, item in listed.items():
        if not isinstance(item, dict) or set(item) != {"sha256", "size"}:
            raise ValueError(f"{name!r} needs 'sha256' and 'size'")
        entries[name] = _Entry(size=item["size"], sha256=item["sha256"])
    return entries


def _check_names(archive: zipfile.ZipFile, entries: Mapping[str, _Entry], shown: str) -> None:
    names = archive.namelist()
    for name in entries:
        if name not in names:
            raise ModelFileError(f"{shown!r} lacks its member {name!r}: the file is incomplete.")
    unexpected = sorted((Counter(names) - Counter({*entries, MANIFEST})).keys())
    if unexpected:
        raise ModelFileError(
            f"{shown!r} holds members its manifest does not list: {unexpected}. "
            "It was changed after it was written."
        )


def _read_member(archive: zipfile.ZipFile, name: str, entry: _Entry, shown: str) -> bytes:
    altered = f"Member {name!r} of {shown!r} was altered or damaged"
    with _damage_as_error(altered):
        content = archive.read(name)
    if len(content) != entry.size or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise ModelFileError(f"{altered}: its checksum is not the one in {MANIFEST}.")
    return content
