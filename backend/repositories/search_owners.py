"""The indexes of all owners, for what keeps them up."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import and_, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Message, SearchChunk, SearchIndex
from backend.repositories.chunks import STREAMING


class IndexState(NamedTuple):
    """One owner's index; the numbers are those of ``models.search.SearchIndex``."""

    owner_id: int
    next_number: int
    flushed_number: int
    analysis: int


COLUMNS = tuple(getattr(SearchIndex, name) for name in IndexState._fields)
_INDEXED = exists().where(
    SearchChunk.owner_id == Message.owner_id, SearchChunk.message_id == Message.id
)
UNINDEXED: Any = and_(Message.status != STREAMING, ~_INDEXED)


async def list_indexes(connection: AsyncConnection) -> list[IndexState]:
    """Every owner's index."""
    return [IndexState._make(row) for row in await connection.execute(select(*COLUMNS))]


async def list_unindexed(connection: AsyncConnection) -> list[tuple[int, str]]:
    """The conversations, with their owners, that hold messages the index does not."""
    chosen = select(Message.owner_id, Message.conversation_id).where(UNINDEXED).distinct()
    return [(owner, conversation) for owner, conversation in await connection.execute(chosen)]


async def unindexed_messages(
    connection: AsyncConnection, owner_id: int, conversation_id: str, count: int
) -> list[str]:
    """Finished messages of a conversation that the index does not hold, oldest first."""
    chosen = (
        select(Message.id)
        .where(Message.owner_id == owner_id, Message.conversation_id == conversation_id)
        .where(UNINDEXED)
        .order_by(Message.added_revision)
        .limit(count)
    )
    return list(await connection.scalars(chosen))
