"""Many at once: on one conversation, on one id, from several stores on one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Any

import pytest

from backend.config import Settings
from backend.database.database import Database
from backend.errors import Conflict, ConversaError
from backend.ids import new_id
from backend.repositories.records import ConversationRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationChanges, ConversationDraft
from tests.support.conversations import (
    active_branch,
    message_draft,
    say,
    stored_conversation,
    turns,
)
from tests.support.invariants import sound_conversation


@pytest.fixture
async def others(settings: Settings, viewer: Viewer) -> AsyncIterator[Services]:
    """Services of another process, as it were: with engines of their own on the same database.

    The viewer is known to them: the first write of a new owner would make the others wait for it.
    """
    database = Database(settings)
    others = Services(Store(database))
    await stored_conversation(others, viewer)
    yield others
    await database.close()


async def outcomes(actions: Iterable[Awaitable[Any]]) -> list[Any]:
    """What came of each of the actions, done at once: results and expected failures."""
    done = await asyncio.gather(*actions, return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException) and not isinstance(each, ConversaError):
            raise each
    return done


async def test_50_appends_to_one_conversation_all_succeed_in_one_order(
    services: Services, others: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    both = [services, others] * 25
    await asyncio.gather(*(say(each, viewer, made.id, str(n)) for n, each in enumerate(both)))
    stored = await sound_conversation(services.store, viewer, made.id)
    assert {row.content for row in stored.active} == {str(number) for number in range(50)}
    assert [row.added_revision for row in stored.active] == list(range(2, 52))


async def test_making_one_conversation_many_times_at_once_makes_one(
    services: Services, others: Services, viewer: Viewer
) -> None:
    draft = ConversationDraft(id=new_id(), title="T", tags=["a"], messages=turns(3))
    made = await asyncio.gather(
        *(each.conversations.create(viewer, draft) for each in [services, others] * 5)
    )
    stored = await sound_conversation(services.store, viewer, str(draft.id))
    assert made == [stored.conversation] * 10
    assert len(stored.messages) == 3


async def test_of_different_conversations_with_one_id_one_is_made(
    services: Services, others: Services, viewer: Viewer
) -> None:
    the_id = new_id()
    done = await outcomes(
        each.conversations.create(viewer, ConversationDraft(id=the_id, title=str(number)))
        for number, each in enumerate([services, others] * 5)
    )
    made = [each for each in done if isinstance(each, ConversationRecord)]
    assert len(made) == 1
    assert sum(isinstance(each, Conflict) for each in done) == 9
    stored = await sound_conversation(services.store, viewer, the_id)
    assert stored.conversation == made[0]


async def test_of_messages_with_one_id_in_two_conversations_one_is_added(
    services: Services, others: Services, viewer: Viewer
) -> None:
    homes = [await stored_conversation(services, viewer, messages=1) for _ in range(6)]
    draft = message_draft("the one", id=new_id())
    done = await outcomes(
        each.messages.add(viewer, home.id, [draft])
        for home, each in zip(homes, [services, others] * 3, strict=True)
    )
    assert sum(isinstance(each, Conflict) for each in done) == 5
    counts = [
        (await sound_conversation(services.store, viewer, home.id)).messages for home in homes
    ]
    assert sorted(len(messages) for messages in counts) == [1, 1, 1, 1, 1, 2]


async def test_first_writes_of_a_new_owner_make_one_owner(
    services: Services, others: Services, other_viewer: Viewer
) -> None:
    made = await asyncio.gather(
        *(stored_conversation(each, other_viewer) for each in [services, others] * 5)
    )
    assert sorted(each.owner_revision for each in made) == list(range(1, 11))


async def test_all_kinds_of_changes_at_once_neither_block_each_other_nor_break_the_tree(
    services: Services, others: Services, viewer: Viewer
) -> None:
    made = [await stored_conversation(services, viewer, messages=6) for _ in range(2)]
    actions: list[Awaitable[Any]] = []
    for home in made:
        whole = await active_branch(services.store, viewer, home.id)
        for each in (services, others):
            rename = ConversationChanges(title=new_id())
            actions += [
                each.conversations.update(viewer, home.id, rename),
                each.conversations.fork(viewer, whole[4].id),
                each.conversations.select_branch(viewer, whole[3].id),
                each.messages.delete(viewer, whole[4].id),
                each.messages.delete(viewer, whole[2].id, descendants=False),
                each.messages.set_feedback(viewer, whole[1].id, rating=1),
                say(each, viewer, home.id, "beside", parent_id=whole[0].id),
                say(each, viewer, home.id, "on"),
                each.conversations.create(viewer, ConversationDraft(messages=turns(2))),
            ]
    await outcomes(actions)
    for home in made:
        await sound_conversation(services.store, viewer, home.id)
