"""All vectors, what they are of, and what waits for one, to be held against each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from sqlalchemy import and_, case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import (
    ChunkVector,
    EmbeddingModel,
    Message,
    Owner,
    QueuedChunk,
    SearchChunk,
)
from backend.repositories.embeddings import QUOTING, ChunkText

BATCH = 500


class CheckedVector(NamedTuple):
    """A vector with the place and the text of its chunk."""

    owner: str
    conversation_id: str
    message_id: str
    model: str
    dimensions: int
    text_hash: bytes
    vector: bytes
    chunk: ChunkText


_SAID = func.substr(
    Message.content,
    SearchChunk.start_offset + 1,
    SearchChunk.end_offset - SearchChunk.start_offset,
)
_HOME = and_(Message.owner_id == SearchChunk.owner_id, Message.id == SearchChunk.message_id)
_HAS = exists().where(
    ChunkVector.owner_id == SearchChunk.owner_id,
    ChunkVector.number == SearchChunk.number,
    ChunkVector.model_id == EmbeddingModel.id,
)
_WAITS = exists().where(
    QueuedChunk.owner_id == SearchChunk.owner_id,
    QueuedChunk.number == SearchChunk.number,
    QueuedChunk.model_id == EmbeddingModel.id,
)


class EmbeddingCheckRepository:
    """Reads everything over one connection, which had better be a snapshot."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def vectors(self) -> AsyncGenerator[CheckedVector, None]:
        """Every vector, oldest first."""
        chosen = (
            select(
                ChunkVector.id,
                Owner.name,
                Message.conversation_id,
                Message.id,
                EmbeddingModel.name,
                EmbeddingModel.dimensions,
                ChunkVector.text_hash,
                ChunkVector.vector,
                SearchChunk.number,
                Message.name,
                Message.role,
                _SAID,
                SearchChunk.start_offset,
                SearchChunk.end_offset,
                case((Message.content.like(QUOTING), Message.content)),
            )
            .select_from(ChunkVector)
            .join(EmbeddingModel, EmbeddingModel.id == ChunkVector.model_id)
            .join(
                SearchChunk,
                and_(
                    SearchChunk.owner_id == ChunkVector.owner_id,
                    SearchChunk.number == ChunkVector.number,
                ),
            )
            .join(Message, _HOME)
            .join(Owner, Owner.id == ChunkVector.owner_id)
            .order_by(ChunkVector.id)
            .limit(BATCH)
        )
        last = 0
        while rows := (await self._connection.execute(chosen.where(ChunkVector.id > last))).all():
            for row in rows:
                yield CheckedVector(*row[1:8], ChunkText._make(row[8:]))
            last = rows[-1][0]

    def both(self) -> AsyncGenerator[tuple[str, str, str, str], None]:
        """Owner, conversation, message and model of what has a vector and waits for it."""
        return self._places(_HAS, _WAITS)

    def neither(self) -> AsyncGenerator[tuple[str, str, str, str], None]:
        """The same of what neither has nor awaits a vector of a wanted model."""
        said = SearchChunk.end_offset > SearchChunk.start_offset
        return self._places(EmbeddingModel.wanted, said, ~_HAS, ~_WAITS)

    async def _places(self, *conditions: Any) -> AsyncGenerator[tuple[str, str, str, str], None]:
        chosen = (
            select(Owner.name, Message.conversation_id, Message.id, EmbeddingModel.name)
            .select_from(SearchChunk)
            .join(EmbeddingModel, EmbeddingModel.id > 0)
            .join(Message, _HOME)
            .join(Owner, Owner.id == SearchChunk.owner_id)
            .where(*conditions)
        )
        async with self._connection.stream(chosen) as rows:
            async for owner, conversation_id, message_id, model in rows:
                yield owner, conversation_id, message_id, model
