"""What a search reads of one owner's index; only his rows, in every statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import (
    Conversation,
    ConversationTag,
    SearchChunk,
    SearchPending,
)
from backend.repositories.dialect_lists import fetched, gathered, given
from backend.repositories.search_rows import PACK

NEIGHBOURS_BEFORE = 4
NEIGHBOURS_AFTER = 2


class FoundChunk(NamedTuple):
    """A chunk that may be a hit, in its place: ``ranking.Turn``, and more of it.

    ``start`` and ``end`` are offsets in characters, ``said`` is when, in ISO 8601. What the message
    tells, ``parent_id`` and ``active`` and all from ``conversation_id`` on, is not there where it
    was not asked for.
    """

    number: int
    message_id: str
    ordinal: int
    length: int
    parent_id: str | None
    active: bool | None
    start: int
    end: int
    conversation_id: str
    role: str
    said: str

    @property
    def created_at(self) -> datetime:
        """When it was said."""
        return datetime.fromisoformat(self.said)


# As tuple makes it: a row that was asked for less ends earlier.
_found_chunk: Callable[[list[Any]], FoundChunk] = partial(tuple.__new__, FoundChunk)


class Runs(NamedTuple):
    """Of the segments: how many chunks and terms they hold, and for each term asked for the rows,
    term and data, that may hold its postings."""

    chunks: int
    terms: int
    by_term: dict[str, list[tuple[str, bytes]]]


_STATE = """
SELECT next_number, (SELECT {lines} CAST(p.number AS TEXT) || ' ' || p.terms {end_of_lines}
                     FROM search_pending p WHERE p.owner_id = :owner) AS pending
FROM search_indexes WHERE owner_id = :owner
"""
# The owner's segments alone are joined to postings, which know no owner. The pack that may hold a
# term is the last one that begins no later.
_RUNS = """
SELECT s.id, s.chunks, s.terms, words.value, p.term, p.data
FROM search_segments s
{join} {words} ON true
LEFT JOIN search_postings p ON p.segment_id = s.id AND p.term IN (words.value,
   (SELECT MAX(q.term) FROM search_postings q WHERE q.segment_id = s.id
        AND q.term >= :pack AND q.term <= CAST(:pack AS TEXT) || words.value))
WHERE s.owner_id = :owner AND s.ready {true}
"""
_COLUMNS = (
    "k.number, k.message_id, k.ordinal, k.term_count, {place}, k.start_offset, k.end_offset{rest}"
)
_OF_CHUNK = _COLUMNS.format(place="CAST(NULL AS TEXT), CAST(NULL AS TEXT)", rest="")
_IN_TREE = _COLUMNS.format(place="n.parent_id, n.active", rest="")
_WHOLE = _COLUMNS.format(
    place="n.parent_id, n.active", rest=", n.conversation_id, n.role, n.created_at"
)
_CHUNKS = """
SELECT {rows} columns {end_of_rows}
FROM {numbers}
{join} search_chunks k ON k.owner_id = :owner AND k.number = numbers.value
"""
_CHUNKS_WITH_MESSAGES = _CHUNKS + "{join} messages n ON n.owner_id = :owner AND n.id = k.message_id"
_AROUND = """
SELECT {rows} columns {end_of_rows}
FROM {numbers}
{join} search_chunks c ON c.owner_id = :owner AND c.number = numbers.value
{join} messages m ON m.owner_id = :owner AND m.id = c.message_id
{join} messages n ON n.owner_id = :owner AND n.conversation_id = m.conversation_id
   AND n.active {true}
   AND n.position BETWEEN m.position - :after AND m.position + :before
{join} search_chunks k ON k.owner_id = :owner AND k.message_id = n.id
"""


class SearchRepository:
    """One owner's index for reading, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def state(self) -> tuple[int, str]:
        """What the next chunk will get, every chunk there is having a lower number; and the chunks
        that are in no segment, in no order: a line of each with its number and its terms. Read it
        before the segments: of a chunk that becomes part of one in between too much is seen, not
        nothing."""
        rows = await fetched(self._connection, _STATE, {"owner": self._owner_id})
        return (rows[0][0], rows[0][1] or "") if rows else (1, "")

    async def runs(self, terms: Sequence[str]) -> Runs:
        """The postings of these terms, of which there is one at least, in one statement: it sees a
        merge done or not begun."""
        words = given(self._connection, terms)
        parameters = {"owner": self._owner_id, "words": words, "pack": PACK}
        rows = await fetched(self._connection, _RUNS, parameters, {"words": "text"})
        sums: dict[int, tuple[int, int]] = {}
        by_term: dict[str, list[tuple[str, bytes]]] = {}
        for segment, chunks, length, wanted, term, data in rows:
            sums[segment] = (chunks, length)
            if term is not None:
                by_term.setdefault(wanted, []).append((term, data))
        return Runs(
            sum(chunks for chunks, _ in sums.values()),
            sum(length for _, length in sums.values()),
            by_term,
        )

    async def around(self, numbers: Sequence[int], *, whole: bool) -> list[FoundChunk]:
        """These chunks and those of the messages near them on the active branch, each once; with
        all of their messages or only their place in the tree."""
        columns = _WHOLE if whole else _IN_TREE
        places = {"before": NEIGHBOURS_BEFORE, "after": NEIGHBOURS_AFTER}
        near = await self._found(_AROUND, columns, numbers, **places)
        known = {row[0] for row in near}
        elsewhere = [number for number in numbers if number not in known]
        if elsewhere:
            near += await self._found(_CHUNKS_WITH_MESSAGES, columns, elsewhere)
        return list({row[0]: row for row in near}.values())

    async def chunks(self, numbers: Sequence[int], *, whole: bool) -> list[FoundChunk]:
        """These chunks, those of them that still are there, in no order; with all of their messages
        or nothing of them."""
        if whole:
            return await self._found(_CHUNKS_WITH_MESSAGES, _WHOLE, numbers)
        return await self._found(_CHUNKS, _OF_CHUNK, numbers)

    async def _found(
        self, template: str, columns: str, numbers: Sequence[int], **given_places: int
    ) -> list[FoundChunk]:
        parameters = {"owner": self._owner_id, "numbers": given(self._connection, numbers)}
        chosen = template.replace("columns", columns)
        kinds = {"numbers": "bigint"}
        rows = await fetched(self._connection, chosen, parameters | given_places, kinds)
        return list(map(_found_chunk, gathered(rows[0][0])))

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
