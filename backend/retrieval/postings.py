"""The inverted index as bytes: for each term, which chunks hold it, how often, how long they are.

A *chunk* is a message or a piece of a long one; an owner's chunks are numbered upwards from 1. A
*posting* is six bytes, little-endian: the chunk's number (32 bits), the term's frequency in it
(8 bits, 255 standing for more) and a code for the chunk's length (8 bits). A *run* is up to
``RUN_LENGTH`` postings of one term in ascending order: a row of the table of postings, or, where it
is short, a part of one that it shares with its neighbours (``packs``).

New chunks wait as plain terms; many at a time become a *segment*, which is written once, and
segments of like size are merged into larger ones (a log-structured merge tree, O'Neil et al. 1996),
so that what a message costs does not grow with what is stored. Everything here is pure: rows in,
rows out.
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from backend.lazy import Lazy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = Lazy("numpy")

SCOPE = "\x01"
"""Begins a term that no text can hold: such terms say where a chunk belongs, not what it says."""

MAX_NUMBER = 2**32 - 1
POSTING_BYTES = 6
RUN_LENGTH = 320
"""Postings of a row: 1,920 bytes, which both databases keep inside the row."""

MAX_FREQUENCY = 255
_STEPS_PER_DOUBLING = 16
_pack = struct.Struct("<IBB").pack


class Run(NamedTuple):
    """A row of postings; ``first_number`` is at most that of the first posting in ``data``."""

    term: str
    first_number: int
    data: bytes


@dataclass(frozen=True)
class Postings:
    """What is known of one term, as parallel arrays in ascending order of ``numbers``."""

    numbers: NDArray[np.uint32]
    frequencies: NDArray[np.float32]
    lengths: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.numbers)

    def below(self, number: int) -> Postings:
        """Those of chunks with lower numbers."""
        if not len(self) or self.numbers[-1] < number:
            return self
        end = int(np.searchsorted(self.numbers, number))
        return Postings(self.numbers[:end], self.frequencies[:end], self.lengths[:end])


@lru_cache(maxsize=1024)
def length_code(terms: int) -> int:
    """How a chunk of so many terms has its length noted: a logarithm in a byte."""
    return min(255, round(_STEPS_PER_DOUBLING * math.log2(terms + 1)))


def word_count(joined: str) -> int:
    """The length of a chunk, given as its terms joined by spaces; scope terms do not count."""
    return len(joined.split()) - joined.count(SCOPE)


@cache
def lengths() -> NDArray[np.float32]:
    """The length in terms that each length code stands for, exact to two percent."""
    return (2.0 ** (np.arange(256, dtype=np.float32) / _STEPS_PER_DOUBLING) - 1).astype(np.float32)


def decode(runs: Iterable[bytes]) -> Postings:
    """The postings of one term, from its runs in any order; where several know a chunk, the first
    of them is believed."""
    given = list(runs)
    records = np.frombuffer(b"".join(sorted(given, key=_first_of)), record())
    numbers = records["number"].astype(np.uint32)
    if len(numbers) > 1 and not np.all(numbers[1:] > numbers[:-1]):
        records = np.frombuffer(b"".join(given), record())
        numbers, first = np.unique(records["number"].astype(np.uint32), return_index=True)
        records = records[first]
    return Postings(numbers, records["frequency"].astype(np.float32), lengths()[records["length"]])


def _first_of(run: Any) -> int:
    return int.from_bytes(run[:4], "little")


def waiting(chunks: str, terms: Iterable[str]) -> dict[str, bytes]:
    """A run of each of the terms that stands in chunks that are in no segment yet.

    A chunk is a line: its number and its terms, parted by spaces.
    """
    # Every term now stands between two spaces, and no number does.
    text = "\n" + chunks.replace("\n", " \n") + " "
    lines: dict[int, _Line] = {}
    found = {}
    for term in terms:
        packed = [
            _pack(line.number, min(line.terms.count(term), MAX_FREQUENCY), line.code)
            for line in _lines_with(f" {term} ", text, lines)
        ]
        if packed:
            found[term] = b"".join(packed)
    return found


class _Line(NamedTuple):
    """A chunk that waits; ``end`` is where the next one begins."""

    end: int
    number: int
    terms: list[str]
    code: int


def _lines_with(wanted: str, text: str, known: dict[int, _Line]) -> Iterator[_Line]:
    at = text.find(wanted)
    while at >= 0:
        start = text.rfind("\n", 0, at) + 1
        line = known.get(start)
        if line is None:
            line = known[start] = _line(text, start)
        yield line
        at = text.find(wanted, line.end)


def _line(text: str, start: int) -> _Line:
    end = text.find("\n", start)
    end = end if end >= 0 else len(text)
    number, *terms = text[start:end].split()
    scopes = text.count(SCOPE, start, end)
    return _Line(end, int(number), terms, length_code(len(terms) - scopes))


def waiting_lengths(chunks: str) -> tuple[int, int]:
    """How many chunks such lines are, and the sum of their lengths in terms."""
    written = np.frombuffer(chunks.encode(), np.uint8)
    if not len(written):
        return 0, 0
    lines, spaces, scopes = (
        int(np.count_nonzero(written == ord(each))) for each in ("\n", " ", SCOPE)
    )
    return lines + 1, spaces - scopes


def segment(chunks: Iterable[tuple[int, str]]) -> Iterator[Run]:
    """The rows of a new segment, in order, from waiting chunks in ascending order."""
    packed: defaultdict[str, list[bytes]] = defaultdict(list)
    for number, joined in chunks:
        words = joined.split()
        code = length_code(len(words) - joined.count(SCOPE))
        counts: dict[str, int] = {}
        for word in words:
            counts[word] = counts.get(word, 0) + 1
        postings = {
            count: _pack(number, min(count, MAX_FREQUENCY), code) for count in set(counts.values())
        }
        for word, count in counts.items():
            packed[word].append(postings[count])
    for term in sorted(packed):
        yield from _runs(term, b"".join(packed[term]))


def merge(runs: Iterable[Run]) -> Iterator[Run]:
    """The rows of a merged segment, from all rows of some terms of the segments it replaces."""
    packed: dict[str, list[Run]] = {}
    for run in runs:
        packed.setdefault(run.term, []).append(run)
    for term in sorted(packed):
        data = [run.data for run in sorted(packed[term], key=_first_number)]
        joined = b"".join(data)
        yield from _runs(term, joined if _follow_each_other(data) else _sorted(joined))


def without(data: bytes, numbers: Iterable[int]) -> bytes:
    """A row's ``data`` with the postings of some chunks taken out: empty if nothing is left.

    The row keeps its ``first_number``, which then is a lower bound.
    """
    records = np.frombuffer(data, record())
    gone = np.fromiter(numbers, np.uint32)
    return records[~np.isin(records["number"], gone)].tobytes()


def terms_of(chunks: Mapping[int, str]) -> dict[str, list[int]]:
    """Which chunks have to be taken out of the rows of which term; chunks as for ``segment``."""
    found: dict[str, list[int]] = {}
    for number in sorted(chunks):
        for term in set(chunks[number].split()):
            found.setdefault(term, []).append(number)
    return found


def _first_number(run: Run) -> int:
    return run.first_number


def _follow_each_other(runs: Iterable[bytes]) -> bool:
    """Whether each run begins after the end of the one before; all but always it does."""
    last = -1
    for run in filter(None, runs):
        if _first_of(run) <= last:
            return False
        last = _first_of(run[-POSTING_BYTES:])
    return True


def _sorted(data: bytes) -> bytes:
    """Postings in ascending order: those of two segments may interleave. NumPy takes eleven MiB,
    which a process that is only written to never needs otherwise."""
    records = np.frombuffer(data, record())
    numbers = records["number"]
    if np.all(numbers[1:] > numbers[:-1]):
        return data
    return records[np.argsort(numbers, kind="stable")].tobytes()


def _runs(term: str, data: bytes) -> Iterator[Run]:
    step = RUN_LENGTH * POSTING_BYTES
    for at in range(0, len(data), step):
        yield Run(term, int.from_bytes(data[at : at + 4], "little"), data[at : at + step])


@cache
def record() -> np.dtype[np.void]:
    """How a posting is stored."""
    return np.dtype([("number", "<u4"), ("frequency", "u1"), ("length", "u1")])
