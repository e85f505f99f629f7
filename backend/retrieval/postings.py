"""The inverted index as bytes: for each term, which chunks hold it, how often, how long they are.

A *chunk* is a message or a piece of a long one; an owner's chunks are numbered upwards from 1. A
*posting* is six bytes, little-endian: the chunk's number (32 bits), the term's frequency in it
(8 bits, 255 standing for more) and a code for the chunk's length (8 bits). A *run* is up to
``RUN_LENGTH`` postings of one term in ascending order: a row of the table of postings.

New chunks wait as plain terms; many at a time become a *segment*, which is written once, and
segments of like size are merged into larger ones (a log-structured merge tree, O'Neil et al. 1996),
so that what a message costs does not grow with what is stored. Everything here is pure: rows in,
rows out.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SCOPE = "\x01"
"""Begins a term that no text can hold: such terms say where a chunk belongs, not what it says."""

MAX_NUMBER = 2**32 - 1
POSTING_BYTES = 6
RUN_LENGTH = 320
"""Postings of a row: 1,920 bytes, which both databases keep inside the row."""

MAX_FREQUENCY = 255
_STEPS_PER_DOUBLING = 16
RECORD = np.dtype([("number", "<u4"), ("frequency", "u1"), ("length", "u1")])
_pack = struct.Struct("<IBB").pack

LENGTHS: NDArray[np.float32] = (
    2.0 ** (np.arange(256, dtype=np.float32) / _STEPS_PER_DOUBLING) - 1
).astype(np.float32)
"""The length in terms that a length code stands for, exact to two percent."""


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


def length_code(terms: int) -> int:
    """How a chunk of so many terms has its length noted: a logarithm in a byte."""
    return min(255, round(_STEPS_PER_DOUBLING * math.log2(terms + 1)))


def word_count(joined: str) -> int:
    """The length of a chunk, given as its terms joined by spaces; scope terms do not count."""
    return len(joined.split()) - joined.count(SCOPE)


def decode(runs: Iterable[bytes]) -> Postings:
    """The postings of one term, from its runs in any order."""
    records = np.frombuffer(b"".join(runs), RECORD)
    numbers = records["number"].astype(np.uint32)
    if len(numbers) > 1 and not np.all(numbers[1:] > numbers[:-1]):
        order = np.argsort(numbers, kind="stable")
        records, numbers = records[order], numbers[order]
    return Postings(numbers, records["frequency"].astype(np.float32), LENGTHS[records["length"]])


def waiting(chunks: Iterable[tuple[int, str]], terms: Sequence[str]) -> dict[str, Postings]:
    """The postings of some terms in chunks that are in no segment yet.

    A chunk is its number and its terms joined by spaces; they come in ascending order.
    """
    found: dict[str, list[bytes]] = {term: [] for term in terms}
    for number, joined in chunks:
        text = f" {joined} "
        held = [term for term in terms if f" {term} " in text]
        if held:
            counts, code = Counter(joined.split(" ")), length_code(word_count(joined))
            for term in held:
                found[term].append(_pack(number, min(counts[term], MAX_FREQUENCY), code))
    return {term: decode(packed) for term, packed in found.items() if packed}


def join(older: Postings | None, newer: Postings | None) -> Postings:
    """Two sets of postings of one term as one; where both know a chunk, the older is believed."""
    if older is None or newer is None:
        return older or newer or decode(())
    fresh = ~np.isin(newer.numbers, older.numbers, assume_unique=True)
    return Postings(
        np.concatenate([older.numbers, newer.numbers[fresh]]),
        np.concatenate([older.frequencies, newer.frequencies[fresh]]),
        np.concatenate([older.lengths, newer.lengths[fresh]]),
    )


def segment(chunks: Iterable[tuple[int, str]]) -> Iterator[Run]:
    """The rows of a new segment, in order, from waiting chunks in ascending order."""
    packed: dict[str, list[bytes]] = {}
    for number, joined in chunks:
        code = length_code(word_count(joined))
        for term, count in Counter(joined.split()).items():
            posting = _pack(number, min(count, MAX_FREQUENCY), code)
            if term in packed:
                packed[term].append(posting)
            else:
                packed[term] = [posting]
    for term in sorted(packed):
        yield from _runs(term, b"".join(packed[term]))


def merge(runs: Iterable[Run]) -> Iterator[Run]:
    """The rows of a merged segment, from all rows of some terms of the segments it replaces."""
    packed: dict[str, list[Run]] = {}
    for run in runs:
        packed.setdefault(run.term, []).append(run)
    for term in sorted(packed):
        ascending = sorted(packed[term], key=_first_number)
        yield from _runs(term, _sorted(b"".join(run.data for run in ascending)))


def without(data: bytes, numbers: Iterable[int]) -> bytes:
    """A row's ``data`` with the postings of some chunks taken out: empty if nothing is left.

    The row keeps its ``first_number``, which then is a lower bound.
    """
    records = np.frombuffer(data, RECORD)
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


def _sorted(data: bytes) -> bytes:
    """Postings in ascending order: those of two segments may interleave."""
    records = np.frombuffer(data, RECORD)
    numbers = records["number"]
    if np.all(numbers[1:] > numbers[:-1]):
        return data
    return records[np.argsort(numbers, kind="stable")].tobytes()


def _runs(term: str, data: bytes) -> Iterator[Run]:
    step = RUN_LENGTH * POSTING_BYTES
    for at in range(0, len(data), step):
        yield Run(term, int.from_bytes(data[at : at + 4], "little"), data[at : at + step])
