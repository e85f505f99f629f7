"""Brings the tables up to date, by Alembic, at start or on demand."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from backend.config import Settings
from backend.database import postgresql, sqlite
from backend.database.database import database_url

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as every process that migrates takes the same one.
ADVISORY_LOCK = 0x436F6E76


def alembic_config() -> Config:
    """Alembic's configuration, the same as alembic.ini's."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def head_revision() -> str:
    """The newest migration's identifier."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head() or ""


async def migrate(settings: Settings, revision: str = "head") -> bool:
    """Upgrades the database to ``revision``; returns whether there was anything to do.

    Processes that start together queue on a lock, and the later ones find the work done.
    """
    url = database_url(settings)
    engines = sqlite if url.drivername == "sqlite" else postgresql
    engine = engines.migration_engine(url, settings)
    try:
        async with engine.begin() as connection:
            changed: bool = await connection.run_sync(_upgrade, revision)
            return changed
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> bool:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    before = MigrationContext.configure(connection).get_current_revision()
    if before == head_revision() and revision == "head":
        return False
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    return True
