"""Whole conversations read at once: what an export needs of SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Conversation, Message
from backend.repositories.records import MessageRecord

MESSAGE_COLUMNS = tuple(getattr(Message, name) for name in MessageRecord._fields)
# Rows a statement: between two of them, others on the event loop have their turn.
ROWS = 500


class ExportRepository:
    """One owner's conversations as wholes, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def ids_after(self, conversation_id: str | None, count: int) -> list[str]:
        """The next ids of the owner's conversations, in the order of ids."""
        statement = select(Conversation.id).where(Conversation.owner_id == self._owner_id)
        if conversation_id is not None:
            statement = statement.where(Conversation.id > conversation_id)
        statement = statement.order_by(Conversation.id).limit(count)
        return list(await self._connection.scalars(statement))

    async def messages_of(self, conversation_id: str) -> AsyncIterator[list[MessageRecord]]:
        """Every message of a conversation in the order they were added, some at a time."""
        added = 0
        while True:
            rows = await self._connection.execute(
                select(*MESSAGE_COLUMNS)
                .where(
                    Message.owner_id == self._owner_id,
                    Message.conversation_id == conversation_id,
                    Message.added_revision > added,
                )
                .order_by(Message.added_revision)
                .limit(ROWS)
            )
            records = [MessageRecord._make(row) for row in rows]
            if records:
                yield records
            if len(records) < ROWS:
                return
            added = records[-1].added_revision
