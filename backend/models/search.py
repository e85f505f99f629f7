"""The inverted index over messages: which of an owner's chunks hold which term.

A chunk is a message or a piece of a long one; ``number`` counts an owner's chunks from 1, in the
order they were stored. Chunks wait with their terms as text until many of them become a segment.
"""

from __future__ import annotations

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
from backend.models.types import Id, Serial, SortKey


class SearchIndex(Base):
    """One owner's index. Whoever changes any of it holds this row until the commit.

    ``next_number`` is what the next chunk gets, ``flushed_number`` the last one that was put into
    a segment. ``analysis`` is the version of the text analysis that the terms were made by.
    """

    __tablename__ = "search_indexes"

    owner_id: Mapped[int] = mapped_column(
        BigInteger,
        ForeignKey("owners.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    next_number: Mapped[int] = mapped_column(BigInteger)
    flushed_number: Mapped[int] = mapped_column(BigInteger)
    analysis: Mapped[int] = mapped_column(Integer)


class SearchChunk(Base):
    """Characters ``start_offset`` to before ``end_offset`` of a message's content.

    ``ordinal`` counts a message's chunks from 0; every finished message has one, if of nothing.
    ``term_count`` is the chunk's length in terms.
    """

    __tablename__ = "search_chunks"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    message_id: Mapped[str] = mapped_column(Id)
    ordinal: Mapped[int] = mapped_column(Integer)
    start_offset: Mapped[int] = mapped_column(Integer)
    end_offset: Mapped[int] = mapped_column(Integer)
    term_count: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "message_id"], ["messages.owner_id", "messages.id"], ondelete="CASCADE"
        ),
        # Led by the message for the reason given with the indexes of messages.
        Index("uq_search_chunks_message", "message_id", "owner_id", "ordinal", unique=True),
    )


class SearchPending(Base):
    """A chunk that is in no segment yet: its terms, joined by spaces."""

    __tablename__ = "search_pending"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    terms: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "number"],
            ["search_chunks.owner_id", "search_chunks.number"],
            ondelete="CASCADE",
        ),
    )


class SearchSegment(Base):
    """Many chunks' postings, written once: numbers, how many chunks, the sum of their lengths.

    One that is not ``ready`` is being merged, or is what a merge left; searches leave it out.
    """

    __tablename__ = "search_segments"

    id: Mapped[int] = mapped_column(Serial, Identity(), primary_key=True)
    owner_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("owners.id", ondelete="CASCADE"))
    ready: Mapped[bool]
    first_number: Mapped[int] = mapped_column(BigInteger)
    last_number: Mapped[int] = mapped_column(BigInteger)
    chunks: Mapped[int] = mapped_column(BigInteger)
    terms: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_search_segments_owner_id", "owner_id", "ready", "first_number"),)


class SearchPostings(Base):
    """A run of one term's postings in a segment; ``first_number`` bounds its numbers from below.

    Or several terms' short runs: ``term`` then begins with what begins no term, see ``packs``.
    """

    __tablename__ = "search_postings"

    segment_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("search_segments.id", ondelete="CASCADE"), primary_key=True
    )
    term: Mapped[str] = mapped_column(SortKey, primary_key=True)
    first_number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
