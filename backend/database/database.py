"""The two doors to the data: one for reading, one for writing, on either database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import anyio.to_thread
from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.config import Settings
from backend.database import postgresql, sqlite
from backend.database.aside import AsideReader, Result, Work
from backend.database.closing import dispose
from backend.database.groups import GroupWriter
from backend.database.inloop import InloopEngine
from backend.database.logcopies import LogCopies
from backend.database.nearby import NearbyEngine
from backend.errors import ConfigurationError

Dialect = Literal["sqlite", "postgresql"]


def database_url(settings: Settings) -> URL:
    """The parsed address; raises ConfigurationError where it is none."""
    try:
        url = make_url(settings.database_url.replace("postgres://", "postgresql://", 1))
    except ArgumentError:
        raise ConfigurationError("CONVERSA_DATABASE_URL: is not a database address") from None
    return url.set(drivername=url.get_backend_name())


class Database:
    """Engines for one database. Connections are opened when first needed."""

    def __init__(self, settings: Settings) -> None:
        self.url = database_url(settings)
        self.settings = settings
        self.dialect: Dialect = "sqlite" if self.url.drivername == "sqlite" else "postgresql"
        engines = sqlite if self.dialect == "sqlite" else postgresql
        self._writer: NearbyEngine | AsyncEngine = engines.writer_engine(self.url, settings)
        self._reader: NearbyEngine | InloopEngine = engines.reader_engine(self.url, settings)
        self._long_reader: AsyncEngine = engines.long_reader_engine(self.url, settings)
        self._groups: GroupWriter | None = None
        self._aside: AsideReader | NearbyEngine = engines.aside_reader(self.url, settings)
        self._copies: LogCopies | None = None
        if self.dialect == "sqlite":
            self._groups = sqlite.group_writer(self.url, settings)
            self._copies = LogCopies(sqlite.sqlite_path(self.url))

    @property
    def engines(self) -> tuple[Engine, ...]:
        """What every statement goes through, for who wants to listen."""
        used = (self._reader, self._long_reader, self._writer, self._groups, self._aside)
        return tuple(each.sync_engine for each in used if each is not None)

    @property
    def location(self) -> str:
        """Where the data lies, without a password."""
        return self.url.render_as_string(hide_password=True)

    def beside(self, suffix: str) -> Path | None:
        """A file of this name beside the data; None where the data lies on a server."""
        if self.dialect != "sqlite":
            return None
        path = sqlite.sqlite_path(self.url)
        return path.with_name(path.name + suffix)

    @property
    def parallel_reads(self) -> bool:
        """Whether reads get on faster side by side: not in a library inside this process."""
        return self.dialect == "postgresql"

    def read(self, *, long: bool = False) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection that cannot write; each statement sees what is committed when it starts.

        ``long`` is for whatever reads more than a few hundred rows by an index: everybody else may
        wait for one that is not.
        """
        return (self._long_reader if long else self._reader).connect()

    async def aside(self, work: Work[Result]) -> Result:
        """What ``work`` makes of a connection that cannot write: for what reads much, by indexes,
        and computes with it. It may wait for nothing but its statements: where these run in this
        process, all of it runs on a thread."""
        if isinstance(self._aside, AsideReader):
            return await self._aside.run(work)
        async with self._aside.connect() as connection:
            return await work(connection)

    @asynccontextmanager
    async def snapshot(self, *, long: bool = False) -> AsyncIterator[AsyncConnection]:
        """The same, but all statements see the same committed state."""
        if isinstance(self._reader, NearbyEngine):
            door = self._long_reader.connect() if long else self._reader.apart()
            async with door as connection:
                yield await connection.execution_options(isolation_level="REPEATABLE READ")
                await connection.rollback()
            return
        async with self.read(long=long) as connection:
            await connection.exec_driver_sql("BEGIN")
            yield connection
            await connection.rollback()

    @property
    def groups_writes(self) -> bool:
        """Whether short writes share their commits, on the loop's thread."""
        return self._groups is not None

    @asynccontextmanager
    async def write(self, *, short: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed when the block ends, rolled back when it raises.

        ``short`` is for a few statements of a few rows each, by an index: where writes are grouped,
        everybody waits for what they take, and their commits are shared.
        """
        if short:
            async with self._short() as connection:
                yield connection
        elif self._groups is None:
            async with self._writer.begin() as connection:
                yield connection
        else:
            async with self._groups.alone(), self._writer.begin() as connection:
                yield connection
            if self._copies is not None:
                self._copies.written()

    @property
    def has_single_statements(self) -> bool:
        """Whether one statement can be a whole write, which saves the way there and back."""
        return isinstance(self._writer, NearbyEngine)

    def single(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection of which every statement is a transaction, where there are any."""
        if not isinstance(self._writer, NearbyEngine):
            raise TypeError("A statement is no transaction here.")
        return self._writer.connect()

    def _short(self) -> AbstractAsyncContextManager[AsyncConnection]:
        if isinstance(self._writer, NearbyEngine):
            return self._writer.transaction()
        return self._groups.write() if self._groups is not None else self._writer.begin()

    async def close(self) -> None:
        """Closes every connection."""
        await self._reader.dispose()
        await dispose(self._long_reader)
        await self._aside.dispose()
        if self._copies is not None:
            await anyio.to_thread.run_sync(self._copies.close)
        if self._groups is not None:
            await self._groups.dispose()
        if isinstance(self._writer, NearbyEngine):
            await self._writer.dispose()
        else:
            await dispose(self._writer)
