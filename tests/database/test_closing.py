"""A database that is closed while somebody still has a connection."""

from __future__ import annotations

import asyncio
import threading

import pytest

from backend.config import Settings
from backend.database import closing
from backend.database.database import Database
from backend.database.inloop import InloopEngine
from backend.database.nearby import NearbyEngine


async def hold(
    database: Database, taken: asyncio.Event, until: asyncio.Event, *, closed: bool = False
) -> None:
    """Has a connection until it is told to let go, or to close it where its pool is gone."""
    async with database.read(long=True) as connection:
        await connection.exec_driver_sql("SELECT 1")
        taken.set()
        await until.wait()
        if closed:
            await connection.invalidate()


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives up waiting because a machine is busy."""
    monkeypatch.setattr(closing, "PATIENCE", 60.0)


@pytest.mark.usefixtures("_patient")
async def test_a_connection_that_is_lent_comes_back_first(settings: Settings) -> None:
    database = Database(settings)
    pool = database._long_reader.sync_engine.pool
    taken, until = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(hold(database, taken, until))
        await taken.wait()
        ending = group.create_task(database.close())
        await asyncio.sleep(20 * closing.LOOK)
        assert not ending.done()
        until.set()
    assert "Current Checked out connections: 0" in pool.status()


@pytest.mark.usefixtures("_patient")
async def test_what_is_taken_meanwhile_is_not_kept(settings: Settings) -> None:
    database = Database(settings)
    taken, until = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(hold(database, taken, until))
        await taken.wait()
        ending = group.create_task(database.close())
        await asyncio.sleep(20 * closing.LOOK)
        async with database.read() as late:
            await late.exec_driver_sql("SELECT 1")
        assert not ending.done()
        until.set()
    reader = database._reader
    assert isinstance(reader, NearbyEngine | InloopEngine)
    assert reader._idle == []


@pytest.mark.usefixtures("_patient")
async def test_a_cancelled_statement_leaves_no_thread_behind(settings: Settings) -> None:
    before = set(threading.enumerate())
    database = Database(settings)
    taken = asyncio.Event()
    holding = asyncio.create_task(hold(database, taken, asyncio.Event()))
    await taken.wait()
    holding.cancel()
    await asyncio.wait([holding])
    await database.close()
    # One of another test's may still be ending.
    left = set(threading.enumerate()) - before
    assert not any("_connection_worker_thread" in each.name for each in left)


async def test_nobody_is_waited_for_without_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "PATIENCE", 0.05)
    database = Database(settings)
    taken, until = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(hold(database, taken, until, closed=True))
        await taken.wait()
        await asyncio.wait_for(database.close(), 60)
        until.set()
