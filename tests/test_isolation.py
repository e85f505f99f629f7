"""Nobody sees, changes or can tell that there is what belongs to somebody else.

Bruno asks everything that can be asked with Ana's ids and cursors, twice: in a world in which she has
chats, and in one in which she never was. What he is answered must be the same to the letter. What is
added to the schema or to REST and is not tried here makes these tests fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backend.config import Settings
from tests.isolation import asking
from tests.isolation.coverage import fields_of, places_of
from tests.isolation.worlds import (
    CORE,
    OWN,
    OWN_ANSWER,
    OWN_FIRST,
    SECRET,
    World,
    all_of,
    settle_ana,
    world,
)
from tests.support.databases import Databases, settings_for

Worlds = tuple[World, World]


@pytest.fixture
async def worlds(settings: Settings, databases: Databases) -> AsyncIterator[Worlds]:
    """The world with Ana's chats, and the one without. Her cursors are known in both."""
    async with world(settings) as full, world(settings_for(databases.clone())) as bare:
        yield full, bare


async def bruno_begins(where: World) -> None:
    """Bruno's own conversation."""
    said = [
        {"id": OWN_FIRST, "role": "user", "content": "Bruno asks"},
        {"id": OWN_ANSWER, "role": "assistant", "content": "Bruno is answered"},
    ]
    body = {"id": OWN, "title": "Bruno's", "messages": said}
    answer = await where.bruno.post("/api/chats", json=body)
    assert answer.status_code == 201, answer.text


async def test_queries_and_mutations(worlds: Worlds) -> None:
    full, bare = worlds
    cursors = await settle_ana(full.ana)
    before = await all_of(full.ana)
    for each in worlds:
        each.secrets |= set(cursors.values())
        await bruno_begins(each)
        for question in (
            *asking.reads(cursors),
            *asking.writes(),
            *asking.reads(cursors),
            *asking.takes(),
            *asking.reads(cursors),
            *asking.writes(),
            *asking.reads(cursors),
        ):
            await each.ask(question)
    compare(full, bare)
    assert await all_of(full.ana) == before
    print(sorted(places_of(CORE) - full.tried.places))
    print(sorted(fields_of(CORE) - full.tried.fields))


def compare(full: World, bare: World) -> None:
    """Fails where Bruno was answered otherwise because there is Ana."""
    assert len(full.seen) == len(bare.seen)
    for (asked, told), (_, expected) in zip(full.seen, bare.seen, strict=True):
        assert told == expected, asked
        assert "INTERNAL" not in told, asked
        assert SECRET not in told.replace(asked, ""), asked
