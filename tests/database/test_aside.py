"""Reads that run on a thread from their first statement to their last."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as QueueTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.config import Settings
from backend.database.database import Database
from backend.errors import TimedOut
from tests.support.databases import Databases, SqliteDatabases, settings_for

ENDLESS = text(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
)


@pytest.fixture
def settings(databases: Databases) -> Settings:
    return settings_for(databases.clone(), read_connections=2)


@pytest.fixture
def impatient(sqlite_databases: SqliteDatabases) -> Database:
    return Database(
        settings_for(
            sqlite_databases.clone(), read_connections=1, pool_timeout=0.05, statement_timeout=0.2
        )
    )


async def threads_of(connection: AsyncConnection) -> set[int]:
    seen = set()
    for _ in range(3):
        seen.add(threading.get_ident())
        assert await connection.scalar(text("SELECT 1")) == 1
    return seen


async def test_all_of_it_runs_in_one_place(database: Database) -> None:
    [thread] = await database.aside(threads_of)
    aside = thread != threading.get_ident()
    assert aside == (database.dialect == "sqlite")


async def test_nothing_is_written(database: Database) -> None:
    async def forbidden(connection: AsyncConnection) -> None:
        await connection.execute(text("DELETE FROM owners"))

    with pytest.raises(DBAPIError, match=r"read-?only"):
        await database.aside(forbidden)
    assert await database.aside(threads_of)


async def test_several_at_once(database: Database) -> None:
    found = await asyncio.gather(*(database.aside(threads_of) for _ in range(8)))
    assert all(len(threads) == 1 for threads in found)


async def test_it_waits_for_nothing_else(impatient: Database) -> None:
    async def waits(_: AsyncConnection) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="its statements alone"):
        await impatient.aside(waits)
    assert await impatient.aside(threads_of)
    await impatient.close()


async def test_nobody_waits_for_ever(impatient: Database) -> None:
    begun, end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def holds(connection: AsyncConnection) -> set[int]:
        loop.call_soon_threadsafe(begun.set)
        assert end.wait(60)
        return await threads_of(connection)

    first = asyncio.create_task(impatient.aside(holds))
    await begun.wait()
    with pytest.raises(QueueTimeoutError, match=r"0\.05 seconds"):
        await impatient.aside(threads_of)
    end.set()
    assert await first
    assert await impatient.aside(threads_of)
    await impatient.close()


async def test_a_statement_that_takes_too_long_is_ended(impatient: Database) -> None:
    async def endless(connection: AsyncConnection) -> Any:
        return await connection.scalar(ENDLESS)

    with pytest.raises(TimedOut):
        await impatient.aside(endless)
    await impatient.close()
