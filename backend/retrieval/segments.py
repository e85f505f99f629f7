"""Which segments of an index are merged, and when: the policy of the merge tree in ``postings``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

PENDING_CHUNKS = 512
"""Waiting chunks that make a segment: searching them one by one costs under a millisecond, and what
they are made into is held at once."""

MERGE_FACTOR = 8

SEGMENT_CHUNKS = 131_072
"""A segment this large is never rewritten, which bounds what one merge costs."""

_FINISHED = 99


@dataclass(frozen=True)
class Segment:
    """A segment as its row tells: the range of its chunks' numbers, how many, how many terms."""

    id: int
    first_number: int
    last_number: int
    chunks: int
    terms: int


def plan_merge(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbouring segments to be merged next, the smallest level first; empty if there are none.

    A level is a factor of ``MERGE_FACTOR`` in size, so that a posting is rewritten about three
    times in all. Segments that deletions made smaller than their neighbours go with them.
    """
    ordered = sorted(segments, key=lambda s: s.first_number)
    levels = [_level(segment) for segment in ordered]
    for level in sorted(set(levels) - {_FINISHED}):
        start, alike = 0, 0
        for at, other in enumerate(levels):
            if other > level:
                start, alike = at + 1, 0
            alike += other == level
            if alike == MERGE_FACTOR:
                return ordered[start : at + 1]
    return []


def _level(segment: Segment) -> int:
    if segment.chunks >= SEGMENT_CHUNKS:
        return _FINISHED
    return int(math.log(max(segment.chunks, 1) / PENDING_CHUNKS * 2 + 1, MERGE_FACTOR))
