"""One filled database, and a loop that lives as long."""

from __future__ import annotations

import asyncio
import gc
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from backend.database.database import Database
from backend.database.sqlite import sqlite_path
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.graphql.execution.library import Library, filled
from tests.graphql.execution.running import Both
from tests.support.databases import SqliteDatabases, settings_for
from tests.support.scratch import scratch_root

Result = TypeVar("Result")


@dataclass
class Bench:
    """A library and both ways to read it. Examples share it, so they only read."""

    runner: asyncio.Runner
    path: Path
    library: Library
    both: Both

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)


@asynccontextmanager
async def copied(bench: Bench) -> AsyncIterator[Both]:
    """Both ways over a copy of the library, to be changed."""
    with tempfile.TemporaryDirectory(dir=scratch_root()) as folder:
        # What is not in the file yet is in the log beside it.
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{bench.path}{suffix}", f"{folder}/copy.db{suffix}")
        database = Database(settings_for(f"sqlite:///{folder}/copy.db"))
        yield replace(bench.both, services=Services(Store(database)))
        await database.close()


@pytest.fixture(scope="module")
def bench(sqlite_databases: SqliteDatabases) -> Iterator[Bench]:
    """The bench of a module of tests."""
    url = sqlite_databases.clone()
    database = Database(settings_for(url))
    services = Services(Store(database))
    viewer = Viewer(owner_id="ana", name="Ana")
    with asyncio.Runner() as runner:
        library = runner.run(filled(services, viewer))
        # Garbage is collected after every answer: only what is made from here on is looked through.
        gc.collect()
        gc.freeze()
        yield Bench(runner, sqlite_path(database.url), library, Both(services, viewer))
        gc.unfreeze()
        runner.run(database.close())
