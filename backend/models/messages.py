"""Messages, each bound to its conversation, and what hangs on a message."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.database.base import Base
from backend.models.types import Id, Timestamp, partial


class Message(Base):
    """One message of a conversation's tree.

    ``parent_id`` makes the tree, ``position`` is the depth from 1, ``active`` marks the branch that
    is shown. ``added_revision`` is the conversation's revision that added the message: it grows
    along every branch, so it is the order of pages; ``revision`` is the one that changed it last.
    ``parts_json`` is kept only where the parts say more than ``content`` does.
    """

    __tablename__ = "messages"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(Id)
    parent_id: Mapped[str | None] = mapped_column(Id)
    position: Mapped[int] = mapped_column(Integer)
    active: Mapped[bool]
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str | None] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    parts_json: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    finish_reason: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    output_tokens: Mapped[int | None] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int | None] = mapped_column(BigInteger)
    token_count: Mapped[int] = mapped_column(Integer)
    metadata_json: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp)
    edited_at: Mapped[datetime | None] = mapped_column(Timestamp)
    added_revision: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "conversation_id"],
            ["conversations.owner_id", "conversations.id"],
            ondelete="CASCADE",
        ),
        # No action instead of a cascade: SQLite runs cascades as nested triggers, a thousand deep
        # at most, and a branch may be longer. Deleting a whole conversation removes parent and
        # child in one statement, after which the constraint holds.
        ForeignKeyConstraint(["owner_id", "parent_id"], ["messages.owner_id", "messages.id"]),
        CheckConstraint("position >= 1", name="position_from_one"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        # Indexes lead with the conversation, never with the owner, which leaves the primary key
        # alone for (owner, id). While a table is new PostgreSQL takes an owner to have one row, so
        # it may check each parent by walking any index that leads with the owner: all of his rows.
        partial(
            "uq_messages_active_position",
            "conversation_id",
            "owner_id",
            "position",
            unique=True,
            sqlite="active = 1",
            postgresql="active",
        ),
        Index("uq_messages_added", "conversation_id", "owner_id", "added_revision", unique=True),
        # Of most messages nothing changes after they were added.
        partial(
            "ix_messages_changed",
            "conversation_id",
            "owner_id",
            "revision",
            sqlite="revision > added_revision",
            postgresql="revision > added_revision",
        ),
        # Few messages are being written at any time; the start and the sweeper look for them.
        partial(
            "ix_messages_streaming",
            "owner_id",
            "id",
            sqlite="status = 'streaming'",
            postgresql="status = 'streaming'",
        ),
        Index("ix_messages_siblings", "parent_id", "owner_id", "conversation_id", "added_revision"),
    )


class MessageVersion(Base):
    """The text a message had before an edit; ``number`` counts from 1, oldest first."""

    __tablename__ = "message_versions"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    message_id: Mapped[str] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    content: Mapped[str] = mapped_column(Text)
    parts_json: Mapped[str | None] = mapped_column(Text)
    replaced_at: Mapped[datetime] = mapped_column(Timestamp)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "message_id"], ["messages.owner_id", "messages.id"], ondelete="CASCADE"
        ),
    )


class MessageFeedback(Base):
    """What a reader thought of a message."""

    __tablename__ = "message_feedback"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    message_id: Mapped[str] = mapped_column(Id, primary_key=True)
    rating: Mapped[int] = mapped_column(Integer)
    comment: Mapped[str | None] = mapped_column(Text)
    tags_json: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(Timestamp)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "message_id"], ["messages.owner_id", "messages.id"], ondelete="CASCADE"
        ),
    )


class MessageTombstone(Base):
    """That a message was deleted, and when in the order of changes; nothing of what it said."""

    __tablename__ = "message_tombstones"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    message_id: Mapped[str] = mapped_column(Id, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(Id)
    added_revision: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "conversation_id"],
            ["conversations.owner_id", "conversations.id"],
            ondelete="CASCADE",
        ),
        Index("ix_message_tombstones_changed", "conversation_id", "owner_id", "revision"),
    )
