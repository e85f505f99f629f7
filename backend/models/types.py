"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    UUID,
    BigInteger,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.types import TypeEngine

from backend.utils.moments import moment_text

Id = String(36).with_variant(UUID(as_uuid=False), "postgresql")
"""A UUID, read and written as text: the native type where there is one."""

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database counts up; SQLite does so for its plain integer alone."""

NEVER_AGAIN = {"sqlite_autoincrement": True}
"""For tables whose numbers are not given again once the last row is deleted."""

SortKey = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that sorts by code point on both databases, whatever the server's locale."""


class Timestamp(TypeDecorator[datetime]):
    """A moment in UTC to the microsecond.

    On SQLite it is ISO-8601 text of fixed width, which sorts as time does and can be read by eye.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return moment_text(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        # Instead of process_result_value, which costs two calls more a value.
        return stored_moment if dialect.name == "sqlite" else None


def stored_moment(text: str | None) -> datetime | None:
    """The moment that a text in SQLite stands for."""
    return None if text is None else datetime.fromisoformat(text)


def partial(name: str, *columns: str, sqlite: str, postgresql: str, unique: bool = False) -> Index:
    """An index of the rows that a condition holds for, which each database writes in its way.

    The index itself learns of it from ``tell_conditions``: at an argument for a dialect SQLAlchemy
    loads all of the dialect, and a server needs that of its own database alone.
    """
    conditions = {"sqlite_where": sqlite, "postgresql_where": postgresql}
    return Index(name, *columns, unique=unique, info=conditions)


def tell_conditions(metadata: MetaData) -> None:
    """Completes the indexes that are ``partial``, for whoever makes or compares tables."""
    for table in metadata.tables.values():
        for index in table.indexes:
            for argument, condition in index.info.items():
                index.dialect_kwargs[argument] = text(condition)
