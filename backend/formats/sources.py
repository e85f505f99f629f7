"""The files that an import is made of: one file, those of a folder, or the members of a zip.

Names only choose among files, never a format. Beside ``conversations.json`` or its numbered shards,
the files of the same export that are no conversations (accounts, settings, memories, projects) are
left out; in any other folder or archive every ``.json``, ``.jsonl`` and ``.ndjson`` is read.

A zip is streamed, member by member, and refused when it looks made to fill the disk or the time of
whoever opens it: more than `MAX_MEMBERS` members, or, beyond `FREE_BYTES`, more than `MAX_RATIO`
bytes unpacked for each byte of the archive. (Exports pack between 2 : 1 and 10 : 1; deflate can
reach 1,000 : 1.) A member gives no more than the archive says it holds: zipfile sees to that.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from backend.formats.errors import UnsupportedFormat
from backend.formats.window import READ_ERRORS

MAX_MEMBERS = 100_000
MAX_RATIO = 200
FREE_BYTES = 64 * 1024 * 1024

_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_CONVERSATIONS = re.compile(r"conversations(-\d+)?\.json", re.IGNORECASE)
_MORE_CONVERSATIONS = "design_chats"
_DIGITS = re.compile(r"(\d+)")
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read. ``name`` is for people; ``open`` gives a new stream from its start."""

    name: str
    size: int
    open: Callable[[], BinaryIO]
    is_zip: bool = False


def is_zip(stream: BinaryIO) -> bool:
    """Whether a seekable stream is a zip archive; leaves it at its start."""
    stream.seek(0)
    start = stream.read(4)
    stream.seek(0)
    return start in _ZIP_STARTS


def folder_sources(folder: Path) -> list[Source]:
    """The files of a folder and those below it, archives included, in their natural order."""
    paths = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower() in (*_SUFFIXES, ".zip")
    }
    chosen = _chosen(paths)
    if not chosen:
        raise UnsupportedFormat("there is no JSON file and no zip archive in the folder")
    return [file_source(paths[name], name) for name in chosen]


def file_source(path: Path, name: str) -> Source:
    """A file on disk. Raises OSError."""

    def open_file() -> BinaryIO:
        return path.open("rb")

    with path.open("rb") as stream:
        packed = is_zip(stream)
    return Source(name, path.stat().st_size, open_file, packed)


def zip_sources(stream: BinaryIO) -> list[Source]:
    """The members of an archive that are worth reading.

    Raises UnsupportedFormat for one that is broken, holds none, or goes beyond the limits.
    """
    try:
        archive = zipfile.ZipFile(stream)
        members = archive.infolist()
    except READ_ERRORS as error:
        raise UnsupportedFormat(f"the zip archive cannot be opened: {error}") from None
    if len(members) > MAX_MEMBERS:
        raise UnsupportedFormat(f"the zip archive holds more than {MAX_MEMBERS:,} files")
    by_name = {
        member.filename: member
        for member in members
        if not member.is_dir() and PurePosixPath(member.filename).suffix.lower() in _SUFFIXES
    }
    chosen = [by_name[name] for name in _chosen(by_name)]
    if not chosen:
        raise UnsupportedFormat("there is no JSON file in the zip archive")
    _refuse_bomb(chosen, stream)
    return [_member_source(archive, member) for member in chosen]


def _member_source(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Source:
    def open_member() -> BinaryIO:
        opened: IO[bytes] = archive.open(member)
        return cast("BinaryIO", opened)

    return Source(member.filename, member.file_size, open_member)


def _refuse_bomb(members: Iterable[zipfile.ZipInfo], stream: BinaryIO) -> None:
    stream.seek(0, 2)
    packed = stream.tell()
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(FREE_BYTES, packed * MAX_RATIO):
        raise UnsupportedFormat(
            f"the zip archive says it holds {unpacked:,} bytes in {packed:,}: more than "
            f"{MAX_RATIO} for one is taken for an attack"
        )


def _chosen(names: Iterable[str]) -> list[str]:
    """The names to read: of an export with conversation files only those, else all not hidden."""
    shown = [name for name in names if not _is_hidden(PurePosixPath(name))]
    exports = {
        PurePosixPath(name).parent for name in shown if _CONVERSATIONS.fullmatch(_last(name))
    }
    return sorted((name for name in shown if _is_wanted(name, exports)), key=_natural)


def _is_wanted(name: str, exports: set[PurePosixPath]) -> bool:
    path = PurePosixPath(name)
    if not exports.intersection(path.parents) or path.suffix.lower() == ".zip":
        return True
    return (
        _CONVERSATIONS.fullmatch(path.name) is not None or _MORE_CONVERSATIONS in path.parent.parts
    )


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _last(name: str) -> str:
    return PurePosixPath(name).name


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts ``conversations-2`` before ``conversations-10``."""
    return [
        (int(piece), "") if piece.isdigit() else (-1, piece)
        for piece in _DIGITS.split(name.lower())
        if piece
    ]
