"""Looking into SQLite's file for what other processes committed."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from backend.database.database import Database
from backend.database.wakeups import SqliteBus
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER
from tests.support.databases import SqliteDatabases, settings_for
from tests.support.following import eventually


async def test_a_file_that_another_process_holds_is_looked_into_later(
    sqlite_databases: SqliteDatabases,
) -> None:
    database = Database(settings_for(sqlite_databases.clone()))
    bus = SqliteBus(database)
    hints = 0

    def hint() -> None:
        nonlocal hints
        hints += 1

    bus.listen(lambda _: None, hint)
    path = str(database.url.database)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        bus.attend(True)
        await asyncio.sleep(0)  # It looks at once.
        assert hints == 0
        other.execute("COMMIT")
    await eventually(lambda: hints)
    before = hints
    await Store(database).owner_id(LOCAL_VIEWER)
    await eventually(lambda: hints > before)
    await bus.close()
    await database.close()
