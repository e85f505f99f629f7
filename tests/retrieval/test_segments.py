"""Which segments are merged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.retrieval.segments import (
    MERGE_FACTOR,
    PENDING_CHUNKS,
    SEGMENT_CHUNKS,
    Segment,
    plan_merge,
)


def merged(segments: list[Segment], plan: list[Segment], new_id: int) -> list[Segment]:
    one = Segment(
        new_id,
        plan[0].first_number,
        plan[-1].last_number,
        sum(s.chunks for s in plan),
        sum(s.terms for s in plan),
    )
    return sorted([*(s for s in segments if s not in plan), one], key=lambda s: s.first_number)


def test_a_million_chunks_are_rewritten_three_times_and_lie_in_few_segments() -> None:
    segments: list[Segment] = []
    written, last, ids = 0, 0, 0
    while last < 1_000_000:
        ids += 1
        segments.append(
            Segment(ids, last + 1, last + PENDING_CHUNKS, PENDING_CHUNKS, 20 * PENDING_CHUNKS)
        )
        last += PENDING_CHUNKS
        while plan := plan_merge(segments):
            ids += 1
            written += sum(s.chunks for s in plan)
            segments = merged(segments, plan, ids)
    assert written < 3 * last
    assert len(segments) < 30
    assert sum(s.chunks for s in segments) == last


def test_nothing_to_do() -> None:
    few = [Segment(i, 512 * i, 512 * i + 511, 512, 1) for i in range(MERGE_FACTOR - 1)]
    assert plan_merge(few) == []
    huge = [Segment(i, i * 200_000, i * 200_000 + 9, SEGMENT_CHUNKS, 1) for i in range(20)]
    assert plan_merge(huge) == []


@given(st.lists(st.integers(0, 2 * SEGMENT_CHUNKS), max_size=60))
def test_only_neighbours_are_merged_and_it_ends(sizes: list[int]) -> None:
    segments = [Segment(i, i * 10**6, i * 10**6 + 5, size, size) for i, size in enumerate(sizes)]
    ids = len(segments)
    while plan := plan_merge(segments):
        assert len(plan) >= MERGE_FACTOR
        assert all(s.chunks < SEGMENT_CHUNKS for s in plan)
        at = segments.index(plan[0])
        assert segments[at : at + len(plan)] == plan
        ids += 1
        segments = merged(segments, plan, ids)
    assert sum(s.chunks for s in segments) == sum(sizes)
