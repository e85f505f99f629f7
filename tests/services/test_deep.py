"""A conversation as long as no cascade, recursion or list of parameters may be."""

from __future__ import annotations

from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import active_branch, contents, say, stored_chain
from tests.support.invariants import sound_conversation

DEEP = 33_000
"""More than either database takes parameters in a statement."""
FORKED = 20_000
LEFT = 13_000


async def test_branch_of_33000_messages_can_be_shown_forked_cut_off_and_deleted(
    services: Services, store: Store, viewer: Viewer
) -> None:
    made = await stored_chain(store, viewer, DEEP)
    whole = await active_branch(store, viewer, made.id)
    await say(services, viewer, made.id, "beside", parent_id=whole[0].id)
    chosen = await services.conversations.select_branch(viewer, whole[1].id)
    assert chosen.message_count == DEEP
    fork = await services.conversations.fork(viewer, whole[FORKED - 1].id)
    assert fork.message_count == FORKED
    await services.conversations.delete(viewer, fork.id)
    _, deleted = await services.messages.delete(viewer, whole[LEFT].id)
    assert len(deleted) == DEEP - LEFT
    stored = await sound_conversation(store, viewer, made.id)
    assert contents(stored.active) == contents(whole[:LEFT])
    assert len(stored.tombstones) == DEEP - LEFT
