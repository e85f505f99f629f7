"""Knowing whether any other process serves the same database: a lock that dies with its holder."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.database import postgresql
from backend.database.database import Database
from backend.database.sqlite import sqlite_path

# Any number will do that nothing else in the database takes.
ADVISORY_LOCK = 0x53657276


class ServingLock:
    """Held by every process that serves. The first to take it is alone until it shares it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: IO[bytes] | None = None
        self._engine: AsyncEngine | None = None
        self._connection: AsyncConnection | None = None

    async def take(self) -> bool:
        """Takes the lock; returns whether no other process holds it."""
        if self._database.dialect == "sqlite":
            return self._take_file(sqlite_path(self._database.url))
        return await self._take_advisory()

    async def release(self) -> None:
        """Lets the lock go."""
        if self._file is not None:
            self._file.close()
        if self._connection is not None:
            await self._connection.close()
        if self._engine is not None:
            await self._engine.dispose()

    def _take_file(self, database: Path) -> bool:
        self._file = database.with_name(database.name + "-serving").open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._file, fcntl.LOCK_SH)
            return False
        return True

    async def share(self) -> None:
        """Lets others serve too, once what had to be done alone is done."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_SH)
        if self._connection is not None:
            await self._run("SELECT pg_advisory_lock_shared(:key)")
            await self._run("SELECT pg_advisory_unlock(:key)")

    async def _take_advisory(self) -> bool:
        self._engine = postgresql.session_engine(self._database.url, self._database.settings)
        self._connection = await self._engine.connect()
        if await self._run("SELECT pg_try_advisory_lock(:key)"):
            return True
        await self._run("SELECT pg_advisory_lock_shared(:key)")
        return False

    async def _run(self, statement: str) -> object:
        connection = self._connection
        return connection and await connection.scalar(text(statement), {"key": ADVISORY_LOCK})
