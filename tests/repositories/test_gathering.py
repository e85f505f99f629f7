"""Appends that come together are one write, and none of them is the worse for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.database.database import Database
from backend.errors import NotFound
from backend.events.changes import ConversationChanged
from backend.ids import new_id
from backend.repositories import gathering
from backend.repositories.gathering import MOST, Gathering
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import (
    contents,
    conversation_now,
    message_draft,
    say,
    stored_conversation,
)
from tests.support.invariants import sound_conversation
from tests.support.statements import Statements


class Refused(Exception):
    """A write is not to be."""


def refuse(services: Services, word: str) -> None:
    """Has every write fail that holds a message of this text, when all else of it is done."""
    index = services.store.before_commit
    assert index is not None

    async def check(unit: WriteUnit) -> None:
        await index(unit)
        if any(each.content == word for each in unit.index_changes.new.values()):
            raise Refused

    services.store.before_commit = check


async def test_the_statements_of_thirty_are_as_many_as_of_one(
    services: Services, viewer: Viewer, statements: Statements
) -> None:
    made = [await stored_conversation(services, viewer, messages=1) for _ in range(6)]
    statements.clear()
    await say(services, viewer, made[0].id, "alone")
    alone = statements.count
    statements.clear()
    await asyncio.gather(*(say(services, viewer, made[n % 6].id, str(n)) for n in range(30)))
    assert statements.count == alone
    for each in made:
        await sound_conversation(services.store, viewer, each.id)


async def sizes_of(store: Store, viewer: Viewer, *, clients: int, writes: int) -> list[int]:
    """How many were written together, each time, of clients that ask again once answered."""
    sizes: list[int] = []

    async def write(_: Viewer, items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        await asyncio.sleep(0)
        return items

    async def never(*_: object) -> Any:
        raise AssertionError

    gathered = Gathering[int, int](store, never, alone=never, at_once=write)

    async def client(number: int) -> None:
        for _ in range(writes):
            assert await gathered.write(viewer, number) == number
            # The way to a client and back, which takes one longer than another.
            for _ in range(number + 1):
                await asyncio.sleep(0)

    await asyncio.gather(*map(client, range(clients)))
    return sizes


async def test_who_is_answered_together_is_written_together_again(
    services: Services, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each write takes an hour, and as long is waited: no machine is so busy with something else.
    monkeypatch.setattr(gathering, "PATIENCE", 3600)
    monkeypatch.setattr(gathering, "perf_counter", partial(next, count(step=3600)))
    assert await sizes_of(services.store, viewer, clients=1, writes=3) == [1, 1, 1]
    sizes = await sizes_of(services.store, viewer, clients=5, writes=6)
    assert sum(sizes) == 30
    assert sizes[1:5] == [5] * 4, sizes


async def test_nobody_is_waited_for_longer_than_the_moment(
    services: Services, viewer: Viewer
) -> None:
    made = [await stored_conversation(services, viewer) for _ in range(2)]
    await asyncio.gather(*(say(services, viewer, each.id, "both") for each in made))
    await say(services, viewer, made[0].id, "alone")
    assert contents((await sound_conversation(services.store, viewer, made[0].id)).active) == [
        "both",
        "alone",
    ]


async def test_one_after_the_other_in_the_order_they_came(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    count = 2 * MOST + 5
    await asyncio.gather(*(say(services, viewer, made.id, str(n)) for n in range(count)))
    stored = await sound_conversation(services.store, viewer, made.id)
    assert contents(stored.active) == [str(n) for n in range(count)]


async def test_each_conversation_has_its_own_place_in_the_feed_and_is_announced(
    services: Services, viewer: Viewer
) -> None:
    made = [await stored_conversation(services, viewer) for _ in range(5)]
    heard: list[ConversationChanged] = []
    services.store.bus.listen(heard.append, lambda: None)
    await asyncio.gather(*(say(services, viewer, made[n % 5].id, str(n)) for n in range(10)))
    now = [await conversation_now(services.store, viewer, each.id) for each in made]
    assert len({row.owner_revision for row in now}) == 5
    announced = {change.conversation_id: change for change in heard}
    for row in now:
        assert announced[row.id].revision == row.revision
        assert announced[row.id].owner_revision == row.owner_revision
    assert [change.owner_revision for change in heard] == sorted(
        change.owner_revision for change in heard
    )


async def test_what_is_out_of_the_ordinary_is_written_by_itself(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    (first,) = await say(services, viewer, made.id, "first")
    again = message_draft("first", id=first.id)
    ended = await asyncio.gather(
        say(services, viewer, made.id, "second"),
        say(services, viewer, new_id(), "nowhere"),
        say(services, viewer, "no id", "nowhere"),
        services.messages.add(viewer, made.id, [again]),
        say(services, viewer, made.id, "beside", parent_id=first.id),
        say(services, viewer, made.id, "lost", parent_id=new_id()),
        return_exceptions=True,
    )
    kinds = [list, NotFound, NotFound, list, list, NotFound]
    assert [type(each) for each in ended] == kinds
    stored = await sound_conversation(services.store, viewer, made.id)
    assert sorted(contents(stored.messages)) == ["beside", "first", "second"]
    assert contents(stored.active) == ["first", "beside"]


async def test_the_same_id_twice_at_once_is_one_message(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    draft = message_draft("once", id=new_id())
    one, two = await asyncio.gather(
        *(services.messages.add(viewer, made.id, [draft]) for _ in range(2))
    )
    assert one == two
    stored = await sound_conversation(services.store, viewer, made.id)
    assert contents(stored.messages) == ["once"]


async def test_an_id_that_was_deleted_can_be_given_again(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    (gone,) = await say(services, viewer, made.id, "gone")
    await services.messages.delete(viewer, gone.id)
    await services.messages.add(viewer, made.id, [message_draft("back", id=gone.id)])
    stored = await sound_conversation(services.store, viewer, made.id)
    assert contents(stored.active) == ["back"]
    assert stored.tombstones == {}


async def test_one_that_fails_harms_no_other(services: Services, viewer: Viewer) -> None:
    made = [await stored_conversation(services, viewer) for _ in range(3)]
    refuse(services, "bad")
    texts = ["good", "bad", "better"]
    ended = await asyncio.gather(
        *(say(services, viewer, one.id, each) for one, each in zip(made, texts, strict=True)),
        return_exceptions=True,
    )
    assert [type(each) for each in ended] == [list, Refused, list]
    found = [await sound_conversation(services.store, viewer, each.id) for each in made]
    assert [contents(each.active) for each in found] == [["good"], [], ["better"]]


async def test_a_commit_that_fails_is_told_to_all_and_tried_once(
    services: Services, viewer: Viewer, database: Database
) -> None:
    """It might have been made all the same; tried again, a message could be there twice."""
    made = [await stored_conversation(services, viewer) for _ in range(3)]
    tries = 0
    index = services.store.before_commit
    assert index is not None

    async def spoil(unit: WriteUnit) -> None:
        nonlocal tries
        tries += 1
        await index(unit)
        if database.dialect == "sqlite":
            await unit.connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        else:
            await unit.connection.execute(
                text(
                    "ALTER TABLE conversation_tags ALTER CONSTRAINT"
                    " fk_conversation_tags_conversations DEFERRABLE INITIALLY DEFERRED"
                )
            )
        await unit.connection.execute(
            text("INSERT INTO conversation_tags VALUES (:owner, :id, 'a', 0)"),
            {"owner": unit.owner_id, "id": new_id()},
        )

    services.store.before_commit = spoil
    ended = await asyncio.gather(
        *(say(services, viewer, each.id, "lost") for each in made), return_exceptions=True
    )
    assert all(isinstance(each, DBAPIError) for each in ended)
    assert tries == 1
    services.store.before_commit = index
    for each in made:
        await say(services, viewer, each.id, "after")
        stored = await sound_conversation(services.store, viewer, each.id)
        assert contents(stored.active) == ["after"]


async def test_who_gives_up_before_his_turn_has_written_nothing(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer, messages=1)
    first = asyncio.create_task(say(services, viewer, made.id, "first"))
    given_up = asyncio.create_task(say(services, viewer, made.id, "given up"))
    last = asyncio.create_task(say(services, viewer, made.id, "last"))
    await asyncio.sleep(0)
    given_up.cancel()
    ended = await asyncio.gather(first, given_up, last, return_exceptions=True)
    assert [type(each) for each in ended] == [list, asyncio.CancelledError, list]
    stored = await sound_conversation(services.store, viewer, made.id)
    assert contents(stored.active) == ["1", "first", "last"]


async def test_owners_are_apart(services: Services, viewer: Viewer, other_viewer: Viewer) -> None:
    mine = await stored_conversation(services, viewer)
    his = await stored_conversation(services, other_viewer)
    ended = await asyncio.gather(
        say(services, viewer, mine.id, "mine"),
        say(services, other_viewer, his.id, "his"),
        say(services, other_viewer, mine.id, "stolen"),
        return_exceptions=True,
    )
    assert [type(each) for each in ended] == [list, list, NotFound]
    stored = await sound_conversation(services.store, viewer, mine.id)
    assert contents(stored.active) == ["mine"]


async def test_what_was_added_is_in_the_index_once(services: Services, viewer: Viewer) -> None:
    made = await stored_conversation(services, viewer)
    await asyncio.gather(*(say(services, viewer, made.id, f"word {n}") for n in range(7)))
    await say(services, viewer, made.id, "a long one. " * 500)
    assert [each async for each in services.checks.problems()] == []
