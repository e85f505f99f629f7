"""Vectors of chunks, by the model that made them, and which chunks wait for one.

They hang on the chunk: whatever takes a chunk away takes its vectors and its places in the queue
with it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.database.base import Base
from backend.models.types import NEVER_AGAIN, Serial, Timestamp


class EmbeddingModel(Base):
    """A model that vectors were made by; ``name`` says its weights and the form of its texts too.

    Chunks get a vector of every ``wanted`` model; searches use those of the ``serving`` one.
    ``source`` is JSON that says where the model is to be had, ``centre`` float32 as in
    ``retrieval.centre``. Rows are never deleted, for every vector would be looked at.
    """

    __tablename__ = "embedding_models"

    id: Mapped[int] = mapped_column(Serial, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    dimensions: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(Text)
    centre: Mapped[bytes] = mapped_column(LargeBinary)
    serving: Mapped[bool]
    wanted: Mapped[bool]


class ChunkVector(Base):
    """A chunk's vector, as ``retrieval.vectors`` writes it, and a hash of the text it is of.

    ``id`` grows in the order vectors are committed in, so that a reader finds what is new.
    """

    __tablename__ = "chunk_vectors"

    id: Mapped[int] = mapped_column(Serial, Identity(), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(BigInteger)
    model_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("embedding_models.id"))
    text_hash: Mapped[bytes] = mapped_column(LargeBinary)
    vector: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "number"],
            ["search_chunks.owner_id", "search_chunks.number"],
            ondelete="CASCADE",
        ),
        Index("uq_chunk_vectors_chunk", "owner_id", "number", "model_id", unique=True),
        Index("ix_chunk_vectors_text_hash", "owner_id", "model_id", "text_hash"),
        Index("ix_chunk_vectors_id", "owner_id", "model_id", "id"),
        NEVER_AGAIN,
    )


class QueuedChunk(Base):
    """A chunk that waits for a vector; it may be taken from ``due_at`` on.

    Whoever works on it sets ``due_at`` to the end of his lease. ``attempts`` counts how often the
    model refused it.
    """

    __tablename__ = "embedding_queue"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    model_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("embedding_models.id"), primary_key=True
    )
    due_at: Mapped[datetime] = mapped_column(Timestamp())
    attempts: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "number"],
            ["search_chunks.owner_id", "search_chunks.number"],
            ondelete="CASCADE",
        ),
        Index("ix_embedding_queue_due_at", "model_id", "due_at", "owner_id", "number"),
    )
