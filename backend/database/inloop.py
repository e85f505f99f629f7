"""Reading SQLite without leaving the event loop's thread.

A short indexed read takes tens of microseconds. Handing it to a thread costs more than that, and
the thread then fights the loop for the interpreter for every row it fetches. So the statements run
where they are asked for; whatever takes longer has an engine with threads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable, ScalarResult
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.timeouts import clock_of

Row = tuple[Any, ...]


class InloopConnection:
    """The part of an AsyncConnection that reading takes, over an ordinary connection."""

    __slots__ = ("_clock", "_connection", "_driver", "_events", "dialect")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect: Dialect = connection.dialect
        self._driver: Any = connection.connection.driver_connection
        self._events: Any = connection.engine.dispatch
        self._clock = clock_of(connection)

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Runs a statement."""
        return self._connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """The first column of the first row, or None."""
        return self._connection.scalar(statement, parameters)

    async def scalars(self, statement: Executable, parameters: Any = None) -> ScalarResult[Any]:
        """The first column of every row."""
        return self._connection.scalars(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        """Runs SQL as the driver takes it."""
        return self._connection.exec_driver_sql(statement, parameters)

    def send(self, statement: str, rows: Sequence[Row]) -> list[Row]:
        """Runs SQL once for each row of parameters, and returns what the last run does.

        Nothing stands between it and the driver, which makes it four times cheaper than the others,
        unless somebody counts statements. The driver's errors come wrapped as always.
        """
        if self._events.after_cursor_execute:
            return self._heard(statement, rows)
        if self._clock is not None:
            self._clock.start()
        try:
            if len(rows) > 1:
                return self._driver.executemany(statement, rows).fetchall()  # type: ignore[no-any-return]
            return self._driver.execute(statement, rows[0]).fetchall()  # type: ignore[no-any-return]
        except sqlite3.Error as error:
            raise self._wrapped(statement, error) from error

    def send_both(
        self, one: tuple[str, Row], other: tuple[str, Row]
    ) -> tuple[list[Row], list[Row]]:
        """The rows of two statements that read, of which the first finds at most one.

        That one is taken after the other has begun: SQLite's reading goes on as long as a statement
        has rows, so both see the same state, and the file is locked once.
        """
        if self._events.after_cursor_execute:
            return self._heard(one[0], [one[1]]), self._heard(other[0], [other[1]])
        if self._clock is not None:
            self._clock.start()
        statement = one[0]
        try:
            first = self._driver.execute(*one)
            statement = other[0]
            rows = self._driver.execute(*other).fetchall()
            return first.fetchall(), rows
        except sqlite3.Error as error:
            raise self._wrapped(statement, error) from error

    async def rollback(self) -> None:
        """Ends the transaction, if there is one."""
        self._connection.rollback()

    def reset(self) -> None:
        """Makes it as new, for somebody else."""
        if self._connection.in_transaction():
            self._connection.rollback()

    def close(self) -> None:
        """Closes it."""
        self._connection.close()

    def _wrapped(self, statement: str, error: sqlite3.Error) -> Exception:
        if self._clock is not None:
            self._clock.tell(error)
        return DBAPIError.instance(statement, None, error, sqlite3.Error, dialect=self.dialect)

    def _heard(self, statement: str, rows: Sequence[Row]) -> list[Row]:
        given: Any = list(rows) if len(rows) > 1 else rows[0]
        result = self._connection.exec_driver_sql(statement, given)
        return [tuple(row) for row in result] if result.returns_rows else []


class InloopEngine:
    """Lends connections, of which it keeps as many as said between uses.

    It never waits for one: whoever holds them all is on this thread too, and would wait for ever.
    """

    def __init__(self, engine: Engine, keep: int) -> None:
        self.sync_engine = engine
        self._keep = keep
        self._idle: list[InloopConnection] = []

    def connect(self) -> Loan:
        """A connection, as an asynchronous context."""
        return Loan(self)

    def take(self) -> InloopConnection:
        """A connection that nobody else has."""
        return self._idle.pop() if self._idle else InloopConnection(self.sync_engine.connect())

    def give_back(self, connection: InloopConnection, *, sound: bool) -> None:
        """Takes one back; one that is not sound is closed."""
        if sound and len(self._idle) < self._keep:
            connection.reset()
            self._idle.append(connection)
        else:
            connection.close()

    async def dispose(self) -> None:
        """Closes the connections that nobody has; none is kept from then on."""
        self._keep = 0
        while self._idle:
            self._idle.pop().close()
        self.sync_engine.dispose()


class Loan:
    """One use of a connection."""

    __slots__ = ("_connection", "_engine")

    def __init__(self, engine: InloopEngine) -> None:
        self._engine = engine

    async def __aenter__(self) -> AsyncConnection:
        lent: Any = self._engine.take()
        self._connection: InloopConnection = lent
        return lent  # type: ignore[no-any-return]

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._engine.give_back(self._connection, sound=error is None)
