"""The check finds each kind of damage, and none where there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import aclosing, closing

import pytest
from sqlalchemy import text

from backend.database.database import Database
from backend.repositories.checks import CHECKS
from backend.security.viewer import Viewer
from backend.services.checks import DATABASE
from backend.services.container import Services
from backend.services.conversations import ConversationDraft
from backend.services.messages import MessageChanges
from tests.support.conversations import say, turns
from tests.support.documents import chain

# Two conversations are there: A of the messages 1 to 4 and, beside 3 and 4, the earlier branch
# "old", with an edited and a judged message; and B of one. What follows breaks something in A.
MESSAGE = "(SELECT id FROM messages WHERE content = '{}')"
A = "(SELECT id FROM conversations WHERE title = 'A')"
B = "(SELECT id FROM conversations WHERE title = 'B')"
OWNER = "(SELECT id FROM owners)"
NOBODY = "'00000000-0000-7000-8000-000000000000'"

CHUNK = "(owner_id, message_id, start, conversation_id, text, bytes_end, revision, appended_at)"
ORPHANED = "its owner does not exist"
NOW = "'2026-01-01 00:00:00+00'"

DAMAGE: dict[str, Sequence[str]] = {
    "its parent does not exist": [
        f"UPDATE messages SET parent_id = {NOBODY} WHERE content = 'old'"
    ],
    "its parent is in another conversation": [
        f"UPDATE messages SET parent_id = {MESSAGE.format('b')} WHERE content = 'old'"
    ],
    "it stands first but its position is not 1": [
        "UPDATE messages SET position = 7 WHERE content = '1'"
    ],
    "its position is not its parent's plus one": [
        "UPDATE messages SET position = 7 WHERE content = 'old'"
    ],
    "it was not added after its parent": [
        "UPDATE messages SET added_revision = 1 WHERE content = 'old'"
    ],
    "it is shown but its parent is not": ["UPDATE messages SET active = false WHERE content = '2'"],
    "it was changed before it was added": ["UPDATE messages SET revision = 0"],
    "its revision is beyond its conversation's": [
        "UPDATE messages SET revision = 999 WHERE content = 'old'"
    ],
    "messages hang below the last one that is shown": [
        f"UPDATE messages SET parent_id = {MESSAGE.format('4')}, position = 5 WHERE content = 'old'"
    ],
    "it is stored, but its owner's feed says it was deleted": [
        "INSERT INTO conversation_tombstones (owner_id, conversation_id, revision, owner_revision)"
        f" VALUES ({OWNER}, {A}, 1, 1)"
    ],
    "it is stored and also marked as deleted": [
        "INSERT INTO message_tombstones"
        " (owner_id, message_id, conversation_id, added_revision, revision)"
        f" VALUES ({OWNER}, {MESSAGE.format('4')}, {A}, 1, 1)"
    ],
    "its message count is not the length of the branch that is shown": [
        f"UPDATE conversations SET message_count = 3 WHERE id = {A}"
    ],
    "it has messages and shows none": [
        f"UPDATE conversations SET message_count = 0 WHERE id = {A}"
    ],
    "its last message was written at another time than it says": [
        f"UPDATE conversations SET last_message_at = NULL WHERE id = {A}"
    ],
    "its own revision is beyond its revision": [
        f"UPDATE conversations SET own_revision = 999 WHERE id = {A}"
    ],
    "its place in the feed is beyond its owner's": ["UPDATE owners SET revision = 0"],
    "a message deleted from it has a revision beyond its own": [
        "UPDATE message_tombstones SET revision = 999"
    ],
    "the earlier versions of its text are not numbered from 1": [
        "UPDATE message_versions SET number = 2"
    ],
    "a message of it is stored, but it is not": [
        f"UPDATE messages SET conversation_id = {NOBODY} WHERE content = 'old'"
    ],
    "a tag of it is stored, but it is not": [
        f"UPDATE conversation_tags SET conversation_id = {NOBODY}"
    ],
    "a deletion in it is stored, but it is not": [
        f"UPDATE message_tombstones SET conversation_id = {NOBODY}"
    ],
    "an earlier version of it is stored, but it is not": [
        f"UPDATE message_versions SET message_id = {NOBODY}"
    ],
    "a judgement of it is stored, but it is not": [
        f"UPDATE message_feedback SET message_id = {NOBODY}"
    ],
    "a piece of it is stored, but it is not": [
        f"INSERT INTO message_chunks {CHUNK} VALUES ({OWNER}, {NOBODY}, 0, {A}, 'x', 1, 1, {NOW})"
    ],
    "pieces of it are stored, but it is not being written": [
        f"INSERT INTO message_chunks {CHUNK} VALUES"
        f" ({OWNER}, {MESSAGE.format('4')}, 0, {A}, 'x', 1, 1, {NOW})"
    ],
    "its owner does not exist": ["DELETE FROM owners"],
}


@pytest.fixture
async def stored(services: Services, viewer: Viewer) -> None:
    """The two conversations."""
    draft = ConversationDraft(title="A", tags=["t"], messages=turns(4))
    a = await services.conversations.create(viewer, draft)
    async with services.store.read(viewer) as unit:
        second, third = (await unit.imports.messages_of(a.id))[1:3]
    await say(services, viewer, a.id, "old", parent_id=second.id)
    gone = await say(services, viewer, a.id, "gone")
    await services.messages.delete(viewer, gone[0].id)
    await services.conversations.select_branch(viewer, third.id)
    await services.messages.update(viewer, third.id, MessageChanges(content="3!"))
    await services.messages.set_feedback(viewer, third.id, rating=1)
    await services.imports.run(viewer, [chain("b", title="B")])


async def damage(database: Database, statements: Sequence[str]) -> None:
    """Changes the database past its own rules on references."""
    if database.dialect == "sqlite":
        with closing(sqlite3.connect(str(database.url.database))) as file, file:
            for statement in statements:
                file.execute(statement)
        return
    async with database.write() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await connection.execute(text(statement))


async def problems(services: Services) -> list[str]:
    """What the check finds."""
    return [problem async for problem in services.checks.problems()]


async def test_sound_database_has_no_problems(services: Services, stored: None) -> None:
    told: list[str] = []
    assert [problem async for problem in services.checks.problems(told.append)] == []
    assert told == services.checks.names


async def test_empty_database_has_no_problems(services: Services) -> None:
    assert await problems(services) == []


def test_each_check_has_its_damage() -> None:
    assert DAMAGE.keys() == CHECKS.keys()


@pytest.mark.parametrize("name", DAMAGE)
async def test_damage_is_found_and_placed(
    services: Services, database: Database, stored: None, name: str
) -> None:
    await damage(database, DAMAGE[name])
    found = [line for line in await problems(services) if line.endswith(f": {name}")]
    assert found
    assert all("conversation " in line or "message " in line for line in found)
    assert all(line.startswith("owner ana") for line in found) is (name != ORPHANED)


async def test_problem_names_the_row(
    services: Services, database: Database, stored: None, viewer: Viewer
) -> None:
    await damage(database, ["UPDATE messages SET position = 7 WHERE content = 'old'"])
    async with services.store.read(viewer) as unit:
        ids = await unit.exports.ids_after(None, 10)
        rows = [row for each in ids for row in await unit.imports.messages_of(each)]
    [old] = [row for row in rows if row.content == "old"]
    assert await problems(services) == [
        f"owner ana, conversation {old.conversation_id}, message {old.id}: "
        "its position is not its parent's plus one"
    ]


async def test_broken_file_is_found(services: Services, database: Database, stored: None) -> None:
    """An index that lacks an entry: what only the database itself can see."""
    if database.dialect != "sqlite":
        return
    with closing(sqlite3.connect(str(database.url.database))) as file, file:
        file.execute("PRAGMA writable_schema = ON")
        file.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'owner_revision', 'revision')"
            " WHERE name = 'ix_conversations_feed'"
        )
    told: list[str] = []
    async with aclosing(services.checks.problems(told.append)) as problems:
        found = await anext(problems)
    assert told == [DATABASE]
    assert "ix_conversations_feed" in found
