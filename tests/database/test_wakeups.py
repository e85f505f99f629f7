"""Processes on one database hear of each other's changes, and miss none while they cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from backend.config import Settings
from backend.database.wakeups import CHANNEL, PostgresBus
from backend.security.viewer import LOCAL_VIEWER, Viewer
from backend.services import live
from backend.services.container import Services
from tests.support.conversations import message_draft, say, stored_conversation
from tests.support.following import content_of, eventually
from tests.support.nodes import follower, node
from tests.support.processes import python_module, read_line, write_line

NEVER = 3600.0


@pytest.fixture
def url(settings: Settings) -> str:
    """The address of a database of the test's own."""
    return settings.database_url


@pytest.fixture
async def near(url: str) -> AsyncIterator[Services]:
    """A server that writes."""
    async with node(url) as services:
        yield services


@pytest.fixture
async def far(url: str) -> AsyncIterator[Services]:
    """A server whose clients follow."""
    async with node(url) as services:
        yield services


@pytest.fixture
async def payloads(url: str) -> AsyncIterator[list[str]]:
    """All that is announced."""
    connection = await asyncpg.connect(url)
    heard: list[str] = []
    await connection.add_listener(CHANNEL, lambda *given: heard.append(given[3]))
    yield heard
    await connection.close()


@pytest.fixture
def announced(payloads: list[str]) -> Callable[[str], Awaitable[None]]:
    """Waits until a conversation has been announced: who listens from then on has missed that."""

    async def wait(conversation_id: str) -> None:
        await eventually(lambda: any(conversation_id in each for each in payloads))

    return wait


@pytest.fixture
def _unpolled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks by himself: what is heard, the bus has told."""
    monkeypatch.setattr(live, "POLL_SECONDS", NEVER)


@pytest.mark.usefixtures("_unpolled")
async def test_another_servers_change_is_heard(
    near: Services, far: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(near, viewer)
    waiting = await follower(far, viewer, made.id, 20)
    for number in range(20):
        await say(near, viewer, made.id, str(number))
    assert [content_of(change) for change in await waiting] == [str(each) for each in range(20)]


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("_unpolled")
async def test_another_processs_change_is_heard(url: str, far: Services) -> None:
    made = await stored_conversation(far, LOCAL_VIEWER)
    with python_module("tests.database.adding_process", url, made.id) as process:
        assert await asyncio.to_thread(read_line, process) == "ready"
        waiting = await follower(far, LOCAL_VIEWER, made.id, 3)
        for text in ("one", "two", "three"):
            write_line(process, text)
            assert await asyncio.to_thread(read_line, process) == "stored"
        assert [content_of(change) for change in await waiting] == ["one", "two", "three"]


@pytest.mark.usefixtures("_unpolled")
async def test_the_list_hears_of_other_servers_too(
    near: Services, far: Services, viewer: Viewer
) -> None:
    await stored_conversation(near, viewer)

    async def first_change() -> str:
        async for change in far.live.owner(viewer, None):
            return change.record.subject_id
        raise AssertionError

    waiting = asyncio.create_task(first_change())
    await eventually(lambda: far.live.followers)
    made = await stored_conversation(near, viewer)
    assert await waiting == made.id


async def test_nobody_looks_while_nobody_follows(
    near: Services, far: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(near, viewer)
    assert not looking()
    waiting = await follower(far, viewer, made.id)
    assert {"LiveService._poll_while_followed", "Feed._run"} <= looking()
    await say(near, viewer, made.id, "enough")
    await waiting
    # The poll notices at its next turn that it is needed no more.
    await eventually(lambda: not looking())


def looking() -> set[str]:
    """What goes on because somebody follows."""
    names = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
    return {name for name in names if name.startswith(("LiveService.", "Feed.", "SqliteBus."))}


def test_a_lost_wake_up_delays_by_less_than_two_seconds() -> None:
    assert live.POLL_SECONDS < 2


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_broken_connection_loses_nothing(
    url: str, near: Services, far: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(near, viewer)
    waiting = await follower(far, viewer, made.id, 6)
    connection = await asyncpg.connect(url)
    try:
        for number in range(6):
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query ILIKE '%LISTEN%' AND pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
            await near.messages.add(viewer, made.id, [message_draft(str(number))])
        assert [content_of(change) for change in await waiting] == list("012345")
        await connection.execute("SELECT 1")
    finally:
        await connection.close()


@pytest.mark.usefixtures("_unpolled")
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_what_was_committed_while_disconnected_is_found_on_return(
    url: str, near: Services, far: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(near, viewer)
    waiting = await follower(far, viewer, made.id)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query ILIKE '%LISTEN%' AND pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
    finally:
        await connection.close()
    await say(near, viewer, made.id, "unheard")
    assert [content_of(change) for change in await waiting] == ["unheard"]


@pytest.mark.usefixtures("_unpolled")
@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_a_process_hears_of_others_only_while_somebody_follows(
    near: Services,
    far: Services,
    viewer: Viewer,
    announced: Callable[[str], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []
    bus = far.store.bus
    assert isinstance(bus, PostgresBus)
    monkeypatch.setattr(bus, "deliver", lambda change: heard.append(change.conversation_id))
    unfollowed = await stored_conversation(near, viewer)
    await announced(unfollowed.id)
    for _ in range(2):
        made = await stored_conversation(near, viewer)
        bus.attend(True)
        while made.id not in heard:
            await say(near, viewer, made.id, "Is anybody there?")
            await asyncio.sleep(0.01)
        bus.attend(False)
        # What is announced before it has taken effect is heard still.
        while True:
            count = len(heard)
            await say(near, viewer, made.id, "And now?")
            await asyncio.sleep(0.1)
            if len(heard) == count:
                break
    assert unfollowed.id not in heard


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
async def test_announcements_carry_no_text(
    payloads: list[str], near: Services, viewer: Viewer
) -> None:
    made = await stored_conversation(near, viewer, title="A secret title")
    await say(near, viewer, made.id, "A secret text")
    # In one announcement or in two.
    await eventually(lambda: "".join(payloads).count(made.id) >= 2)
    assert all(made.id in payload for payload in payloads)
    assert "secret" not in "".join(payloads)
