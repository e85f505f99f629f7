"""Pages of the list: in every order, whatever comes and goes between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from backend.repositories.conversations import ConversationFilter, ConversationOrder
from backend.repositories.pages import Window
from backend.repositories.records import ConversationRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.paging import (
    OrderField,
    conversation_cursors,
    conversation_order,
    conversation_window,
)
from tests.support.conversations import conversation_values

START = datetime(2026, 1, 1, tzinfo=UTC)
TITLES = ("", "Ação", "a title", "Zebra", "漢字", "🦜")
SIZE = 4


@pytest.fixture(params=["last_activity", "created_at", "title"])
def field(request: pytest.FixtureRequest) -> OrderField:
    """One of the columns the list can be ordered by."""
    chosen: OrderField = request.param
    return chosen


@pytest.fixture(params=[False, True], ids=["ascending", "descending"])
def order(request: pytest.FixtureRequest, field: OrderField) -> ConversationOrder:
    """One of the orders of the list."""
    return conversation_order(field, descending=request.param)


@pytest.fixture(params=[False, True], ids=["forward", "backward"])
def backward(request: pytest.FixtureRequest) -> bool:
    """Whether the pages are asked for from the end."""
    chosen: bool = request.param
    return chosen


async def test_insert_and_delete_between_pages_neither_repeat_nor_skip(
    store: Store, viewer: Viewer, order: ConversationOrder, backward: bool
) -> None:
    random = Random(7)
    lasting = set(await stored(store, viewer, random, 14))
    passing = await stored(store, viewer, random, 14)
    seen: list[ConversationRecord] = []
    cursor = None
    while True:
        rows, more = await one_page(store, viewer, order, cursor, backward=backward)
        seen += rows[::-1] if backward else rows
        if not more:
            break
        edge = rows[0] if backward else rows[-1]
        cursor = conversation_cursors(order)(edge)
        # The row the cursor was taken from goes first, where it may.
        gone = [edge.id] if edge.id in passing else random.sample(passing, 1)
        await delete(store, viewer, gone)
        passing = [each for each in passing if each not in gone]
        await stored(store, viewer, random, 1)
    ids = [row.id for row in seen]
    assert len(set(ids)) == len(ids)
    assert lasting <= set(ids)
    keys = [order.key(row) for row in seen]
    assert keys == sorted(keys, reverse=order.descending != backward)


async def test_titles_sort_alike_on_both_databases(store: Store, viewer: Viewer) -> None:
    async with store.write(viewer) as unit:
        for title in ("b", "B", "á", "a", "Z", "é", "ß", "漢", "🦜", "_", "10", "9"):
            await unit.conversations.insert(**conversation_values(title=title))
    by_title = conversation_order("title", descending=False)
    async with store.read(viewer) as unit:
        page = await unit.conversations.page(ConversationFilter(), by_title, Window(50))
    keys = [by_title.key(row) for row in page.rows]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("chosen", "titles"),
    [
        (ConversationFilter(), "abcd"),
        (ConversationFilter(archived=False), "abc"),
        (ConversationFilter(archived=True), "d"),
        (ConversationFilter(pinned=True), "a"),
        (ConversationFilter(tags=("x",)), "ab"),
        (ConversationFilter(tags=("x", "y")), "b"),
        (ConversationFilter(tags=("y", "nowhere")), ""),
        (ConversationFilter(title_contains="c"), "c"),
        (ConversationFilter(title_contains="%"), ""),
        (ConversationFilter(created_after=START), "bcd"),
        (ConversationFilter(created_before=START + timedelta(days=2)), "ab"),
        (ConversationFilter(active_after=START + timedelta(days=1)), "cd"),
        (ConversationFilter(active_before=START + timedelta(days=1)), "a"),
    ],
)
async def test_filter_chooses_the_same_for_pages_and_counts(
    store: Store, viewer: Viewer, chosen: ConversationFilter, titles: str
) -> None:
    async with store.write(viewer) as unit:
        for day, title in enumerate("abcd"):
            moment = START + timedelta(days=day)
            values = conversation_values(
                title=title,
                created_at=moment,
                last_activity_at=moment,
                pinned=title == "a",
                archived=title == "d",
            )
            await unit.conversations.insert(**values)
            tags = {"a": ["x"], "b": ["y", "x"]}.get(title, [])
            await unit.conversations.replace_tags(values["id"], tags)
    by_title = conversation_order("title", descending=False)
    async with store.read(viewer) as unit:
        page = await unit.conversations.page(chosen, by_title, Window(10))
        count = await unit.conversations.count(chosen)
    assert "".join(row.title for row in page.rows) == titles
    assert count == len(titles)


async def stored(store: Store, viewer: Viewer, random: Random, count: int) -> list[str]:
    """Stores conversations whose times and titles are often equal; returns their ids."""
    ids = []
    async with store.write(viewer) as unit:
        for _ in range(count):
            moment = START + timedelta(seconds=random.randrange(3))
            values = conversation_values(
                title=random.choice(TITLES), created_at=moment, last_activity_at=moment
            )
            await unit.conversations.insert(**values)
            ids.append(values["id"])
    return ids


async def delete(store: Store, viewer: Viewer, ids: Sequence[str]) -> None:
    """Deletes conversations."""
    async with store.write(viewer) as unit:
        for each in ids:
            await unit.conversations.delete(each, revision=2, owner_revision=1)


async def one_page(
    store: Store, viewer: Viewer, order: ConversationOrder, cursor: str | None, *, backward: bool
) -> tuple[list[ConversationRecord], bool]:
    """A page as a client asks for it, and whether there are more in that direction."""
    asked = {"last": SIZE, "before": cursor} if backward else {"first": SIZE, "after": cursor}
    window = conversation_window(order, **asked)
    async with store.read(viewer) as unit:
        page = await unit.conversations.page(ConversationFilter(), order, window)
    return list(page.rows), page.has_previous if backward else page.has_next
