"""SQLite engines: two connections that write in turn, and pools that can only read."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from backend.config import Settings
from backend.database.aside import AsideReader
from backend.database.closing import note_threads
from backend.database.groups import GroupWriter
from backend.database.inloop import InloopEngine
from backend.database.timeouts import end_long_statements, tell_timeouts
from backend.errors import ConfigurationError

# Of every other type than its own four the driver asks what to make of a value, which takes longer
# than to store it: half a microsecond for each NULL. These are taken as they are.
sqlite3.register_adapter(type(None), {None: None}.__getitem__)
sqlite3.register_adapter(bytes, bytes)

PRAGMAS = {
    # Readers never wait for the writer, nor it for them.
    "journal_mode": "WAL",
    # Another process on the same file (a second worker, the command line) may hold the lock.
    "busy_timeout": "10000",
    "foreign_keys": "ON",
    # Deleted text is overwritten with zeros, so that nothing of it stays in the file.
    "secure_delete": "ON",
    # 2 MiB of pages a connection, which hold the upper pages of every index. The others are in the
    # system's cache, once for all connections.
    "cache_size": "-2048",
    "temp_store": "MEMORY",
}

LONG_WRITES = {
    # A transaction whose changes outgrow the pages it may keep writes some of them twice. Twice as
    # many save an import two microseconds a message, and stay with the process.
    "cache_size": "-8192",
    # The log is copied into the database beside them (`logcopies`). At 64 MiB a commit copies what
    # is left, so that the log begins anew.
    "wal_autocheckpoint": "16384",
}
"""What differs where transactions are large."""


def sqlite_path(url: URL) -> Path:
    """The file of a SQLite address; makes its folder, or raises ConfigurationError."""
    path = Path(url.database or "").expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"cannot make the folder {path.parent}: {error.strerror}"
        raise ConfigurationError(f"CONVERSA_DATABASE_URL: {reason}") from None
    if path.is_dir():
        raise ConfigurationError(f"CONVERSA_DATABASE_URL: {path} is a folder, not a file")
    return path


def writer_engine(url: URL, settings: Settings) -> AsyncEngine:
    """An engine of one connection whose transactions take the write lock as they begin.

    A transaction that reads first and asks for the lock later fails when another came between; one
    connection makes writers queue in this process instead of polling for the lock.
    """
    engine = _engine(url, settings, connections=1)
    synchronous = settings.synchronous.upper()
    _on_connect(engine.sync_engine, {**PRAGMAS, **LONG_WRITES, "synchronous": synchronous})
    _limit(engine.sync_engine, settings)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin_immediate(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def group_writer(url: URL, settings: Settings) -> GroupWriter:
    """A connection for short writes, which share their commits."""
    synchronous = settings.synchronous.upper()
    # It waits for another process's lock without keeping the loop's thread.
    pragmas = {**PRAGMAS, "synchronous": synchronous, "busy_timeout": "0"}
    return GroupWriter(
        _inloop_engine(url, settings, pragmas),
        patience=settings.pool_timeout,
        lock_patience=int(PRAGMAS["busy_timeout"]) / 1000,
    )


def reader_engine(url: URL, settings: Settings) -> InloopEngine:
    """Connections that cannot write, for short reads; each statement is its own snapshot."""
    engine = _inloop_engine(url, settings, {**PRAGMAS, "query_only": "ON"})
    return InloopEngine(engine, keep=settings.read_connections)


def aside_reader(url: URL, settings: Settings) -> AsideReader:
    """Connections that cannot write, for reads that take a thread for as long as they last."""
    return AsideReader(
        reader_engine(url, settings), most=settings.read_connections, patience=settings.pool_timeout
    )


def _inloop_engine(url: URL, settings: Settings, pragmas: dict[str, str]) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(sqlite_path(url))),
        poolclass=NullPool,
        query_cache_size=1000,
        hide_parameters=True,
        # Only ever used by one thread at a time, the loop's or, for a commit, another; and it may
        # be yet another's that closes it at the end.
        connect_args={"check_same_thread": False},
    )
    _on_connect(engine, pragmas)
    _limit(engine, settings)
    return engine


def long_reader_engine(url: URL, settings: Settings) -> AsyncEngine:
    """An engine of connections that cannot write, with threads of their own."""
    engine = _engine(url, settings, connections=settings.read_connections)
    _on_connect(engine.sync_engine, {**PRAGMAS, "query_only": "ON"})
    _limit(engine.sync_engine, settings)
    return engine


def migration_engine(url: URL, settings: Settings) -> AsyncEngine:
    """An engine without foreign keys: rebuilding a table drops it, and would cascade."""
    engine = _engine(url, settings, connections=1)
    pragmas = {**PRAGMAS, **LONG_WRITES, "foreign_keys": "OFF", "synchronous": "FULL"}
    _on_connect(engine.sync_engine, pragmas)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin_immediate(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _engine(url: URL, settings: Settings, *, connections: int) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(sqlite_path(url))),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=settings.pool_timeout,
        query_cache_size=1000,
        # They are what people write, and errors go to the log.
        hide_parameters=True,
    )
    note_threads(engine.sync_engine)
    return engine


def _limit(engine: Engine, settings: Settings) -> None:
    if settings.statement_timeout:
        end_long_statements(engine, settings.statement_timeout)
        tell_timeouts(engine, settings.statement_timeout)


def _on_connect(engine: Engine, pragmas: dict[str, str]) -> None:
    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own transaction control begins late and commits early; ours is explicit.
        connection.isolation_level = None
        cursor = connection.cursor()
        for name, value in pragmas.items():
            cursor.execute(f"PRAGMA {name}={value}")
        cursor.close()
