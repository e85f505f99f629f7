"""JSON of any size as a stream of items: elements of a list, lines of JSON Lines, one value.

Memory is bounded by the largest item, never by the file. An item that is not valid JSON but whose
brackets and quotes balance is reported alone; what breaks the file itself (its end in the middle of
an item, a closing quote that is missing) is reported with its place and ends the stream.

Where one element of a list ends is found by counting brackets. That costs more than parsing, so
what lies between the first two elements (``},{"title":…,"create_time":``) is learned and looked for
afterwards: if the text before the next such place parses, it *is* the element, since no JSON object
is the beginning of another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from backend.formats.errors import UnsupportedFormat
from backend.formats.values import loads, loads_strictly
from backend.formats.window import TooLarge, Unreadable, Window

Layout = Literal["list", "lines", "value"]
"""How a file holds its items: as elements of one list, one a line, or as one value."""


class Item(NamedTuple):
    """A value and its place (``byte 12``, ``line 3``), or what was wrong with it there."""

    value: Any
    place: str
    error: str | None = None


@dataclass(slots=True)
class Framed:
    """The items of a stream and how they were told apart."""

    layout: Layout
    items: Iterator[Item]


_HEAD = 1024 * 1024
_SAMPLE_LINES = 100
_LARGE = 8 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SCALAR = rb'(?:"[^"\\]*+(?:\\.[^"\\]*+){0,200}+"|[-+.\w]++)'
# An object that holds its conversations (not its messages) in a list, after nothing but scalars.
_WRAPPED = re.compile(
    rb'\s*+\{\s*+(?:"[^"\\]*+"\s*+:\s*+' + _SCALAR + rb"\s*+,\s*+)*+"
    rb'"(?:history|conversations|chats)"\s*+:\s*+\[(?!\s*+\{\s*+"(?:role|content|type)")',
    re.S,
)
_SPACE = rb"\s*+"
_KEY = rb'"[^"\\]{1,64}+"\s*+:'
_FIRST_KEYS = re.compile(
    rb"(?P<first>\{\s*+"
    + _KEY
    + rb")(?:\s*+"
    + _SCALAR
    + rb"\s*+,\s*+(?P<second>"
    + _KEY
    + rb"))?",
    re.S,
)
_OPENING = b"[{"
_OBJECT, _OBJECT_END = b"{}"


def frame(window: Window) -> Framed:
    """Tell how a stream holds its items. Raises UnsupportedFormat where it is no JSON."""
    head = window.head(_HEAD)
    if head.startswith(_BYTE_ORDER_MARK):
        window.at += len(_BYTE_ORDER_MARK)
        head = head[len(_BYTE_ORDER_MARK) :]
    body = head.lstrip()
    if not body:
        raise UnsupportedFormat(window.failure or "there is nothing in it")
    if _first_line_is_whole(body):
        return Framed("lines", _lines(window))
    wrapped = _WRAPPED.match(head)
    if wrapped:
        window.at += wrapped.end() - 1
        return Framed("list", _elements(window, wrapped=True))
    if body[0] == ord("["):
        window.peek()
        return Framed("list", _elements(window))
    lines_follow = _some_line_is_whole(body)
    if body[0] == ord("{"):
        return Framed("value", _value_then_lines(window, lines_follow))
    if lines_follow:
        return Framed("lines", _lines(window))
    raise UnsupportedFormat("it is neither JSON nor JSON Lines (in UTF-8) nor a zip archive")


def _is_container(line: bytes) -> bool:
    line = line.strip()
    if len(line) < 2 or line[0] not in _OPENING:
        return False
    try:
        loads(line)
    except ValueError:
        return False
    return True


def _first_line_is_whole(body: bytes) -> bool:
    line, _, rest = body.partition(b"\n")
    return bool(rest.strip()) and _is_container(line)


def _some_line_is_whole(body: bytes) -> bool:
    lines = body.split(b"\n", _SAMPLE_LINES)
    return len(lines) > 1 and any(line[:1] in _OPENING and _is_container(line) for line in lines)


def _lines(window: Window, number: int = 0) -> Iterator[Item]:
    while window.at < len(window.data) or window.grow():
        number += 1
        place = f"line {number}"
        window.release()
        try:
            line = window.take_line().strip(b" \t\r\n\x1e")
            if line:
                yield Item(loads(line), place)
        except (ValueError, TooLarge) as error:
            yield Item(None, place, _not_json(error))
    if window.failure:
        yield Item(None, f"byte {window.position}", window.failure)


def _value_then_lines(window: Window, lines_follow: bool) -> Iterator[Item]:
    """One value and, where more follows it, lines; if it is no value, lines from the start."""
    begin = window.at
    window.peek()
    place = f"byte {window.position}"
    try:
        end = window.value_end()
        value = loads(bytes(window.data[window.at : end]))
    except (Unreadable, ValueError) as error:
        if lines_follow and not isinstance(error, TooLarge):
            window.at = begin
            yield from _lines(window)
        else:
            yield Item(None, place, _not_json(error))
        return
    number = window.data.count(b"\n", begin, end)
    window.at = end
    yield Item(value, place)
    window.take_line()
    yield from _lines(window, number + 1)


def _not_json(error: Exception) -> str:
    return str(error) if isinstance(error, Unreadable) else f"not valid JSON: {error}"


def _elements(window: Window, wrapped: bool = False) -> Iterator[Item]:
    """The elements of the list that begins at the window's ``[``."""
    window.at += 1
    ends = _Ends(window)
    first = True
    while True:
        window.release()
        byte = window.peek()
        if byte == ord("]"):
            window.at += 1
            yield from _after_list(window, wrapped)
            return
        if not first and byte == ord(","):
            window.at += 1
            byte = window.peek()
        elif not first and byte != -1:
            yield Item(None, _here(window), "expected ',' or ']' here: the rest was not read")
            return
        if byte == -1:
            yield Item(None, _here(window), window.failure or "the file ends inside its list")
            return
        first = False
        place = _here(window)
        try:
            yield Item(ends.next_value(), place)
        except (ValueError, TooLarge) as error:
            yield Item(None, place, _not_json(error))
        except Unreadable as error:
            yield Item(None, place, f"{error}: the rest of the file was not read")
            return


def _after_list(window: Window, wrapped: bool) -> Iterator[Item]:
    byte = window.peek()
    if wrapped:
        window.skip_rest()
        if byte == -1:
            yield Item(None, _here(window), window.failure or "the file ends before its last '}'")
    elif byte != -1:
        yield Item(None, _here(window), "there is more behind the end of the list: it was not read")
    elif window.failure:
        yield Item(None, _here(window), window.failure)


def _here(window: Window) -> str:
    return f"byte {window.position}"


class _Ends:
    """Finds where each element of a list ends: by what lies between elements, or by brackets."""

    _NEAR = 8 * 1024 * 1024
    _OVERLAP = 4096
    _TRIES = 3
    _MISSES = 8

    def __init__(self, window: Window) -> None:
        self._window = window
        self._between: re.Pattern[bytes] | None = None
        self._ended_at = -1
        self._misses = 0

    def next_value(self) -> Any:
        """Parse the value at the window's place and step behind it, if it has an end, even where it
        is no JSON. Raises ValueError, Unreadable."""
        if self._between is None:
            self._learn()
        window = self._window
        if self._between is not None and window.data[window.at] == _OBJECT:
            guessed = self._guess() if self._misses < self._MISSES else None
            if guessed is not None:
                return guessed
        end = window.value_end()
        raw = bytes(window.data[window.at : end])
        window.at = end
        self._ended_at = window.position
        if len(raw) > _LARGE:
            window.release()
        return loads(raw)

    def _learn(self) -> None:
        """From the end of the element before and the first keys of this one."""
        window = self._window
        keys = _FIRST_KEYS.match(window.data, window.at, window.at + self._OVERLAP)
        gap = window.position - self._ended_at
        if keys is None or self._ended_at < 0 or not gap < min(window.at, 64):
            return
        start = bytes(window.data[window.at - gap - 1 : keys.end("first")])
        if start[0] != _OBJECT_END:
            return
        pattern = re.escape(start)
        if keys["second"] is not None:
            pattern += _SPACE + _SCALAR + _SPACE + b"," + _SPACE + re.escape(keys["second"])
        self._between = re.compile(pattern, re.S)

    def _guess(self) -> dict[str, Any] | None:
        window, found = self._window, self._window.at
        for _ in range(self._TRIES):
            found = self._find(found + 1)
            if found < 0:
                break
            raw = bytes(window.data[window.at : found + 1])
            try:
                value: dict[str, Any] = loads_strictly(raw)
            except ValueError:
                continue
            self._misses = 0
            window.at = found + 1
            self._ended_at = window.position
            return value
        self._misses += 1
        return None

    def _find(self, begin: int) -> int:
        window, between = self._window, self._between
        while between is not None:
            match = between.search(window.data, begin, window.at + self._NEAR)
            if match is not None:
                return match.start()
            begin = max(begin, len(window.data) - self._OVERLAP)
            if len(window.data) - window.at > self._NEAR or not window.grow():
                break
        return -1
