"""What a search reads of one owner's index; only his rows, in every statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import (
    Conversation,
    ConversationTag,
    Message,
    SearchChunk,
    SearchIndex,
    SearchPending,
    SearchPostings,
    SearchSegment,
)
from backend.models.types import Id, Timestamp
from backend.repositories.dialect_lists import given, statement

NEIGHBOURS_BEFORE = 4
NEIGHBOURS_AFTER = 2


class FoundChunk(NamedTuple):
    """A chunk that may be a hit, in its place; ``start`` and ``end`` are offsets in characters."""

    number: int
    message_id: str
    ordinal: int
    start: int
    end: int
    term_count: int
    parent_id: str | None
    active: bool
    conversation_id: str
    role: str
    created_at: datetime


class Runs(NamedTuple):
    """Of the segments: how many chunks and terms they hold, and the runs of each term asked for."""

    chunks: int
    terms: int
    by_term: dict[str, list[bytes]]


_NEXT = select(SearchIndex.next_number).where(SearchIndex.owner_id == bindparam("owner"))
_PENDING = (
    select(SearchPending.number, SearchPending.terms)
    .where(SearchPending.owner_id == bindparam("owner"))
    .order_by(SearchPending.number)
)
_RUNS = (
    select(
        SearchSegment.id,
        SearchSegment.chunks,
        SearchSegment.terms,
        SearchPostings.term,
        SearchPostings.data,
    )
    .select_from(SearchSegment)
    .outerjoin(
        SearchPostings,
        and_(
            SearchPostings.segment_id == SearchSegment.id,
            SearchPostings.term.in_(bindparam("words", expanding=True)),
        ),
    )
    .where(SearchSegment.owner_id == bindparam("owner"), SearchSegment.ready)
)
_COLUMNS = """
SELECT k.number, n.id, k.ordinal, k.start_offset, k.end_offset, k.term_count,
       n.parent_id, n.active, n.conversation_id, n.role, n.created_at
"""
_FOUND = f"""
{_COLUMNS}
FROM {{numbers}}
{{join}} search_chunks c ON c.owner_id = :owner AND c.number = numbers.value
{{join}} messages m ON m.owner_id = :owner AND m.id = c.message_id
{{join}} messages n ON n.owner_id = :owner AND n.conversation_id = m.conversation_id
   AND n.active {{true}}
   AND n.position BETWEEN m.position - {NEIGHBOURS_AFTER} AND m.position + {NEIGHBOURS_BEFORE}
{{join}} search_chunks k ON k.owner_id = :owner AND k.message_id = n.id
UNION ALL
{_COLUMNS}
FROM {{numbers}}
{{join}} search_chunks k ON k.owner_id = :owner AND k.number = numbers.value
{{join}} messages n ON n.owner_id = :owner AND n.id = k.message_id
WHERE NOT n.active
"""
_THESE = f"""
{_COLUMNS}
FROM {{numbers}}
{{join}} search_chunks k ON k.owner_id = :owner AND k.number = numbers.value
{{join}} messages n ON n.owner_id = :owner AND n.id = k.message_id
"""
_FOUND_TYPES = {
    "number": SearchChunk.number.type,
    "id": Id,
    "ordinal": SearchChunk.ordinal.type,
    "start_offset": SearchChunk.start_offset.type,
    "end_offset": SearchChunk.end_offset.type,
    "term_count": SearchChunk.term_count.type,
    "parent_id": Id,
    "active": Message.active.type,
    "conversation_id": Id,
    "role": Message.role.type,
    "created_at": Timestamp(),
}


class SearchRepository:
    """One owner's index for reading, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def next_number(self) -> int:
        """What the next chunk will get; every chunk there is has a lower number."""
        return await self._connection.scalar(_NEXT, {"owner": self._owner_id}) or 1

    async def pending(self) -> list[tuple[int, str]]:
        """The chunks that are in no segment, in order, with their terms. Read them before the
        segments: of a chunk that becomes part of one in between too much is seen, not nothing."""
        rows = await self._connection.execute(_PENDING, {"owner": self._owner_id})
        return [(number, terms) for number, terms in rows]

    async def runs(self, terms: Sequence[str]) -> Runs:
        """The postings of these terms, in one statement: it sees a merge done or not begun."""
        parameters = {"owner": self._owner_id, "words": list(terms)}
        sums: dict[int, tuple[int, int]] = {}
        by_term: dict[str, list[bytes]] = {}
        for segment, chunks, length, term, data in await self._connection.execute(
            _RUNS, parameters
        ):
            sums[segment] = (chunks, length)
            if term is not None:
                by_term.setdefault(term, []).append(data)
        return Runs(
            sum(chunks for chunks, _ in sums.values()),
            sum(length for _, length in sums.values()),
            by_term,
        )

    async def around(self, numbers: Sequence[int]) -> list[FoundChunk]:
        """These chunks and those of the messages near them on the active branch, each once."""
        made = statement(self._connection, _FOUND, {"numbers": "bigint"}).columns(**_FOUND_TYPES)
        parameters = {"owner": self._owner_id, "numbers": given(self._connection, numbers)}
        rows = map(FoundChunk._make, await self._connection.execute(made, parameters))
        return list({row.number: row for row in rows}.values())

    async def chunks(self, numbers: Sequence[int]) -> list[FoundChunk]:
        """These chunks, those of them that still are there, in no order."""
        made = statement(self._connection, _THESE, {"numbers": "bigint"}).columns(**_FOUND_TYPES)
        parameters = {"owner": self._owner_id, "numbers": given(self._connection, numbers)}
        return [FoundChunk._make(row) for row in await self._connection.execute(made, parameters)]

    async def admitted(
        self, conversation_ids: Sequence[str], tags: Sequence[str], *, archived: bool
    ) -> set[str]:
        """Those of the conversations that have all the tags, the archived ones if asked for."""
        chosen = select(Conversation.id).where(
            Conversation.owner_id == self._owner_id, Conversation.id.in_(conversation_ids)
        )
        if not archived:
            chosen = chosen.where(~Conversation.archived)
        for tag in tags:
            tagged = select(ConversationTag.conversation_id).where(
                ConversationTag.owner_id == self._owner_id, ConversationTag.tag == tag
            )
            chosen = chosen.where(Conversation.id.in_(tagged))
        return set(await self._connection.scalars(chosen))

    async def counts(self) -> tuple[int, int]:
        """How many chunks there are, and how many wait."""
        chunks = select(func.count()).where(SearchChunk.owner_id == self._owner_id)
        waiting = select(func.count()).where(SearchPending.owner_id == self._owner_id)
        return (
            await self._connection.scalar(chunks) or 0,
            await self._connection.scalar(waiting) or 0,
        )
