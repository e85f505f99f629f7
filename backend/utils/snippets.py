"""A short extract of a text around what was found in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

_ELLIPSIS: Final = "…"
_SHORTEST: Final = 16
_LINE_SPACE = re.compile(r"[^\S ]")
_SPACE = re.compile(r"\s")


class TextRange(NamedTuple):
    """From ``start`` up to and without ``end``, in characters."""

    start: int
    end: int


class Snippet(NamedTuple):
    """An extract on one line, and where in it the found places are: in order, apart, not empty."""

    text: str
    ranges: list[TextRange]


def snippet(text: str, ranges: Iterable[tuple[int, int]] = (), length: int = 160) -> Snippet:
    """At most ``length`` characters of ``text``, where most of ``ranges`` lie, with those ranges.

    ``ranges`` are (start, end) in characters of ``text``; those of the result are in characters of
    the snippet. Cut at words, with an ellipsis where something was left out; line breaks and tabs
    become spaces, one each. Without ranges it is the beginning. Raises ValueError for a length
    under 16.

    >>> snippet("The quick brown fox jumps over the lazy dog", [(16, 19)], length=24)
    Snippet(text='…brown fox jumps over…', ranges=[TextRange(start=7, end=10)])
    """
    if length < _SHORTEST:
        raise ValueError(f"length must be at least {_SHORTEST}")
    found = _merged(ranges, len(text))
    start, end = _window(text, found, length)
    head, tail = _ELLIPSIS * (start > 0), _ELLIPSIS * (end < len(text))
    shown = head + _LINE_SPACE.sub(" ", text[start:end]) + tail
    return Snippet(shown, list(_clipped(found, start, end, len(head))))


def find_terms(text: str, terms: Iterable[str]) -> list[TextRange]:
    """Where words that begin with one of ``terms`` begin so: case and accents do not count.

    In order and apart. An empty term is found nowhere.

    >>> find_terms("Ação e reação", ["acao"])
    [TextRange(start=0, end=4)]
    """
    folded = [_folded(term) for term in terms]
    wanted = "|".join(map(re.escape, sorted(filter(None, folded), key=len, reverse=True)))
    if not wanted:
        return []
    plain, places = _folded_with_places(text)
    starts_word = re.compile(rf"(?:(?<!\w)|(?=\W))(?:{wanted})")
    found = ((places[m.start()], places[m.end() - 1] + 1) for m in starts_word.finditer(plain))
    return _merged(found, len(text))


def _merged(ranges: Iterable[tuple[int, int]], size: int) -> list[TextRange]:
    """Ranges in order, inside the text, those that touch made one."""
    merged: list[TextRange] = []
    for start, end in sorted((max(start, 0), min(end, size)) for start, end in ranges):
        if start >= end:
            continue
        if merged and start <= merged[-1].end:
            merged[-1] = TextRange(merged[-1].start, max(end, merged[-1].end))
        else:
            merged.append(TextRange(start, end))
    return merged


def _window(text: str, ranges: Sequence[TextRange], length: int) -> tuple[int, int]:
    """Start and end of the extract, ellipses not counted."""
    if len(text) <= length:
        return 0, len(text)
    room = length - 2 * len(_ELLIPSIS)
    first, last = _densest(ranges, room)
    # What was found stands in the middle, unless the text ends first.
    start = max(0, min(first, len(text)) - max(0, room - (last - first)) // 2)
    start = max(0, min(start, len(text) - room))
    start = _word_start(text, start, first)
    return start, _word_end(text, start + room, last)


def _densest(ranges: Sequence[TextRange], room: int) -> tuple[int, int]:
    """The stretch of at most ``room`` characters that holds most ranges, the earliest of such."""
    best = (0, 0)
    most = left = 0
    for right, (_, end) in enumerate(ranges):
        while left < right and end - ranges[left].start > room:
            left += 1
        if right - left + 1 > most:
            most = right - left + 1
            best = (ranges[left].start, min(end, ranges[left].start + room))
    return best


def _word_start(text: str, start: int, first: int) -> int:
    """The first start of a word from ``start`` on that does not pass ``first``."""
    if start == 0:
        return start
    space = _SPACE.search(text, start - 1, first)
    return space.end() if space else start


def _word_end(text: str, end: int, last: int) -> int:
    """The last end of a word up to ``end`` that does not cut before ``last``."""
    if end >= len(text):
        return len(text)
    return next((at for at in range(end, max(last, end - 40), -1) if text[at].isspace()), end)


def _clipped(ranges: Iterable[TextRange], start: int, end: int, shift: int) -> Iterator[TextRange]:
    for range_ in ranges:
        low, high = max(range_.start, start), min(range_.end, end)
        if low < high:
            yield TextRange(low - start + shift, high - start + shift)


def _folded(text: str) -> str:
    return "".join(map(_folded_character, text))


def _folded_with_places(text: str) -> tuple[str, Sequence[int]]:
    """The text without case and accents, and for each of its characters its place in ``text``."""
    if text.isascii():
        return text.lower(), range(len(text))
    pieces = [_folded_character(character) for character in text]
    places = [place for place, piece in enumerate(pieces) for _ in piece]
    return "".join(pieces), places


@lru_cache(maxsize=4096)
def _folded_character(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character.casefold())
    return "".join(part for part in decomposed if not unicodedata.combining(part))
