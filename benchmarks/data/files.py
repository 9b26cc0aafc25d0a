"""Find the files of a data set and verify their content.

Three sources are tried in turn: the folder named by the environment variable
``TABDIFFUSE_DATA`` (in it, in the folder of the data set there, or in ``images`` there or beside
it), the files shipped under ``datasets/``, and the public address, kept in pooch's cache. Whatever
the source, the SHA-256 of the uncompressed content must be the recipe's.
"""

import gzip
import hashlib
import os
import tarfile
import zipfile
from pathlib import Path

from benchmarks.data import recipes
from benchmarks.data.recipes import DataError, Entry

FOLDER_VARIABLE = "TABDIFFUSE_DATA"
PICTURES = "images"  # folder of pictures, in the folder that is named or beside it
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read(name: str, entry: Entry) -> tuple[bytes, str]:
    """Read one file of a data set.

    Parameters
    ----------
    name : str
        The data set.
    entry : dict
        The file's entry in the recipe.

    Returns
    -------
    content : bytes
        Uncompressed, line ends unified where the entry says so.
    source : str
        Path or address the file came from.

    Raises
    ------
    DataError
        If the file cannot be had, or is not the published one.
    """
    for path in _local_candidates(name, entry["file"]):
        if path.is_file():
            return _verified(_unpacked(path, entry), entry, str(path)), str(path)
    path = _download(name, entry)
    return _verified(_unpacked(path, entry), entry, str(path)), entry["url"]


def is_here(name: str, entry: Entry) -> bool:
    """Tell whether a file lies in one of its places on this machine, whatever it holds."""
    return any(path.is_file() for path in _local_candidates(name, entry["file"]))


def unify_lines(content: bytes) -> bytes:
    r"""Drop a byte-order mark and end every line, the last one too, with ``\n``."""
    text = content.removeprefix(BYTE_ORDER_MARK)
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text if text.endswith(b"\n") else text + b"\n"


def _local_candidates(name: str, file: str) -> list[Path]:
    """Places on this machine where a file may lie, in the order they are tried."""
    folders = [recipes.DATASETS / name]
    if override := os.environ.get(FOLDER_VARIABLE):
        root = Path(override)
        if not root.is_dir():
            raise DataError(
                f"{FOLDER_VARIABLE} is {override!r}, which is not a folder. "
                "Name an existing one, or unset the variable to use the shipped files."
            )
        folders = [root, root / name, root / PICTURES, root.parent / PICTURES, *folders]
    return [folder / f"{file}{end}" for folder in folders for end in ("", ".gz")]


def _unpacked(path: Path, entry: Entry) -> bytes:
    """Content of a file, taken out of its archive."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix in ARCHIVES:
        return _member(path, entry)
    return path.read_bytes()


def _member(path: Path, entry: Entry) -> bytes:
    try:
        content, held = ARCHIVES[path.suffix](path, entry["member"])
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataError(
            f"{path}, downloaded from {entry['url']}, is not a {path.suffix[1:]} archive "
            f"({error}). Remove it and try again.{_by_hand(entry)}"
        ) from error
    if content is None:
        raise DataError(
            f"{path}, downloaded from {entry['url']}, holds no {entry['member']!r} but "
            f"{', '.join(held)}.{_by_hand(entry)}"
        )
    return content


def _zipped(path: Path, member: str) -> tuple[bytes | None, list[str]]:
    """Content of a member, None where there is none, and the names of all members."""
    with zipfile.ZipFile(path) as archive:
        held = archive.namelist()
        return (archive.read(member) if member in held else None), held


def _tarred(path: Path, member: str) -> tuple[bytes | None, list[str]]:
    """Content of a member, None where there is none, and the names of all members."""
    with tarfile.open(path, "r:gz") as archive:
        held = archive.getnames()
        file = archive.extractfile(member) if member in held else None
        return (None if file is None else file.read()), held


ARCHIVES = {".zip": _zipped, ".tgz": _tarred}


def _verified(content: bytes, entry: Entry, place: str) -> bytes:
    """Give the content back if its checksum is the recipe's."""
    if entry.get("unify_lines"):
        content = unify_lines(content)
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        remedy = f"replace it by {entry['url']}, or " if "url" in entry else ""
        raise DataError(
            f"{place}: the SHA-256 of the (uncompressed) content is {found}, "
            f"expected {entry['sha256']}. The file is not the published one: {remedy}"
            "remove it so that another source is tried."
        )
    return content


def _download(name: str, entry: Entry) -> Path:
    """Fetch one file, or the archive it is in, into pooch's cache, or take it from there."""
    if "url" not in entry:
        origin = entry.get("made_from", "see datasets/README.md")
        raise DataError(
            f"{entry['file']} is not on this machine, and no public address has it. It is made "
            f"from other files: {origin}.{_by_hand(entry)}"
        )
    import pooch

    pooch.get_logger().setLevel("WARNING")  # its advice on checksums is for its callers
    # Archives are rebuilt now and then around the same member, so only the member is pinned.
    packed = "member" in entry
    expected = entry.get("download_sha256", entry["sha256"])
    try:
        place = pooch.retrieve(
            url=entry["url"],
            known_hash=None if packed else f"sha256:{expected}",
            fname=f"{name}{Path(entry['url']).suffix}" if packed else entry["file"],
            path=pooch.os_cache("tabdiffuse") / name,
        )
    except Exception as error:
        raise DataError(
            f"{entry['file']} is not on this machine and could not be had from {entry['url']} "
            f"({error}).{_by_hand(entry)}"
        ) from error
    return Path(place)


def _by_hand(entry: Entry) -> str:
    return (
        f" Put the file, or {entry['file']}.gz, into a folder and name that folder "
        f"in {FOLDER_VARIABLE}."
    )
