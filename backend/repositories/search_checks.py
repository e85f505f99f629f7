"""All of one owner's index, and the texts it was made of, to be held against each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import (
    Message,
    Owner,
    SearchChunk,
    SearchIndex,
    SearchPending,
    SearchPostings,
    SearchSegment,
)
from backend.repositories.search_index import MessageText, StoredChunk
from backend.repositories.search_owners import UNINDEXED

BATCH = 500


class IndexCheckRepository:
    """Reads whole indexes over one connection, which had better be a snapshot."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def owners(self) -> list[tuple[int, str, int]]:
        """Number, name and next number of every owner who has an index."""
        chosen = select(Owner.id, Owner.name, SearchIndex.next_number).join(
            SearchIndex, SearchIndex.owner_id == Owner.id
        )
        rows = await self._connection.execute(chosen.order_by(Owner.id))
        return [(owner_id, name, number) for owner_id, name, number in rows]

    async def unindexed(self) -> AsyncGenerator[tuple[str, str, str], None]:
        """Owner, conversation and id of every finished message that is not indexed."""
        chosen = (
            select(Owner.name, Message.conversation_id, Message.id)
            .join(Owner, Owner.id == Message.owner_id)
            .where(UNINDEXED)
        )
        async with self._connection.stream(chosen) as rows:
            async for name, conversation_id, message_id in rows:
                yield name, conversation_id, message_id

    async def chunks(self, owner_id: int) -> AsyncGenerator[StoredChunk, None]:
        """Every chunk with its message, in order."""
        chosen = (
            select(
                SearchChunk.number,
                SearchChunk.start_offset,
                SearchChunk.end_offset,
                SearchChunk.term_count,
                *(getattr(Message, name) for name in MessageText._fields),
            )
            .join(
                Message,
                and_(
                    Message.owner_id == SearchChunk.owner_id, Message.id == SearchChunk.message_id
                ),
            )
            .where(SearchChunk.owner_id == owner_id)
            .order_by(SearchChunk.number)
            .limit(BATCH)
        )
        last = 0
        while rows := (
            await self._connection.execute(chosen.where(SearchChunk.number > last))
        ).all():
            for row in rows:
                yield StoredChunk(row[0], row[1], row[2], row[3], MessageText(*row[4:]))
            last = rows[-1][0]

    async def pending(self, owner_id: int) -> AsyncGenerator[tuple[int, str], None]:
        """Every chunk that waits, with its terms."""
        chosen = select(SearchPending.number, SearchPending.terms).where(
            SearchPending.owner_id == owner_id
        )
        async with self._connection.stream(chosen) as rows:
            async for number, terms in rows:
                yield number, terms

    async def rows(self, owner_id: int) -> AsyncGenerator[tuple[int, str, int, bytes], None]:
        """Every row of the segments that are searched: segment, term, first number, data."""
        chosen = (
            select(
                SearchPostings.segment_id,
                SearchPostings.term,
                SearchPostings.first_number,
                SearchPostings.data,
            )
            .join(SearchSegment, SearchSegment.id == SearchPostings.segment_id)
            .where(SearchSegment.owner_id == owner_id, SearchSegment.ready)
        )
        async with self._connection.stream(chosen) as rows:
            async for segment, term, first, data in rows:
                yield segment, term, first, data

    async def segments(self, owner_id: int) -> list[tuple[int, int, int, int, int]]:
        """Id, range of numbers, chunks and terms of every segment that is searched."""
        chosen = select(
            SearchSegment.id,
            SearchSegment.first_number,
            SearchSegment.last_number,
            SearchSegment.chunks,
            SearchSegment.terms,
        ).where(SearchSegment.owner_id == owner_id, SearchSegment.ready)
        rows = await self._connection.execute(chosen)
        return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]
