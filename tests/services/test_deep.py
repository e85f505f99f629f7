"""Conversations as long as no cascade, recursion or parameter list may be."""

from __future__ import annotations

from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import active_branch, contents, say, stored_chain
from tests.support.invariants import sound_conversation

DEEP = 20_000
BEYOND_PARAMETERS = 33_000
"""More than either database takes in one statement."""


async def test_branch_of_20000_messages_can_be_hidden_shown_moved_and_deleted(
    services: Services, store: Store, viewer: Viewer
) -> None:
    made = await stored_chain(store, viewer, DEEP)
    whole = await active_branch(store, viewer, made.id)
    await say(services, viewer, made.id, "beside", parent_id=whole[0].id)
    chosen = await services.conversations.select_branch(viewer, whole[1].id)
    assert chosen.message_count == DEEP
    await services.messages.delete(viewer, whole[0].id, descendants=False)
    stored = await sound_conversation(store, viewer, made.id)
    assert len(stored.active) == DEEP - 1
    _, deleted = await services.messages.delete(viewer, whole[1].id)
    assert len(deleted) == DEEP - 1
    stored = await sound_conversation(store, viewer, made.id)
    assert contents(stored.active) == ["beside"]
    assert len(stored.tombstones) == DEEP


async def test_branch_of_33000_messages_can_be_forked_and_its_conversation_deleted(
    services: Services, store: Store, viewer: Viewer
) -> None:
    made = await stored_chain(store, viewer, BEYOND_PARAMETERS)
    (last,) = await say(services, viewer, made.id, "last")
    fork = await services.conversations.fork(viewer, last.id)
    assert fork.message_count == BEYOND_PARAMETERS + 1
    for each in (made, fork):
        await services.conversations.delete(viewer, each.id)
        assert await active_branch(store, viewer, each.id) == []
