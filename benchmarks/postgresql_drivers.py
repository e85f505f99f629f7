"""asyncpg beside psycopg, over the statements that the server sends.

``python -m benchmarks.postgresql_drivers [ADDRESS]`` takes an empty database, or starts a server of
its own. The two take turns, so that whatever else the machine does touches both. It needs
psycopg[binary]==3.3.9 beside requirements-dev.txt.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from backend.database.database import Database, database_url
from backend.database.migrate import migrate
from backend.repositories.conversations import ConversationFilter
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Window
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER
from backend.services.container import Services
from backend.services.paging import conversation_order
from tests.support.conversations import say, stored_chain
from tests.support.databases import migrate_now, settings_for
from tests.support.postgresql import shared_server

CONVERSATIONS = 60
MESSAGES = 200
ROUNDS = 9
TIMES = 60
NEWEST_FIRST = conversation_order("last_activity", descending=True)
Request = Callable[[], Awaitable[object]]


@dataclass
class Measured:
    """Milliseconds a request, one figure a round: of this process's CPU, and by the clock."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def psycopg_engine(url: str, *, reading: bool) -> AsyncEngine:
    """What the server's own engine does, over psycopg."""
    options = "-c jit=off -c default_transaction_read_only=" + ("on" if reading else "off")
    engine = create_async_engine(
        database_url(settings_for(url)).set(drivername="postgresql+psycopg"),
        pool_size=4,
        max_overflow=0,
        query_cache_size=1000,
        # Parameters have places and not names, as in all that is compiled once.
        paramstyle="format",
        # Prepared at the first use, as asyncpg does it.
        connect_args={"options": options, "prepare_threshold": 0},
    )
    return engine.execution_options(isolation_level="AUTOCOMMIT") if reading else engine


class Plain(Database):
    """A database whose statements all go by SQLAlchemy, as they do over either driver."""

    @property
    def has_single_statements(self) -> bool:
        """Nor is one a write by itself."""
        return False

    @asynccontextmanager
    async def write(self, *, short: bool = False) -> AsyncIterator[AsyncConnection]:
        """A transaction, short or not."""
        async with super().write() as connection:
            yield connection


def database_over(driver: str, url: str) -> Database:
    """The database over one of the drivers."""
    database = Plain(settings_for(url))
    if driver == "psycopg":
        database._reader = cast(Any, psycopg_engine(url, reading=True))
        database._writer = psycopg_engine(url, reading=False)
    return database


def requests(services: Services, ids: list[str]) -> dict[str, Request]:
    """What is measured."""
    store = services.store

    async def inbox() -> object:
        async with store.read(LOCAL_VIEWER) as unit:
            return await unit.messages.pages_by_conversations(
                ids[:20], MessageScope(), Window(20, backward=True)
            )

    async def listed() -> object:
        async with store.read(LOCAL_VIEWER) as unit:
            return await unit.conversations.page(
                ConversationFilter(archived=False), NEWEST_FIRST, Window(20)
            )

    async def append() -> object:
        return await say(services, LOCAL_VIEWER, ids[0], "One more of about forty characters.")

    return {"last 20 of each of 20": inbox, "list of 20": listed, "append": append}


async def measure(url: str) -> dict[str, dict[str, Measured]]:
    """Fills the database, and asks it the same by both drivers in turn."""
    await migrate(settings_for(url))
    databases = {driver: database_over(driver, url) for driver in ("asyncpg", "psycopg")}
    store = Store(databases["asyncpg"])
    ids = [(await stored_chain(store, LOCAL_VIEWER, MESSAGES)).id for _ in range(CONVERSATIONS)]
    async with databases["asyncpg"].write() as connection:
        await connection.exec_driver_sql("ANALYZE")
    asked = {
        driver: requests(Services(Store(database)), ids) for driver, database in databases.items()
    }
    found = {name: {driver: Measured() for driver in asked} for name in asked["asyncpg"]}
    for _ in range(ROUNDS):
        for name, by_driver in found.items():
            for driver, measured in by_driver.items():
                await one_round(asked[driver][name], measured)
    for database in databases.values():
        await database.close()
    return found


async def one_round(request: Request, measured: Measured) -> None:
    """Asks a number of times, after a few that are not counted."""
    for _ in range(5):
        await request()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(TIMES):
        await request()
    measured.cpu.append((time.process_time() - cpu) * 1000 / TIMES)
    measured.wall.append((time.perf_counter() - wall) * 1000 / TIMES)


def report(found: dict[str, dict[str, Measured]]) -> None:
    """Prints the medians, and the least of each, which other work on the machine touches least."""
    print(f"{'ms a request':24}{'driver':10}{'CPU':>8}{'least':>8}{'clock':>8}{'least':>8}")
    for name, by_driver in found.items():
        for driver, each in by_driver.items():
            cpu, wall = statistics.median(each.cpu), statistics.median(each.wall)
            figures = f"{cpu:8.2f}{min(each.cpu):8.2f}{wall:8.2f}{min(each.wall):8.2f}"
            print(f"{name:24}{driver:10}{figures}")


def main() -> None:
    """Measures on the database given, or on one of its own."""
    if len(sys.argv) > 1:
        report(uvloop.run(measure(sys.argv[1])))
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        shared_server(Path(folder), migrate_now) as server,
    ):
        report(uvloop.run(measure(server.url(server.create()))))


if __name__ == "__main__":
    main()
