"""Brings the tables up to date, by Alembic, at start or on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from backend.config import Settings
from backend.database import postgresql, sqlite
from backend.database.closing import dispose
from backend.database.database import database_url
from backend.lazy import Lazy

if TYPE_CHECKING:
    from alembic import command, config, script
else:
    command = Lazy("alembic.command")
    config = Lazy("alembic.config")
    script = Lazy("alembic.script")

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as every process that migrates takes the same one.
ADVISORY_LOCK = 0x436F6E76


def alembic_config() -> config.Config:
    """Alembic's configuration, the same as alembic.ini's."""
    made = config.Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return made


def head_revision() -> str:
    """The newest migration's identifier."""
    return script.ScriptDirectory.from_config(alembic_config()).get_current_head() or ""


def newest_file() -> str:
    """The same by the names of the files, which are numbered, without loading Alembic for it."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


async def migrate(settings: Settings, revision: str = "head") -> bool:
    """Upgrades the database to ``revision``; returns whether there was anything to do.

    Processes that start together queue on a lock, and the later ones find the work done.
    """
    return await _run(settings, lambda connection: _upgrade(connection, revision))


async def is_current(settings: Settings) -> bool:
    """Whether the newest migration is the last that was run."""
    return await _run(settings, _is_current)


async def _run(settings: Settings, work: Callable[[Connection], bool]) -> bool:
    url = database_url(settings)
    engines = sqlite if url.drivername == "sqlite" else postgresql
    engine = engines.migration_engine(url, settings)
    try:
        async with engine.begin() as connection:
            found: bool = await connection.run_sync(work)
            return found
    finally:
        await dispose(engine)


def _upgrade(connection: Connection, revision: str) -> bool:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    if revision == "head" and _is_current(connection):
        return False
    given = alembic_config()
    given.attributes["connection"] = connection
    command.upgrade(given, revision)
    return True


def _is_current(connection: Connection) -> bool:
    return _stored_revision(connection) == newest_file()


def _stored_revision(connection: Connection) -> str | None:
    """The migration that was run last, by Alembic's own table; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
