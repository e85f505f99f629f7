"""Segments made while a message is changed or deleted hold nothing of what it said."""

from __future__ import annotations

import asyncio

import pytest

from backend.database.database import Database
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.indexing import flush
from backend.services.messages import MessageChanges
from backend.services.reindexing import held
from tests.services.test_search import found, held_terms, problems
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
    await asyncio.wait([flushing], timeout=0.3)
    go_on.set()
    await asyncio.gather(changing, flushing)
    assert "zebra" not in await held_terms(database)
    assert await found(services, viewer, "zebra") == []
    assert await found(services, viewer, '"giraffe"') == ([] if kind == "dropped" else ["giraffe"])
    assert await problems(services) == []
