"""Nobody waits for his turn longer than was said."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import TimeoutError as QueueTimeoutError

from backend.database.database import Database
from backend.database.turns import take_turn
from tests.support.databases import SqliteDatabases, settings_for


async def test_who_comes_as_a_turn_is_handed_on_waits_no_longer(
    sqlite_databases: SqliteDatabases,
) -> None:
    database = Database(settings_for(sqlite_databases.clone()))
    assert database._groups is not None
    turn = database._groups._turn
    await turn.acquire()
    other = asyncio.create_task(turn.acquire())
    await asyncio.sleep(0)
    turn.release()
    assert not other.done()
    with pytest.raises(QueueTimeoutError, match="turn to write"):
        async with asyncio.timeout(60):
            await take_turn(turn, 0.01, "turn to write")
    await other
    turn.release()
    await database.close()
