"""Reading chats of any known format: from a path, from a stream, from a parsed value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from backend.formats.conversion import READERS, Result, read_items
from backend.formats.document import DocumentFailure
from backend.formats.errors import UnsupportedFormat
from backend.formats.json_stream import Framed, Item, frame
from backend.formats.sources import (
    Source,
    folder_sources,
    is_zip,
    zip_sources,
)
from backend.formats.values import clean
from backend.formats.window import READ_ERRORS, Window

FORMATS = tuple(READERS)
"""The names of the formats that are read."""


class Documents(Iterator[Result]):
    """The conversations of an import, as they are read, and how far it has come.

    ``format`` is the format of the file being read, None until one was recognised; ``position`` and
    ``total`` are bytes (unpacked, for an archive), ``total`` None where the input cannot tell. To
    let go of its files before the end is reached, close it or use it in a ``with``.
    """

    def __init__(self, forced: str | None = None) -> None:
        if forced is not None and forced not in READERS:
            raise UnsupportedFormat(
                f"there is no format {forced[:40]!r}: the formats are {', '.join(FORMATS)}"
            )
        self.format: str | None = None
        self.total: int | None = None
        self._forced = forced
        self._before = 0
        self._window: Window | None = None
        self._results: Iterator[Result] = iter(())
        self._open = ExitStack()

    @property
    def position(self) -> int:
        return self._before + (self._window.position if self._window is not None else 0)

    def __next__(self) -> Result:
        try:
            return next(self._results)
        except StopIteration:
            self._open.close()
            raise

    def __enter__(self) -> Documents:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._results = iter(())
        self._open.close()

    def _read_path(self, path: Path) -> None:
        if path.is_dir():
            self._read_sources(folder_sources(path))
            return
        stream = self._open.enter_context(path.open("rb"))
        try:
            self._read_stream(stream, None)
        except BaseException:
            self.close()
            raise

    def _read_stream(self, stream: BinaryIO, name: str | None) -> None:
        if stream.seekable():
            if is_zip(stream):
                self._read_sources(zip_sources(stream))
                return
            self.total = stream.seek(0, 2)
            stream.seek(0)
        results = self._begin(stream)
        self._results = (_named(result, name) for result in results)

    def _read_value(self, value: Any) -> None:
        value = clean(value)
        is_list = isinstance(value, list)
        items = [
            Item(element, f"element {number}")
            for number, element in enumerate(value if is_list else [value])
        ]
        framed = Framed("list" if is_list else "value", iter(items))
        self.format, self._results = read_items(framed, self._forced, lambda: 0)

    def _read_sources(self, sources: list[Source]) -> None:
        self.total = sum(source.size for source in sources)
        self._results = self._all_of(sources)

    def _begin(self, stream: BinaryIO) -> Iterator[Result]:
        window = self._window = Window(stream)
        self.format, results = read_items(frame(window), self._forced, lambda: window.position)
        return results

    def _all_of(self, sources: list[Source]) -> Iterator[Result]:
        for source in sources:
            try:
                with source.open() as stream:
                    for result in self._one_of(source, stream):
                        yield _named(result, source.name)
            except (UnsupportedFormat, *READ_ERRORS) as error:
                yield DocumentFailure(0, None, f"{source.name}: {error}")
            self._window = None
            self._before += 0 if source.is_zip else source.size

    def _one_of(self, source: Source, stream: BinaryIO) -> Iterator[Result]:
        if not source.is_zip:
            return self._begin(stream)
        members = zip_sources(stream)
        self.total = (self.total or 0) - source.size + sum(member.size for member in members)
        return self._all_of(members)


def _named(result: Result, name: str | None) -> Result:
    if name is None or not isinstance(result, DocumentFailure):
        return result
    return replace(result, reason=f"{name}: {result.reason}")


def open_documents(path: Path, format: str | None = None) -> Documents:  # noqa: A002
    """The conversations of a file, of a zip archive, or of a folder of files and archives.

    Raises UnsupportedFormat where nothing in a file is known, or a folder or archive holds no file
    to read, and OSError where the path cannot be opened. Of several files, one that is unknown or
    broken is a DocumentFailure that names it.
    """
    documents = Documents(format)
    documents._read_path(path)
    return documents


def read_documents(
    stream: BinaryIO,
    format: str | None = None,  # noqa: A002
    name: str | None = None,
) -> Documents:
    """The conversations of a stream: JSON, JSON Lines or, where it can be sought in, a zip archive.

    It is read from its start and not closed. ``name`` goes before the reasons of failures. Raises
    UnsupportedFormat.
    """
    documents = Documents(format)
    documents._read_stream(stream, name)
    return documents


def read_value(value: Any, format: str | None = None) -> Documents:  # noqa: A002
    """The conversations of a parsed JSON value: one conversation, or a list of them or of messages.

    The value is left as it is. Raises UnsupportedFormat.
    """
    documents = Documents(format)
    documents._read_value(value)
    return documents


def detect(source: Path | BinaryIO) -> str:
    """The format that a file, folder or stream is in. Raises UnsupportedFormat, OSError."""
    opened = open_documents(source) if isinstance(source, Path) else read_documents(source)
    with opened as documents:
        while documents.format is None:
            try:
                next(documents)
            except StopIteration:
                raise UnsupportedFormat("no file of it is in a chat format known here") from None
        found = documents.format
    if not isinstance(source, Path) and source.seekable():
        source.seek(0)
    return found
