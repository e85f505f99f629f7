"""Segments whose rows hold several terms: searched, merged and changed like others."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from backend.database.database import Database
from backend.repositories.search_rows import PACK
from backend.repositories.store import Store
from backend.retrieval.segments import MERGE_FACTOR
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.import_batches import INDEXED
from backend.services.messages import MessageChanges
from tests.services.test_search import found, held_terms, problems
from tests.support.documents import chain
from tests.support.postings import part_rows

LENGTH = 40
CHATS = INDEXED // LENGTH + 1


async def bring(services: Services, viewer: Viewer, part: int) -> None:
    """Imports enough at once for a segment: texts of three words, of which two are in no other."""
    documents = [
        chain(
            *(f"common part{part}x{place} word{part}y{place}z{n}" for n in range(LENGTH)),
            external_id=f"p{part}c{place}",
            index=place,
        )
        for place in range(CHATS)
    ]
    report = await services.imports.run(viewer, documents)
    assert report.messages == CHATS * LENGTH


async def rows(database: Database) -> tuple[int, int]:
    """How many rows of postings there are, and how many of them are packs."""
    chosen = "SELECT count(*), count(CASE WHEN term >= :pack THEN 1 END) FROM search_postings"
    async with database.read() as connection:
        counted = (await connection.execute(sa.text(chosen), {"pack": PACK})).one()
    return counted[0], counted[1]


async def test_words_of_an_import_share_rows_and_are_found(
    services: Services, database: Database, viewer: Viewer
) -> None:
    await bring(services, viewer, 1)
    counted, packs = await rows(database)
    assert packs > 0
    assert counted < CHATS * LENGTH / 10
    assert await found(services, viewer, '"word1y2z3"') == ["common part1x2 word1y2z3"]
    assert len(await found(services, viewer, '"part1x5"', first=100)) == LENGTH
    assert await found(services, viewer, '"word1y2z33333"') == []
    assert await problems(services) == []


@pytest.mark.parametrize("merged", [False, True])
async def test_words_that_are_changed_or_deleted_leave_their_rows(
    services: Services, store: Store, database: Database, viewer: Viewer, merged: bool
) -> None:
    parts = MERGE_FACTOR if merged else 2
    for part in range(parts):
        await bring(services, viewer, part)
    before = await rows(database)
    if merged:
        await services.upkeep.tidy(await store.owner_id(viewer))
        assert await rows(database) != before
        assert await problems(services) == []
    (hit,) = (await services.search.search(viewer, '"word1y2z3"')).rows
    await services.messages.update(viewer, hit.message.id, MessageChanges(content="zebra"))
    (other,) = (await services.search.search(viewer, '"word0y7z20"')).rows
    await services.conversations.delete(viewer, other.message.conversation_id)
    assert await found(services, viewer, '"word1y2z3"') == []
    assert await found(services, viewer, '"zebra"') == ["zebra"]
    assert await found(services, viewer, '"word1y2z4"') == ["common part1x2 word1y2z4"]
    left = await held_terms(database)
    assert not {"word1y2z3", "word0y7z20", "part0x7"} & left
    assert {"word1y2z4", "word0y8z20", "part0x8"} <= left
    assert await problems(services) == []


async def test_segments_with_packs_are_merged_with_others(
    services: Services, store: Store, database: Database, viewer: Viewer
) -> None:
    await bring(services, viewer, 0)
    await part_rows(database)
    assert (await rows(database))[1] == 0
    for part in range(1, MERGE_FACTOR):
        await bring(services, viewer, part)
    assert await problems(services) == []
    await services.upkeep.tidy(await store.owner_id(viewer))
    assert await problems(services) == []
    for part in range(MERGE_FACTOR):
        wanted = f"word{part}y{part}z{part}"
        assert await found(services, viewer, f'"{wanted}"') == [
            f"common part{part}x{part} {wanted}"
        ]
    counted, packs = await rows(database)
    assert packs > 0
    assert counted < MERGE_FACTOR * CHATS * LENGTH / 10
