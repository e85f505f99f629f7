"""Reading SQLite without leaving the event loop's thread.

A short indexed read takes tens of microseconds. Handing it to a thread costs more than that, and
the thread then fights the loop for the interpreter for every row it fetches. So the statements run
where they are asked for; whatever takes longer has an engine with threads.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable, ScalarResult
from sqlalchemy.ext.asyncio import AsyncConnection


class InloopConnection:
    """The part of an AsyncConnection that reading takes, over an ordinary connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        """The dialect in use."""
        return self._connection.dialect

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

    async def rollback(self) -> None:
        """Ends the transaction, if there is one."""
        self._connection.rollback()


class InloopEngine:
    """Lends connections, of which it keeps as many as said between uses.

    It never waits for one: whoever holds them all is on this thread too, and would wait for ever.
    """

    def __init__(self, engine: Engine, keep: int) -> None:
        self.sync_engine = engine
        self._keep = keep
        self._idle: list[Connection] = []

    def connect(self) -> Loan:
        """A connection, as an asynchronous context."""
        return Loan(self)

    def take(self) -> Connection:
        """A connection that nobody else has."""
        return self._idle.pop() if self._idle else self.sync_engine.connect()

    def give_back(self, connection: Connection, *, sound: bool) -> None:
        """Takes one back; one that is not sound is closed."""
        if sound and len(self._idle) < self._keep:
            connection.rollback()
            self._idle.append(connection)
        else:
            connection.close()

    async def dispose(self) -> None:
        """Closes the connections that nobody has."""
        while self._idle:
            self._idle.pop().close()
        self.sync_engine.dispose()


class Loan:
    """One use of a connection."""

    __slots__ = ("_connection", "_engine")

    def __init__(self, engine: InloopEngine) -> None:
        self._engine = engine

    async def __aenter__(self) -> AsyncConnection:
        self._connection = self._engine.take()
        return cast(AsyncConnection, InloopConnection(self._connection))

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._engine.give_back(self._connection, sound=error is None)
