"""The text of a message that is still being written, piece by piece."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.database.base import Base
from backend.models.types import Id, Timestamp


class MessageChunk(Base):
    """One appended piece of a streaming message.

    ``start`` is its offset in characters (code points), ``bytes_end`` the size in UTF-8 of all text
    up to its end, ``revision`` the conversation's revision that appended it. An append adds a row
    and rewrites nothing, so it costs the same at any length; finishing removes the pieces.
    """

    __tablename__ = "message_chunks"

    owner_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    message_id: Mapped[str] = mapped_column(Id, primary_key=True)
    start: Mapped[int] = mapped_column(Integer, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(Id)
    text: Mapped[str] = mapped_column(Text)
    bytes_end: Mapped[int] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(BigInteger)
    appended_at: Mapped[datetime] = mapped_column(Timestamp)

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_id", "message_id"], ["messages.owner_id", "messages.id"], ondelete="CASCADE"
        ),
        Index("ix_message_chunks_changed", "conversation_id", "owner_id", "revision"),
    )
