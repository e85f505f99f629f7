"""The segments of one owner's index: chunks become one, several become one, words leave them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import SearchIndex, SearchPending, SearchPostings, SearchSegment
from backend.repositories.bulk import insert_rows
from backend.repositories.dialect_lists import given, statement
from backend.repositories.search_blocks import ChunkPlace, store_chunks
from backend.repositories.search_merging import merge_step
from backend.repositories.search_rows import PACK, Place, PostingRow

ROWS_A_STEP = 500


class SegmentRecord(NamedTuple):
    """A segment."""

    id: int
    first_number: int
    last_number: int
    chunks: int
    terms: int


_SEGMENT = tuple(getattr(SearchSegment, name) for name in SegmentRecord._fields)
_OWNED = SearchSegment.owner_id == bindparam("owner")
# Built once: a segment is made of every 512 chunks, and building its statements anew took longer
# than sending them.
_WAITING = (
    select(SearchPending.number, SearchPending.terms)
    .where(SearchPending.owner_id == bindparam("owner"))
    .order_by(SearchPending.number)
    .limit(bindparam("most"))
)
_PENDING = _WAITING.with_for_update(skip_locked=True)
_READY = select(*_SEGMENT).where(_OWNED, SearchSegment.ready)
_INSERT = insert(SearchSegment).returning(SearchSegment.id)
_TAKE_OFF = delete(SearchPending).where(SearchPending.owner_id == bindparam("owner"))
_TAKE_OFF_RANGE = _TAKE_OFF.where(SearchPending.number.between(bindparam("low"), bindparam("high")))
_TAKE_OFF_THESE = _TAKE_OFF.where(SearchPending.number.in_(bindparam("numbers", expanding=True)))
_FLUSHED = (
    update(SearchIndex)
    .where(SearchIndex.owner_id == bindparam("owner"))
    .values(flushed_number=bindparam("flushed"))
)
_GARBAGE = select(SearchSegment.id).where(_OWNED, ~SearchSegment.ready).limit(1)
_HOLDING = """
SELECT p.segment_id, p.term, p.first_number, p.data
FROM search_segments s
{join} {terms} ON true
{join} search_postings p ON p.segment_id = s.id AND p.term = terms.value
   AND p.first_number <= :high
   AND p.first_number >= COALESCE((SELECT MAX(q.first_number) FROM search_postings q
       WHERE q.segment_id = s.id AND q.term = terms.value AND q.first_number <= :low), 0)
WHERE s.owner_id = :owner AND s.first_number <= :high AND s.last_number >= :low
"""
# The pack that may hold a term is the last one that begins no later.
_PACKS_HOLDING = """
SELECT p.segment_id, p.term, p.first_number, p.data
FROM (SELECT DISTINCT s.id, (SELECT MAX(q.term) FROM search_postings q WHERE q.segment_id = s.id
          AND q.term >= :pack AND q.term <= CAST(:pack AS TEXT) || terms.value) AS term
      FROM search_segments s {join} {terms} ON true
      WHERE s.owner_id = :owner AND s.first_number <= :high AND s.last_number >= :low) packs
{join} search_postings p ON p.segment_id = packs.id AND p.term = packs.term
"""


class SegmentRepository:
    """One owner's segments, over one connection. Callers hold the index where they change it."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def pending(self, limit: int) -> list[tuple[int, str]]:
        """Chunks that wait, in order, without those that are being deleted at this moment."""
        return await self._listed(_PENDING, limit)

    async def waiting(self, limit: int) -> list[tuple[int, str]]:
        """The same for who only looks: some of them may be being deleted."""
        return await self._listed(_WAITING, limit)

    async def _listed(self, chosen: Select[int, str], limit: int) -> list[tuple[int, str]]:
        rows = await self._connection.execute(chosen, {"owner": self._owner_id, "most": limit})
        return [(number, terms) for number, terms in rows]

    async def ready(self) -> list[SegmentRecord]:
        """The segments that are searched."""
        rows = await self._connection.execute(_READY, {"owner": self._owner_id})
        return [SegmentRecord._make(row) for row in rows]

    async def overlap(self, low: int, high: int) -> bool:
        """Whether any segment may hold chunks of these numbers."""
        found = await self._connection.scalar(
            select(SearchSegment.id)
            .where(_OWNED, SearchSegment.first_number <= high, SearchSegment.last_number >= low)
            .limit(1),
            {"owner": self._owner_id},
        )
        return found is not None

    async def insert(self, segment: SegmentRecord, *, ready: bool) -> int:
        """Stores a segment without postings; its id is given here."""
        values = {**segment._asdict(), "owner_id": self._owner_id, "ready": ready}
        del values["id"]
        return (await self._connection.execute(_INSERT, values)).scalar_one()

    async def insert_postings(self, rows: Sequence[tuple[int, str, int, bytes]]) -> None:
        """Stores rows."""
        await insert_rows(self._connection, SearchPostings.__table__, PostingRow._fields, rows)

    async def insert_chunks(self, first: int, chunks: Sequence[ChunkPlace]) -> None:
        """Stores chunks that do not wait, numbered from ``first`` on."""
        await store_chunks(self._connection, self._owner_id, first, chunks)

    async def flushed_to(self, number: int) -> None:
        """Says up to which number all chunks are in segments."""
        given_numbers = {"owner": self._owner_id, "flushed": number}
        await self._connection.execute(_FLUSHED, given_numbers)

    async def flushed(self, numbers: Sequence[int]) -> None:
        """Takes chunks off those that wait: they are in a segment now."""
        low, high = numbers[0], numbers[-1]
        if len(numbers) == high - low + 1:
            chosen = {"owner": self._owner_id, "low": low, "high": high}
            await self._connection.execute(_TAKE_OFF_RANGE, chosen)
        else:
            these = {"owner": self._owner_id, "numbers": numbers}
            await self._connection.execute(_TAKE_OFF_THESE, these)
        await self.flushed_to(high)

    async def holding(self, terms: Sequence[str], low: int, high: int) -> list[PostingRow]:
        """The rows of these terms that may hold chunks from ``low`` to ``high``, of any segment;
        of packs those that may hold one of the terms."""
        chosen = {
            "owner": self._owner_id,
            "terms": given(self._connection, terms),
            "low": low,
            "high": high,
        }
        runs = await self._rows(_HOLDING, chosen)
        return runs + await self._rows(_PACKS_HOLDING, {**chosen, "pack": PACK})

    async def _rows(self, template: str, chosen: dict[str, Any]) -> list[PostingRow]:
        made = statement(self._connection, template, {"terms": "text"}, ("low", "high"))
        return [PostingRow._make(row) for row in await self._connection.execute(made, chosen)]

    async def replace(self, rows: Sequence[PostingRow]) -> None:
        """Gives rows other data; those without any are deleted."""
        keys = [
            {
                "segment": row.segment_id,
                "word": row.term,
                "first": row.first_number,
                "new": row.data,
            }
            for row in rows
        ]
        here = (
            SearchPostings.segment_id == bindparam("segment"),
            SearchPostings.term == bindparam("word"),
            SearchPostings.first_number == bindparam("first"),
        )
        kept = [key for key in keys if key["new"]]
        empty = [
            {name: each for name, each in key.items() if name != "new"}
            for key in keys
            if not key["new"]
        ]
        if kept:
            changed = update(SearchPostings).where(*here).values(data=bindparam("new"))
            await self._connection.execute(changed, kept)
        if empty:
            await self._connection.execute(delete(SearchPostings).where(*here), empty)

    async def shrink(self, segment_id: int, chunks: int, terms: int) -> None:
        """Takes chunks off a segment's sums."""
        await self._connection.execute(
            update(SearchSegment)
            .where(SearchSegment.id == segment_id)
            .values(chunks=SearchSegment.chunks - chunks, terms=SearchSegment.terms - terms)
        )

    async def merge_step(
        self, sources: Sequence[int], begin: Place
    ) -> tuple[list[PostingRow], Place]:
        """The rows of the next step of a merge, and where it ends."""
        return await merge_step(self._connection, sources, begin)

    async def switch(self, target: int, sources: Sequence[int]) -> bool:
        """Makes the target stand for the sources, if all of them are still as they were."""
        chosen = select(SearchSegment.chunks, SearchSegment.terms, SearchSegment.ready).where(
            _OWNED, SearchSegment.id.in_(sources)
        )
        rows = (await self._connection.execute(chosen, {"owner": self._owner_id})).all()
        if len(rows) < len(sources) or not all(row.ready for row in rows):
            return False
        sums = {
            "chunks": sum(row.chunks for row in rows),
            "terms": sum(row.terms for row in rows),
        }
        await self._mark([target], ready=True, **sums)
        await self._mark(sources, ready=False)
        return True

    async def exists(self, segment_id: int) -> bool:
        """Whether a segment is still there."""
        found = await self._connection.scalar(
            select(SearchSegment.id).where(SearchSegment.id == segment_id)
        )
        return found is not None

    async def all_exist(self, ids: Sequence[int]) -> bool:
        """Whether all of these segments are still there."""
        count = select(func.count()).where(SearchSegment.id.in_(ids))
        return await self._connection.scalar(count) == len(ids)

    async def change_places(self, old: Sequence[int], new: Sequence[int]) -> None:
        """Makes new segments be searched in the place of old ones."""
        await self._mark(old, ready=False)
        await self._mark(new, ready=True)

    async def clear_one(self) -> bool:
        """Deletes a part of a segment that is not searched; whether there was one."""
        garbage = await self._connection.scalar(_GARBAGE, {"owner": self._owner_id})
        if garbage is None:
            return False
        of_it = SearchPostings.segment_id == garbage
        last = (
            select(SearchPostings.term)
            .where(of_it)
            .order_by(SearchPostings.term)
            .offset(ROWS_A_STEP)
            .limit(1)
        )
        upto = await self._connection.scalar(last)
        if upto is None:
            await self._connection.execute(delete(SearchSegment).where(SearchSegment.id == garbage))
        else:
            await self._connection.execute(
                delete(SearchPostings).where(of_it, SearchPostings.term <= upto)
            )
        return True

    async def totals(self) -> tuple[int, int]:
        """Chunks and terms of the segments that are searched."""
        sums = select(
            func.coalesce(func.sum(SearchSegment.chunks), 0),
            func.coalesce(func.sum(SearchSegment.terms), 0),
        ).where(_OWNED, SearchSegment.ready)
        row = (await self._connection.execute(sums, {"owner": self._owner_id})).one()
        return int(row[0]), int(row[1])

    async def _mark(self, ids: Iterable[int], **values: bool | int) -> None:
        await self._connection.execute(
            update(SearchSegment).where(SearchSegment.id.in_(list(ids))).values(**values)
        )
