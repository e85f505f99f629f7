"""Owners: what is another's does not exist, and his ids are free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from backend.errors import NotFound
from backend.ids import new_id
from backend.repositories.conversations import ConversationFilter
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Window
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationChanges, ConversationDraft
from backend.services.messages import MessageChanges
from backend.services.paging import conversation_order
from tests.support.conversations import active_branch, message_draft, say, stored_conversation
from tests.support.invariants import StoredConversation, sound_conversation

Action = Callable[[Services, Viewer, "Theirs"], Any]


@dataclass
class Theirs:
    """What another owner has."""

    conversation: ConversationRecord
    message: MessageRecord


ACTIONS: dict[str, Action] = {
    "rename": lambda services, viewer, theirs: services.conversations.update(
        viewer, theirs.conversation.id, ConversationChanges(title="Mine")
    ),
    "delete the conversation": lambda services, viewer, theirs: services.conversations.delete(
        viewer, theirs.conversation.id
    ),
    "fork": lambda services, viewer, theirs: services.conversations.fork(viewer, theirs.message.id),
    "select": lambda services, viewer, theirs: services.conversations.select_branch(
        viewer, theirs.message.id
    ),
    "add": lambda services, viewer, theirs: say(services, viewer, theirs.conversation.id, "x"),
    "edit": lambda services, viewer, theirs: services.messages.update(
        viewer, theirs.message.id, MessageChanges(content="mine")
    ),
    "delete": lambda services, viewer, theirs: services.messages.delete(viewer, theirs.message.id),
    "judge": lambda services, viewer, theirs: services.messages.set_feedback(
        viewer, theirs.message.id, rating=1
    ),
}


@pytest.fixture
async def theirs(services: Services, viewer: Viewer) -> Theirs:
    """A conversation of the first viewer."""
    made = await stored_conversation(services, viewer, messages=3, tags=["a"])
    whole = await active_branch(services.store, viewer, made.id)
    await services.messages.update(viewer, whole[0].id, MessageChanges(content="edited"))
    await services.messages.set_feedback(viewer, whole[0].id, rating=1)
    now = await sound_conversation(services.store, viewer, made.id)
    return Theirs(now.conversation, now.messages[0])


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
async def test_changing_what_is_anothers_is_as_if_it_did_not_exist(
    services: Services, viewer: Viewer, other_viewer: Viewer, theirs: Theirs, action: Action
) -> None:
    stranger = Viewer(owner_id="carla", name="Carla")
    await stored_conversation(services, other_viewer)
    before = await sound_conversation(services.store, viewer, theirs.conversation.id)
    nowhere = Theirs(
        theirs.conversation._replace(id=new_id()), theirs.message._replace(id=new_id())
    )
    for somebody in (other_viewer, stranger):
        with pytest.raises(NotFound) as for_theirs:
            await action(services, somebody, theirs)
        with pytest.raises(NotFound) as for_nothing:
            await action(services, somebody, nowhere)
        assert str(for_theirs.value) == str(for_nothing.value)
    assert await sound_conversation(services.store, viewer, theirs.conversation.id) == before


async def test_reading_what_is_anothers_finds_nothing(
    services: Services, store: Store, other_viewer: Viewer, theirs: Theirs
) -> None:
    await stored_conversation(services, other_viewer)
    home, message = theirs.conversation.id, theirs.message
    by_title = conversation_order("title", descending=False)
    async with store.read(other_viewer) as unit:
        pages = await unit.messages.pages_by_conversations([home], MessageScope(), Window(10))
        found: list[Any] = [
            await unit.conversations.find(home),
            await unit.conversations.list_by_ids([home]),
            await unit.conversations.tags_by_ids([home]),
            await unit.messages.find(message.id),
            await unit.messages.list_by_ids([message.id]),
            await unit.messages.last_by_conversations([home]),
            await unit.messages.count_by_conversations([home], MessageScope()),
            pages[home].rows,
            (await unit.messages.siblings([(home, None)]))[(home, None)],
            await unit.branches.page_upward(message.id, None, 10),
            await unit.branches.newest_descent(message.id),
            await unit.branches.subtree(message.id),
            await unit.branches.first_added(home, 10),
            await unit.versions.list_by_messages([message.id]),
            await unit.feedback.list_by_messages([message.id]),
        ]
        listed = await unit.conversations.page(ConversationFilter(), by_title, Window(10))
    assert not any(found)
    assert len(listed.rows) == 1


async def test_anothers_ids_may_be_used(
    services: Services, store: Store, viewer: Viewer, other_viewer: Viewer, theirs: Theirs
) -> None:
    draft = ConversationDraft(
        id=theirs.conversation.id,
        title="Mine",
        messages=[message_draft("mine", id=theirs.message.id)],
    )
    before = await sound_conversation(store, viewer, theirs.conversation.id)
    made = await services.conversations.create(other_viewer, draft)
    (mine,) = await active_branch(store, other_viewer, made.id)
    assert (made.id, mine.id, mine.content) == (draft.id, theirs.message.id, "mine")
    await services.conversations.delete(other_viewer, made.id)
    after: StoredConversation = await sound_conversation(store, viewer, theirs.conversation.id)
    assert after == before


async def test_reading_makes_no_owner(store: Store, viewer: Viewer) -> None:
    async with store.read(viewer) as unit:
        assert unit.owner_id == -1
