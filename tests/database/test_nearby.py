"""Reading PostgreSQL on connections that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import literal, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as QueueTimeoutError

from backend.config import Settings
from backend.database.database import Database
from backend.database.driven import DrivenConnection
from backend.database.nearby import NearbyEngine
from backend.errors import TimedOut
from tests.support.databases import dropped_after, settings_for
from tests.support.postgresql import PostgresqlServer
from tests.support.statements import counted

BACKEND = "SELECT pg_backend_pid()"


@pytest.fixture
def settings(postgresql_server: PostgresqlServer) -> Iterator[Settings]:
    """Two connections for short reads."""
    with dropped_after(postgresql_server) as made:
        yield settings_for(made.clone(), read_connections=2)


@pytest.fixture
def engine(database: Database) -> NearbyEngine:
    """The engine behind the door for short reads."""
    assert isinstance(database._reader, NearbyEngine)
    return database._reader


def near(connection: object) -> DrivenConnection:
    """The connection as it is."""
    assert isinstance(connection, DrivenConnection)
    return connection


async def backend_of(database: Database) -> int:
    """The server process that a read is answered by."""
    async with database.read() as connection:
        ((pid,),) = await near(connection).send(BACKEND, [()])
    return int(pid)


async def test_a_connection_is_used_again(database: Database) -> None:
    assert len({await backend_of(database) for _ in range(3)}) == 1


async def test_every_way_of_asking(database: Database) -> None:
    one = select(literal(1))
    async with database.read() as connection:
        assert await connection.scalar(one) == 1
        assert (await connection.execute(one)).scalar_one() == 1
        assert (await connection.scalars(one)).all() == [1]
        assert (await connection.exec_driver_sql("SELECT $1::int", (1,))).scalar_one() == 1
        assert [tuple(row) for row in await near(connection).send("SELECT $1::int", [(1,)])] == [
            (1,)
        ]


async def test_it_does_not_write(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(DBAPIError, match="read-only"):
            await near(connection).send("DELETE FROM owners", [()])


async def test_no_more_are_lent_than_there_are(settings: Settings) -> None:
    database = Database(settings.model_copy(update={"pool_timeout": 0.2}))
    async with database.read(), database.read():
        with pytest.raises(QueueTimeoutError, match=r"0\.2 seconds"):
            await backend_of(database)
    await backend_of(database)
    await database.close()


async def test_one_who_waits_gets_the_next(database: Database) -> None:
    async with database.read():
        async with database.read():
            waiting = asyncio.create_task(backend_of(database))
            await asyncio.sleep(0.05)
            assert not waiting.done()
        assert await waiting


async def test_errors_are_those_of_everybody(database: Database) -> None:
    before = await backend_of(database)
    async with database.read() as connection:
        with pytest.raises(DBAPIError, match="nothing"):
            await near(connection).send("SELECT * FROM nothing", [()])
        assert await connection.scalar(select(literal(1))) == 1
    assert await backend_of(database) == before


async def test_what_takes_too_long_is_stopped_and_said(settings: Settings) -> None:
    database = Database(settings.model_copy(update={"statement_timeout": 1}))
    async with database.read() as connection:
        with pytest.raises(TimedOut, match="more than 1 seconds"):
            await near(connection).send("SELECT pg_sleep(60)", [()])
        assert await connection.scalar(select(literal(1))) == 1
    await database.close()


async def test_a_lost_connection_is_replaced(database: Database) -> None:
    lost = await backend_of(database)
    async with database.write() as connection:
        await connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": lost})
    async with asyncio.timeout(60):
        while True:
            try:
                if await backend_of(database) != lost:
                    break
            except DBAPIError:
                await asyncio.sleep(0.01)
    async with database.read(), database.read():
        pass


async def test_one_cut_short_is_not_lent_again(database: Database, engine: NearbyEngine) -> None:
    before = await backend_of(database)
    begun = asyncio.Event()

    async def sleep() -> None:
        async with database.read() as connection:
            begun.set()
            await near(connection).send("SELECT pg_sleep(20)", [()])

    sleeping = asyncio.create_task(sleep())
    await begun.wait()
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    assert engine._idle == []
    assert await backend_of(database) != before


async def test_a_snapshot_finds_room_among_those_that_are_kept(
    database: Database, engine: NearbyEngine
) -> None:
    async with database.read(), database.read():
        pass
    assert len(engine._idle) == 2
    async with database.snapshot() as connection, database.read():
        level = await connection.scalar(text("SHOW transaction_isolation"))
        assert level == "repeatable read"
    async with database.read() as first, database.read() as second:
        for each in (first, second):
            assert await each.scalar(text("SHOW transaction_isolation")) == "read committed"


async def test_who_counts_statements_sees_them_all(database: Database) -> None:
    with counted(database) as statements:
        await backend_of(database)
    assert [each.sql for each in statements.seen] == [BACKEND]


async def test_nothing_stays_open(database: Database) -> None:
    async with database.read() as connection:
        kept = near(connection)
    assert kept.is_open
    await database.close()
    assert not kept.is_open
