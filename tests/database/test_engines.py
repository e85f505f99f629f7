"""What each of the two doors promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.config import Settings
from backend.database.database import Database
from backend.errors import ConfigurationError
from backend.ids import new_id
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import say, stored_conversation
from tests.support.databases import settings_for

ORPHAN = (
    "INSERT INTO conversation_tags (owner_id, conversation_id, tag, ordinal) "
    f"VALUES (1, '{new_id()}', 'a', 0)"
)


async def test_reading_cannot_write(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(DBAPIError, match=r"read-?only"):
            await connection.execute(text("DELETE FROM owners"))


async def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(text(ORPHAN))


async def test_write_that_raises_leaves_nothing(database: Database) -> None:
    async def write_and_raise() -> None:
        async with database.write() as connection:
            await connection.execute(
                text(
                    "INSERT INTO owners (id, name, revision, created_at) "
                    "VALUES (7, 'carla', 0, '2026-01-01T00:00:00Z')"
                )
            )
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        await write_and_raise()
    async with database.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM owners")) == 0


async def test_readers_see_what_was_committed_and_nothing_before(
    database: Database, services: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(services, viewer)
    async with services.store.write(viewer) as writing:
        await writing.conversations.update(made.id, title="Another")
        async with services.store.read(viewer) as reading:
            assert (await reading.conversations.get(made.id)).title == "A title"
    async with services.store.read(viewer) as reading:
        assert (await reading.conversations.get(made.id)).title == "Another"


class TestSqlite:
    """The pragmas that are in force."""

    @pytest.fixture
    def settings(self, sqlite_databases: object) -> Settings:
        return settings_for(sqlite_databases.clone())  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        ("pragma", "value"),
        [
            ("journal_mode", "wal"),
            ("foreign_keys", 1),
            ("secure_delete", 1),
            ("busy_timeout", 10_000),
            ("synchronous", 2),
        ],
    )
    async def test_pragma_of_the_writer(
        self, database: Database, pragma: str, value: object
    ) -> None:
        async with database.write() as connection:
            assert await connection.scalar(text(f"PRAGMA {pragma}")) == value

    async def test_synchronous_follows_the_setting(self, settings: Settings) -> None:
        relaxed = Database(settings_for(settings.database_url, synchronous="normal"))
        async with relaxed.write() as connection:
            assert await connection.scalar(text("PRAGMA synchronous")) == 1
        await relaxed.close()

    async def test_nothing_of_a_deleted_message_stays_in_the_file(
        self, database: Database, services: Services, viewer: Viewer
    ) -> None:
        made = await stored_conversation(services, viewer, messages=3)
        secret = "correct horse battery staple " * 40
        (said,) = await say(services, viewer, made.id, secret)
        path = Path(str(database.url.database))
        await services.messages.delete(viewer, said.id)
        await database.close()
        assert not holds(path, b"battery staple")


def holds(path: Path, text: bytes) -> bool:
    """Whether a text stands anywhere in the files of a closed database."""
    return any(text in each.read_bytes() for each in path.parent.glob(path.name + "*"))


def test_location_hides_the_password() -> None:
    database = Database(settings_for("postgresql://ana:geheim@localhost/chat"))
    assert "geheim" not in database.location


@pytest.mark.parametrize("path", [".", "file/chat.db"], ids=["a folder", "below a file"])
def test_unusable_file_stops_the_start_with_one_line(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"^CONVERSA_DATABASE_URL: .+$"):
        Database(settings_for(f"sqlite:///{tmp_path / path}"))
