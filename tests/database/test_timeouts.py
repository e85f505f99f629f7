"""Statements that take too long are ended, and what they were asked with stays out of errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.config import Settings
from backend.database.database import Database
from backend.errors import TimedOut

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(3600)",
}


LIMIT = 1.0
"""Seconds; even on a busy machine other statements than the endless ones take less by far."""


@pytest.fixture
async def impatient(settings: Settings) -> AsyncIterator[Database]:
    """A database whose statements take a second at most."""
    database = Database(settings.model_copy(update={"statement_timeout": LIMIT}))
    yield database
    await database.close()


@pytest.mark.parametrize("long", [False, True])
async def test_reading_ends(impatient: Database, long: bool) -> None:
    async with asyncio.timeout(60):
        with pytest.raises(TimedOut, match=r"more than 1 seconds"):
            async with impatient.read(long=long) as connection:
                await connection.execute(text(ENDLESS[impatient.dialect]))
        async with impatient.read(long=long) as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_writing_ends_and_is_undone(impatient: Database) -> None:
    add = text("INSERT INTO owners (name, revision, created_at) VALUES ('ana', 0, :now)")
    async with asyncio.timeout(60):
        with pytest.raises(TimedOut):  # noqa: PT012 - the block is what is undone
            async with impatient.write() as connection:
                await connection.execute(add.bindparams(now=_moment(impatient)))
                await connection.execute(text(ENDLESS[impatient.dialect]))
        async with impatient.write() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM owners")) == 0


def _moment(database: Database) -> object:
    now = datetime.now(UTC)
    return now if database.dialect == "postgresql" else now.isoformat()


async def test_only_the_statement_itself_counts(impatient: Database) -> None:
    async with impatient.write() as connection:
        await connection.scalar(text("SELECT 1"))
        await asyncio.sleep(1.2 * LIMIT)
        # Long enough for SQLite to look at the clock.
        count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        assert await connection.scalar(text(count + "SELECT count(*) FROM n")) == 5000


async def test_an_error_does_not_say_what_was_asked_with(impatient: Database) -> None:
    with pytest.raises(DBAPIError) as failure:
        async with impatient.write() as connection:
            await connection.execute(text("SELECT nothing FROM nowhere WHERE x = :x"), {"x": "TEA"})
    assert "TEA" not in str(failure.value)
    assert "nowhere" in str(failure.value)
