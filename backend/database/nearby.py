"""Reading PostgreSQL on connections that are kept, past what SQLAlchemy does for each statement.

A short read is one round trip. To lend a connection, to enter the greenlet in which SQLAlchemy runs
its drivers, and to prepare what is prepared already, takes longer than the read. Statements that
are known beforehand go to the driver as they are; all others go SQLAlchemy's way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, Dialect, Engine, Executable, ScalarResult
from sqlalchemy.exc import TimeoutError as QueueTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.database.timeouts import tell_timeout

if TYPE_CHECKING:
    from asyncpg import Connection as DriverConnection

Row = Sequence[Any]


class NearbyConnection:
    """The part of an AsyncConnection that reading takes, and ``fetch`` beside it."""

    __slots__ = ("_connection", "_driver", "_events", "_seconds")

    def __init__(
        self, connection: AsyncConnection, driver: DriverConnection, seconds: float
    ) -> None:
        self._connection = connection
        self._driver = driver
        self._events: Any = connection.engine.sync_engine.dispatch
        self._seconds = seconds

    @property
    def dialect(self) -> Dialect:
        """The dialect in use."""
        return self._connection.dialect

    @property
    def is_open(self) -> bool:
        """Whether the server is still there, as far as is known."""
        return not self._driver.is_closed()

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Runs a statement."""
        return await self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """The first column of the first row, or None."""
        return await self._connection.scalar(statement, parameters)

    async def scalars(self, statement: Executable, parameters: Any = None) -> ScalarResult[Any]:
        """The first column of every row."""
        return await self._connection.scalars(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        """Runs SQL as the driver takes it."""
        return await self._connection.exec_driver_sql(statement, parameters)

    async def fetch(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        """The rows of a query, as the driver makes them.

        What fails is run again by SQLAlchemy, whose errors everybody knows; so is everything where
        somebody counts statements.
        """
        if not self._events.after_cursor_execute:
            try:
                return cast(Sequence[Row], await self._driver.fetch(statement, *parameters))
            except Exception as error:
                tell_timeout(error, self._seconds)
        result = await self._connection.exec_driver_sql(statement, tuple(parameters))
        return cast(Sequence[Row], result.cursor.fetchall())

    async def close(self, *, sound: bool) -> None:
        """Gives it back to SQLAlchemy; one that is not sound ends."""
        if not sound:
            await self._connection.invalidate()
        await self._connection.close()


def nearby(connection: object) -> NearbyConnection | None:
    """The connection as one that can ``fetch``, if it is one."""
    return connection if isinstance(connection, NearbyConnection) else None


class NearbyEngine:
    """Lends as many connections at once as said, and keeps them open between uses."""

    def __init__(self, engine: AsyncEngine, *, most: int, patience: float, seconds: float) -> None:
        self.sync_engine: Engine = engine.sync_engine
        self._engine = engine
        self._patience = patience
        self._seconds = seconds
        self._free = asyncio.Semaphore(most)
        self._idle: list[NearbyConnection] = []

    def connect(self) -> Loan:
        """A connection, as an asynchronous context."""
        return Loan(self)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[AsyncConnection]:
        """One of SQLAlchemy's own, whose options may be changed."""
        await self._admitted()
        try:
            if self._idle:  # makes room among SQLAlchemy's own
                await self._idle.pop().close(sound=True)
            async with self._engine.connect() as connection:
                yield connection
        finally:
            self._free.release()

    async def take(self) -> NearbyConnection:
        """A connection that nobody else has."""
        await self._admitted()
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

    async def give_back(self, connection: NearbyConnection, *, sound: bool) -> None:
        """Takes one back; one that is not sound is closed."""
        try:
            if sound:
                self._idle.append(connection)
            else:
                await asyncio.shield(connection.close(sound=False))
        finally:
            self._free.release()

    async def dispose(self) -> None:
        """Closes the connections that nobody has."""
        while self._idle:
            await self._idle.pop().close(sound=True)
        await self._engine.dispose()

    async def _opened(self) -> NearbyConnection:
        connection = await self._engine.connect()
        raw = await connection.get_raw_connection()
        return NearbyConnection(connection, cast(Any, raw.driver_connection), self._seconds)

    async def _admitted(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            told = f"No connection to read with within {self._patience:g} seconds"
            raise QueueTimeoutError(told) from None


class Loan:
    """One use of a connection."""

    __slots__ = ("_connection", "_engine")

    def __init__(self, engine: NearbyEngine) -> None:
        self._engine = engine

    async def __aenter__(self) -> AsyncConnection:
        self._connection = await self._engine.take()
        return cast(AsyncConnection, self._connection)

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        # Each statement is a transaction: what fails leaves nothing behind, but for one cut short.
        sound = error is None or isinstance(error, Exception)
        await self._engine.give_back(self._connection, sound=sound)
