"""One PostgreSQL server for a whole run of tests, and databases cloned from a template."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

TEMPLATE = "conversa_template"
LEAVING_MS = 60_000
# A running Popen complains when it is collected; the process ends by itself, after the tests.
_started: list[subprocess.Popen[str]] = []


class PostgresqlServer:
    """A running server, spoken to over one connection that is kept open."""

    def __init__(self, address: str) -> None:
        self._address = make_url(address)
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._connection: Any = self._runner.run(asyncpg.connect(address))

    def url(self, name: str) -> str:
        """The address of one of its databases."""
        return self._address.set(database=name).render_as_string(hide_password=False)

    def create(self, template: str = "template0") -> str:
        """A new database, cloned from another; returns its name."""
        name = f"test_{uuid4().hex}"
        # Copying 300 small files takes half the time of writing them through the log.
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Deletes a database, whoever is still connected."""
        self._leave(name)
        self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def make_template(self, migrate: Callable[[str], None]) -> None:
        """Makes the template that is cloned, by migrating an empty database."""
        self._execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(self.url(TEMPLATE))
        self._leave(TEMPLATE)

    def close(self) -> None:
        """Closes the connection; the server runs on for the others."""
        self._runner.run(self._connection.close())
        self._runner.close()

    def _leave(self, name: str) -> None:
        """Ends what is connected to a database, and waits until it has ended: to copy and to delete
        one, the server waits five seconds for the others and gives up."""
        ended = f"pg_terminate_backend(pid, {LEAVING_MS})"
        self._execute(f"SELECT {ended} FROM pg_stat_activity WHERE datname = '{name}'")

    def _execute(self, sql: str) -> None:
        self._runner.run(self._connection.execute(sql))


async def left_alone(url: str) -> None:
    """Waits until nobody is connected to a database: what a process asked of it that was killed is
    done by then. On SQLite it is at once."""
    if not url.startswith("postgresql"):
        return
    others = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(60):
            while await connection.fetchval(others):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
    finally:
        await connection.close()


@contextmanager
def shared_server(folder: Path, migrate: Callable[[str], None]) -> Iterator[PostgresqlServer]:
    """The server of this run; whoever comes first starts it and makes the template.

    ``folder`` is one that all processes of the run share.
    """
    note = folder / "postgresql-address"
    with (folder / "postgresql-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = not note.exists()
        address = _start() if first else note.read_text()
        server = PostgresqlServer(address)
        if first:
            server.make_template(migrate)
            note.write_text(address)
    yield server
    server.close()


def _start() -> str:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.postgresql_process", str(_main_process())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _started.append(process)
    assert process.stdout is not None
    assert process.stderr is not None
    address = process.stdout.readline().strip()
    if not address:
        raise RuntimeError(f"PostgreSQL did not start:\n{process.stderr.read()}")
    return address


def _main_process() -> int:
    """The process that all of this run's tests belong to."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
