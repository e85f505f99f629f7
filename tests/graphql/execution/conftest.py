"""One filled database, and a loop that lives as long."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from backend.database.database import Database
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.graphql.execution.library import Library, filled
from tests.graphql.execution.running import Both
from tests.support.databases import SqliteDatabases, settings_for

Result = TypeVar("Result")


@dataclass
class Bench:
    """A library and both ways to read it. Examples share it, so they only read."""

    runner: asyncio.Runner
    library: Library
    both: Both

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)


@pytest.fixture(scope="module")
def bench(sqlite_databases: SqliteDatabases) -> Iterator[Bench]:
    """The bench of a module of tests."""
    database = Database(settings_for(sqlite_databases.clone()))
    services = Services(Store(database))
    viewer = Viewer(owner_id="ana", name="Ana")
    with asyncio.Runner() as runner:
        library = runner.run(filled(services, viewer))
        yield Bench(runner, library, Both(services, viewer))
        runner.run(database.close())
