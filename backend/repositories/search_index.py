"""The index of one owner's messages: chunks with their terms, added and taken out.

Whoever changes an index holds its row until the commit, and takes it after the conversation's and
the owner's. Terms are made and understood elsewhere: here they are text between spaces.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Select, and_, bindparam, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Message, SearchChunk, SearchIndex, SearchPending
from backend.models.types import Id
from backend.repositories.bulk import insert_rows
from backend.repositories.chunks import STREAMING
from backend.repositories.dialect_lists import given, statement
from backend.repositories.prepared import Prepared
from backend.repositories.search_blocks import store_chunks
from backend.repositories.search_owners import COLUMNS, IndexState

BATCH = 500


class MessageText(NamedTuple):
    """What of a message is indexed."""

    id: str
    conversation_id: str
    role: str
    name: str | None
    content: str


class StoredChunk(NamedTuple):
    """A chunk that is in the index, with the message it was made of."""

    number: int
    start: int
    end: int
    term_count: int
    message: MessageText


class NewChunk(NamedTuple):
    """A chunk to be added: its place in the message and its terms joined by spaces."""

    message_id: str
    ordinal: int
    start: int
    end: int
    term_count: int
    terms: str


class Reserved(NamedTuple):
    """Numbers that were given: from ``first``; and the last one that is in a segment."""

    first: int
    flushed: int


_RESERVE = Prepared(
    update(SearchIndex)
    .where(SearchIndex.owner_id == bindparam("owner"))
    .values(next_number=SearchIndex.next_number + bindparam("count"))
    .returning(SearchIndex.next_number, SearchIndex.flushed_number)
)
_BEGIN = text(
    "INSERT INTO search_indexes (owner_id, next_number, flushed_number, analysis)"
    " VALUES (:owner, 1, 0, :analysis) ON CONFLICT DO NOTHING"
)
_STATE = select(*COLUMNS).where(SearchIndex.owner_id == bindparam("owner"))
_LOCK = _STATE.with_for_update()
_TEXTS = select(
    Message.id, Message.conversation_id, Message.role, Message.name, Message.content
).where(
    Message.owner_id == bindparam("owner"),
    Message.id.in_(bindparam("ids", expanding=True)),
    Message.status != STREAMING,
)
_STORED = (
    SearchChunk.number,
    SearchChunk.start_offset,
    SearchChunk.end_offset,
    SearchChunk.term_count,
    *(getattr(Message, name) for name in MessageText._fields),
)
_OF_CHUNK = and_(Message.owner_id == SearchChunk.owner_id, Message.id == SearchChunk.message_id)
_RECOUNT = (
    update(SearchChunk.__table__)  # type: ignore[arg-type]
    .where(
        SearchChunk.__table__.c.owner_id == bindparam("owner"),
        SearchChunk.__table__.c.number == bindparam("chunk"),
    )
    .values(term_count=bindparam("count"))
)
_THERE = select(SearchChunk.number).where(
    SearchChunk.owner_id == bindparam("owner"),
    SearchChunk.number.in_(bindparam("numbers", expanding=True)),
)
_UNLOCKED = _THERE.with_for_update(skip_locked=True, key_share=True)
_CHUNKS_OF = """
SELECT c.number, c.start_offset, c.end_offset, c.term_count,
       m.id, m.conversation_id, m.role, m.name, m.content
FROM {ids}
{join} messages m ON m.owner_id = :owner AND m.id = ids.value
{join} search_chunks c ON c.owner_id = :owner AND c.message_id = m.id
"""
_REMOVE = """
DELETE FROM search_chunks WHERE owner_id = :owner AND number IN (SELECT value FROM {numbers})
"""


class SearchIndexRepository:
    """One owner's chunks, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def lock(self) -> None:
        """Keeps the index from changing until the commit."""
        await self._connection.execute(_LOCK, {"owner": self._owner_id})

    async def state(self) -> IndexState | None:
        """The index's numbers; None where nothing was ever stored in it."""
        row = (await self._connection.execute(_STATE, {"owner": self._owner_id})).first()
        return IndexState._make(row) if row else None

    async def reserve(self, count: int, analysis: int) -> Reserved:
        """Numbers for so many new chunks. Holds the index until the commit."""
        parameters = {"owner": self._owner_id, "count": count}
        row = await _RESERVE.first(self._connection, parameters)
        if row is not None:
            return Reserved(row[0] - count, row[1])
        begun = {"owner": self._owner_id, "analysis": analysis}
        await self._connection.execute(_BEGIN, begun)
        return await self.reserve(count, analysis)

    async def add(self, first: int, chunks: Sequence[NewChunk]) -> None:
        """Stores chunks, numbered from ``first`` on, with their terms waiting for a segment."""
        owner = self._owner_id
        await store_chunks(self._connection, owner, first, [chunk[:5] for chunk in chunks])
        await insert_rows(
            self._connection,
            SearchPending.__table__,
            ("owner_id", "number", "terms"),
            [(owner, number, chunk.terms) for number, chunk in enumerate(chunks, first)],
        )

    async def texts(self, ids: Sequence[str]) -> list[MessageText]:
        """Those of the messages that are finished, as they are now."""
        found: list[MessageText] = []
        for start in range(0, len(ids), BATCH):
            parameters = {"owner": self._owner_id, "ids": list(ids[start : start + BATCH])}
            rows = await self._connection.execute(_TEXTS, parameters)
            found += [MessageText._make(row) for row in rows]
        return found

    async def chunks_of(self, ids: Sequence[str]) -> list[StoredChunk]:
        """The chunks of messages, with the texts they were made of."""
        made = statement(self._connection, _CHUNKS_OF, {"ids": "uuid"}).columns(
            number=SearchChunk.number.type,
            start_offset=SearchChunk.start_offset.type,
            end_offset=SearchChunk.end_offset.type,
            term_count=SearchChunk.term_count.type,
            id=Id,
            conversation_id=Id,
            role=Message.role.type,
            name=Message.name.type,
            content=Message.content.type,
        )
        found: list[StoredChunk] = []
        for start in range(0, len(ids), BATCH):
            chosen = given(self._connection, ids[start : start + BATCH])
            parameters = {"owner": self._owner_id, "ids": chosen}
            rows = await self._connection.execute(made, parameters)
            found += [
                StoredChunk(row[0], row[1], row[2], row[3], MessageText(*row[4:])) for row in rows
            ]
        return found

    async def stored(self, after: int, upto: int, count: int) -> list[StoredChunk]:
        """The next chunks above a number, up to another, in order."""
        chosen = (
            select(*_STORED)
            .join(Message, _OF_CHUNK)
            .where(SearchChunk.owner_id == self._owner_id, SearchChunk.number > after)
            .where(SearchChunk.number <= upto)
            .order_by(SearchChunk.number)
            .limit(count)
        )
        rows = await self._connection.execute(chosen)
        return [StoredChunk(row[0], row[1], row[2], row[3], MessageText(*row[4:])) for row in rows]

    async def recount(self, counts: Mapping[int, int]) -> dict[int, int]:
        """Gives chunks other lengths in terms, by their numbers; returns those of them that are
        being deleted at this moment: whoever does so waits for the index that is held here."""
        free = await self._numbers(_UNLOCKED, counts)
        if free:
            values = [
                {"owner": self._owner_id, "chunk": number, "count": counts[number]}
                for number in free
            ]
            await self._connection.execute(_RECOUNT, values)
        there = await self._numbers(_THERE, counts.keys() - set(free))
        return {number: counts[number] for number in there}

    async def _numbers(self, chosen: Select[int], numbers: Collection[int]) -> list[int]:
        """Those of the chunks that a statement chooses."""
        found: list[int] = []
        ordered = sorted(numbers)
        for start in range(0, len(ordered), BATCH):
            given_numbers = {"owner": self._owner_id, "numbers": ordered[start : start + BATCH]}
            found += await self._connection.scalars(chosen, given_numbers)
        return found

    async def analysed_by(self, version: int) -> None:
        """Says which analysis the index's terms are made by."""
        await self._connection.execute(
            update(SearchIndex)
            .where(SearchIndex.owner_id == self._owner_id)
            .values(analysis=version)
        )

    async def remove(self, numbers: Sequence[int]) -> None:
        """Deletes chunks, and what of them waits."""
        made = statement(self._connection, _REMOVE, {"numbers": "bigint"})
        for start in range(0, len(numbers), BATCH):
            chosen = given(self._connection, numbers[start : start + BATCH])
            await self._connection.execute(made, {"owner": self._owner_id, "numbers": chosen})
