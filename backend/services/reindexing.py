"""An index made anew from the texts, where an earlier analysis made its terms.

The old segments serve searches until the new ones are whole; then they change places in one
transaction. What is written meanwhile has new terms already, in segments of its own. Until then
nothing of the index is merged or cleared by others, who could not tell new parts from remains.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio.to_thread

from backend.repositories.search_index import StoredChunk
from backend.repositories.search_owners import IndexState
from backend.repositories.search_postings import SegmentRecord
from backend.repositories.search_rows import PostingRow
from backend.repositories.store import Store, WriteUnit
from backend.retrieval.analysis import VERSION
from backend.retrieval.postings import Run, segment, word_count
from backend.services.indexing import flush, terms_again

CHUNKS_A_STEP = 1024
AGAIN_SECONDS = 0.05
"""Before chunks are looked at again that somebody was about to delete."""


@asynccontextmanager
async def held(store: Store, owner_id: int) -> AsyncIterator[WriteUnit]:
    """A write that holds an owner's index."""
    async with store.database.write() as connection:
        unit = WriteUnit(connection, owner_id)
        await unit.index.lock()
        yield unit


def is_old(state: IndexState | None) -> bool:
    """Whether an index holds terms of another analysis."""
    return state is not None and state.analysis != VERSION


async def rebuild(store: Store, owner_id: int) -> bool:
    """Makes an owner's index anew if that is due; False where it is not, or another process does it
    at the same time."""
    begun = await _begun(store, owner_id)
    if begun is None:
        return False
    last, old = begun
    await clear(store, owner_id)
    made: list[int] = []
    left: dict[int, int] = {}
    after: int | None = 0
    while after is not None:
        async with held(store, owner_id) as unit:
            if not await unit.segments.all_exist(made):
                return False
            chunks = await unit.index.stored(after, last, CHUNKS_A_STEP)
            after = chunks[-1].number if chunks else None
            if chunks:
                made.append(await _segment_of(unit, chunks, left))
    while left:
        await asyncio.sleep(AGAIN_SECONDS)
        async with held(store, owner_id) as unit:
            left = await unit.index.recount(left)
    async with held(store, owner_id) as unit:
        if not is_old(await unit.index.state()) or not await unit.segments.all_exist(made):
            return False
        await unit.segments.change_places(old, made)
        await unit.index.analysed_by(VERSION)
    await clear(store, owner_id)
    return True


async def _begun(store: Store, owner_id: int) -> tuple[int, list[int]] | None:
    """The last chunk of an index that is old, and its segments, which hold all that waited; None of
    one that is not. Who deletes a chunk that waits ends first: he may think better of it."""
    while True:
        async with held(store, owner_id) as unit:
            state = await unit.index.state()
            if state is None or not is_old(state):
                return None
            while await flush(unit.segments):
                pass
            if not await unit.segments.waiting(1):
                return state.next_number - 1, [each.id for each in await unit.segments.ready()]
        await asyncio.sleep(AGAIN_SECONDS)


async def clear(store: Store, owner_id: int) -> None:
    """Deletes the segments that are not searched, a part at a time."""
    going_on = True
    while going_on:
        async with held(store, owner_id) as unit:
            going_on = await unit.segments.clear_one()


async def _segment_of(unit: WriteUnit, chunks: Sequence[StoredChunk], left: dict[int, int]) -> int:
    """Makes a segment; counts that could not be written yet go into ``left``."""
    made, runs = await anyio.to_thread.run_sync(_analysed, chunks)
    counts = [word_count(joined) for _, joined in made]
    row = SegmentRecord(0, made[0][0], made[-1][0], len(made), sum(counts))
    segment_id = await unit.segments.insert(row, ready=False)
    await unit.segments.insert_postings([PostingRow(segment_id, *run) for run in runs])
    left |= await unit.index.recount(
        {
            chunk.number: count
            for chunk, count in zip(chunks, counts, strict=True)
            if count != chunk.term_count
        }
    )
    return segment_id


def _analysed(chunks: Sequence[StoredChunk]) -> tuple[list[tuple[int, str]], list[Run]]:
    made = [(chunk.number, terms_again(chunk)) for chunk in chunks]
    return made, list(segment(made))
