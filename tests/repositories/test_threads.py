"""A conversation with a page of its messages is what each would be by itself."""

from __future__ import annotations

import pytest

from backend.ids import new_id
from backend.repositories.message_pages import MessageScope, PageAsked
from backend.repositories.pages import Window
from backend.repositories.store import Store
from backend.repositories.threads import Thread
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import active_branch, message_draft, say, stored_conversation
from tests.support.statements import Statements

NAMES = frozenset(["id", "title"])
SHOWN = frozenset(["id", "content"])
WINDOWS = (
    Window(4),
    Window(4, backward=True),
    Window(100, backward=True),
    Window(0),
    Window(3, after=(4,)),
    Window(3, backward=True, before=(6,)),
    Window(5, after=(3,), before=(8,)),
)
SCOPES = (
    MessageScope(),
    MessageScope(roles=("user",)),
    MessageScope(active=False),
    MessageScope(active=False, roles=("assistant", "tool")),
)


async def found(store: Store, viewer: Viewer, conversation_id: str, asked: PageAsked) -> Thread:
    """What opening a conversation reads."""
    async with store.read(viewer) as unit:
        thread = await unit.threads.find(conversation_id, None, asked)
    assert thread is not None
    return thread


@pytest.mark.parametrize("scope", SCOPES)
async def test_both_are_what_each_is_alone(
    services: Services, store: Store, viewer: Viewer, scope: MessageScope
) -> None:
    made = await stored_conversation(services, viewer, messages=9)
    rows = await active_branch(store, viewer, made.id)
    await say(services, viewer, made.id, "beside", parent_id=rows[3].id)
    for window in WINDOWS:
        conversation, page = await found(store, viewer, made.id, PageAsked(scope, window, None))
        async with store.read(viewer) as unit:
            assert conversation == await unit.conversations.get(made.id)
            pages = await unit.messages.pages_by_conversations([made.id], scope, window)
        assert page == pages[made.id]


async def test_an_empty_conversation_has_an_empty_page(
    services: Services, store: Store, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    conversation, page = await found(
        store, viewer, made.id, PageAsked(MessageScope(), Window(4), None)
    )
    assert conversation == made
    assert (page.rows, page.has_next, page.has_previous) == ([], False, False)


async def test_nobody_finds_another_owners(
    services: Services, store: Store, viewer: Viewer, other_viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer, messages=2)
    asked = PageAsked(MessageScope(), Window(4), None)
    for asking, wanted in ((other_viewer, made.id), (viewer, new_id())):
        async with store.read(asking) as unit:
            assert await unit.threads.find(wanted, None, asked) is None
            assert await unit.threads.list_by_ids([wanted], None, asked) == {}


async def test_a_message_being_written_has_its_text_so_far(
    services: Services, store: Store, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer, messages=2)
    begun = await services.streaming.start(viewer, made.id, message_draft(None, "assistant"))
    await services.streaming.append(viewer, begun.id, 0, "so far")
    asked = PageAsked(MessageScope(), Window(4), SHOWN)
    _, page = await found(store, viewer, made.id, asked)
    assert [row.content for row in page.rows] == ["1", "2", "so far"]


async def test_one_round_trip_reads_both(
    services: Services, store: Store, viewer: Viewer, statements: Statements
) -> None:
    made = await stored_conversation(services, viewer, messages=9)
    asked = PageAsked(MessageScope(), Window(4, backward=True), SHOWN)
    statements.clear()
    async with store.read(viewer) as unit:
        thread = await unit.threads.find(made.id, NAMES, asked)
    assert thread is not None
    conversation, page = thread
    assert (conversation.id, conversation.title) == (made.id, made.title)
    assert [row.content for row in page.rows] == ["6", "7", "8", "9"]
    assert statements.count == (1 if store.database.parallel_reads else 2)


async def test_several_are_read_in_as_many_statements_as_two(
    services: Services, store: Store, viewer: Viewer, statements: Statements
) -> None:
    ids = [(await stored_conversation(services, viewer, messages=3)).id for _ in range(5)]
    asked = PageAsked(MessageScope(), Window(2), None)
    statements.clear()
    async with store.read(viewer) as unit:
        threads = await unit.threads.list_by_ids([*ids, new_id()], None, asked)
    assert statements.count == 2
    assert set(threads) == set(ids)
    for each in ids:
        assert threads[each] == await found(store, viewer, each, asked)
