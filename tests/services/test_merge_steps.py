"""What a merge holds at once does not grow with what is merged."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from backend.database.database import Database
from backend.repositories import search_merging
from backend.repositories.search_merging import NUMBERS_A_STEP, PACKS_A_STEP, RUNS_A_STEP
from backend.repositories.search_postings import SegmentRecord
from backend.repositories.search_rows import BEGIN, END, Place, PostingRow
from backend.repositories.store import Store
from backend.retrieval.merging import merged
from backend.retrieval.packs import packed
from backend.retrieval.postings import POSTING_BYTES, RUN_LENGTH, Run, segment
from backend.retrieval.segments import MERGE_FACTOR, PENDING_CHUNKS
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.services.test_search import flush_now, found, problems
from tests.support.conversations import say, stored_conversation

ROW = RUN_LENGTH * POSTING_BYTES


async def stored(store: Store, viewer: Viewer, runs: Iterable[Run]) -> int:
    """A segment of these rows; its id."""
    async with store.write(viewer) as unit:
        made = await unit.segments.insert(SegmentRecord(0, 1, 1, 1, 1), ready=False)
        await unit.segments.insert_postings([PostingRow(made, *run) for run in runs])
        return made


def in_every_chunk(term: str, first: int, count: int) -> list[Run]:
    """The rows of a term that so many chunks have, from a number on."""
    return list(segment((number, term) for number in range(first, first + count)))


async def steps(store: Store, viewer: Viewer, sources: list[int]) -> tuple[list[int], list[Run]]:
    """Bytes of the rows that each step reads, and all that is made."""
    sizes: list[int] = []
    made: list[Run] = []
    end = BEGIN
    while end != END:
        async with store.write(viewer) as unit:
            begin, (rows, end) = end, await unit.segments.merge_step(sources, end)
        assert begin < end
        sizes.append(sum(len(row.data) for row in rows))
        made += merged((Run(*row[1:]) for row in rows), begin, end)
    return sizes, made


@pytest.mark.parametrize("chunks", [30_000, 60_000])
async def test_a_term_of_every_chunk_is_divided(store: Store, viewer: Viewer, chunks: int) -> None:
    sources = [
        await stored(store, viewer, in_every_chunk("a", 1 + part * chunks, chunks))
        for part in range(4)
    ]
    sizes, made = await steps(store, viewer, sources)
    assert sum(sizes) >= 4 * chunks * POSTING_BYTES
    assert max(sizes) <= NUMBERS_A_STEP * POSTING_BYTES + 2 * ROW
    assert len(sizes) <= 4 * chunks // NUMBERS_A_STEP + 3
    assert b"".join(run.data for run in made) == b"".join(
        run.data for run in in_every_chunk("a", 1, 4 * chunks)
    )


async def test_of_terms_with_few_rows_several_are_taken(store: Store, viewer: Viewer) -> None:
    terms = [f"t{number:03}" for number in range(200)]
    sources = [
        await stored(store, viewer, (Run(term, part, bytes(ROW)) for term in terms))
        for part in range(MERGE_FACTOR)
    ]
    sizes, _ = await steps(store, viewer, sources)
    assert max(sizes) <= MERGE_FACTOR * (RUNS_A_STEP + 1) * ROW
    assert len(sizes) <= len(terms) / (RUNS_A_STEP - 1) + 1


async def test_of_packs_some_are_taken(store: Store, viewer: Viewer) -> None:
    joined = " ".join(f"t{number:05}" for number in range(10_000))
    sources = [
        await stored(store, viewer, packed(segment([(part + 1, joined)])))
        for part in range(MERGE_FACTOR)
    ]
    sizes, _ = await steps(store, viewer, sources)
    assert max(sizes) <= MERGE_FACTOR * (PACKS_A_STEP + 2) * ROW
    assert len(sizes) > 5


async def test_a_step_goes_on_in_the_middle_of_a_row(
    store: Store, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_merging, "RUNS_A_STEP", 1)
    monkeypatch.setattr(search_merging, "NUMBERS_A_STEP", 100)
    one = list(segment((number, "a b") for number in range(1, 2000, 2)))
    other = list(packed(segment((number, "a b") for number in range(2, 200, 2))))
    sources = [await stored(store, viewer, runs) for runs in (one, other)]
    sizes, made = await steps(store, viewer, sources)
    assert len(sizes) > 20
    for term in "ab":
        joined = b"".join(run.data for run in made if run.term == term)
        numbers = [joined[at : at + 4] for at in range(0, len(joined), POSTING_BYTES)]
        wanted = [*range(1, 200), *range(201, 2000, 2)]
        assert [int.from_bytes(each, "little") for each in numbers] == wanted


async def test_an_index_merged_in_the_smallest_steps_is_sound(
    services: Services, store: Store, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RUNS_A_STEP", "PACKS_A_STEP"):
        monkeypatch.setattr(search_merging, name, 1)
    monkeypatch.setattr(search_merging, "NUMBERS_A_STEP", 2)
    chat = await stored_conversation(services, viewer)
    for number in range(MERGE_FACTOR):
        await say(services, viewer, chat.id, *(f"zebra {number} {n}" for n in range(5)))
        await flush_now(store, viewer)
    whole = await found(services, viewer, "zebra", first=100)
    await services.upkeep.tidy(await store.owner_id(viewer))
    async with store.write(viewer) as unit:
        assert len(await unit.segments.ready()) == 1
    assert await found(services, viewer, "zebra", first=100) == whole
    assert len(whole) == 5 * MERGE_FACTOR
    assert await problems(services) == []


async def test_so_many_chunks_become_one_segment(
    services: Services, store: Store, database: Database, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    count = PENDING_CHUNKS + 250
    for begin in range(0, count, 250):
        await say(services, viewer, chat.id, *(f"zebra {begin + n}" for n in range(250)))
    assert await flush_now(store, viewer) == PENDING_CHUNKS
    async with store.write(viewer) as unit:
        (segment,) = await unit.segments.ready()
    assert segment.chunks == PENDING_CHUNKS
    assert await problems(services) == []


def test_places_are_in_the_order_of_postings() -> None:
    assert BEGIN < Place("a", 0) < Place("a", 1) < Place("b", 0) < END
