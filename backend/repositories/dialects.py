"""What the two databases do not say alike."""

from __future__ import annotations

from sqlalchemy import Dialect, text
from sqlalchemy.ext.asyncio import AsyncConnection


def has_lateral(connection: AsyncConnection) -> bool:
    """Whether a subquery may name the tables that stand before it, as LATERAL lets it."""
    return connection.dialect.name == "postgresql"


def is_remote(connection: AsyncConnection) -> bool:
    """Whether every statement is a way to another process and back."""
    return connection.dialect.name == "postgresql"


def takes_plain(dialect: Dialect) -> bool:
    """Whether the driver takes moments as text, truth as a number, and bytes as they are."""
    return dialect.name == "sqlite"


async def damage(connection: AsyncConnection) -> list[str]:
    """What the database itself finds wrong with its pages, indexes and references.

    PostgreSQL checks its pages as it reads them and has no statement for the rest.
    """
    if connection.dialect.name != "sqlite":
        return []
    found = await connection.scalars(text("PRAGMA integrity_check(1000)"))
    problems = [line for line in found if line != "ok"]
    for child, row, parent, _ in await connection.execute(text("PRAGMA foreign_key_check")):
        problems.append(f"row {row} of {child} refers to no row of {parent}")
    return problems
