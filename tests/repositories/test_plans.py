"""What a read costs grows with what it returns, never with what is stored.

Two owners share a database: one of little, one of ten times as much and much of it alike. Each read
is made for both; its statements walk an index, and for the second they look at no more rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, text

from backend.config import Settings
from backend.database.database import Database
from backend.ids import new_id
from backend.models import Conversation, ConversationTag
from backend.repositories.conversations import ConversationFilter, ConversationOrder
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Window
from backend.repositories.store import ReadUnit, Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.paging import OrderField, conversation_order
from tests.support.conversations import (
    conversation_values,
    message_values,
    say,
    stored_conversation,
)
from tests.support.databases import DIALECTS, dropped_after, settings_for
from tests.support.plans import plan_of, rows_read
from tests.support.postgresql import PostgresqlServer
from tests.support.statements import counted

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
FIELDS: tuple[OrderField, ...] = ("last_activity", "created_at", "title")
BESIDE = 4


@dataclass
class Stock:
    """What an owner has: conversations of equally many messages, and ``alike`` more of none.

    ``places`` are messages with alternatives beside them, as (conversation, parent).
    """

    viewer: Viewer
    conversations: int
    messages: int
    alike: int
    ids: list[str] = field(default_factory=list)
    places: list[tuple[str, str | None]] = field(default_factory=list)


LITTLE = Stock(Viewer("little", "Little"), conversations=24, messages=24, alike=200)
MUCH = Stock(Viewer("much", "Much"), conversations=72, messages=240, alike=4000)
Read = Callable[[ReadUnit, Stock], Awaitable[Any]]


@pytest.fixture(scope="module", params=DIALECTS)
def stocked(request: pytest.FixtureRequest) -> Iterator[tuple[Settings, list[Stock]]]:
    """A database that holds what both owners have."""
    stocks = [replace(each, ids=[], places=[]) for each in (LITTLE, MUCH)]
    if request.param == "sqlite":
        settings = settings_for(request.getfixturevalue("sqlite_databases").clone())
        asyncio.run(fill(settings, stocks))
        yield settings, stocks
        return
    with dropped_after(request.getfixturevalue("postgresql_server")) as databases:
        settings = settings_for(databases.clone())
        asyncio.run(fill(settings, stocks))
        yield settings, stocks


@pytest.fixture
async def database(stocked: tuple[Settings, list[Stock]]) -> AsyncIterator[Database]:
    """That database."""
    database = Database(stocked[0])
    yield database
    await database.close()


@pytest.fixture
def on_postgresql(postgresql_server: PostgresqlServer) -> Iterator[Settings]:
    """Settings for a PostgreSQL database of the test's own."""
    with dropped_after(postgresql_server) as databases:
        yield settings_for(databases.clone())


def newest(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """The last 20 of each of 20 conversations: the inbox."""
    return unit.messages.pages_by_conversations(stock.ids[:20], MessageScope(), Window(20, True))


def oldest(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """The first 20 of each of 20 conversations."""
    return unit.messages.pages_by_conversations(stock.ids[:20], MessageScope(), Window(20))


def last(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """The last message of each of 20 conversations."""
    return unit.messages.last_by_conversations(stock.ids[:20])


def bounded(scope: MessageScope, window: Window, count: int) -> Read:
    """A page of each of some conversations, beyond a cursor."""

    def read(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
        return unit.messages.pages_by_conversations(stock.ids[:count], scope, window)

    return read


def siblings(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """The alternatives at 20 places, and at the beginnings of 10 conversations."""
    beginnings: list[tuple[str, str | None]] = [(each, None) for each in stock.ids[:10]]
    return unit.messages.siblings(stock.places[:20] + beginnings)


def newest_child(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """What is shown when a branch is deleted."""
    return unit.branches.newest_child(*stock.places[0])


def newest_root(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """What is shown when the first message is deleted."""
    return unit.branches.newest_child(stock.ids[0], None)


def changes(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """The next ten changes of a conversation, for who has seen few."""
    return unit.changes.of_conversation(stock.ids[0], 5, 10)


def owner_changes(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """The next ten changes of an owner's list, for who has seen few."""
    return unit.changes.of_owner(5, 10)


def tags(unit: ReadUnit, stock: Stock) -> Awaitable[Any]:
    """The tags of 20 conversations."""
    return unit.conversations.tags_by_ids(stock.ids[:20])


MESSAGE_READS: dict[str, Read] = {
    "last 20 of each of 20": newest,
    "first 20 of each of 20": oldest,
    "last one of each of 20": last,
    "after a cursor": bounded(MessageScope(), Window(5, after=(9,)), 1),
    "before a cursor": bounded(MessageScope(), Window(5, True, before=(19,)), 1),
    "after a cursor, of 20": bounded(MessageScope(), Window(5, after=(9,)), 20),
    "all branches": bounded(MessageScope(active=False), Window(5, after=(9,)), 1),
    "all branches, of 20": bounded(MessageScope(active=False), Window(5, True, before=(19,)), 20),
    "one role": bounded(MessageScope(roles=("user",)), Window(5, after=(9,)), 1),
    "newest child": newest_child,
    "newest root": newest_root,
    "tags": tags,
}
GATHERED_READS: dict[str, Read] = {
    "siblings": siblings,
    "changes": changes,
    "changes of the list": owner_changes,
}


@pytest.mark.parametrize("read", MESSAGE_READS.values(), ids=MESSAGE_READS)
async def test_page_of_messages_is_an_index_range(
    database: Database, stocked: tuple[Settings, list[Stock]], read: Read
) -> None:
    await costs_the_same(database, stocked[1], read)


@pytest.mark.parametrize("read", GATHERED_READS.values(), ids=GATHERED_READS)
async def test_what_is_gathered_from_several_ranges_reads_no_more_of_each(
    database: Database, stocked: tuple[Settings, list[Stock]], read: Read
) -> None:
    await costs_the_same(database, stocked[1], read, may_sort=True)


@pytest.mark.parametrize("archived", [None, False], ids=["all", "not archived"])
@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("name", FIELDS)
async def test_page_of_the_list_is_an_index_range(
    database: Database,
    stocked: tuple[Settings, list[Stock]],
    name: OrderField,
    descending: bool,
    archived: bool | None,
) -> None:
    order = conversation_order(name, descending=descending)
    chosen = ConversationFilter(archived=archived)

    async def read(unit: ReadUnit, stock: Stock) -> None:
        first = await unit.conversations.page(chosen, order, Window(20))
        edge = order.key(first.rows[-1])
        await unit.conversations.page(chosen, order, Window(20, after=edge))
        await unit.conversations.page(chosen, order, Window(10, True, before=edge))

    await costs_the_same(database, stocked[1], read)


async def test_page_among_equals_reads_no_more_than_it_returns(
    database: Database, stocked: tuple[Settings, list[Stock]]
) -> None:
    """The last page of what all has one title starts behind hundreds of equals."""
    order: ConversationOrder = conversation_order("title", descending=False)

    async def read(unit: ReadUnit, stock: Stock) -> None:
        tail = await unit.conversations.page(ConversationFilter(), order, Window(11, True))
        edge = order.key(tail.rows[0])
        await unit.conversations.page(ConversationFilter(), order, Window(20, after=edge))

    await costs_the_same(database, stocked[1], read)


@pytest.mark.parametrize("looked_at", [False, True], ids=["new", "looked at when small"])
async def test_references_are_checked_by_key_however_much_is_stored_at_once(
    on_postgresql: Settings, viewer: Viewer, looked_at: bool
) -> None:
    """What a connection planned while tables were small must not read all that comes later."""
    database = Database(on_postgresql)
    await store_stock(Store(database), Stock(viewer, conversations=3, messages=12, alike=20))
    if looked_at:
        async with database.write() as connection:
            await connection.execute(text("ANALYZE"))
    await store_stock(Store(database), Stock(viewer, conversations=3, messages=12, alike=0))
    before = await rows_read(database)
    await store_stock(Store(database), Stock(viewer, conversations=30, messages=30, alike=0))
    read = await rows_read(database) - before
    await database.close()
    assert 900 <= read <= 5 * 900


async def test_an_append_reads_no_more_of_a_long_conversation(
    on_postgresql: Settings, viewer: Viewer
) -> None:
    """Nor before the database has looked at what it holds, when all indexes are alike to it."""
    database = Database(on_postgresql)
    services = Services(Store(database))
    made = await stored_conversation(services, viewer)
    reads = []
    for count in (10, 300, 10):
        before = await rows_read(database)
        for number in range(count):
            await say(services, viewer, made.id, str(number))
        reads.append(await rows_read(database) - before)
    await database.close()
    few, _, later = reads
    assert 20 <= later <= few + 10


async def costs_the_same(
    database: Database, stocks: list[Stock], read: Read, *, may_sort: bool = False
) -> None:
    """The read scans and sorts nothing, and looks at no more where more is stored."""
    store = Store(database)
    work: list[int] = []
    returned = 0
    for stock in stocks:
        async with store.read(stock.viewer) as unit:
            with counted(database) as statements:
                await read(unit, stock)
        returned = statements.rows
        assert returned > 0
        plans = [await plan_of(database, each) for each in statements.seen]
        for plan in plans:
            assert not plan.scanned, plan.text
            assert may_sort or not plan.sorted, plan.text
        work.append(sum(plan.work for plan in plans))
    little, much = work
    assert much <= 1.25 * little
    if database.dialect == "postgresql":
        # Beside what is returned: each page's conversation, its cursor's own message, and the one
        # row more that tells whether there is another page.
        assert much <= 1.5 * returned + 60


async def fill(settings: Settings, stocks: list[Stock]) -> None:
    """Stores what the owners have, and lets PostgreSQL look at it, as it does by itself in time."""
    database = Database(settings)
    for stock in stocks:
        await store_stock(Store(database), stock)
    if database.dialect == "postgresql":
        async with database.write() as connection:
            await connection.execute(text("ANALYZE"))
    await database.close()


async def store_stock(store: Store, stock: Stock) -> None:
    """Stores conversations with messages and branches, and many of one title with neither."""
    async with store.write(stock.viewer) as unit:
        for number in range(stock.conversations):
            values = conversation_values(
                title=f"Title {number:04}",
                message_count=stock.messages,
                revision=stock.messages + BESIDE + 1,
                owner_revision=number,
            )
            await unit.conversations.insert(**values)
            await unit.conversations.replace_tags(values["id"], ["a", "b"])
            rows = branches(values["id"], stock.messages)
            await unit.messages.insert(rows)
            stock.ids.append(values["id"])
            stock.places.append((values["id"], rows[-1]["parent_id"]))
        alike = {"title": "Untitled", "created_at": MOMENT, "last_activity_at": MOMENT}
        rows = [
            {"owner_id": unit.owner_id, **conversation_values(**alike, owner_revision=number)}
            for number in range(stock.conversations, stock.alike)
        ]
        if not rows:
            return
        await unit.connection.execute(insert(Conversation), rows)
        tags = [
            {"owner_id": unit.owner_id, "conversation_id": row["id"], "tag": "a", "ordinal": 0}
            for row in rows
        ]
        await unit.connection.execute(insert(ConversationTag), tags)


def branches(conversation_id: str, count: int) -> list[dict[str, Any]]:
    """An active branch of some messages, and some alternatives beside its tenth."""
    ids = [new_id() for _ in range(count)]
    shown = [
        message_values(conversation_id, number + 1, id=ids[number], parent_id=above)
        for number, above in enumerate([None, *ids[:-1]])
    ]
    beside = [
        message_values(
            conversation_id,
            10,
            parent_id=ids[8],
            active=False,
            added_revision=count + 2 + number,
            revision=count + 2 + number,
        )
        for number in range(BESIDE)
    ]
    return shown + beside
