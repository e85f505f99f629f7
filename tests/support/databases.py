"""Databases for tests: each test has its own, cloned from a template that was migrated once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from backend.config import Settings, load_settings
from backend.database.migrate import migrate
from tests.support.postgresql import TEMPLATE, PostgresqlServer

DIALECTS = ("sqlite", "postgresql")


class Databases(Protocol):
    """Makes databases of one kind."""

    def clone(self) -> str:
        """The address of a new migrated database."""

    def empty(self) -> str:
        """The address of a new database without tables."""


class SqliteDatabases:
    """SQLite files in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        migrate_now(f"sqlite:///{self._template}")
        # The last connection to close folds the log into the file, so the file is all there is.
        assert not self._template.with_name("template.db-wal").exists()

    def clone(self) -> str:
        path = self._new_path()
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def empty(self) -> str:
        return f"sqlite:///{self._new_path()}"

    def _new_path(self) -> Path:
        return self._folder / f"{uuid4().hex}.db"


class PostgresqlDatabases:
    """Databases on one PostgreSQL server."""

    def __init__(self, server: PostgresqlServer) -> None:
        self._server = server
        self._made: list[str] = []

    def clone(self) -> str:
        return self._make(TEMPLATE)

    def empty(self) -> str:
        return self._make("template0")

    def drop_all(self) -> None:
        """Deletes the databases that were made here."""
        while self._made:
            self._server.drop(self._made.pop())

    def _make(self, template: str) -> str:
        self._made.append(self._server.create(template))
        return self._server.url(self._made[-1])


@contextmanager
def dropped_after(server: PostgresqlServer) -> Iterator[PostgresqlDatabases]:
    """Databases on a server, deleted at the end."""
    databases = PostgresqlDatabases(server)
    yield databases
    databases.drop_all()


def settings_for(url: str, **values: object) -> Settings:
    """Settings for a database, whatever the developer's own .env says. On a machine that is slow
    one waits for his turn longer than a client would."""
    return load_settings(env_file=None, **{"database_url": url, "pool_timeout": 60.0, **values})


def migrate_now(url: str) -> None:
    """Migrates a database, outside any event loop."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(migrate(settings_for(url)))
