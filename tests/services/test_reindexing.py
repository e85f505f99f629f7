"""An index of an earlier analysis is made anew, whatever is written meanwhile."""

from __future__ import annotations

import asyncio
from types import NoneType

import pytest
import sqlalchemy as sa

from backend.database.database import Database
from backend.errors import Conflict
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services import reindexing
from backend.services.container import Services
from backend.services.indexing import flush
from backend.services.messages import MessageChanges
from backend.services.reindexing import rebuild
from tests.services.test_search import found, held_terms, problems
from tests.support.conversations import say, stored_conversation
from tests.support.postings import part_rows


@pytest.fixture(autouse=True)
def _short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few messages take several steps."""
    monkeypatch.setattr(reindexing, "CHUNKS_A_STEP", 4)


async def made_old(database: Database) -> None:
    """Makes every index look as if an earlier analysis had cut words to three letters."""
    await part_rows(database)
    async with database.write() as connection:
        for statement in (
            "UPDATE search_indexes SET analysis = 0",
            "UPDATE search_postings SET term = 'zeb' WHERE term = 'zebra'",
            "UPDATE search_pending SET terms = replace(terms, 'zebra', 'zeb')",
            "UPDATE search_chunks SET term_count = term_count + 1",
        ):
            await connection.execute(sa.text(statement))


async def owner_of(store: Store, viewer: Viewer) -> int:
    """The viewer's number."""
    return await store.owner_id(viewer)


async def test_every_word_is_found_again(
    services: Services, store: Store, database: Database, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, *(f"zebra {n}" for n in range(10)))
    async with store.write(viewer) as unit:
        await flush(unit.segments)
    await say(services, viewer, chat.id, "zebra at last")
    await made_old(database)
    assert await found(services, viewer, "zebra") == []
    assert await problems(services) != []
    await services.upkeep.everything()
    assert len(await found(services, viewer, "zebra")) == 11
    assert "zeb" not in await held_terms(database)
    assert await problems(services) == []
    assert await rebuild(store, await owner_of(store, viewer)) is False


async def test_what_happens_meanwhile_is_kept(
    services: Services, store: Store, database: Database, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    rows = await say(services, viewer, chat.id, *(f"zebra {n}" for n in range(24)))
    await made_old(database)
    owner = await owner_of(store, viewer)

    async def lived() -> None:
        for number in range(6):
            await say(services, viewer, chat.id, f"giraffe {number}")
            changes = MessageChanges(content=f"lion {number}")
            await services.messages.update(viewer, rows[4 * number].id, changes)
            await services.messages.delete(viewer, rows[4 * number + 1].id, descendants=False)
            await services.upkeep.tidy(owner)

    done, _ = await asyncio.gather(rebuild(store, owner), lived())
    assert done is True
    assert await problems(services) == []
    for word, count in (("zebra", 12), ("lion", 6), ("giraffe", 6)):
        assert len(await found(services, viewer, f'"{word}"', first=100)) == count


@pytest.mark.parametrize("kept", [False, True], ids=["deleted", "kept after all"])
@pytest.mark.parametrize("waiting", [False, True], ids=["in a segment", "waiting for one"])
async def test_who_deletes_meanwhile_is_not_waited_for_with_the_index_held(
    services: Services,
    store: Store,
    database: Database,
    viewer: Viewer,
    waiting: bool,
    kept: bool,
) -> None:
    """He has the message's chunk and waits for the index: one of the two has to go on."""
    chat = await stored_conversation(services, viewer)
    rows = await say(services, viewer, chat.id, *(f"zebra {n}" for n in range(24)))
    if not waiting:
        async with store.write(viewer) as unit:
            await flush(unit.segments)
    await made_old(database)
    owner = await owner_of(store, viewer)
    goes_on, waits = asyncio.Event(), asyncio.Event()
    index = store.before_commit
    assert index is not None

    async def later(unit: WriteUnit) -> None:
        store.before_commit = index
        waits.set()
        await goes_on.wait()
        if kept:
            raise Conflict("He thinks better of it.")
        await index(unit)

    store.before_commit = later
    deleting = asyncio.create_task(services.messages.delete(viewer, rows[5].id, descendants=False))
    await waits.wait()
    rebuilding = asyncio.create_task(rebuild(store, owner))
    if database.parallel_reads:  # elsewhere it cannot begin before the other write is over
        made, waited_for = await so_far(database)
        async with asyncio.timeout(60):
            while (waited_for > 1) if waiting else (made < len(rows)):
                await asyncio.sleep(0.01)
                made, waited_for = await so_far(database)
    goes_on.set()
    assert await rebuilding is True
    await asyncio.wait([deleting])
    assert isinstance(deleting.exception(), Conflict if kept else NoneType)
    assert await problems(services) == []
    assert len(await found(services, viewer, "zebra", first=100)) == 23 + kept


async def so_far(database: Database) -> tuple[int, int]:
    """The number of the newest chunk in a segment that is not searched yet, and how many wait."""
    asked = """
        SELECT (SELECT COALESCE(MAX(last_number), 0) FROM search_segments WHERE NOT ready),
          (SELECT COUNT(*) FROM search_pending)
    """
    async with database.read() as connection:
        made, waiting = (await connection.execute(sa.text(asked))).one()
    return made, waiting


async def test_two_processes_leave_it_whole(
    services: Services, store: Store, database: Database, viewer: Viewer
) -> None:
    chat = await stored_conversation(services, viewer)
    await say(services, viewer, chat.id, *(f"zebra {n}" for n in range(20)))
    await made_old(database)
    owner = await owner_of(store, viewer)
    assert True in await asyncio.gather(*(rebuild(store, owner) for _ in range(2)))
    await services.upkeep.tidy(owner)
    assert await problems(services) == []
    assert len(await found(services, viewer, "zebra", first=100)) == 20
