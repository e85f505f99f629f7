"""Short transactions on PostgreSQL, with as little as can be between a statement and the driver.

SQLAlchemy's way to asyncpg and back takes several times what asyncpg takes itself. A statement that
is compiled already is handed to asyncpg, which keeps it prepared; all others go the usual way, over
the same connection and in the same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import CursorResult, Dialect, Engine, Executable, ScalarResult
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.timeouts import QUERY_CANCELED, timed_out
from backend.lazy import Lazy

if TYPE_CHECKING:
    import asyncpg
else:
    asyncpg = Lazy("asyncpg")

Row = Sequence[Any]
INTEGRITY = "23"
"""The class of PostgreSQL's codes for rows that are refused."""


class DrivenConnection:
    """The part of an AsyncConnection that repositories take, and ``send``."""

    __slots__ = ("_connection", "_driver", "_events", "_seconds", "dialect")

    def __init__(
        self, connection: AsyncConnection, engine: Engine, driver: Any, seconds: float
    ) -> None:
        self._connection = connection
        self._events: Any = engine.dispatch
        self.dialect: Dialect = connection.dialect
        self._driver = driver
        self._seconds = seconds

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

    async def send(self, statement: str, rows: Sequence[Row]) -> Sequence[Row]:
        """Runs SQL once for each row of parameters; returns the rows of what is run once.

        The driver's errors come wrapped as always.
        """
        if self._events.after_cursor_execute:
            return await _counted(self._connection, statement, rows)
        try:
            if len(rows) > 1:
                await self._driver.executemany(statement, rows)
                return ()
            found: Sequence[Row] = await self._driver.fetch(statement, *rows[0])
            return found
        except _drivers() as error:
            raise self._wrapped(statement, error) from error

    @property
    def is_open(self) -> bool:
        """Whether the server is still there, as far as is known."""
        return not self._driver.is_closed()

    async def close(self, *, sound: bool) -> None:
        """Gives it back to SQLAlchemy; one that is not sound ends."""
        if not sound:
            await self._connection.invalidate()
        await self._connection.close()

    async def control(self, statement: str) -> None:
        """Runs a statement of transactions."""
        try:
            await self._driver.execute(statement)
        except _drivers() as error:
            raise self._wrapped(statement, error) from error

    async def undo(self) -> None:
        """Rolls back what is not committed; a connection that cannot do so is given up."""
        try:
            if self._driver.is_in_transaction():
                await self._driver.execute("ROLLBACK")
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
        ):
            await self._connection.invalidate()
            return
        if self._driver.is_closed():
            await self._connection.invalidate()

    def _wrapped(self, statement: str, error: Exception) -> Exception:
        if isinstance(error, asyncpg.InternalClientError):
            # The server is ending it and the driver is about to notice: nothing more can be asked.
            self._driver.terminate()
        code = getattr(error, "sqlstate", None) or ""
        if code == QUERY_CANCELED:
            return timed_out(self._seconds)
        kind = IntegrityError if code.startswith(INTEGRITY) else DBAPIError
        lost = self._driver.is_closed()
        return kind(statement, None, error, hide_parameters=True, connection_invalidated=lost)


@asynccontextmanager
async def transaction(connection: DrivenConnection) -> AsyncIterator[None]:
    """A transaction: committed when the block ends, rolled back when it raises."""
    try:
        await connection.control("BEGIN")
        yield
        await connection.control("COMMIT")
    except BaseException:
        await asyncio.shield(connection.undo())
        raise


async def driven(connection: AsyncConnection, engine: Engine, seconds: float) -> DrivenConnection:
    """A connection whose statements may take so many seconds, as one that can ``send``. Who wants
    to hear of them listens to ``engine``."""
    return DrivenConnection(connection, engine, await _driver(connection), seconds)


async def _driver(connection: AsyncConnection) -> Any:
    """What asyncpg has for a connection, which is opened anew if the server has closed it."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if driver.is_closed():
        await connection.invalidate()
        driver = (await connection.get_raw_connection()).driver_connection
    return driver


def _drivers() -> tuple[type[Exception], ...]:
    """The driver's errors."""
    return (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def _counted(
    connection: AsyncConnection, statement: str, rows: Sequence[Row]
) -> Sequence[Row]:
    """The same where somebody listens to what is sent."""
    given = list(rows) if len(rows) > 1 else rows[0]
    result = await connection.exec_driver_sql(statement, given)
    return [tuple(row) for row in result] if result.returns_rows else ()
