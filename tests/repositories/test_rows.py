"""Records made straight from the driver's rows are those that SQLAlchemy would make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest
from sqlalchemy import and_, select

from backend.models import Conversation, Message
from backend.repositories.message_pages import COLUMNS
from backend.repositories.records import MessageRecord
from backend.repositories.rows import chosen_columns, records
from backend.repositories.store import Store
from backend.repositories.thin import UNREAD
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.messages import MessageChanges
from tests.support.conversations import active_branch, stored_conversation

STATEMENT = select(*COLUMNS).order_by(Message.position)


@pytest.fixture
async def conversation(services: Services, viewer: Viewer) -> str:
    """A conversation of three messages, one of which was edited."""
    made = await stored_conversation(services, viewer, messages=3)
    last = (await active_branch(services.store, viewer, made.id))[-1]
    await services.messages.update(viewer, last.id, MessageChanges(content="Edited"))
    return made.id


@pytest.mark.parametrize("long", [False, True])
async def test_all_columns(store: Store, conversation: str, long: bool) -> None:
    async with store.database.read(long=long) as connection:
        expected = [MessageRecord._make(row) for row in await connection.execute(STATEMENT)]
        found = await records(connection, MessageRecord, COLUMNS, STATEMENT)
    assert found == expected
    assert [type(row) for row in found] == [MessageRecord] * 3
    assert found[-1].conversation_id == conversation
    assert found[-1].active is True
    assert found[-1].edited_at is not None
    assert found[-1].edited_at.tzinfo is UTC


async def test_some_columns(store: Store, conversation: str) -> None:
    columns = chosen_columns(COLUMNS, frozenset(["content", "id"]))
    assert [each.key for each in columns] == ["id", "content"]
    async with store.database.read() as connection:
        statement = select(*columns).order_by(Message.position)
        found = await records(connection, MessageRecord, columns, statement)
    assert [row.content for row in found] == ["1", "2", "Edited"]
    assert all(getattr(row, name) is UNREAD for row in found for name in ("role", "created_at"))


async def test_rows_without_an_id_are_left_out(store: Store, conversation: str) -> None:
    statement = (
        select(*COLUMNS)
        .select_from(Conversation)
        .outerjoin(Message, and_(Message.conversation_id == Conversation.id, Message.position > 9))
    )
    async with store.database.read() as connection:
        assert len((await connection.execute(statement)).all()) == 1
        assert await records(connection, MessageRecord, COLUMNS, statement) == []


@pytest.mark.parametrize(
    "use",
    [bool, hash, len, iter, lambda each: each == each, lambda each: each + 1],
)
def test_what_was_not_read_is_of_no_use(use: Callable[[Any], Any]) -> None:
    with pytest.raises((AttributeError, TypeError)):
        use(UNREAD)


def test_all_columns_are_one_choice() -> None:
    assert chosen_columns(COLUMNS, None) is COLUMNS
    first, second = (chosen_columns(COLUMNS, frozenset(["id"])) for _ in range(2))
    assert first is second
