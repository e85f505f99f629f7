"""Messages go to where a conversation ends, whoever has added to it meanwhile."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from backend.config import Settings
from backend.database.database import Database
from backend.errors import ConversaError, NotFound
from backend.ids import new_id
from backend.repositories.records import ConversationRecord
from backend.repositories.store import Store, WriteUnit
from backend.security.viewer import Viewer
from backend.services import indexing
from backend.services.container import Services
from backend.services.conversations import ConversationDraft
from backend.services.drafts import MessageDraft, Usage
from tests.support.conversations import (
    contents,
    message_draft,
    say,
    stored_conversation,
    turns,
)
from tests.support.invariants import sound_conversation
from tests.support.statements import Statements


@pytest.fixture
async def others(settings: Settings, viewer: Viewer) -> AsyncIterator[Services]:
    """Services of another process, as it were, to whom the viewer is known."""
    database = Database(settings)
    others = Services(Store(database))
    await stored_conversation(others, viewer)
    yield others
    await database.close()


@pytest.fixture
async def known(services: Services, viewer: Viewer) -> ConversationRecord:
    """A conversation of "1", "2" and "3"."""
    made = await stored_conversation(services, viewer)
    for text in ("1", "2", "3"):
        await say(services, viewer, made.id, text)
    return made


async def said(services: Services, viewer: Viewer, conversation: ConversationRecord) -> list[str]:
    """The texts of the active branch of a conversation that hangs together, as the index does."""
    stored = await sound_conversation(services.store, viewer, conversation.id)
    assert [each async for each in services.checks.problems()] == []
    return contents(stored.active)


async def test_it_is_added_to_by_one_statement_where_one_can_do_it(
    services: Services, viewer: Viewer, known: ConversationRecord, statements: Statements
) -> None:
    for size in (1, 20):
        statements.clear()
        texts = [f"{size}-{n}" for n in range(size)]
        await asyncio.gather(*(say(services, viewer, known.id, each) for each in texts))
        one = services.store.database.has_single_statements
        assert statements.count == (1 if one else 7), statements
    assert len((await sound_conversation(services.store, viewer, known.id)).active) == 24


async def test_what_others_have_added_is_not_passed_over(
    services: Services,
    others: Services,
    viewer: Viewer,
    known: ConversationRecord,
    statements: Statements,
) -> None:
    for n in range(4, 20):
        statements.clear()
        await say(others if n % 5 == 0 else services, viewer, known.id, str(n))
        if services.store.database.has_single_statements:
            assert statements.count == (0 if n % 5 == 0 else 1), statements
    assert await said(others, viewer, known) == [str(n) for n in range(1, 20)]


async def test_two_processes_take_turns_at_one_conversation(
    services: Services,
    others: Services,
    viewer: Viewer,
    known: ConversationRecord,
    statements: Statements,
) -> None:
    statements.clear()

    async def many(used: Services, name: str) -> None:
        for n in range(20):
            await say(used, viewer, known.id, f"{name} {n}")

    await asyncio.gather(many(services, "one"), many(others, "other"))
    if services.store.database.has_single_statements:
        assert statements.count == 20, statements
    told = await said(others, viewer, known)
    for name in ("one", "other"):
        assert [each for each in told if each.startswith(f"{name} ")] == [
            f"{name} {n}" for n in range(20)
        ]
    assert len(told) == 43


async def test_a_place_that_is_named_is_where_it_ends_or_a_branch(
    services: Services,
    others: Services,
    viewer: Viewer,
    known: ConversationRecord,
    statements: Statements,
) -> None:
    last = (await sound_conversation(services.store, viewer, known.id)).active[-1]
    statements.clear()
    (fourth,) = await say(services, viewer, known.id, "4", parent_id=last.id)
    if services.store.database.has_single_statements:
        assert statements.count == 1, statements
    assert (fourth.parent_id, fourth.position) == (last.id, 4)
    (other,) = await say(services, viewer, known.id, "other 4", parent_id=last.id)
    assert (other.parent_id, other.position) == (last.id, 4)
    assert await said(others, viewer, known) == ["1", "2", "3", "other 4"]


async def test_what_is_answered_is_what_is_stored(services: Services, viewer: Viewer) -> None:
    made = [await stored_conversation(services, viewer, messages=n) for n in (0, 3)]
    additions = [
        services.messages.add(viewer, one.id, turns(2, number))
        for number in range(3)
        for one in made
    ]
    rows = [row for rows in await asyncio.gather(*additions) for row in rows]
    async with services.store.read(viewer) as unit:
        stored = {row.id: row for row in await unit.messages.list_by_ids([row.id for row in rows])}
    assert [stored[row.id] for row in rows] == rows
    for one in made:
        await said(services, viewer, one)


async def test_an_older_message_makes_a_conversation_no_older(
    services: Services, viewer: Viewer, known: ConversationRecord
) -> None:
    async with services.store.read(viewer) as unit:
        before = await unit.conversations.get(known.id)
    old = datetime(2001, 2, 3, tzinfo=UTC)
    await services.messages.add(viewer, known.id, [message_draft("old", created_at=old)])
    async with services.store.read(viewer) as unit:
        after = await unit.conversations.get(known.id)
    assert after.last_message_at == before.last_message_at
    assert after.last_activity_at == before.last_activity_at


async def test_another_branch_of_the_same_length_is_added_to(
    services: Services, others: Services, viewer: Viewer, known: ConversationRecord
) -> None:
    stored = await sound_conversation(others.store, viewer, known.id)
    await say(others, viewer, known.id, "other 3", parent_id=stored.active[1].id)
    await say(services, viewer, known.id, "4")
    assert await said(services, viewer, known) == ["1", "2", "other 3", "4"]


async def test_one_that_others_have_deleted_is_not_there(
    services: Services, others: Services, viewer: Viewer, known: ConversationRecord
) -> None:
    await others.conversations.delete(viewer, known.id)
    with pytest.raises(NotFound):
        await say(services, viewer, known.id, "4")
    await others.conversations.create(viewer, ConversationDraft(id=known.id, title="Again"))
    await say(services, viewer, known.id, "anew")
    assert await said(services, viewer, known) == ["anew"]


async def test_a_message_that_is_stored_is_not_stored_again(
    services: Services, viewer: Viewer, known: ConversationRecord
) -> None:
    draft = message_draft("4", id=new_id())
    first = await services.messages.add(viewer, known.id, [draft])
    await say(services, viewer, known.id, "5")
    again, _ = await asyncio.gather(
        services.messages.add(viewer, known.id, [draft]), say(services, viewer, known.id, "6")
    )
    assert again == first
    assert await said(services, viewer, known) == ["1", "2", "3", "4", "5", "6"]


async def test_an_id_that_was_deleted_is_no_longer_one_of_a_deleted_message(
    services: Services, viewer: Viewer, known: ConversationRecord
) -> None:
    (gone,) = await say(services, viewer, known.id, "gone")
    await services.messages.delete(viewer, gone.id)
    for text in ("4", "5"):
        await say(services, viewer, known.id, text)
    await services.messages.add(viewer, known.id, [message_draft("back", id=gone.id)])
    assert (await said(services, viewer, known))[-1] == "back"
    stored = await sound_conversation(services.store, viewer, known.id)
    assert stored.tombstones == {}


async def test_a_full_index_is_put_into_a_segment_all_the_same(
    services: Services,
    viewer: Viewer,
    known: ConversationRecord,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexing, "INLINE_CHUNKS", 6)
    for n in range(4, 12):
        await say(services, viewer, known.id, str(n))
    async with services.store.write(viewer) as unit:
        assert len(await unit.segments.pending(100)) < 6
    assert len(await said(services, viewer, known)) == 11


ODD = (
    'a"b\\c\\"d',
    "".join(map(chr, range(1, 32))),
    "\u2028\u2029\x7f\u0085",
    '{1,NULL,"2"}',
    "\\u0041 \\n",
    "\U0001f600 e\u0301 \u1e9e",
    "",
    "x" * 300_000,
)
FULL = MessageDraft(
    "assistant",
    parts=[{"type": "text", "text": 'a "quoted" part'}, {"type": "text", "text": "\\"}],
    name='Ana "A"',
    model="m\\1",
    usage=Usage(1, 2**31 - 1, 0),
    metadata={"k": ['"', 1.5, None, {"\\": True}]},
)
MOMENTS = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1900, 1, 1, 12, tzinfo=timezone(timedelta(minutes=53, seconds=28))),
)


async def test_what_is_said_is_stored_as_it_is(
    services: Services, viewer: Viewer, known: ConversationRecord
) -> None:
    drafts = [message_draft(text) for text in ODD]
    drafts += [FULL, *(replace(FULL, created_at=each) for each in MOMENTS)]
    rows = [(await services.messages.add(viewer, known.id, [draft]))[0] for draft in drafts]
    assert [row.content for row in rows[: len(ODD)]] == list(ODD)
    async with services.store.read(viewer) as unit:
        assert await unit.messages.list_by_ids([row.id for row in rows]) == rows


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_two_processes_do_at_once(
    services: Services, others: Services, viewer: Viewer, seed: int
) -> None:
    chance = random.Random(seed)
    made = [await stored_conversation(services, viewer, messages=2) for _ in range(3)]
    count = 0

    async def act(text: str) -> int:
        # All is drawn before anything is waited for, so that it is the same whoever is first.
        used, one = chance.choice((services, others)), chance.choice(made)
        kind, place = chance.random(), chance.random()
        if kind < 0.8:
            return len(await say(used, viewer, one.id, text))
        async with used.store.read(viewer) as unit:
            stored = await unit.branches.first_added(one.id, 1000)
        some = stored[int(place * len(stored))]
        if kind < 0.9:
            return len(await say(used, viewer, one.id, text, parent_id=some.id))
        if some.parent_id is not None:
            await used.messages.delete(viewer, some.id)
        return 0

    for turn in range(12):
        acts = (act(f"{turn}-{n}") for n in range(chance.randint(1, 6)))
        for each in await asyncio.gather(*acts, return_exceptions=True):
            if isinstance(each, int):
                count += each
            elif not isinstance(each, ConversaError):
                raise each
    assert count > 20
    for one in made:
        await said(services, viewer, one)


async def test_a_write_that_is_done_is_gone(
    services: Services, viewer: Viewer, known: ConversationRecord
) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            await asyncio.gather(*(say(services, viewer, known.id, str(n)) for n in range(8)))
            other = await stored_conversation(services, viewer)
            await say(services, viewer, other.id, "first")
        assert [each for each in gc.get_objects() if type(each) is WriteUnit] == []
    finally:
        gc.enable()
