"""Short writes on SQLite that share their commits."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from backend.config import Settings
from backend.database.database import Database
from backend.database.groups import GroupWriter
from backend.errors import NotFound
from backend.ids import new_id
from backend.repositories.store import TakesLong
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.support.conversations import contents, message_draft, say, stored_conversation
from tests.support.databases import SqliteDatabases, settings_for
from tests.support.invariants import sound_conversation

ADD = text("INSERT INTO owners (name, revision, created_at) VALUES (:name, 0, '2026-01-01')")
NAMES = text("SELECT name FROM owners ORDER BY id")
ORPHAN = text(
    "INSERT INTO conversation_tags (owner_id, conversation_id, tag, ordinal) "
    f"VALUES (1, '{new_id()}', 'a', 0)"
)


@pytest.fixture
def settings(sqlite_databases: SqliteDatabases) -> Settings:
    return settings_for(sqlite_databases.clone())


@pytest.fixture
def groups(database: Database) -> GroupWriter:
    """The writer behind the door for short writes."""
    assert database._groups is not None
    return database._groups


async def add(database: Database, name: str) -> None:
    async with database.write(short=True) as connection:
        await connection.execute(ADD, {"name": name})


async def fail(database: Database, name: str) -> None:
    async with database.write(short=True) as connection:
        await connection.execute(ADD, {"name": name})
        raise NotFound(f"{name} is not to be")


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(NAMES))


class Hold:
    """Lets a write go on that keeps its turn."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()


async def hold(database: Database, until: Hold) -> None:
    """A short write that keeps its turn until it is told to go on."""
    async with database.write(short=True):
        until.begun.set()
        await until.go.wait()


async def test_writes_that_come_together_share_a_commit(
    database: Database, groups: GroupWriter
) -> None:
    await asyncio.gather(*(add(database, str(number)) for number in range(20)))
    assert sorted(await names(database), key=int) == [str(number) for number in range(20)]
    assert groups.commits <= 2


async def test_one_after_the_other_they_have_their_own(
    database: Database, groups: GroupWriter
) -> None:
    for number in range(3):
        await add(database, str(number))
        assert len(await names(database)) == number + 1
    assert groups.commits == 3


async def test_one_that_fails_takes_nothing_of_the_others(database: Database) -> None:
    together = [add(database, "a"), fail(database, "b"), add(database, "c"), fail(database, "d")]
    ended = await asyncio.gather(*together, return_exceptions=True)
    assert [type(each) for each in ended] == [type(None), NotFound, type(None), NotFound]
    assert await names(database) == ["a", "c"]


async def test_a_statement_that_is_refused_takes_nothing_of_the_others(
    database: Database,
) -> None:
    together = [add(database, "a"), add(database, "a"), add(database, "c")]
    ended = await asyncio.gather(*together, return_exceptions=True)
    assert [type(each) for each in ended] == [type(None), IntegrityError, type(None)]
    assert await names(database) == ["a", "c"]


Work = Callable[[Database, str], Coroutine[None, None, None]]


@pytest.mark.parametrize("work", [add, fail])
async def test_nothing_is_told_before_the_commit(
    database: Database,
    groups: GroupWriter,
    work: Callable[[Database, str], Coroutine[None, None, None]],
) -> None:
    """Nor an error: it may come of what others of the group have written."""
    first, second = Hold(), Hold()
    begun = asyncio.create_task(hold(database, first))
    await first.begun.wait()
    # The first one's commit has asked for its turn before these two: they are a group of their own.
    told = asyncio.create_task(work(database, "a"))
    held = asyncio.create_task(hold(database, second))
    await asyncio.sleep(0)
    first.go.set()
    await second.begun.wait()
    assert (groups.commits, begun.done(), told.done()) == (1, True, False)
    second.go.set()
    await asyncio.gather(told, held, return_exceptions=True)
    assert groups.commits == 2


async def test_one_that_is_cancelled_is_undone_alone(database: Database) -> None:
    async def linger() -> None:
        async with database.write(short=True) as connection:
            await connection.execute(ADD, {"name": "b"})
            await asyncio.sleep(60)

    first, second = asyncio.create_task(add(database, "a")), asyncio.create_task(linger())
    third = asyncio.create_task(add(database, "c"))
    for _ in range(5):
        await asyncio.sleep(0)
    second.cancel()
    ended = await asyncio.gather(first, second, third, return_exceptions=True)
    assert [type(each) for each in ended] == [type(None), asyncio.CancelledError, type(None)]
    assert await names(database) == ["a", "c"]


async def test_who_gives_up_waiting_leaves_the_others_their_commit(database: Database) -> None:
    held = Hold()
    impatient = asyncio.create_task(add(database, "a"))
    patient = asyncio.create_task(hold(database, held))
    await held.begun.wait()
    impatient.cancel()
    held.go.set()
    ended = await asyncio.gather(impatient, patient, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError, type(None)]
    assert await names(database) == ["a"]


async def test_a_commit_that_fails_is_told_to_all_and_leaves_nothing(database: Database) -> None:
    async def orphan() -> None:
        async with database.write(short=True) as connection:
            # Checked at the commit, as a full disk may show there.
            await connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            await connection.execute(ORPHAN)

    together = [add(database, "a"), orphan(), fail(database, "b")]
    ended = await asyncio.gather(*together, return_exceptions=True)
    assert [type(each) for each in ended] == [IntegrityError] * 3
    assert await names(database) == []
    await add(database, "c")
    assert await names(database) == ["c"]


async def test_an_error_that_undoes_the_whole_group_is_told_to_all(database: Database) -> None:
    async def lose() -> None:
        async with database.write(short=True) as connection:
            await connection.execute(text("ROLLBACK"))
            raise RuntimeError("lost")

    together = [add(database, "a"), lose(), add(database, "c")]
    ended = await asyncio.gather(*together, return_exceptions=True)
    assert [type(each) for each in ended] == [OperationalError, RuntimeError, type(None)]
    assert await names(database) == ["c"]


async def test_another_process_s_lock_keeps_nobody_else_waiting(
    database: Database, groups: GroupWriter
) -> None:
    groups._lock_patience = 60
    other = sqlite3.connect(str(database.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    adding = asyncio.create_task(add(database, "a"))
    for _ in range(20):
        await asyncio.sleep(0)
        assert await names(database) == []
    assert not adding.done()
    other.execute("ROLLBACK")
    await adding
    assert await names(database) == ["a"]
    other.close()


async def test_a_lock_that_is_never_given_up_ends_in_an_error(
    database: Database, groups: GroupWriter
) -> None:
    other = sqlite3.connect(str(database.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    groups._lock_patience = 0.02
    with pytest.raises(OperationalError, match="locked"):
        await add(database, "a")
    other.execute("ROLLBACK")
    other.close()
    await add(database, "a")


async def test_long_and_short_writes_have_their_turns(database: Database) -> None:
    async def add_long(name: str) -> None:
        async with database.write() as connection:
            await connection.execute(ADD, {"name": name})
            await asyncio.sleep(0)

    await asyncio.gather(
        *(add(database, f"short {n}") if n % 3 else add_long(f"long {n}") for n in range(15))
    )
    assert len(await names(database)) == 15


async def test_closing_commits_what_is_under_way(database: Database) -> None:
    adding = asyncio.create_task(add(database, "a"))
    await asyncio.sleep(0)
    await database.close()
    await adding
    assert await names(database) == ["a"]


async def test_what_turns_out_to_take_long_is_begun_anew(
    services: Services, viewer: Viewer, database: Database
) -> None:
    made = await stored_conversation(services, viewer, messages=4)
    tries: list[bool] = []
    write = services.store.database.write

    def noted(*, short: bool = False) -> object:
        tries.append(short)
        return write(short=short)

    services.store.database.write = noted  # type: ignore[method-assign,assignment]
    drafts = [message_draft("anew")]
    await services.messages.add(viewer, made.id, drafts, new_root=True)
    assert tries == [True, False]
    stored = await sound_conversation(services.store, viewer, made.id)
    assert contents(stored.active) == ["anew"]
    async with services.store.write(viewer, short=True) as unit:
        with pytest.raises(TakesLong):
            _ = unit.segments


async def test_many_writers_of_one_conversation(
    services: Services, viewer: Viewer, groups: GroupWriter
) -> None:
    made = await stored_conversation(services, viewer)
    before = groups.commits
    await asyncio.gather(*(say(services, viewer, made.id, str(n)) for n in range(40)))
    stored = await sound_conversation(services.store, viewer, made.id)
    assert sorted(contents(stored.active), key=int) == [str(n) for n in range(40)]
    assert groups.commits - before <= 4


async def test_the_loop_goes_on_while_a_commit_waits_for_the_disk(
    database: Database, groups: GroupWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, loop = groups._run, asyncio.get_running_loop()
    begun, disk = asyncio.Event(), threading.Event()

    def slowly(statement: str) -> None:
        if statement == "COMMIT":
            loop.call_soon_threadsafe(begun.set)
            assert disk.wait(60), "the loop stands still"
        run(statement)

    monkeypatch.setattr(groups, "_run", slowly)
    adding = asyncio.create_task(add(database, "a"))
    await begun.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not adding.done()
    disk.set()
    await adding
    assert groups.commits == 1
