"""SQLite's log is copied into the database beside whoever writes."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.config import Settings
from backend.database.database import Database
from backend.database.logcopies import EVERY, WORTH, LogCopies
from tests.support.databases import SqliteDatabases, settings_for
from tests.support.following import eventually

MEBIBYTE = 1024 * 1024
BOUND = 64 * MEBIBYTE
"""The log at which a commit copies what is left."""

TABLE = text("CREATE TABLE filling (stuff BLOB)")
FILL = text("INSERT INTO filling VALUES (randomblob(:size))")


@pytest.fixture
def settings(sqlite_databases: SqliteDatabases) -> Settings:
    return settings_for(sqlite_databases.clone())


@pytest.fixture
def copies(database: Database) -> LogCopies:
    assert database._copies is not None
    return database._copies


@pytest.fixture
async def filled(database: Database) -> Path:
    """The database's file, with a table to fill."""
    async with database.write() as connection:
        await connection.execute(TABLE)
    return Path(str(database.url.database))


async def fill(database: Database, megabytes: int) -> None:
    """A long write of so much."""
    async with database.write() as connection:
        await connection.execute(FILL, {"size": megabytes * MEBIBYTE})


def size(path: Path) -> int:
    """Bytes of a file."""
    return path.stat().st_size


def files_of(path: Path) -> list[Path]:
    """The database's files."""
    return list(path.parent.glob(path.name + "*"))


def log_of(path: Path) -> Path:
    """Where the log lies."""
    return path.with_name(path.name + "-wal")


async def test_a_long_log_is_copied_while_the_next_transaction_is_open(
    database: Database, copies: LogCopies, filled: Path
) -> None:
    before = size(filled)
    for _ in range(EVERY):
        await fill(database, 17)
    async with database.write() as connection:
        await connection.execute(FILL, {"size": 10})
        # It waits for the copy.
        await asyncio.to_thread(copies.close)
        assert size(filled) - before > EVERY * 17 * MEBIBYTE
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM filling")) == EVERY + 1


async def test_a_short_log_is_left_to_who_writes(
    database: Database, copies: LogCopies, filled: Path
) -> None:
    for _ in range(EVERY):
        await fill(database, 3)
    assert copies._thread is None
    assert size(log_of(filled)) < WORTH


@pytest.mark.parametrize("slow", [False, True], ids=["copied at once", "not copied in time"])
async def test_a_log_that_is_written_all_the_time_begins_anew(
    database: Database, copies: LogCopies, filled: Path, slow: bool
) -> None:
    """Both ends of what may come: a copy is made before the next write, or not before the last."""
    go_on = threading.Event()
    if slow:
        copies._thread = ThreadPoolExecutor(1)
        copies._thread.submit(go_on.wait, 60)
    for _ in range(12):
        await fill(database, 12)
        if not slow:
            await eventually(lambda: not copies.is_running())
    # At the bound all of it is copied, and the next commit stands where the first one stood.
    assert size(log_of(filled)) < BOUND + 2 * 13 * MEBIBYTE
    assert copies.is_running() == slow
    go_on.set()


async def test_nothing_of_it_is_left_when_the_database_is_closed(
    database: Database, copies: LogCopies, filled: Path
) -> None:
    for _ in range(EVERY):
        await fill(database, 17)
    await database.close()
    assert not copies.is_running()
    assert [each.name for each in files_of(filled)] == [filled.name]
    assert size(filled) > EVERY * 17 * MEBIBYTE


async def test_who_wrote_is_not_told_of_a_copy_that_fails(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "chat.db").mkdir()
    with (tmp_path / "chat.db-wal").open("wb") as log:
        log.truncate(WORTH)
    copies = LogCopies(tmp_path / "chat.db")
    for _ in range(EVERY):
        copies.written()
    copies.close()
    assert "The log could not be copied" in caplog.text
    assert "unable to open database file" in caplog.text
