"""One owner's vectors and places in the queue; only his rows, in every statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Integer, bindparam, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import ChunkVector, QueuedChunk, SearchChunk
from backend.models.types import Timestamp
from backend.repositories.bulk import insert_rows
from backend.repositories.dialect_lists import given, statement
from backend.repositories.embedding_queue import BULK, FRESH
from backend.repositories.prepared import Prepared
from backend.utils.recalled import OPENING

BATCH = 500
BULK_CHUNKS = 50
"""Chunks of one write from which on they wait behind what others say."""


class ChunkText(NamedTuple):
    """What a chunk says and who says it; ``quoting`` is all of a message that may quote what was
    recalled for it, which is not its own."""

    number: int
    name: str | None
    role: str
    text: str
    start: int
    end: int
    quoting: str | None


class NewVector(NamedTuple):
    """A chunk's vector to be stored, with the hash of the text it is of."""

    number: int
    text_hash: bytes
    vector: bytes


class StoredVector(NamedTuple):
    """A vector with the number of its chunk."""

    id: int
    number: int
    vector: bytes


_ASK = text(
    "INSERT INTO embedding_queue (owner_id, number, model_id, due_at, attempts)"
    " SELECT c.owner_id, c.number, m.id, :due, 0"
    " FROM embedding_models m CROSS JOIN search_chunks c"
    " WHERE m.wanted AND c.owner_id = :owner AND c.number >= :first AND c.number < :end"
    " AND c.end_offset > c.start_offset"
).bindparams(bindparam("due", type_=Timestamp()))
_MISSING = (
    " FROM search_chunks c WHERE c.owner_id = :owner AND c.number >= :first AND c.number < :end"
    " AND c.end_offset > c.start_offset"
    " AND NOT EXISTS (SELECT 1 FROM chunk_vectors v WHERE v.owner_id = c.owner_id"
    " AND v.number = c.number AND v.model_id = :model)"
    " AND NOT EXISTS (SELECT 1 FROM embedding_queue q WHERE q.owner_id = c.owner_id"
    " AND q.number = c.number AND q.model_id = :model)"
)
_COUNT_MISSING = text("SELECT count(*)" + _MISSING)
_ASK_MISSING = text(
    "INSERT INTO embedding_queue (owner_id, number, model_id, due_at, attempts)"
    " SELECT c.owner_id, c.number, CAST(:model AS BIGINT), :due, 0"
    + _MISSING
    + " ON CONFLICT DO NOTHING"
).bindparams(bindparam("due", type_=Timestamp()))
QUOTING = f"%{OPENING}%"
_TEXTS = """
SELECT c.number, m.name, m.role,
       substr(m.content, c.start_offset + 1, c.end_offset - c.start_offset),
       c.start_offset, c.end_offset, CASE WHEN m.content LIKE :quoting THEN m.content END
FROM {numbers}
{join} search_chunks c ON c.owner_id = :owner AND c.number = numbers.value
{join} messages m ON m.owner_id = :owner AND m.id = c.message_id
"""
_VECTORS = """
SELECT v.id, v.number, v.vector FROM {numbers}
{join} chunk_vectors v ON v.owner_id = :owner AND v.number = numbers.value AND v.model_id = :model
"""
_AFTER = Prepared(
    select(ChunkVector.id, ChunkVector.number, ChunkVector.vector)
    .where(
        ChunkVector.owner_id == bindparam("owner"),
        ChunkVector.model_id == bindparam("model"),
        ChunkVector.id > bindparam("last"),
    )
    .order_by(ChunkVector.id)
    .limit(bindparam("count", type_=Integer()))
)
_VECTOR = {
    "id": ChunkVector.id.type,
    "number": ChunkVector.number.type,
    "vector": ChunkVector.vector.type,
}


class EmbeddingRepository:
    """One owner's vectors, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def ask(self, first: int, count: int) -> None:
        """Queues new chunks, numbered from ``first`` on, for every wanted model."""
        due = FRESH if count < BULK_CHUNKS else BULK
        parameters = {"owner": self._owner_id, "first": first, "end": first + count, "due": due}
        await self._connection.execute(_ASK, parameters)

    async def missing(self, model_id: int, first: int, end: int) -> int:
        """How many of these chunks neither have a vector nor wait for one."""
        parameters = {"owner": self._owner_id, "model": model_id, "first": first, "end": end}
        return await self._connection.scalar(_COUNT_MISSING, parameters) or 0

    async def ask_missing(self, model_id: int, first: int, end: int) -> None:
        """Queues those."""
        parameters = {"owner": self._owner_id, "model": model_id, "first": first, "end": end}
        await self._connection.execute(_ASK_MISSING, {**parameters, "due": BULK})

    async def texts(self, numbers: Sequence[int]) -> list[ChunkText]:
        """What these chunks say, those of them that still are there."""
        made = statement(self._connection, _TEXTS, {"numbers": "bigint"})
        parameters = {
            "owner": self._owner_id,
            "numbers": given(self._connection, numbers),
            "quoting": QUOTING,
        }
        return [ChunkText._make(row) for row in await self._connection.execute(made, parameters)]

    async def known(self, model_id: int, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that texts of these hashes have already."""
        chosen = select(ChunkVector.text_hash, func.min(ChunkVector.id)).where(
            ChunkVector.owner_id == self._owner_id,
            ChunkVector.model_id == model_id,
            ChunkVector.text_hash.in_(hashes),
        )
        first = chosen.group_by(ChunkVector.text_hash).subquery()
        found = select(ChunkVector.text_hash, ChunkVector.vector).where(
            ChunkVector.owner_id == self._owner_id, ChunkVector.id.in_(select(first.c[1]))
        )
        return {row[0]: row[1] for row in await self._connection.execute(found)}

    async def store(self, model_id: int, vectors: Sequence[NewVector]) -> None:
        """Stores vectors and takes their chunks from the queue.

        Those that are gone, or are just being deleted, are left out. The model has to be locked.
        """
        owner = self._owner_id
        waiting = await self._waiting(model_id, [each.number for each in vectors])
        await insert_rows(
            self._connection,
            ChunkVector.__table__,
            ("owner_id", "number", "model_id", "text_hash", "vector"),
            [(owner, each.number, model_id, *each[1:]) for each in vectors if each[0] in waiting],
        )
        await self._connection.execute(
            delete(QueuedChunk).where(
                QueuedChunk.owner_id == owner,
                QueuedChunk.number.in_(waiting),
                QueuedChunk.model_id == model_id,
            )
        )

    async def _waiting(self, model_id: int, numbers: Sequence[int]) -> set[int]:
        """Those of the chunks that wait for a vector, kept from being deleted until the commit."""
        chosen = select(SearchChunk.number).where(
            SearchChunk.owner_id == self._owner_id,
            SearchChunk.number.in_(numbers),
            select(QueuedChunk.number)
            .where(
                QueuedChunk.owner_id == SearchChunk.owner_id,
                QueuedChunk.number == SearchChunk.number,
                QueuedChunk.model_id == model_id,
            )
            .exists(),
        )
        # In the order a deletion takes them, the chunk first; one that is ahead is not waited for.
        held = chosen.with_for_update(read=True, key_share=True, skip_locked=True)
        return set(await self._connection.scalars(held))

    async def after(self, model_id: int, last: int, count: int) -> list[StoredVector]:
        """Vectors stored after one, in order."""
        parameters = {"owner": self._owner_id, "model": model_id, "last": last, "count": count}
        return [StoredVector._make(row) for row in await _AFTER.rows(self._connection, parameters)]

    async def of(self, model_id: int, numbers: Sequence[int]) -> list[StoredVector]:
        """The vectors of these chunks, in no order."""
        made = statement(self._connection, _VECTORS, {"numbers": "bigint"}, ["model"])
        parameters = {"numbers": given(self._connection, numbers), "model": model_id}
        rows = await self._connection.execute(
            made.columns(**_VECTOR), {"owner": self._owner_id, **parameters}
        )
        return [StoredVector._make(row) for row in rows]

    async def forget(self, model_id: int, count: int) -> int:
        """Deletes some vectors of a model; how many."""
        some = select(ChunkVector.id).where(
            ChunkVector.owner_id == self._owner_id, ChunkVector.model_id == model_id
        )
        gone = delete(ChunkVector).where(
            ChunkVector.owner_id == self._owner_id,
            ChunkVector.id.in_(some.order_by(ChunkVector.id).limit(count)),
        )
        return (await self._connection.execute(gone)).rowcount
