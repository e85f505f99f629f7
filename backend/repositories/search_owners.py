"""The indexes of all owners, for what keeps them up."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import and_, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Conversation, Message, Owner, SearchChunk, SearchIndex
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


async def list_owners(connection: AsyncConnection, *, indexed: bool | None = None) -> list[int]:
    """Every owner, or those of whom everything is indexed or may not be."""
    chosen = select(Owner.id).order_by(Owner.id)
    if indexed is not None:
        chosen = chosen.where(Owner.is_indexed.is_(indexed))
    return list(await connection.scalars(chosen))


async def owner_is_indexed(connection: AsyncConnection, owner_id: int) -> None:
    """Notes that everything of an owner's is indexed; what he writes from now on is, as it is."""
    await connection.execute(update(Owner).where(Owner.id == owner_id).values(is_indexed=True))


async def list_conversations(
    connection: AsyncConnection, owner_id: int, after: str | None, count: int
) -> list[str]:
    """The first conversations of an owner, by id, after one."""
    chosen = select(Conversation.id).where(Conversation.owner_id == owner_id)
    if after is not None:
        chosen = chosen.where(Conversation.id > after)
    return list(await connection.scalars(chosen.order_by(Conversation.id).limit(count)))


async def list_unindexed(
    connection: AsyncConnection, owner_id: int, first: str, last: str
) -> list[str]:
    """Those of an owner's conversations from one id to another with messages the index has not."""
    chosen = (
        select(Message.conversation_id)
        .where(Message.owner_id == owner_id, Message.conversation_id.between(first, last))
        .where(UNINDEXED)
        .distinct()
    )
    return list(await connection.scalars(chosen))


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
