"""PostgreSQL on connections that are kept.

A short read is one round trip, as many a write is. To have SQLAlchemy lend a connection, set its
isolation and take it back takes longer than a read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, cast

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.database.closing import dispose
from backend.database.driven import DrivenConnection, driven, transaction
from backend.database.turns import take_turn


class NearbyEngine:
    """Lends as many connections at once as said, and keeps them open between uses."""

    def __init__(
        self, engine: AsyncEngine, *, most: int, patience: float, seconds: float, what: str
    ) -> None:
        """``what`` they are for is told to who waits in vain."""
        self.sync_engine: Engine = engine.sync_engine
        self._engine = engine
        # There is nothing to roll back when one is lent again.
        self._kept = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._what = f"connection to {what} with"
        self._patience = patience
        self._seconds = seconds
        self._free = asyncio.Semaphore(most)
        self._idle: list[DrivenConnection] = []
        self._closing = False

    def connect(self) -> Loan:
        """A connection, as an asynchronous context."""
        return Loan(self)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A short transaction, begun and ended without SQLAlchemy."""
        async with self.connect() as connection, transaction(cast(DrivenConnection, connection)):
            yield connection

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[AsyncConnection]:
        """One of SQLAlchemy's own, whose options may be changed."""
        await take_turn(self._free, self._patience, self._what)
        try:
            if self._idle:  # makes room among SQLAlchemy's own
                await self._idle.pop().close(sound=True)
            async with self._engine.connect() as connection:
                yield connection
        finally:
            self._free.release()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """The same in a transaction: committed when the block ends, rolled back when it raises."""
        async with self.apart() as connection, connection.begin():
            yield connection

    async def take(self) -> DrivenConnection:
        """A connection that nobody else has."""
        await take_turn(self._free, self._patience, self._what)
        try:
            while self._idle:
                found = self._idle.pop()
                if found.is_open:
                    return found
                await found.close(sound=False)
            return await self._opened()
        except BaseException:
            self._free.release()
            raise

    async def give_back(self, connection: DrivenConnection, *, sound: bool) -> None:
        """Takes one back; one that is not sound, or comes back late, is closed."""
        try:
            if sound and not self._closing:
                self._idle.append(connection)
            else:
                await asyncio.shield(connection.close(sound=False))
        finally:
            self._free.release()

    async def dispose(self) -> None:
        """Closes the connections that nobody has; those that are lent, when they come back.

        Who comes later is served all the same, with a connection of his own that is kept nowhere:
        a task that is ending meanwhile would leave it to the garbage collector.
        """
        self._closing = True
        while self._idle:
            await self._idle.pop().close(sound=True)
        await dispose(self._engine)

    async def _opened(self) -> DrivenConnection:
        return await driven(await self._kept.connect(), self.sync_engine, self._seconds)


class Loan:
    """One use of a connection."""

    __slots__ = ("_connection", "_engine")

    def __init__(self, engine: NearbyEngine) -> None:
        self._engine = engine

    async def __aenter__(self) -> AsyncConnection:
        lent: Any = await self._engine.take()
        self._connection: DrivenConnection = lent
        return lent  # type: ignore[no-any-return]

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        # Each statement is a transaction: what fails leaves nothing behind, but for one cut short.
        sound = error is None or isinstance(error, Exception)
        await self._engine.give_back(self._connection, sound=sound)
