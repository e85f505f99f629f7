"""Announcements over a real Redis, which may go away and come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from backend.config import Settings
from backend.events.changes import ConversationChanged
from backend.events.redis import CHANNEL, RedisBus
from backend.security.viewer import Viewer
from backend.services import live
from tests.support.conversations import say, stored_conversation
from tests.support.following import content_of, eventually
from tests.support.nodes import follower, node
from tests.support.redis import RedisServer, redis_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of the test's own."""
    with redis_server(tmp_path) as server:
        yield server


class Ears:
    """What a bus told."""

    def __init__(self, bus: RedisBus) -> None:
        self.heard: list[ConversationChanged] = []
        self.hints = 0
        bus.listen(self.heard.append, self._hint)

    def _hint(self) -> None:
        self.hints += 1


@asynccontextmanager
async def bus_on(server: RedisServer) -> AsyncIterator[tuple[RedisBus, Ears]]:
    bus = RedisBus(server.url)
    ears = Ears(bus)
    await bus.start()
    try:
        await eventually(lambda: ears.hints)  # it hears; a start waits for that, but not for ever
        yield bus, ears
    finally:
        await bus.close()


def change(revision: int) -> ConversationChanged:
    return ConversationChanged(1, "01939b3c-7a52-7c4e-9d3b-2f6a1c8e5d40", revision, revision)


async def test_what_one_process_announces_all_hear_once(server: RedisServer) -> None:
    async with bus_on(server) as (one, near), bus_on(server) as (_, far), bus_on(server) as third:
        one.publish([change(1), change(2)])
        one.publish([change(3)])
        expected = [change(1), change(2), change(3)]
        assert near.heard == expected
        await eventually(lambda: len(far.heard) == len(third[1].heard) == 3)
        assert far.heard == third[1].heard == expected
        assert near.heard == expected


async def test_a_server_that_goes_and_comes_back_is_heard_again(server: RedisServer) -> None:
    async with bus_on(server) as (one, near), bus_on(server) as (_, far):
        server.kill()
        one.publish([change(1)])
        assert near.heard == [change(1)]
        hints = far.hints
        server.start()
        await eventually(lambda: far.hints > hints)  # what was lost is found by looking

        def heard_again() -> bool:
            one.publish([change(2)])
            return change(2) in far.heard

        await eventually(heard_again)


async def test_what_is_no_announcement_is_passed_over(server: RedisServer) -> None:
    async with (
        bus_on(server) as (one, _),
        bus_on(server) as (_, far),
        Redis(port=server.port) as stranger,
    ):
        for damaged in (
            "",
            "[]",
            "null",
            '["x",[[1]]]',
            "\udcff".encode("utf-8", "surrogateescape"),
        ):
            await stranger.publish(CHANNEL, damaged)
        one.publish([change(1)])
        await eventually(lambda: far.heard)
        assert far.heard == [change(1)]


async def test_servers_over_one_database_hear_each_other(
    server: RedisServer, settings: Settings, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "POLL_SECONDS", 3600.0)
    url = settings.database_url
    async with (
        node(url, lambda _: RedisBus(server.url)) as near,
        node(url, lambda _: RedisBus(server.url)) as far,
    ):
        made = await stored_conversation(near, viewer)
        waiting = await follower(far, viewer, made.id, 5)
        for number in range(5):
            await say(near, viewer, made.id, str(number))
        assert [content_of(each) for each in await waiting] == list("01234")


async def test_changes_are_seen_though_redis_is_down(
    server: RedisServer, settings: Settings, viewer: Viewer
) -> None:
    url = settings.database_url
    async with (
        node(url, lambda _: RedisBus(server.url)) as near,
        node(url, lambda _: RedisBus(server.url)) as far,
    ):
        made = await stored_conversation(near, viewer)
        waiting = await follower(far, viewer, made.id, 3)
        await say(near, viewer, made.id, "up")
        server.kill()
        await say(near, viewer, made.id, "down")
        server.start()
        await say(near, viewer, made.id, "up again")
        assert [content_of(each) for each in await waiting] == ["up", "down", "up again"]
