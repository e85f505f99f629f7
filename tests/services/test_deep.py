"""A conversation as long as no cascade, recursion or list of parameters may be."""

from __future__ import annotations

from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import active_branch, contents, say, stored_chain
from tests.support.invariants import sound_conversation
from tests.support.statements import Statements

DEEP = 6_000
LEFT = 5_000
MOST_PARAMETERS = 10_000
"""Far below the 32,766 that either database takes in a statement."""


async def test_deep_branch_can_be_shown_forked_cut_off_and_deleted(
    services: Services, store: Store, viewer: Viewer, statements: Statements
) -> None:
    made = await stored_chain(store, viewer, DEEP)
    whole = await active_branch(store, viewer, made.id)
    await say(services, viewer, made.id, "beside", parent_id=whole[0].id)
    chosen = await services.conversations.select_branch(viewer, whole[1].id)
    assert chosen.message_count == DEEP
    fork = await services.conversations.fork(viewer, whole[-1].id)
    assert fork.message_count == DEEP
    await services.conversations.delete(viewer, fork.id)
    _, deleted = await services.messages.delete(viewer, whole[LEFT].id)
    assert len(deleted) == DEEP - LEFT
    stored = await sound_conversation(store, viewer, made.id)
    assert contents(stored.active) == contents(whole[:LEFT])
    assert len(stored.tombstones) == DEEP - LEFT
    assert most_parameters(statements) <= MOST_PARAMETERS


def most_parameters(statements: Statements) -> int:
    """The most parameters that any single statement had."""
    single = [each for each in statements.seen if not isinstance(each.parameters, list)]
    return max(len(each.parameters) for each in single)
