"""Whole conversations read at once: what an export needs of SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Conversation, Message, MessageFeedback, MessageVersion
from backend.repositories.records import FeedbackRecord, MessageRecord, VersionRecord

# Rows a statement: between two of them, others on the event loop have their turn.
ROWS = 500
_IN_CONVERSATION = (
    Message.owner_id == bindparam("owner"),
    Message.conversation_id == bindparam("conversation"),
)
_MESSAGES = (
    select(*(getattr(Message, name) for name in MessageRecord._fields))
    .where(*_IN_CONVERSATION, Message.added_revision > bindparam("added"))
    .order_by(Message.added_revision)
    .limit(ROWS)
)
_VERSIONS = (
    select(*(getattr(MessageVersion, name) for name in VersionRecord._fields))
    .join(
        Message,
        (Message.owner_id == MessageVersion.owner_id) & (Message.id == MessageVersion.message_id),
    )
    .where(*_IN_CONVERSATION)
    .order_by(MessageVersion.message_id, MessageVersion.number)
)
_FEEDBACK = (
    select(*(getattr(MessageFeedback, name) for name in FeedbackRecord._fields))
    .join(
        Message,
        (Message.owner_id == MessageFeedback.owner_id) & (Message.id == MessageFeedback.message_id),
    )
    .where(*_IN_CONVERSATION)
)


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
            parameters = {**self._in(conversation_id), "added": added}
            rows = await self._connection.execute(_MESSAGES, parameters)
            records = [MessageRecord._make(row) for row in rows]
            if records:
                yield records
            if len(records) < ROWS:
                return
            added = records[-1].added_revision

    async def versions_of(self, conversation_id: str) -> list[VersionRecord]:
        """The earlier texts of a conversation's messages, each message's oldest first."""
        rows = await self._connection.execute(_VERSIONS, self._in(conversation_id))
        return [VersionRecord._make(row) for row in rows]

    async def feedback_of(self, conversation_id: str) -> list[FeedbackRecord]:
        """The feedback on a conversation's messages."""
        rows = await self._connection.execute(_FEEDBACK, self._in(conversation_id))
        return [FeedbackRecord._make(row) for row in rows]

    def _in(self, conversation_id: str) -> dict[str, object]:
        return {"owner": self._owner_id, "conversation": conversation_id}
