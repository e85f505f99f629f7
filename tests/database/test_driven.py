"""Short transactions on PostgreSQL, whose statements go to the driver."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.config import Settings
from backend.database.database import Database
from backend.database.nearby import NearbyEngine
from backend.database.sending import send
from backend.errors import TimedOut
from tests.support.databases import PostgresqlDatabases, dropped_after, settings_for
from tests.support.following import eventually
from tests.support.postgresql import PostgresqlServer

ADD = "INSERT INTO owners (name, revision, created_at) VALUES ($1, 0, now()) RETURNING name"
NAMES = text("SELECT name FROM owners ORDER BY id")
BACKEND = "SELECT pg_backend_pid()"


@pytest.fixture
def settings(postgresql_server: PostgresqlServer) -> Any:
    with dropped_after(postgresql_server) as databases:
        assert isinstance(databases, PostgresqlDatabases)
        yield settings_for(databases.clone()).model_copy(update={"write_connections": 1})


async def add(database: Database, *names: str) -> list[str]:
    async with database.write(short=True) as connection:
        rows = await send(connection, ADD, [(name,) for name in names])
        return [row[0] for row in rows]


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(NAMES))


async def backend(database: Database) -> int:
    async with database.write(short=True) as connection:
        ((number,),) = await send(connection, BACKEND, [()])
        return int(number)


async def test_it_is_committed_as_a_whole(database: Database) -> None:
    assert await add(database, "a") == ["a"]
    assert await add(database, "b", "c") == []
    assert await names(database) == ["a", "b", "c"]


async def test_an_exception_undoes_all_of_it(database: Database) -> None:
    with pytest.raises(LookupError):  # noqa: PT012 - the block is what is undone
        async with database.write(short=True) as connection:
            await send(connection, ADD, [("a",)])
            await connection.execute(text("DELETE FROM owners WHERE false"))
            raise LookupError
    assert await names(database) == []
    await add(database, "b")
    assert await names(database) == ["b"]


async def test_both_ways_are_one_transaction(database: Database) -> None:
    async with database.write(short=True) as connection:
        await send(connection, ADD, [("a",)])
        assert list(await connection.scalars(NAMES)) == ["a"]
        assert await names(database) == []


async def test_what_is_refused_comes_as_always(database: Database) -> None:
    await add(database, "a")
    with pytest.raises(IntegrityError, match="uq_owners_name"):
        await add(database, "a")
    with pytest.raises(IntegrityError, match="uq_owners_name"):
        await add(database, "b", "a")
    with pytest.raises(DBAPIError, match="nothing"):
        async with database.write(short=True) as connection:
            await send(connection, "SELECT * FROM nothing", [()])
    assert await names(database) == ["a"]


async def test_a_statement_that_takes_too_long_is_told_as_always(settings: Settings) -> None:
    database = Database(settings.model_copy(update={"statement_timeout": 1}))
    with pytest.raises(TimedOut, match=r"more than 1 seconds"):
        async with database.write(short=True) as connection:
            await send(connection, "SELECT pg_sleep(60)", [()])
    await add(database, "a")
    await database.close()


async def test_who_is_cancelled_leaves_a_connection_that_can_be_used(database: Database) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        async with database.write(short=True) as connection:
            await send(connection, ADD, [("a",)])
            begun.set()
            await send(connection, "SELECT pg_sleep(60)", [()])

    waiting = asyncio.create_task(wait())
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(60):
        await add(database, "b")
    assert await names(database) == ["b"]


async def test_a_connection_that_the_server_has_closed_is_opened_anew(database: Database) -> None:
    first = await backend(database)
    async with database.read() as connection:
        await connection.scalar(text(f"SELECT pg_terminate_backend({first}, 20000)"))
    assert isinstance(database._writer, NearbyEngine)
    [idle] = database._writer._idle
    # The driver has to hear of it first.
    await eventually(lambda: not idle.is_open)
    assert await backend(database) != first


async def test_a_connection_that_breaks_is_told_and_opened_anew(database: Database) -> None:
    first = await backend(database)
    with pytest.raises(DBAPIError):  # noqa: PT012 - the block is what is undone
        async with database.write(short=True) as connection:
            await send(connection, ADD, [("a",)])
            await send(connection, "SELECT pg_terminate_backend(pg_backend_pid())", [()])
            await send(connection, BACKEND, [()])
    assert await backend(database) != first
    assert await names(database) == []
