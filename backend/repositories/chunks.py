"""The pieces of messages that are still being written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Message, MessageChunk, Owner
from backend.repositories.records import MessageRecord
from backend.utils.text_processor import count_tokens

STREAMING = "streaming"
Rows = TypeVar("Rows", bound=Sequence[MessageRecord])


class ChunkRecord(NamedTuple):
    """One piece; ``start`` in characters, ``bytes_end`` in bytes from the message's beginning."""

    message_id: str
    start: int
    text: str
    bytes_end: int
    revision: int


COLUMNS = tuple(getattr(MessageChunk, name) for name in ChunkRecord._fields)


class ChunkRepository:
    """One owner's pieces, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def last(self, message_id: str) -> ChunkRecord | None:
        """The newest piece of a message."""
        statement = self._of([message_id]).order_by(MessageChunk.start.desc()).limit(1)
        row = (await self._connection.execute(statement)).first()
        return ChunkRecord._make(row) if row else None

    async def at(self, message_id: str, start: int) -> ChunkRecord | None:
        """The piece that starts at an offset."""
        statement = self._of([message_id]).where(MessageChunk.start == start)
        row = (await self._connection.execute(statement)).first()
        return ChunkRecord._make(row) if row else None

    async def list_by_messages(self, ids: Sequence[str]) -> dict[str, list[ChunkRecord]]:
        """The pieces of each message that has any, in order."""
        found: dict[str, list[ChunkRecord]] = defaultdict(list)
        statement = self._of(ids).order_by(MessageChunk.message_id, MessageChunk.start)
        for row in map(ChunkRecord._make, await self._connection.execute(statement)):
            found[row.message_id].append(row)
        return found

    async def add(self, conversation_id: str, chunk: ChunkRecord, appended_at: datetime) -> None:
        """Stores a piece."""
        await self._connection.execute(
            insert(MessageChunk).values(
                owner_id=self._owner_id,
                conversation_id=conversation_id,
                appended_at=appended_at,
                **chunk._asdict(),
            )
        )

    async def delete(self, message_id: str) -> None:
        """Removes a message's pieces, once they are put together."""
        await self._connection.execute(
            delete(MessageChunk).where(
                MessageChunk.owner_id == self._owner_id, MessageChunk.message_id == message_id
            )
        )

    async def fill(self, rows: list[MessageRecord]) -> list[MessageRecord]:
        """The messages, those still being written with their text so far."""
        return await filled(self._connection, self._owner_id, rows)

    def _of(self, ids: Sequence[str]) -> Select[Any]:
        return select(*COLUMNS).where(
            MessageChunk.owner_id == self._owner_id, MessageChunk.message_id.in_(ids)
        )


async def filled(
    connection: AsyncConnection, owner_id: int, rows: Rows
) -> Rows | list[MessageRecord]:
    """The messages, those still being written with their text so far.

    No statement is run where none of them is.
    """
    if STREAMING not in [row.status for row in rows]:
        return rows
    open_ids = [row.id for row in rows if row.status == STREAMING]
    chunks = await ChunkRepository(connection, owner_id).list_by_messages(open_ids)
    return [streamed(row, chunks.get(row.id, ())) for row in rows]


def streamed(row: MessageRecord, chunks: Sequence[ChunkRecord]) -> MessageRecord:
    """A message with the text that its pieces make."""
    if row.status != STREAMING:
        return row
    text = "".join(chunk.text for chunk in chunks)
    return row._replace(content=text, token_count=count_tokens(text))


async def list_streaming(
    connection: AsyncConnection, idle_since: datetime | None
) -> list[tuple[str, str]]:
    """Owner name and id of every message still being written, of all owners.

    Where ``idle_since`` is given, only those that got no text after it.
    """
    newest = (
        select(func.max(MessageChunk.appended_at))
        .where(MessageChunk.owner_id == Message.owner_id, MessageChunk.message_id == Message.id)
        .scalar_subquery()
    )
    statement = (
        select(Owner.name, Message.id)
        .join(Owner, Owner.id == Message.owner_id)
        .where(Message.status == STREAMING)
    )
    if idle_since is not None:
        statement = statement.where(func.coalesce(newest, Message.created_at) <= idle_since)
    return [(name, message_id) for name, message_id in await connection.execute(statement)]
