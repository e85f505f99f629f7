"""Earlier texts of edited messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import MessageVersion
from backend.repositories.records import VersionRecord

COLUMNS = tuple(getattr(MessageVersion, name) for name in VersionRecord._fields)


class VersionRepository:
    """One owner's earlier texts, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def list_by_messages(self, ids: Sequence[str]) -> dict[str, list[VersionRecord]]:
        """The earlier texts of each message that has any, oldest first."""
        found: dict[str, list[VersionRecord]] = defaultdict(list)
        rows = await self._connection.execute(
            select(*COLUMNS)
            .where(MessageVersion.owner_id == self._owner_id, MessageVersion.message_id.in_(ids))
            .order_by(MessageVersion.message_id, MessageVersion.number)
        )
        for row in map(VersionRecord._make, rows):
            found[row.message_id].append(row)
        return found

    async def add(self, message_id: str, **values: Any) -> None:
        """Keeps a text as the newest of the earlier ones."""
        number = await self._connection.scalar(
            select(func.coalesce(func.max(MessageVersion.number), 0) + 1).where(
                MessageVersion.owner_id == self._owner_id, MessageVersion.message_id == message_id
            )
        )
        await self.insert([{"message_id": message_id, "number": number, **values}])

    async def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Stores earlier texts that are numbered already."""
        keyed = [{"owner_id": self._owner_id, **row} for row in rows]
        await self._connection.execute(insert(MessageVersion), keyed)
