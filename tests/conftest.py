"""Fixtures of all tests. What touches a database runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from backend.config import PREFIX, Settings
from backend.database import closing
from backend.database.database import Database
from backend.repositories import rows
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.databases import (
    DIALECTS,
    Databases,
    SqliteDatabases,
    dropped_after,
    migrate_now,
    settings_for,
)
from tests.support.postgresql import PostgresqlServer, shared_server
from tests.support.scratch import scratch_root
from tests.support.statements import Statements, counted

# Two busy cores make single examples slow now and then; what is slow as a whole has a time-out.
hypothesis_settings.register_profile(
    "conversa", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("conversa")
for name in [name for name in os.environ if name.startswith(PREFIX)]:
    del os.environ[name]  # The tests say themselves what is set.
# A connection that is not back by then is left to the garbage collector, which finds it in whatever
# test is running by then. On a busy machine it may take long to come.
closing.PATIENCE = 60.0


@pytest.fixture(autouse=True)
def own_choices_of_columns() -> None:
    """Each test begins as a new process does: what others have read decides nothing."""
    rows.chosen_columns.cache_clear()
    rows._choices.clear()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlServer]:
    """The run's PostgreSQL server, started by the first test that needs it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with shared_server(folder, migrate_now) as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_databases() -> Iterator[SqliteDatabases]:
    """Makes SQLite databases."""
    with tempfile.TemporaryDirectory(prefix="conversa-sqlite-", dir=scratch_root()) as folder:
        yield SqliteDatabases(Path(folder))


@pytest.fixture(params=DIALECTS)
def databases(request: pytest.FixtureRequest) -> Iterator[Databases]:
    """Makes databases: first of one kind, then of the other."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_databases")
    else:
        with dropped_after(request.getfixturevalue("postgresql_server")) as made:
            yield made


@pytest.fixture
def settings(databases: Databases) -> Settings:
    """Settings for a migrated database of the test's own."""
    return settings_for(databases.clone())


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A migrated database of the test's own."""
    database = Database(settings)
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> Store:
    """The doors to it."""
    return Store(database)


@pytest.fixture
def services(store: Store) -> Services:
    """What changes it."""
    return Services(store)


@pytest.fixture
def viewer() -> Viewer:
    """The one who asks."""
    return Viewer(owner_id="ana", name="Ana")


@pytest.fixture
def other_viewer() -> Viewer:
    """Somebody else."""
    return Viewer(owner_id="bruno", name="Bruno")


@pytest.fixture
def statements(database: Database) -> Iterator[Statements]:
    """Counts the statements sent to the database."""
    with counted(database) as statements:
        yield statements
