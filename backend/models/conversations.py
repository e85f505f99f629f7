"""Conversations, their tags, and what is left of the deleted ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.database.base import Base
from backend.models.types import Id, SortKey, Timestamp


class Conversation(Base):
    """One conversation.

    ``revision`` numbers the changes inside it; ``own_revision`` is the last one that changed the
    conversation itself (title, flags, active branch) and not a message. ``owner_revision`` is its
    place in the feed of the owner's whole list. ``message_count`` counts the active branch, so it
    is also the position of that branch's last message.
    """

    __tablename__ = "conversations"

    owner_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("owners.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    title_key: Mapped[str] = mapped_column(SortKey)
    metadata_json: Mapped[str | None] = mapped_column(Text)
    pinned: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    updated_at: Mapped[datetime] = mapped_column(Timestamp)
    last_message_at: Mapped[datetime | None] = mapped_column(Timestamp)
    last_activity_at: Mapped[datetime] = mapped_column(Timestamp)
    message_count: Mapped[int] = mapped_column(Integer, default=0)
    revision: Mapped[int] = mapped_column(BigInteger, default=1)
    own_revision: Mapped[int] = mapped_column(BigInteger, default=1)
    owner_revision: Mapped[int] = mapped_column(BigInteger)
    source_format: Mapped[str | None] = mapped_column(String(32))
    source_external_id: Mapped[str | None] = mapped_column(Text)
    source_digest: Mapped[str | None] = mapped_column(String(64))
    forked_from_id: Mapped[str | None] = mapped_column(Id)

    __table_args__ = (
        Index("ix_conversations_activity", "owner_id", "last_activity_at", "id"),
        Index("ix_conversations_listed", "owner_id", "archived", "last_activity_at", "id"),
        Index("ix_conversations_created", "owner_id", "created_at", "id"),
        Index("ix_conversations_title", "owner_id", "title_key", "id"),
        Index("ix_conversations_feed", "owner_id", "owner_revision", "id"),
        Index(
            "uq_conversations_source",
            "owner_id",
            "source_format",
            "source_external_id",
            unique=True,
        ),
    )


class ConversationTag(Base):
    """A tag on a conversation; ``ordinal`` keeps the order in which they were given."""

    __tablename__ = "conversation_tags"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(Id, primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    ordinal: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "conversation_id"],
            ["conversations.owner_id", "conversations.id"],
            ondelete="CASCADE",
        ),
        Index("ix_conversation_tags_tag", "tag", "owner_id", "conversation_id"),
    )


class ConversationTombstone(Base):
    """That a conversation was deleted, and when in its owner's feed; nothing of what it held."""

    __tablename__ = "conversation_tombstones"

    owner_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("owners.id", ondelete="CASCADE"), primary_key=True
    )
    conversation_id: Mapped[str] = mapped_column(Id, primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    owner_revision: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        Index("ix_conversation_tombstones_feed", "owner_id", "owner_revision", "conversation_id"),
    )
