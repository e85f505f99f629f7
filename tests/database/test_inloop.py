"""Reading SQLite on the event loop's own thread."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from backend.config import Settings
from backend.database.database import Database
from backend.database.inloop import InloopConnection, InloopEngine
from backend.database.sqlite import sqlite_path
from tests.support.databases import SqliteDatabases, settings_for

ONE = text("SELECT 1")


@pytest.fixture
def settings(sqlite_databases: SqliteDatabases) -> Settings:
    return settings_for(sqlite_databases.clone(), read_connections=2)


@pytest.fixture
def engine(database: Database) -> InloopEngine:
    """The engine behind the door for short reads."""
    assert isinstance(database._reader, InloopEngine)
    return database._reader


async def test_short_reads_need_no_thread(database: Database) -> None:
    before = set(threading.enumerate())
    async with database.read() as connection:
        assert await connection.scalar(ONE) == 1
        assert (await connection.execute(ONE)).scalar_one() == 1
        assert (await connection.scalars(ONE)).all() == [1]
        assert (await connection.exec_driver_sql("SELECT ?", (1,))).scalar_one() == 1
    assert set(threading.enumerate()) <= before


async def test_long_reads_have_threads_of_their_own(database: Database) -> None:
    before = set(threading.enumerate())
    async with database.read(long=True) as connection:
        assert await connection.scalar(ONE) == 1
        # One of another test's may end meanwhile.
        assert len(set(threading.enumerate()) - before) == 1


@pytest.mark.parametrize("long", [False, True])
async def test_neither_writes(database: Database, long: bool) -> None:
    async with database.read(long=long) as connection:
        with pytest.raises(DBAPIError, match="readonly"):
            await connection.execute(text("DELETE FROM owners"))


async def test_nobody_waits_for_a_connection(database: Database, engine: InloopEngine) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(5):
            connection = await stack.enter_async_context(database.read())
            assert await connection.scalar(ONE) == 1
    assert len(engine._idle) == 2


async def test_a_connection_is_used_again(database: Database, engine: InloopEngine) -> None:
    used: list[InloopConnection] = []
    for _ in range(3):
        async with database.read() as connection:
            await connection.execute(ONE)
        used += engine._idle
    assert len(set(map(id, used))) == 1


async def test_after_a_failure_the_next_one_is_sound(
    database: Database, engine: InloopEngine
) -> None:
    async def fail() -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT * FROM nothing"))

    with pytest.raises(OperationalError):
        await fail()
    assert engine._idle == []
    async with database.read() as connection:
        assert await connection.scalar(ONE) == 1


@pytest.mark.parametrize("long", [False, True])
async def test_a_snapshot_stays_as_it_was(database: Database, long: bool) -> None:
    count = text("SELECT count(*) FROM owners")
    insert = text(
        "INSERT INTO owners (id, name, revision, created_at) "
        "VALUES (7, 'carla', 0, '2026-01-01T00:00:00Z')"
    )
    async with database.snapshot(long=long) as connection:
        assert await connection.scalar(count) == 0
        async with database.write() as writing:
            await writing.execute(insert)
        assert await connection.scalar(count) == 0
    async with database.read(long=long) as connection:
        assert await connection.scalar(count) == 1


async def test_closing_leaves_none_open(database: Database, engine: InloopEngine) -> None:
    async with database.read() as connection:
        await connection.execute(ONE)
    await database.close()
    assert engine._idle == []


async def test_two_statements_see_one_state(database: Database) -> None:
    async with database.read() as connection:
        used: Any = connection
        driver = used._driver
        other = sqlite3.connect(sqlite_path(database.url))

        def write() -> int:
            other.execute("INSERT INTO owners (name, revision, created_at) VALUES ('new', 0, '')")
            other.commit()
            return 1

        driver.create_function("write", 0, write)
        count = "SELECT count(*) FROM owners WHERE name = ?"
        writing = "SELECT write() FROM (SELECT count(*) FROM owners)"
        before = used.send(count, [("new",)])
        assert used.send_both((writing, ()), (count, ("new",))) == ([(1,)], before)
        assert used.send(count, [("new",)]) == [(1,)]
        # Nothing is left open that would keep the log from being emptied.
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        other.close()


async def test_the_one_of_two_statements_that_fails_is_named(database: Database) -> None:
    async with database.read() as connection:
        used: Any = connection
        good = ("SELECT 1", ())
        for one, other in ((("SELECT a", ()), good), (good, ("SELECT a", ()))):
            with pytest.raises(DBAPIError, match="SELECT a"):
                used.send_both(one, other)
        assert used.send_both(good, ("SELECT 1 WHERE 0", ())) == ([(1,)], [])
        assert used.send_both(("SELECT 1 WHERE 0", ()), good) == ([], [(1,)])
