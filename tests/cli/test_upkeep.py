"""`migrate`, `schema` and `check` on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.cli import upkeep
from backend.config import PREFIX, load_settings
from backend.database.database import Database
from backend.graphql.schema import print_schema
from tests.cli.conftest import Command


class TestMigrate:
    """The database is made, and then left alone."""

    def test_twice(self, command: Command) -> None:
        assert command("migrate").stdout == "The database is up to date now.\n"
        assert command("migrate").stdout == "There was nothing to do.\n"

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("mysql://x", "must start with sqlite:/// or postgresql://"),
            ("sqlite:////proc/nowhere/x.db", "cannot make the folder"),
            ("postgresql://u:secret@127.0.0.1:1/x", "cannot open postgresql://u:***@127.0.0.1:1/x"),
        ],
    )
    def test_address_that_leads_nowhere_is_one_line(
        self, command: Command, monkeypatch: pytest.MonkeyPatch, url: str, reason: str
    ) -> None:
        monkeypatch.setenv(f"{PREFIX}DATABASE_URL", url)
        result = command("migrate")
        assert result.exit_code == 2
        assert result.stderr.startswith(f"{PREFIX}DATABASE_URL: ")
        assert result.stderr.count("\n") == 1
        assert reason in result.stderr
        assert "secret" not in result.stderr


class TestSchema:
    """The printed schema and the file."""

    def test_printed(self, command: Command) -> None:
        assert command("schema").stdout == print_schema()

    def test_check_and_write(
        self, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        path = tmp_path / "schema.graphql"
        monkeypatch.setattr(upkeep, "SCHEMA", path)
        missing = command("schema", "--check")
        assert missing.exit_code == 1
        assert len(missing.stdout.splitlines()) == upkeep.DIFF_LINES + 1
        assert command("schema", "--write").exit_code == 0
        assert path.read_text() == print_schema()
        assert command("schema", "--check").exit_code == 0
        path.write_text(print_schema().replace("type Query", "type Question"))
        changed = command("schema", "--check")
        assert changed.exit_code == 1
        assert "-type Question" in changed.stdout
        assert "+type Query" in changed.stdout
        assert "make schema" in changed.stderr


class TestCheck:
    """What is stored is verified; problems are printed and tell in the exit code."""

    def test_nothing_wrong(self, command: Command) -> None:
        command("migrate")
        result = command("check")
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No problems.\n")

    def test_problems(self, command: Command, tmp_path: Path) -> None:
        path = tmp_path / "chat.json"
        path.write_text(json.dumps({"id": "x", "messages": [{"role": "user", "content": "a"}]}))
        command("import", path)
        asyncio.run(_change("UPDATE conversations SET own_revision = 999"))
        result = command("check")
        assert (result.exit_code, result.stderr) == (1, "1 problem.\n")
        assert result.stdout.endswith(": its own revision is beyond its revision\n")

    def test_tables_that_are_missing_are_not_made(self, command: Command) -> None:
        result = command("check")
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert command("migrate").stdout == "The database is up to date now.\n"


async def _change(statement: str) -> None:
    """Changes the database that the command line works on."""
    database = Database(load_settings())
    async with database.write() as connection:
        await connection.execute(text(statement))
    await database.close()
