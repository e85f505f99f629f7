"""What an index needs beside writes: segments made and merged, older messages taken in.

Each step is a short transaction of its own that holds the index of one owner.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

import anyio.to_thread

from backend.repositories.search_index import SearchIndexRepository
from backend.repositories.search_owners import (
    IndexState,
    list_conversations,
    list_indexes,
    list_owners,
    list_unindexed,
    owner_is_indexed,
    unindexed_messages,
)
from backend.repositories.search_postings import SegmentRecord, SegmentRepository
from backend.repositories.search_rows import BEGIN, END, Place, PostingRow
from backend.repositories.store import Store, WriteUnit
from backend.retrieval.merging import merged
from backend.retrieval.postings import Run
from backend.retrieval.segments import PENDING_CHUNKS, Segment, plan_merge
from backend.services.indexing import IndexingService, Made, flush, made
from backend.services.reindexing import held, is_old, rebuild
from backend.tasks import stop

logger = logging.getLogger("conversa.search")

BACKFILL_MESSAGES = 200
CONVERSATIONS_A_LOOK = 500
PAUSE = 0.2
"""Seconds between what makes chunks due and their becoming a segment: others come with them."""


class IndexUpkeep:
    """Works on the indexes of all owners."""

    def __init__(self, store: Store, indexing: IndexingService) -> None:
        self._store = store
        self._indexing = indexing

    async def everything(self, told: Callable[[int], None] | None = None) -> int:
        """Takes in every message that is not indexed, makes anew what an earlier analysis made, and
        tidies every index; how many messages were taken in. ``told`` is given their number so far.
        """
        done = 0
        for owner_id in await self._owners():
            async for taken in self._take_in_all(owner_id):
                done += taken
                if told is not None:
                    told(done)
        await self._renew()
        return done

    async def left_undone(self) -> None:
        """The same with the owners who may have messages from before there was an index, so that
        a start does not look through all that is stored."""
        for owner_id in await self._owners(indexed=False):
            async for _ in self._take_in_all(owner_id):
                pass
        await self._renew()

    async def tidy(self, owner_id: int) -> None:
        """Makes a segment of what waits, if that is enough, and merges segments."""
        while (before := await self._made(owner_id)) is not None:
            async with held(self._store, owner_id) as unit:
                enough = _is_enough(await unit.index.state())
                if not enough or not await flush(unit.segments, before=before):
                    break
        while await self._merge(owner_id):
            pass
        while await self._clear(owner_id):
            pass

    async def _made(self, owner_id: int) -> Made | None:
        """The segment of what waits, if that is enough: made before the index is held, for the
        owner's writes wait as long as it is."""
        async with self._store.database.read(long=True) as connection:
            if not _is_enough(await SearchIndexRepository(connection, owner_id).state()):
                return None
            waiting = await SegmentRepository(connection, owner_id).waiting(PENDING_CHUNKS)
        return await made(waiting)

    async def _renew(self) -> None:
        for state in await self._states():
            await rebuild(self._store, state.owner_id)
            await self.tidy(state.owner_id)

    async def _owners(self, *, indexed: bool | None = None) -> list[int]:
        async with self._store.database.read(long=True) as connection:
            return await list_owners(connection, indexed=indexed)

    async def _take_in_all(self, owner_id: int) -> AsyncIterator[int]:
        """Indexes what is not of an owner's messages; after each step, how many those were."""
        async for conversation_id in self._unindexed(owner_id):
            while taken := await self._take_in(owner_id, conversation_id):
                yield taken
        async with self._store.database.write() as connection:
            await owner_is_indexed(connection, owner_id)

    async def _unindexed(self, owner_id: int) -> AsyncIterator[str]:
        """Looks at so many conversations at once that no statement takes long."""
        after = None
        while True:
            async with self._store.database.read(long=True) as connection:
                ids = await list_conversations(connection, owner_id, after, CONVERSATIONS_A_LOOK)
                if not ids:
                    return
                found = await list_unindexed(connection, owner_id, ids[0], ids[-1])
            for each in found:
                yield each
            after = ids[-1]

    async def _states(self) -> list[IndexState]:
        async with self._store.database.read(long=True) as connection:
            return await list_indexes(connection)

    async def _take_in(self, owner_id: int, conversation_id: str) -> int:
        """Indexes some messages of a conversation, which is kept from changing meanwhile."""
        async with self._store.database.write() as connection:
            unit = WriteUnit(connection, owner_id)
            if await unit.conversations.find_locked(conversation_id) is None:
                return 0
            ids = await unindexed_messages(connection, owner_id, conversation_id, BACKFILL_MESSAGES)
            if ids:
                await self._indexing.add(unit, await unit.index.texts(ids))
            return len(ids)

    async def _merge(self, owner_id: int) -> bool:
        """Merges some segments into one; whether there were any to be merged."""
        async with held(self._store, owner_id) as unit:
            if is_old(await unit.index.state()):
                return False
            ready = await unit.segments.ready()
            planned = plan_merge(Segment(*row) for row in ready)
            if not planned:
                return False
            target = await unit.segments.insert(_sum_of(planned), ready=False)
        sources = [segment.id for segment in planned]
        end = BEGIN
        while end != END:
            async with held(self._store, owner_id) as unit:
                if not await unit.segments.exists(target):
                    return False  # Another process took it for what a crash had left.
                begin, (rows, end) = end, await unit.segments.merge_step(sources, end)
                made_of = await anyio.to_thread.run_sync(_merged, rows, begin, end)
                await unit.segments.insert_postings([PostingRow(target, *row) for row in made_of])
        async with held(self._store, owner_id) as unit:
            return await unit.segments.switch(target, sources)

    async def _clear(self, owner_id: int) -> bool:
        async with held(self._store, owner_id) as unit:
            old = is_old(await unit.index.state())
            return not old and await unit.segments.clear_one()


class IndexKeeper:
    """A task that keeps the indexes up, as long as the server runs."""

    def __init__(self, upkeep: IndexUpkeep, indexing: IndexingService) -> None:
        self._upkeep = upkeep
        self._indexing = indexing
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, with what an earlier process left undone."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends."""
        await stop(self._task)

    async def _run(self) -> None:
        await self._attempt(None)
        while True:
            await self._indexing.wake.wait()
            await asyncio.sleep(PAUSE)
            self._indexing.wake.clear()
            due, self._indexing.due = self._indexing.due, set()
            for owner_id in due:
                await self._attempt(owner_id)

    async def _attempt(self, owner_id: int | None) -> None:
        try:
            if owner_id is None:
                await self._upkeep.left_undone()
            else:
                await self._upkeep.tidy(owner_id)
        except Exception as error:
            logger.warning("an index is not tidied for now: %s", type(error).__name__)


def _is_enough(state: IndexState | None) -> bool:
    return state is not None and state.next_number - 1 - state.flushed_number >= PENDING_CHUNKS


def _merged(rows: Sequence[PostingRow], begin: Place, end: Place) -> list[Run]:
    return list(merged((Run(*row[1:]) for row in rows), begin, end))


def _sum_of(segments: Sequence[Segment]) -> SegmentRecord:
    return SegmentRecord(
        0,
        min(each.first_number for each in segments),
        max(each.last_number for each in segments),
        sum(each.chunks for each in segments),
        sum(each.terms for each in segments),
    )
