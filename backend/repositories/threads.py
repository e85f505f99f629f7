"""A conversation with a page of its messages, as opening it takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.sending import Row
from backend.models import Conversation
from backend.repositories.chunks import filled
from backend.repositories.conversations import COLUMNS as CONVERSATION_COLUMNS
from backend.repositories.conversations import ConversationRepository
from backend.repositories.dialects import is_remote
from backend.repositories.message_pages import (
    PageAsked,
    Shape,
    places,
    range_of,
    shape_of,
)
from backend.repositories.messages import MessageRepository, in_order, page_of
from backend.repositories.pages import Page
from backend.repositories.prepared import Prepared
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.rows import Column, as_records, chosen_columns, row_sequence

Thread = tuple[ConversationRecord, Page[MessageRecord]]


class ThreadRepository:
    """One owner's conversations with their messages, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def find(
        self, conversation_id: str, names: frozenset[str] | None, asked: PageAsked
    ) -> Thread | None:
        """A conversation, of which these columns or all are read, and a page of its messages; None
        where there is no such conversation. In one statement where that spares a round trip."""
        if is_remote(self._connection):
            return await self._at_once(conversation_id, names, asked)
        ids = [conversation_id]
        conversations = ConversationRepository(self._connection, self._owner_id)
        found = await conversations.list_by_ids(ids, names)
        if not found:
            return None
        messages = MessageRepository(self._connection, self._owner_id)
        pages = await messages.pages_by_conversations(ids, *asked)
        return found[0], pages[conversation_id]

    async def list_by_ids(
        self, ids: Sequence[str], names: frozenset[str] | None, asked: PageAsked
    ) -> dict[str, Thread]:
        """The same of several, by id."""
        conversations = ConversationRepository(self._connection, self._owner_id)
        found = await conversations.list_by_ids(ids, names)
        messages = MessageRepository(self._connection, self._owner_id)
        pages = await messages.pages_by_conversations(ids, *asked)
        return {row.id: (row, pages[row.id]) for row in found}

    async def _at_once(
        self, conversation_id: str, names: frozenset[str] | None, asked: PageAsked
    ) -> Thread | None:
        own = chosen_columns(CONVERSATION_COLUMNS, names and names | {"id"})
        shape = shape_of(asked, several=False)
        given = {"owner": self._owner_id, "id": conversation_id, **places(asked.window)}
        rows = await _both(own, shape).rows(self._connection, given)
        found = _parted(rows)
        if found is None:
            return None
        page, end = found
        messages = row_sequence(self._connection, MessageRecord, shape.columns, page)
        messages = in_order(messages, asked.window)
        messages = await filled(self._connection, self._owner_id, messages)
        end = end[len(shape.columns) :]
        (conversation,) = as_records(self._connection, ConversationRecord, own, [end])
        return conversation, page_of(messages, asked.window)


def _parted(rows: Sequence[Row]) -> tuple[Sequence[Row], Row] | None:
    """The rows of the messages, and the conversation's, which is the last unless the database has
    put them together in another order; None where there is no conversation."""
    if rows and rows[-1][0] is None:
        return rows[:-1], rows[-1]
    ends = [row for row in rows if row[0] is None]
    return ([row for row in rows if row[0] is not None], ends[0]) if ends else None


@lru_cache(maxsize=256)
def _both(columns: tuple[Column, ...], shape: Shape) -> Prepared:
    """A page of the conversation ``id``, and then the conversation itself in columns of its own."""
    page = range_of(shape, bindparam("id", type_=Conversation.id.type)).subquery()
    messages: Any = select(*page.columns, *(null() for _ in columns))
    conversation = select(*(null() for _ in shape.columns), *columns).where(
        Conversation.owner_id == bindparam("owner"), Conversation.id == bindparam("id")
    )
    return Prepared(union_all(messages, conversation))
