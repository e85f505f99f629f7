"""The part of a text that shows why it was found, with the places of what was looked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backend.retrieval.analysis import Span, spans

SNIPPET_LENGTH = 240
_LEAD = 40
"""Characters shown before the first match, at most."""


class Snippet(NamedTuple):
    """``text`` begins at ``offset`` of the whole; ``highlights`` are ranges of ``text``."""

    text: str
    offset: int
    highlights: tuple[tuple[int, int], ...]


def snippet(text: str, wanted: Iterable[str], length: int = SNIPPET_LENGTH) -> Snippet:
    """The window of at most ``length`` characters that holds most different wanted terms.

    It begins and ends between words where there are any, and is never empty unless the text is.
    """
    matches = matching(text, wanted)
    start = _start(text, _best_window(matches, length - _LEAD), length)
    end = _end(text, start, length)
    inside = [
        (m.start - start, m.end - start) for m in matches if start <= m.start and m.end <= end
    ]
    return Snippet(text[start:end], start, _joined(inside))


def matching(text: str, wanted: Iterable[str]) -> list[Span]:
    """Where in a text any of the wanted terms stands, in order."""
    terms = frozenset(wanted)
    return sorted((s for s in spans(text) if s.term in terms), key=lambda s: (s.start, s.end))


def _best_window(matches: Sequence[Span], length: int) -> int:
    """Where the window with most different terms begins; the earliest of equals."""
    best, best_start, last = 0, 0, 0
    held: dict[str, int] = {}
    for first, match in enumerate(matches):
        while last < len(matches) and matches[last].end <= match.start + length:
            held[matches[last].term] = held.get(matches[last].term, 0) + 1
            last += 1
        if len(held) > best:
            best, best_start = len(held), match.start
        if first < last:
            held[match.term] -= 1
            if not held[match.term]:
                del held[match.term]
        else:
            last = first + 1
    return best_start


def _start(text: str, first: int, length: int) -> int:
    """A little before the first match, after white space; earlier if the text ends soon."""
    start = max(0, min(first - _LEAD, len(text) - length))
    if start == 0:
        return 0
    space = next((i for i in range(start, min(first, len(text))) if text[i].isspace()), None)
    return start if space is None else space + 1


def _end(text: str, start: int, length: int) -> int:
    end = start + length
    if end >= len(text):
        return len(text)
    space = next((i for i in range(end, end - _LEAD, -1) if text[i].isspace()), None)
    return space if space is not None and space > start else end


def _joined(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ascending ranges without overlaps."""
    found: list[tuple[int, int]] = []
    for start, end in ranges:
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return tuple(found)
