"""Pages of messages: any branch scope and roles, whatever comes and goes between two of them."""

from __future__ import annotations

from random import Random

import pytest

from backend.repositories.messages import MessageScope
from backend.repositories.pages import Page, Window
from backend.repositories.records import MessageRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.paging import message_cursor, message_window
from tests.support.conversations import (
    active_branch,
    contents,
    say,
    stored_conversation,
    turns,
)

SIZE = 4
SCOPES = {
    "active": MessageScope(),
    "active, one role": MessageScope(roles=("user",)),
    "all": MessageScope(active=False),
    "all, some roles": MessageScope(active=False, roles=("assistant", "tool")),
}


@pytest.fixture(params=SCOPES.values(), ids=list(SCOPES))
def scope(request: pytest.FixtureRequest) -> MessageScope:
    """Which messages are asked for."""
    chosen: MessageScope = request.param
    return chosen


@pytest.fixture(params=[False, True], ids=["forward", "backward"])
def backward(request: pytest.FixtureRequest) -> bool:
    """Whether the pages are asked for from the end."""
    chosen: bool = request.param
    return chosen


async def test_insert_and_delete_between_pages_neither_repeat_nor_skip(
    services: Services, viewer: Viewer, scope: MessageScope, backward: bool
) -> None:
    random = Random(11)
    made = await stored_conversation(services, viewer, messages=30)
    whole = await active_branch(services.store, viewer, made.id)
    await say(services, viewer, made.id, "beside", parent_id=whole[20].id)
    await services.conversations.select_branch(viewer, whole[-1].id)
    passing = random.sample([row.id for row in whole], 12)
    lasting = [row.id for row in whole if row.id not in passing and in_roles(row, scope)]
    seen: list[MessageRecord] = []
    cursor = None
    while True:
        page = await one_page(services.store, viewer, made.id, scope, cursor, backward=backward)
        seen += page.rows[::-1] if backward else page.rows
        if not (page.has_previous if backward else page.has_next):
            break
        edge = page.rows[0] if backward else page.rows[-1]
        cursor = message_cursor(edge)
        # The message the cursor was taken from goes first, where it may.
        gone = edge.id if edge.id in passing else passing[0]
        passing.remove(gone)
        await services.messages.delete(viewer, gone, descendants=False)
        if len(seen) < 2 * SIZE:
            last = (await active_branch(services.store, viewer, made.id))[-1]
            await services.messages.add(viewer, made.id, turns(2, 100), parent_id=last.id)
    ids = [row.id for row in seen]
    assert len(set(ids)) == len(ids)
    assert [each for each in ids if each in lasting] == (lasting[::-1] if backward else lasting)


async def test_page_ends_where_a_cursor_of_a_deleted_branch_ended(
    services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer, messages=10)
    whole = await active_branch(services.store, viewer, made.id)
    cursor = message_cursor(whole[7])
    await services.messages.delete(viewer, whole[4].id)
    after = await one_page(services.store, viewer, made.id, MessageScope(), cursor, backward=False)
    before = await one_page(services.store, viewer, made.id, MessageScope(), cursor, backward=True)
    assert contents(after.rows) == []
    assert contents(before.rows) == ["1", "2", "3", "4"]


async def test_pages_of_many_conversations_are_those_of_each(
    services: Services, store: Store, viewer: Viewer, scope: MessageScope, backward: bool
) -> None:
    ids = [
        (await stored_conversation(services, viewer, messages=count)).id
        for count in (0, 1, 4, 5, 9)
    ]
    for window in (
        Window(SIZE, backward),
        Window(SIZE, backward, after=(4,)),
        Window(SIZE, backward, before=(6,)),
        Window(SIZE, backward, after=(3,), before=(8,)),
        Window(0, backward),
    ):
        async with store.read(viewer) as unit:
            together = await unit.messages.pages_by_conversations(ids, scope, window)
            alone = [
                (await unit.messages.pages_by_conversations([each], scope, window))[each]
                for each in ids
            ]
        assert [together[each] for each in ids] == alone


async def test_counts_are_those_of_the_pages(
    services: Services, store: Store, viewer: Viewer, scope: MessageScope
) -> None:
    made = await stored_conversation(services, viewer, messages=9)
    whole = await active_branch(store, viewer, made.id)
    await say(services, viewer, made.id, "beside", parent_id=whole[3].id)
    async with store.read(viewer) as unit:
        pages = await unit.messages.pages_by_conversations([made.id], scope, Window(100))
        counts = await unit.messages.count_by_conversations([made.id], scope)
    assert counts[made.id] == len(pages[made.id].rows)


def in_roles(row: MessageRecord, scope: MessageScope) -> bool:
    """Whether a message is of one of the scope's roles."""
    return not scope.roles or row.role in scope.roles


async def one_page(
    store: Store,
    viewer: Viewer,
    conversation_id: str,
    scope: MessageScope,
    cursor: str | None,
    *,
    backward: bool,
) -> Page[MessageRecord]:
    """A page as a client asks for it."""
    asked = {"last": SIZE, "before": cursor} if backward else {"first": SIZE, "after": cursor}
    window = message_window(**asked)
    async with store.read(viewer) as unit:
        pages = await unit.messages.pages_by_conversations([conversation_id], scope, window)
    return pages[conversation_id]
