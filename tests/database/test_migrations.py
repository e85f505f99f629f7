"""Migrations: complete, in step with the models, safe with rows and with company."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from backend.config import Settings
from backend.database import postgresql, sqlite
from backend.database.database import database_url
from backend.database.migrate import (
    MIGRATIONS,
    alembic_config,
    head_revision,
    migrate,
    newest_file,
)
from backend.models import Owner
from tests.support.databases import Databases, settings_for
from tests.support.processes import ROOT, python_module, read_line, write_line
from tests.support.rows import ROWS, counts, fill

Result = TypeVar("Result")

REBUILD = """
from alembic import op
import sqlalchemy as sa

revision = "test"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade():
    for name in ("conversations", "messages"):
        with op.batch_alter_table(name, recreate="{recreate}") as table:
            table.add_column(sa.Column("added_here", sa.Integer(), server_default="1"))
    {then}
"""


@pytest.fixture
def empty(databases: Databases) -> Settings:
    """Settings for a database without tables."""
    return settings_for(databases.empty())


@pytest.fixture(autouse=True)
def _address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alembic on its own finds the database by the environment, as on the command line."""
    name = "settings" if "settings" in request.fixturenames else "empty"
    url = request.getfixturevalue(name).database_url
    monkeypatch.setenv("CONVERSA_DATABASE_URL", url)


def test_fresh_database_gets_every_table(empty: Settings) -> None:
    assert asyncio.run(migrate(empty)) is True
    tables = inside(empty, lambda connection: set(sa.inspect(connection).get_table_names()))
    assert tables == {*Owner.metadata.tables, "alembic_version"}


def test_second_migration_has_nothing_to_do(settings: Settings) -> None:
    assert asyncio.run(migrate(settings)) is False


def test_alembic_upgrades_from_the_command_line(empty: Settings) -> None:
    environment = {**os.environ, "CONVERSA_DATABASE_URL": empty.database_url}
    alembic = [sys.executable, "-m", "alembic", "upgrade", "head"]
    subprocess.run(alembic, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert asyncio.run(migrate(empty)) is False


@pytest.mark.usefixtures("settings")
def test_tables_are_those_of_the_models() -> None:
    command.check(alembic_config())


def test_downgrade_takes_every_table_away_and_upgrade_brings_them_back(settings: Settings) -> None:
    command.downgrade(alembic_config(), "base")
    left = inside(settings, lambda connection: sa.inspect(connection).get_table_names())
    assert left == ["alembic_version"]
    command.upgrade(alembic_config(), "head")
    command.check(alembic_config())


def test_every_migration_keeps_the_rows_it_finds(empty: Settings) -> None:
    oldest_first = reversed(list(ScriptDirectory.from_config(alembic_config()).walk_revisions()))
    for step in oldest_first:
        asyncio.run(migrate(empty, step.revision))
        inside(empty, fill)
        before = inside(empty, counts)
        assert all(before.values())
        asyncio.run(migrate(empty))
        after = inside(empty, counts)
        assert {name: after[name] for name in before if name in after} == before


def test_rebuilding_tables_keeps_what_hangs_on_them(settings: Settings, tmp_path: Path) -> None:
    """SQLite changes a table by copying and dropping it, which must not cascade."""
    inside(settings, fill)
    before = inside(settings, counts)
    command.upgrade(with_migration(settings, tmp_path, then="pass"), "head")
    assert inside(settings, counts) == before
    assert before["message_versions"] == ROWS


def test_failing_migration_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    inside(settings, fill)
    with pytest.raises(sa.exc.DBAPIError):
        command.upgrade(
            with_migration(settings, tmp_path, then='op.execute("SELECT nonsense")'), "head"
        )
    columns = inside(settings, lambda it: sa.inspect(it).get_columns("messages"))
    assert "added_here" not in {column["name"] for column in columns}
    assert asyncio.run(migrate(settings)) is False


def test_processes_that_migrate_at_once_do_it_once(empty: Settings) -> None:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                python_module("tests.database.migrating_process", empty.database_url)
            )
            for _ in range(2)
        ]
        assert [read_line(process) for process in processes] == ["ready"] * 2
        for process in processes:
            write_line(process)
        assert sorted(read_line(process) for process in processes) == ["False", "True"]


def with_migration(settings: Settings, folder: Path, *, then: str) -> Config:
    """Alembic's configuration with one more migration, that rebuilds tables."""
    recreate = "always" if settings.database_url.startswith("sqlite") else "auto"
    script = REBUILD.format(head=head_revision(), recreate=recreate, then=then)
    (folder / "test_rebuild.py").write_text(script)
    config = alembic_config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{MIGRATIONS / 'versions'}\n{folder}")
    return config


def inside(settings: Settings, action: Callable[[sa.Connection], Result]) -> Result:
    """Does something in a transaction of its own, and returns what it returns."""

    async def run() -> Result:
        url = database_url(settings)
        engines = sqlite if url.drivername == "sqlite" else postgresql
        engine = engines.writer_engine(url, settings)
        try:
            async with engine.begin() as connection:
                result: Result = await connection.run_sync(action)
                return result
        finally:
            await engine.dispose()

    return asyncio.run(run())


def test_the_newest_file_is_the_head(settings: Settings) -> None:
    assert newest_file() == head_revision(), settings.database_url
