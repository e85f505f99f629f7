"""What readers thought of messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import MessageFeedback
from backend.repositories.records import FeedbackRecord

COLUMNS = tuple(getattr(MessageFeedback, name) for name in FeedbackRecord._fields)


class FeedbackRepository:
    """One owner's feedback, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def list_by_messages(self, ids: Sequence[str]) -> dict[str, FeedbackRecord]:
        """The feedback on each message that has any."""
        rows = await self._connection.execute(
            select(*COLUMNS).where(
                MessageFeedback.owner_id == self._owner_id, MessageFeedback.message_id.in_(ids)
            )
        )
        return {row.message_id: row for row in map(FeedbackRecord._make, rows)}

    async def replace(self, message_id: str, **values: Any) -> None:
        """Makes this the feedback on a message."""
        await self._connection.execute(
            delete(MessageFeedback).where(
                MessageFeedback.owner_id == self._owner_id,
                MessageFeedback.message_id == message_id,
            )
        )
        await self.insert([{"message_id": message_id, **values}])

    async def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Stores feedback on messages that have none."""
        keyed = [{"owner_id": self._owner_id, **row} for row in rows]
        await self._connection.execute(insert(MessageFeedback), keyed)
