"""Hearing of changes that other processes committed, through the database they share."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.database import postgresql
from backend.database.database import Database
from backend.database.sqlite import sqlite_path
from backend.events.announcements import decode, encode
from backend.events.bus import LocalBus
from backend.events.changes import ConversationChanged
from backend.ids import new_id
from backend.tasks import stop

logger = logging.getLogger("conversa.events")

LOOK_EVERY = 0.05
CHANNEL = "conversa_changes"
RECONNECT_AFTER = 0.5
SOON = 0.002
"""Seconds before an announcement: the server begins with it at once, on the processor that those
who wrote are waiting for to be answered."""
PAUSE = 0.02
"""Seconds between two announcements: each is a transaction, and wakes every process that listens
and one of the server's for each of them, which at hundreds of writes a second takes as long as the
writes."""
CHANGES_IN_PAYLOAD = 50
"""A payload may hold 8,000 bytes; a change takes some 90."""


class SqliteBus(LocalBus):
    """Several processes on one file.

    ``PRAGMA data_version`` changes when another connection has committed; it reads a counter in
    shared memory, some microseconds, and is asked only while somebody in this process listens.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._path = sqlite_path(database.url)
        self._task: asyncio.Task[None] | None = None

    def attend(self, listening: bool) -> None:
        """Begins or ends to ask."""
        if listening and self._task is None:
            self._task = asyncio.create_task(self._look())
        elif not listening and self._task is not None:
            self._task.cancel()
            self._task = None

    async def close(self) -> None:
        """Asks no more."""
        self.attend(False)

    async def _look(self) -> None:
        # Where another process holds the whole file, as while it repairs the log of one that was
        # killed, this one neither waits in the event loop nor ends looking.
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=0)
        try:
            seen = None
            while True:
                version = seen
                with suppress(sqlite3.OperationalError):
                    version = connection.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    self.hint()
                await asyncio.sleep(LOOK_EVERY)
        finally:
            connection.close()


class PostgresBus(LocalBus):
    """Several processes on one PostgreSQL, by LISTEN and NOTIFY over one connection of its own.

    Announcements carry ids and revisions, never what was written. They are sent after the commit,
    by a task; where that fails, or the connection breaks, changes are found by looking. A process
    in which nobody follows anything hears of nothing: an announcement would wake it and one of the
    server's processes.
    """

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._name = new_id()
        self._outbox: asyncio.Queue[ConversationChanged] = asyncio.Queue(maxsize=10_000)
        self._task: asyncio.Task[None] | None = None
        self._attended = False
        self._turned = asyncio.Event()

    def attend(self, listening: bool) -> None:
        """Begins or ends to hear of other processes' changes."""
        self._attended = listening
        self._turned.set()

    def publish(self, changes: Sequence[ConversationChanged]) -> None:
        """Announces changes here at once, and to others as soon as the connection takes it."""
        super().publish(changes)
        if self._task is not None:
            with suppress(asyncio.QueueFull):
                for change in changes:
                    self._outbox.put_nowait(change)

    async def start(self) -> None:
        """Connects, and stays connected as well as it can."""
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._stay_connected(ready))
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await ready.wait()

    async def close(self) -> None:
        """Disconnects."""
        await stop(self._task)
        self._task = None

    async def _stay_connected(self, ready: asyncio.Event) -> None:
        engine = single_connection(self._database)
        try:
            while True:
                try:
                    async with engine.connect() as connection:
                        await self._serve(connection, ready)
                except Exception as error:
                    logger.warning("announcements are interrupted: %s", type(error).__name__)
                await engine.dispose()  # or the pool would hand out the broken connection again
                await asyncio.sleep(RECONNECT_AFTER)
        finally:
            await engine.dispose()

    async def _serve(self, connection: AsyncConnection, ready: asyncio.Event) -> None:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        # One that only listens would not notice by itself that nobody speaks any more.
        lost = asyncio.Event()
        raw.add_termination_listener(lambda _: lost.set())
        ready.set()
        turn = asyncio.Lock()
        tasks = {
            asyncio.create_task(self._hear(raw, turn)),
            asyncio.create_task(self._send(raw, turn)),
            asyncio.create_task(lost.wait()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await stop(*tasks)
        for task in done:
            task.result()

    async def _hear(self, driver: Any, turn: asyncio.Lock) -> None:
        hears = False
        while True:
            self._turned.clear()
            if hears != self._attended:
                hears = self._attended
                async with turn:
                    await (driver.add_listener if hears else driver.remove_listener)(
                        CHANNEL, self._heard
                    )
                # What was announced while nobody listened is found by looking.
                self.hint()
            await self._turned.wait()

    async def _send(self, driver: Any, turn: asyncio.Lock) -> None:
        while True:
            changes = [await self._outbox.get()]
            await asyncio.sleep(SOON)
            while not self._outbox.empty() and len(changes) < CHANGES_IN_PAYLOAD:
                changes.append(self._outbox.get_nowait())
            payload = encode(self._name, changes)
            async with turn:
                await driver.fetch("SELECT pg_notify($1, $2)", CHANNEL, payload)
            if self._outbox.empty():
                await asyncio.sleep(PAUSE)

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        for change in decode(self._name, payload):
            self.deliver(change)


def single_connection(database: Database) -> AsyncEngine:
    """An engine of one connection without transactions, for what is kept for long."""
    return postgresql.session_engine(database.url, database.settings)


def database_bus(database: Database) -> LocalBus:
    """The bus that needs nothing besides the database in use."""
    return SqliteBus(database) if database.dialect == "sqlite" else PostgresBus(database)
