"""A conversation with a page of its messages, as opening it takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.sending import Row, send_both
from backend.models import Conversation
from backend.repositories.conversation_pages import by_id
from backend.repositories.conversations import COLUMNS as CONVERSATION_COLUMNS
from backend.repositories.conversations import ConversationRepository
from backend.repositories.dialects import is_remote
from backend.repositories.message_pages import (
    PageAsked,
    Shape,
    limited,
    places,
    range_of,
    shape_of,
)
from backend.repositories.messages import MessageRepository, in_order
from backend.repositories.pages import Page
from backend.repositories.prepared import Prepared
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.rows import Column, as_records, chosen_columns

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
        where there is no such conversation. Both are of one state of the data; in one statement
        where that spares a round trip."""
        own = chosen_columns(CONVERSATION_COLUMNS, names and names | {"id"})
        shape = shape_of(asked, several=False)
        given = {"owner": self._owner_id, "id": conversation_id, **places(asked.window)}
        if is_remote(self._connection):
            found = _parted(await _both(own, shape).rows(self._connection, given), shape)
        else:
            found = await send_both(
                self._connection,
                by_id(own).filled_in(self._connection, given),
                limited(shape).filled_in(self._connection, given),
            )
        ends, page = found
        if not ends:
            return None
        messages = MessageRepository(self._connection, self._owner_id)
        (shown,) = await messages.pages_of([page], shape, asked.window)
        (conversation,) = as_records(self._connection, ConversationRecord, own, ends)
        return conversation, shown

    async def list_by_ids(
        self, ids: Sequence[str], names: frozenset[str] | None, asked: PageAsked
    ) -> dict[str, Thread]:
        """The same of several, by id."""
        conversations = ConversationRepository(self._connection, self._owner_id)
        found = await conversations.list_by_ids(ids, names)
        messages = MessageRepository(self._connection, self._owner_id)
        pages = await messages.pages_by_conversations(ids, *asked)
        return {row.id: (row, pages[row.id]) for row in found}


def _parted(rows: Sequence[Row], shape: Shape) -> tuple[Sequence[Row], Sequence[Row]]:
    """The conversation's row, if there is one, and those of the messages, which come before it
    unless the database has put them together in another order."""
    ends, page = rows[-1:], rows[:-1]
    if not ends or ends[0][0] is not None:
        ends = [row for row in rows if row[0] is None]
        page = [row for row in rows if row[0] is not None]
    return [row[len(shape.columns) :] for row in ends], in_order(page, shape)


@lru_cache(maxsize=256)
def _both(columns: tuple[Column, ...], shape: Shape) -> Prepared:
    """A page of the conversation ``id``, and then the conversation itself in columns of its own."""
    page = range_of(shape, bindparam("id", type_=Conversation.id.type)).subquery()
    messages: Any = select(*page.columns, *(null() for _ in columns))
    conversation = select(*(null() for _ in shape.columns), *columns).where(
        Conversation.owner_id == bindparam("owner"), Conversation.id == bindparam("id")
    )
    return Prepared(union_all(messages, conversation))
