"""Whose chats they are. Every other table's key starts with an owner."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Identity, String, false
from sqlalchemy.orm import Mapped, mapped_column

from backend.database.base import Base
from backend.models.types import Serial, Timestamp


class Owner(Base):
    """One owner. ``id`` is the small number used in keys, ``name`` what the world calls him.

    ``revision`` grows by one, under this row's lock, with every change to a conversation of his.
    ``is_indexed`` says that no message of his is older than the search index, or that those that
    are have been taken into it.
    """

    __tablename__ = "owners"

    id: Mapped[int] = mapped_column(Serial, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    is_indexed: Mapped[bool] = mapped_column(Boolean, server_default=false())
    created_at: Mapped[datetime] = mapped_column(Timestamp)
