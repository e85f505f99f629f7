"""Rows of postings that hold several terms.

Most terms of a segment stand in few of its chunks: a row for each takes several times what is in it
and, in an import, a third of the time. So neighbours share a row, a *pack*, whose term is ``PACK``
and the first of theirs, or one that was the first. A term stands in one pack or in rows of its own.

A pack's data is the length of its terms (16 bits, little-endian), the terms in UTF-8 parted by
spaces, a byte for each that says how many postings it has, and the postings, term after term.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from backend.repositories.search_rows import PACK
from backend.retrieval.postings import POSTING_BYTES, RUN_LENGTH, Run, without

SHARED = 160
"""Postings with which a term still shares a row."""

_MOST_BYTES = RUN_LENGTH * POSTING_BYTES
_SIZE = 2


Row: TypeAlias = tuple[str, bytes, int]
"""A row to be: its term, what its data begins with, and how many postings follow."""


def is_pack(term: str) -> bool:
    """Whether a row of this term is a pack."""
    return term.startswith(PACK)


def rows_of(terms: Sequence[str], counts: Sequence[int]) -> list[Row]:
    """The rows of ascending terms, of which each has so many postings; all postings stay in
    order."""
    rows: list[Row] = []
    begin = size = 0
    for place, (term, count) in enumerate(zip(terms, counts, strict=True)):
        needed = len(term.encode()) + count * POSTING_BYTES + 2
        if size + needed > _MOST_BYTES or count > SHARED:
            rows += _pack(terms[begin:place], counts[begin:place])
            begin, size = place, _SIZE
        if count > SHARED:
            whole, rest = divmod(count, RUN_LENGTH)
            rows += [(term, b"", each) for each in [RUN_LENGTH] * whole + [rest] if each]
            begin = place + 1
        else:
            size += needed
    rows += _pack(terms[begin:], counts[begin:])
    return rows


def _pack(terms: Sequence[str], counts: Sequence[int]) -> list[Row]:
    if not terms:
        return []
    joined = " ".join(terms).encode()
    head = len(joined).to_bytes(_SIZE, "little") + joined + bytes(counts)
    return [(PACK + terms[0], head, sum(counts))]


def packed(runs: Iterable[Run]) -> Iterator[Run]:
    """The rows of a segment's runs, which come in order."""
    terms: list[str] = []
    counts: list[int] = []
    data: list[bytes] = []
    for term, own in groupby(runs, attrgetter("term")):
        joined = b"".join(run.data for run in own)
        terms.append(term)
        counts.append(len(joined) // POSTING_BYTES)
        data.append(joined)
    return filled(rows_of(terms, counts), b"".join(data))


def filled(rows: Iterable[Row], data: bytes) -> Iterator[Run]:
    """Rows with their postings, which come one row's after the other's."""
    begin = 0
    for term, head, postings in rows:
        end = begin + postings * POSTING_BYTES
        number = 0 if head else int.from_bytes(data[begin : begin + 4], "little")
        yield Run(term, number, head + data[begin:end])
        begin = end


def unpacked(row: Run) -> Iterator[Run]:
    """The runs of a row, which is one itself if it is no pack."""
    if not is_pack(row.term):
        yield row
        return
    terms, counts, begin = _head_of(row.data)
    for term, count in zip(terms, counts, strict=True):
        end = begin + count * POSTING_BYTES
        number = int.from_bytes(row.data[begin : begin + 4], "little")
        yield Run(term, number, row.data[begin:end])
        begin = end


def of_term(wanted: str, term: str, data: bytes) -> bytes:
    """The postings of a term in a row that may hold it; empty if it does not."""
    if not is_pack(term):
        return data if term == wanted else b""
    terms, counts, begin = _head_of(data)
    if wanted not in terms:
        return b""
    place = terms.index(wanted)
    begin += sum(counts[:place]) * POSTING_BYTES
    return data[begin : begin + counts[place] * POSTING_BYTES]


def rid_of(row: Run, gone: Mapping[str, Collection[int]]) -> bytes:
    """A row's data with the postings of some chunks taken out, given by term: empty if nothing is
    left. The row keeps its term and first number, which then are lower bounds."""
    if not is_pack(row.term):
        return without(row.data, gone.get(row.term, ()))
    runs = list(unpacked(row))
    left = [
        Run(run.term, run.first_number, without(run.data, gone[run.term]))
        if run.term in gone
        else run
        for run in runs
    ]
    left = [run for run in left if run.data]
    counts = [len(run.data) // POSTING_BYTES for run in left]
    made = _pack([run.term for run in left], counts)
    return b"".join([*(head for _, head, _ in made), *(run.data for run in left)])


def _head_of(data: bytes) -> tuple[list[str], bytes, int]:
    """The terms of a pack, the number of each one's postings, and where the postings begin."""
    end = _SIZE + int.from_bytes(data[:_SIZE], "little")
    terms = data[_SIZE:end].decode().split(" ")
    begin = end + len(terms)
    return terms, data[end:begin], begin
