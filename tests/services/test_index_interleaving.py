"""Segments made while a message is changed or deleted hold nothing of what it said."""

from __future__ import annotations

import asyncio

import pytest

from backend.database.database import Database
from backend.repositories.search_index import Reserved
from backend.repositories.search_postings import SegmentRepository
from backend.repositories.store import Store, WriteUnit
from backend.retrieval.segments import PENDING_CHUNKS
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.indexing import flush, made
from backend.services.messages import MessageChanges
from backend.services.reindexing import held
from tests.services.test_search import flush_now, found, held_terms, problems
from tests.support.conversations import say, stored_conversation


@pytest.mark.parametrize("kind", ["edited", "deleted", "dropped"])
async def test_flush_between_a_change_and_its_commit(
    services: Services, store: Store, database: Database, viewer: Viewer, kind: str
) -> None:
    chat = await stored_conversation(services, viewer)
    _, second = await say(services, viewer, chat.id, "giraffe", "zebra")
    owner = await store.owner_id(viewer)
    changed, go_on = asyncio.Event(), asyncio.Event()

    async def paused(unit: WriteUnit) -> None:
        changed.set()
        await go_on.wait()
        await services.indexing.write(unit)

    async def change() -> None:
        if kind == "edited":
            await services.messages.update(viewer, second.id, MessageChanges(content="lion"))
        elif kind == "deleted":
            await services.messages.delete(viewer, second.id)
        else:
            await services.conversations.delete(viewer, chat.id)

    async def flushed() -> None:
        async with held(store, owner) as unit:
            await flush(unit.segments)

    store.before_commit = paused
    changing = asyncio.create_task(change())
    await changed.wait()
    flushing = asyncio.create_task(flushed())
    # PostgreSQL lets it end now; SQLite has one writer, and it waits for the change.
    await asyncio.wait([flushing], timeout=0.3 if database.dialect == "sqlite" else 60)
    assert flushing.done() == (database.dialect == "postgresql")
    go_on.set()
    await asyncio.gather(changing, flushing)
    assert "zebra" not in await held_terms(database)
    assert await found(services, viewer, "zebra") == []
    assert await found(services, viewer, '"giraffe"') == ([] if kind == "dropped" else ["giraffe"])
    assert await problems(services) == []


@pytest.mark.parametrize("kind", ["edited", "deleted", "flushed", "added", "nothing"])
async def test_a_segment_made_before_its_index_is_held_is_never_an_old_one(
    services: Services, store: Store, database: Database, viewer: Viewer, kind: str
) -> None:
    chat = await stored_conversation(services, viewer)
    _, second = await say(services, viewer, chat.id, "giraffe", "zebra")
    owner = await store.owner_id(viewer)
    async with store.database.read() as connection:
        before = await made(await SegmentRepository(connection, owner).waiting(100))
    if kind == "edited":
        await services.messages.update(viewer, second.id, MessageChanges(content="lion"))
    elif kind == "deleted":
        await services.messages.delete(viewer, second.id)
    elif kind == "flushed":
        await flush_now(store, viewer)
    elif kind == "added":
        await say(services, viewer, chat.id, "lion")
    async with held(store, owner) as unit:
        done = await flush(unit.segments, before=before)
    assert done == {"deleted": 1, "flushed": 0}.get(kind, 2)
    assert ("zebra" in await held_terms(database)) == (kind not in {"edited", "deleted"})
    assert await found(services, viewer, '"giraffe"') == ["giraffe"]
    assert len(await found(services, viewer, '"lion"')) == (kind in {"edited", "added"})
    assert await problems(services) == []


async def test_of_all_processes_one_makes_the_segment(services: Services) -> None:
    def due_after(first: int, count: int, flushed: int = 0) -> bool:
        services.indexing.due.clear()
        services.indexing.told(1, Reserved(first, flushed), count)
        return bool(services.indexing.due)

    assert [due_after(PENDING_CHUNKS + n, 1) for n in (-1, 0, 1, 2)] == [False, True, False, False]
    assert due_after(PENDING_CHUNKS - 10, 20)
    # Where that one has come to nothing, it is another's turn after as many more.
    assert due_after(2 * PENDING_CHUNKS, 1)
    assert due_after(PENDING_CHUNKS + 100, 1, flushed=100)
