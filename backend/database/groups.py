"""Group commit on SQLite: short writes that come while a commit waits for the disk share the next.

A commit at full durability takes the disk's time, whatever is in it. Each write does its work
within a savepoint, so that one that fails takes nothing of the others with it, and is acknowledged
when the commit is done. What a write has seen of others in its group it may tell only then, too: an
error waits for the commit as a result does.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.inloop import InloopConnection
from backend.database.turns import take_turn

PAUSES = (0.0005, 0.001, 0.002, 0.005, 0.01)
"""Seconds between two attempts to take a lock that another process holds; the last one repeats."""


class Group:
    """Writes that are committed together."""

    __slots__ = ("ended",)

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Who has been cancelled asks no more; an error nobody asks for is not worth a warning.
        self.ended.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


class GroupWriter:
    """One connection that writes on the loop's thread, and commits on one of its own.

    Writes have their turns one after the other. What takes long has another connection, and its
    turn here (``alone``).
    """

    def __init__(self, engine: Engine, *, patience: float, lock_patience: float) -> None:
        self.sync_engine = engine
        self._patience = patience
        self._lock_patience = lock_patience
        self._turn = asyncio.Semaphore(1)
        self._group: Group | None = None
        self._connection: Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.commits = 0

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A part of a transaction: undone when the block raises. It ends with the commit, and
        raises what the commit raises."""
        failure: Exception | None = None
        async with self._in_turn():
            group = self._group or await self._begin()
            self._run("SAVEPOINT one")
            try:
                yield cast(AsyncConnection, InloopConnection(self._used()))
            except BaseException as error:
                lives = self._undo(group, error)
                if not lives or not isinstance(error, Exception):
                    raise
                failure = error
            else:
                self._run("RELEASE one")
        # One that is cancelled leaves the others their commit.
        await asyncio.shield(group.ended)
        if failure is not None:
            raise failure

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """A time in which nothing is written here."""
        async with self._in_turn():
            await self._commit()
            yield

    async def dispose(self) -> None:
        """Commits what is not committed yet, and closes the connection."""
        async with self._turn:
            await self._commit()
        await asyncio.gather(*self._tasks)
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        self.sync_engine.dispose()

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        await take_turn(self._turn, self._patience, "turn to write")
        try:
            yield
        finally:
            self._turn.release()

    async def _begin(self) -> Group:
        """Takes the lock of the file, for which another process may have to be waited for."""
        end = asyncio.get_running_loop().time() + self._lock_patience
        attempt = 0
        while not self._begun(last=asyncio.get_running_loop().time() > end):
            await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1
        self._group = Group()
        task = asyncio.create_task(self._commit_later(self._group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return self._group

    def _begun(self, *, last: bool) -> bool:
        try:
            self._run("BEGIN IMMEDIATE")
        except OperationalError as error:
            if last or getattr(error.orig, "sqlite_errorname", None) != "SQLITE_BUSY":
                raise
            return False
        return True

    async def _commit_later(self, group: Group) -> None:
        """Commits once everybody has had his turn who waits for it now, or has come with him."""
        await asyncio.sleep(0)
        async with self._turn:
            if self._group is group:
                await self._commit()

    async def _commit(self) -> None:
        """Commits what there is, and tells those who wait. Called in turn."""
        group = self._group
        if group is None:
            return
        self._thread = self._thread or ThreadPoolExecutor(1, "sqlite-commit")
        committing = asyncio.get_running_loop().run_in_executor(self._thread, self._run, "COMMIT")
        try:
            await _finished(committing)
        finally:
            self._group = None
            error = committing.exception()
            if error is None:
                self.commits += 1
                group.ended.set_result(None)
            else:
                self._abandon(group, error)

    def _undo(self, group: Group, error: BaseException) -> bool:
        """Takes back one write; returns whether the group is still to be committed. Some errors,
        such as a full disk, have the database take back all of it."""
        if self._raw().in_transaction:
            self._run("ROLLBACK TO one")
            self._run("RELEASE one")
            return True
        self._group = None
        self._abandon(group, OperationalError("COMMIT", None, error))
        return False

    def _abandon(self, group: Group, error: BaseException) -> None:
        if self._raw().in_transaction:
            self._run("ROLLBACK")
        if not group.ended.done():
            group.ended.set_exception(error)

    def _run(self, statement: str) -> None:
        """Runs a statement of transactions, which SQLAlchemy need not know of."""
        try:
            self._raw().execute(statement)
        except sqlite3.Error as error:
            raise DBAPIError.instance(statement, None, error, sqlite3.Error) from error

    def _raw(self) -> sqlite3.Connection:
        raw: Any = self._used().connection.dbapi_connection
        return cast(sqlite3.Connection, raw)

    def _used(self) -> Connection:
        if self._connection is None:
            self._connection = self.sync_engine.connect()
        return self._connection


async def _finished(work: asyncio.Future[None]) -> None:
    """Waits for work in a thread; who is cancelled waits as well: the connection is in use."""
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            await asyncio.wait([work])
        raise
    except Exception:
        # Those who wait for the commit are told.
        return
