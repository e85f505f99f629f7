"""Whether the database answers."""

from __future__ import annotations

from sqlalchemy import text

from backend.database.database import Database

_MIGRATION = text("SELECT version_num FROM alembic_version")


async def applied_migration(database: Database) -> str | None:
    """The migration the tables are at, or None where there are none; raises where it is down."""
    async with database.read() as connection:
        found: str | None = await connection.scalar(_MIGRATION)
        return found
