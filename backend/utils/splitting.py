"""Long text in pieces: cut where the meaning allows, with exact places in the original.

Written here because the library that does this (semantic-text-splitter 0.33) takes 29 s for a
megabyte without a space, which anyone can send.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from backend.utils.tokens import (
    DEFAULT_ENCODING,
    MOST_TOKENS_A_CHARACTER,
    count_tokens,
    head_length,
    tail_length,
)

Unit = Literal["characters", "tokens"]


class Chunk(NamedTuple):
    """A piece of a text: ``text`` is the original's ``[start:end]``, in characters."""

    start: int
    end: int
    text: str


def split_text(
    text: str,
    limit: int,
    overlap: int = 0,
    unit: Unit = "characters",
    encoding: str = DEFAULT_ENCODING,
) -> list[Chunk]:
    """Pieces of at most ``limit`` characters or tokens that together hold every character.

    A piece ends after a paragraph where it can, else after a line, a sentence, a word, and inside
    a word only where nothing else fits; a fenced code block (CommonMark 4.5) stays whole if it is
    shorter than a piece. A cut is looked for in the later half of what fits before the earlier, so
    pieces are not much smaller than they may be. Each piece but the first repeats up to
    ``overlap`` characters or tokens of the one before, from a sentence or a word on.

    No text gives no pieces. Raises ValueError where ``limit`` is below 1 character or 4 tokens
    (one character may take as many), or ``overlap`` is negative or over half of ``limit``.

    >>> [chunk.text for chunk in split_text("One. Two three.\\n\\nFour five.", limit=17)]
    ['One. Two three.\\n\\n', 'Four five.']
    >>> split_text("One two three", limit=10, overlap=5)
    [Chunk(start=0, end=8, text='One two '), Chunk(start=4, end=13, text='two three')]
    """
    ruler: _Ruler = _Characters() if unit == "characters" else _Tokens(encoding)
    if limit < ruler.smallest or not 0 <= overlap <= limit // 2:
        raise ValueError(
            f"limit must be at least {ruler.smallest} {unit}, overlap from 0 to half of limit"
        )
    return _split(text, limit, overlap, ruler)


def join_chunks(chunks: Sequence[Chunk]) -> str:
    """The text that was split, each character once: the inverse of ``split_text``.

    >>> join_chunks(split_text("One two three", limit=8, overlap=4))
    'One two three'
    """
    ends = [0, *(chunk.end for chunk in chunks)]
    return "".join(
        chunk.text[end - chunk.start :] for end, chunk in zip(ends, chunks, strict=False)
    )


class _Ruler(Protocol):
    @property
    def smallest(self) -> int:
        """The least limit under which any character fits."""

    def reach(self, text: str, start: int, limit: int) -> int:
        """Where about ``limit`` units from ``start`` end."""

    def fits(self, text: str, limit: int) -> bool: ...

    def tail(self, text: str, limit: int) -> int:
        """How many characters at the end are about ``limit`` units."""


class _Characters:
    smallest: Final = 1

    def reach(self, text: str, start: int, limit: int) -> int:
        return min(start + limit, len(text))

    def fits(self, text: str, limit: int) -> bool:
        return len(text) <= limit

    def tail(self, text: str, limit: int) -> int:
        return min(limit, len(text))


class _Tokens:
    smallest: Final = MOST_TOKENS_A_CHARACTER

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def reach(self, text: str, start: int, limit: int) -> int:
        return start + head_length(text, start, limit, self._encoding)

    def fits(self, text: str, limit: int) -> bool:
        return count_tokens(text, self._encoding) <= limit

    def tail(self, text: str, limit: int) -> int:
        return tail_length(text, limit, self._encoding)


def _split(text: str, limit: int, overlap: int, ruler: _Ruler) -> list[Chunk]:
    fences = _Fences(text)
    chunks: list[Chunk] = []
    start = done = 0
    while done < len(text):
        end = _piece_end(text, start, done, limit, fences, ruler)
        if end is None:  # what is repeated leaves no room for a whole new word
            start = done
            continue
        chunks.append(Chunk(start, end, text[start:end]))
        done, start = end, _repeated_from(text, start, end, overlap, ruler)
    return chunks


def _piece_end(
    text: str, start: int, done: int, limit: int, fences: _Fences, ruler: _Ruler
) -> int | None:
    """Where the piece from ``start`` ends, after ``done``; None if within the first new word."""
    reach = ruler.reach(text, start, limit)
    while reach > done:
        end = len(text) if reach == len(text) else _best_cut(text, done, reach, fences)
        if end is None and start < done:
            return None
        end = end or _before_joined(text, done, reach)
        # Tokens do not add up: the same characters may take more of them with another end.
        if ruler.fits(text[start:end], limit):
            return end
        reach = end - 1
    return None


# Each is matched against a window of the text, and a cut is made where a match ends.
_PARAGRAPH = re.compile(r"\n(?:[ \t\r]*\n)+")
_LINE = re.compile(r"\n")
_SENTENCE = re.compile(r"""[.!?…]["'”’»)\]]*\s+|[。！？｡]["'”’」』）]*""")
_WORD = re.compile(r"\s+")


def _best_cut(text: str, low: int, high: int, fences: _Fences) -> int | None:
    """The best place to cut after ``low`` and not after ``high``; None inside a word."""
    fence = fences.start_of_short_one_around(high, high - low)
    if fence is not None and fence > low:
        return fence
    for floor in ((low + high) // 2, low):
        line = text.rfind("\n", floor, high) + 1
        for pattern in (_PARAGRAPH, _LINE, _SENTENCE) if line else (_SENTENCE,):
            cuts = [match.end() for match in pattern.finditer(text, floor, high)]
            outside = [cut for cut in reversed(cuts) if not fences.cut_by(cut)]
            if outside:
                return outside[0]
        cut = line or _after_last_space(text, floor, high)
        if cut > floor:
            return cut
    return None


def _after_last_space(text: str, floor: int, high: int) -> int:
    """``floor`` where there is none."""
    window = text[floor:high]
    if window[-1:].isspace():
        return high
    return high - len(window.rsplit(None, 1)[-1]) if window else floor


def _before_joined(text: str, low: int, high: int) -> int:
    """``high``, or the start of the visible character it falls into, if that is after ``low``."""
    cut = high
    while cut > low and _joined(text, cut):
        cut -= 1
    return cut if cut > low else high


def _joined(text: str, cut: int) -> bool:
    """Whether the characters on both sides of a cut are shown as one (much of UAX 29)."""
    if cut >= len(text):
        return False
    before, after = text[cut - 1], text[cut]
    return (
        unicodedata.category(after) in ("Mn", "Me", "Mc")
        or after == "\u200d"
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or (before == "\r" and after == "\n")
    )


def _repeated_from(text: str, start: int, end: int, overlap: int, ruler: _Ruler) -> int:
    """Where the next piece starts: at most ``overlap`` units before ``end``."""
    if not overlap:
        return end
    first = max(start + 1, end - ruler.tail(text[start:end], overlap))
    begin = _first_boundary(text, first, end)
    while begin < end and not ruler.fits(text[begin:end], overlap):
        begin += 1
    return begin


def _first_boundary(text: str, first: int, end: int) -> int:
    """A start not before ``first``: of a sentence if one is near, else of a word, else of any."""
    for pattern, last in ((_SENTENCE, (first + end) // 2), (_WORD, end)):
        match = pattern.search(text, first - 1, last)
        if match:
            return match.end()
    while first < end and _joined(text, first):
        first += 1
    return first


class _Fences:
    """The fenced code blocks of a Markdown text, in order."""

    _LINE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$\n?", re.MULTILINE)

    def __init__(self, text: str) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        mark = ""
        if "```" not in text and "~~~" not in text:
            return
        for match in self._LINE.finditer(text):
            if not mark:
                if match[1][0] == "~" or "`" not in match[2]:
                    mark = match[1]
                    self._starts.append(match.start())
            elif match[1].startswith(mark) and not match[2].strip():
                mark = ""
                self._ends.append(match.end())
        if mark:
            self._ends.append(len(text))

    def cut_by(self, cut: int) -> bool:
        """Whether a cut falls inside a block."""
        index = bisect_left(self._starts, cut) - 1
        return index >= 0 and cut < self._ends[index]

    def start_of_short_one_around(self, cut: int, longest: int) -> int | None:
        """Where the block that ``cut`` falls into starts, if it is no longer than ``longest``."""
        index = bisect_right(self._starts, cut) - 1
        if index < 0 or cut >= self._ends[index]:
            return None
        start, end = self._starts[index], self._ends[index]
        return start if end - start <= longest else None
