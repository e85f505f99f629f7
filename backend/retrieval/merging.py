"""What a step of a merge makes of the rows it takes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby

from backend.repositories.search_rows import Place
from backend.retrieval.packs import packed, unpacked
from backend.retrieval.postings import POSTING_BYTES, Run, merge


def merged(rows: Iterable[Run], begin: Place, end: Place) -> Iterator[Run]:
    """The rows of a merged segment from one place up to another, from those of all its sources that
    may hold any of it, in any order.

    A term that a step divides has rows of its own in every step: it stands in no pack.
    """
    divided = {place.term for place in (begin, end) if place.number}
    parts = (_between(run, begin, end) for row in rows for run in unpacked(row))
    runs = merge(part for part in parts if part.data)
    for is_divided, some in groupby(runs, lambda run: run.term in divided):
        whole = iter(some)
        yield from whole if is_divided else packed(whole)


def _between(run: Run, begin: Place, end: Place) -> Run:
    """What of a run lies there."""
    if begin.term < run.term < end.term:
        return run
    low = _bytes_before(begin, run)
    return run._replace(data=run.data[low : _bytes_before(end, run)])


def _bytes_before(place: Place, run: Run) -> int:
    """How much of a run's data comes before a place."""
    if run.term != place.term:
        return len(run.data) if run.term < place.term else 0
    postings = range(0, len(run.data), POSTING_BYTES)
    found = bisect_left(
        postings, place.number, key=lambda at: int.from_bytes(run.data[at : at + 4], "little")
    )
    return found * POSTING_BYTES
