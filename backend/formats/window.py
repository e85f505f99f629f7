"""A moving window over a stream of JSON text, and where the values in it end."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from typing import BinaryIO

CHUNK = 256 * 1024
_LARGEST_READ = 16 * 1024 * 1024
# How far one match goes: the regular expression machine keeps some memory for each step of a match.
_STEP = 64 * 1024
MAX_VALUE = 128 * 1024 * 1024
"""Bytes of the largest single conversation that is read; a larger one is reported and passed over.

Reading one takes up to seven times its size in memory, so this bounds the process too.
"""

MAX_DEPTH = 1_000_000
"""Levels of nesting that are followed: many times those of a recursive tree of 100,000 messages."""

READ_ERRORS = (
    OSError,
    EOFError,
    RuntimeError,  # how zipfile refuses an encrypted member, or one packed in a way it cannot undo
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)

_SPACE = re.compile(rb"[ \t\r\n\x1e]*+")
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_PLAIN = rb'[^"\[\]{}]*+'
# From inside a container to the next bracket that matters: strings are stepped over, and whole
# containers that nest no deeper than four. Possessive quantifiers keep it linear, for any input.
_INSIDE = _PLAIN + rb"(?:" + _STRING + _PLAIN + rb")*+"
for _ in range(4):
    _INSIDE = _PLAIN + rb"(?:(?:" + _STRING + rb"|[\[{]" + _INSIDE + rb"[\]}])" + _PLAIN + rb")*+"
_SKIP = re.compile(_INSIDE, re.S)
_SCALAR_END = re.compile(rb"[,\]}\s]")
_QUOTE, _BACKSLASH, _OPENING = ord('"'), ord("\\"), b"[{"


class Unreadable(Exception):
    """The text breaks off or breaks down; the message says how."""


class TooLarge(Unreadable):
    """A value of more than `MAX_VALUE` bytes; the window stands behind it."""


class Window:
    """The bytes of a stream from the place last released up to the place last read.

    ``data[at]`` is the next byte to look at, ``position`` its place in the stream. Only what has
    not been released is kept. ``failure`` is set where the stream itself broke off.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._start = 0
        self._ended = False
        self.data = bytearray()
        self.at = 0
        self.failure: str | None = None

    @property
    def position(self) -> int:
        return self._start + self.at

    def place_of(self, index: int) -> int:
        """The place in the stream of ``data[index]``."""
        return self._start + index

    def release(self) -> None:
        """Forget what lies before ``at``, once it is worth it: indexes into ``data`` change."""
        if self.at >= CHUNK:
            self._drop(self.at)

    def grow(self) -> bool:
        """Read on, by about as much as is held: looking again costs little then. False: ended."""
        if self._ended:
            return False
        wanted = min(max(CHUNK, len(self.data) - self.at), _LARGEST_READ)
        try:
            chunk = self._stream.read(wanted)
        except READ_ERRORS as error:
            self.failure = str(error) or type(error).__name__
            chunk = b""
        if not chunk:
            self._ended = True
            return False
        self.data += chunk
        return True

    def head(self, size: int) -> bytes:
        """Up to ``size`` bytes from ``at`` on."""
        while len(self.data) - self.at < size and self.grow():
            pass
        return bytes(self.data[self.at : self.at + size])

    def peek(self) -> int:
        """The next byte that is no white space, now at ``at``; -1 at the end."""
        while True:
            match = _SPACE.match(self.data, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self.data):
                return self.data[self.at]
            if not self.grow():
                return -1

    def skip_rest(self) -> None:
        """Read to the end and keep nothing of it."""
        self._drop(len(self.data))
        while self.grow():
            self._drop(len(self.data))

    def take_line(self) -> bytes:
        """The rest of the line, the stream's end closing the last. Raises TooLarge."""
        begin = searched = self.at
        while (end := self.data.find(b"\n", searched)) < 0:
            searched = len(self.data)
            if searched - begin > MAX_VALUE:
                self._skip_line()
                raise TooLarge(_too_large())
            if not self.grow():
                end = searched
                break
        self.at = min(end + 1, len(self.data))
        if end - begin > MAX_VALUE:
            raise TooLarge(_too_large())
        return bytes(self.data[begin:end])

    def _skip_line(self) -> None:
        self._drop(len(self.data))
        while self.grow():
            end = self.data.find(b"\n")
            self._drop(end + 1 if end >= 0 else len(self.data))
            if end >= 0:
                return

    def _drop(self, count: int) -> None:
        del self.data[:count]
        self._start += count
        self.at = max(0, self.at - count)

    def value_end(self) -> int:
        """The index behind the value that starts at ``at``, by its brackets and quotes alone.

        Raises Unreadable where the stream ends first, TooLarge behind a value that is too long.
        """
        first = self.data[self.at]
        if first in _OPENING:
            return self._container_end()
        if first == _QUOTE:
            return self._string_end(self.at)
        return self._scalar_end()

    def _container_end(self) -> int:
        depth, index, large = 1, self.at + 1, False
        while depth:
            stop = min(index + _STEP, len(self.data))
            match = _SKIP.match(self.data, index, stop)
            index = match.end() if match else index
            if index == stop < len(self.data):
                continue
            if index == stop:
                if large or index - self.at > MAX_VALUE:
                    large, self.at = True, index
                    self._drop(index)
                    index = 0
                self._grow_inside()
                continue
            byte = self.data[index]
            if byte == _QUOTE:
                index = self._string_end(index)
                continue
            depth += 1 if byte in _OPENING else -1
            index += 1
            if depth > MAX_DEPTH:
                raise Unreadable("it nests more than a million levels deep")
        if large or index - self.at > MAX_VALUE:
            self.at = index
            raise TooLarge(_too_large())
        return index

    def _string_end(self, begin: int) -> int:
        searched = begin + 1
        while True:
            end = self.data.find(b'"', searched)
            if end < 0:
                searched = len(self.data)
                if searched - begin > MAX_VALUE:
                    raise Unreadable(f"a text in it has no end within {MAX_VALUE >> 20} MiB")
                self._grow_inside()
            elif self._is_escaped(end):
                searched = end + 1
            else:
                return end + 1

    def _is_escaped(self, index: int) -> bool:
        """Whether an odd number of backslashes stands before a byte of a text."""
        before = index - 1
        while self.data[before] == _BACKSLASH:
            before -= 1
        return (index - before) % 2 == 0

    def _scalar_end(self) -> int:
        while (match := _SCALAR_END.search(self.data, self.at + 1)) is None:
            if not self.grow():
                return len(self.data)
            if len(self.data) - self.at > MAX_VALUE:
                raise Unreadable("it holds neither an object nor a list")
        return match.start()

    def _grow_inside(self) -> None:
        if not self.grow():
            raise Unreadable(self.failure or "the file ends in the middle of it")


def _too_large() -> str:
    return f"it is larger than {MAX_VALUE >> 20} MiB"
