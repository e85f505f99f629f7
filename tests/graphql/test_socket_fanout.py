"""Many sockets on one conversation: each told everything once and in order, whoever is slow."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from backend.cli.frames import TextsAtOnce
from backend.config import Settings
from backend.graphql import socket_keeper
from backend.graphql.socket_keeper import SocketTimes
from backend.security.viewer import LOCAL_VIEWER
from backend.services.container import Services
from backend.services.live import change_cursor
from tests.support.apps import served_app
from tests.support.conversations import message_draft, stored_conversation
from tests.support.following import eventually

PATIENCE = 60
FOLLOW = """subscription Follow($conversation: ID!, $after: Cursor) {
  messageAdded(conversationId: $conversation, after: $after) {
    cursor message { content conversation { title } } } }"""
NAMES = ("1", 'a "quoted" one', "täglich ☕", "x" * 300)
MANY = 100
LARGE = "x" * 100_000
FIRST = 1
"""The revision of a conversation without messages; each message makes one more."""
# Of all that a keeper looks at, only reading is short: a slow run is neither pinged nor closed.
TIMES = SocketTimes(initialise=600, ping=600, silent=600, stuck=0.5, farewell=600)
# How a server sends on sockets: ours, and one that knows of no way but ASGI's.
PROTOCOLS: tuple[Any, ...] = (TextsAtOnce, "websockets-sansio")


class Place:
    """A running application with a conversation in it."""

    def __init__(self, services: Services, address: str, conversation: str) -> None:
        self.services = services
        self.address = address
        self.conversation = conversation

    async def add(self, *contents: str) -> None:
        """Adds messages, one after the other."""
        for content in contents:
            drafts = [message_draft(content)]
            await self.services.messages.add(LOCAL_VIEWER, self.conversation, drafts)

    @asynccontextmanager
    async def line(self, **options: Any) -> AsyncGenerator[ClientConnection]:
        """A socket on which the greetings were exchanged."""
        async with connect(
            f"ws://{self.address}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            open_timeout=PATIENCE,
            ping_interval=None,
            **options,
        ) as connection:
            await connection.send('{"type":"connection_init"}')
            assert orjson.loads(await connection.recv()) == {"type": "connection_ack"}
            yield connection

    @asynccontextmanager
    async def slow_line(self) -> AsyncGenerator[ClientConnection]:
        """One that takes little before it is read from."""
        host, port = self.address.split(":")
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
        async with self.line(sock=narrow, max_queue=1, max_size=None, compression=None) as line:
            yield line

    def subscribe(self, name: str, after: str | None = None) -> str:
        """The message by which a client follows."""
        given = {"conversation": self.conversation, "after": after}
        payload = {"query": FOLLOW, "variables": given}
        return orjson.dumps({"id": name, "type": "subscribe", "payload": payload}).decode()

    async def follow(
        self, line: ClientConnection, name: str = "1", after: str | None = None
    ) -> None:
        """Subscribes, and waits until the server knows of it."""
        before = self.services.live.followers
        await line.send(self.subscribe(name, after))
        await eventually(lambda: self.services.live.followers == before + 1)


@asynccontextmanager
async def placed(
    settings: Settings, protocol: Any, patch: pytest.MonkeyPatch, times: SocketTimes = TIMES
) -> AsyncGenerator[Place]:
    """One with little patience for those who do not read."""
    patch.setattr(socket_keeper, "SocketTimes", lambda: times)
    patch.setattr(socket_keeper, "LOOK_EVERY", 0.1)
    async with served_app(settings, ws=protocol, ws_ping_interval=None) as (app, address):
        services: Services = app.state.services
        made = await stored_conversation(services, LOCAL_VIEWER)
        yield Place(services, address, made.id)


@pytest.fixture(params=PROTOCOLS, ids=("at once", "by ASGI"))
async def place(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """One behind each kind of server."""
    async with placed(settings, request.param, monkeypatch) as place:
        yield place


async def heard(line: ClientConnection, count: int, name: str = "1") -> list[str]:
    """The texts of the next so many messages."""
    contents = []
    async with asyncio.timeout(PATIENCE):
        for _ in range(count):
            message = orjson.loads(await line.recv())
            assert (message["id"], message["type"]) == (name, "next"), message
            contents.append(message["payload"]["data"]["messageAdded"]["message"]["content"])
    return contents


async def until_closed(line: ClientConnection) -> list[str]:
    """The texts of all messages that still come."""
    contents: list[str] = []
    with suppress(ConnectionClosed):
        while True:
            contents += await heard(line, 1)
    return contents


def texts(count: int, start: int = 0) -> list[str]:
    return [str(number) for number in range(start, start + count)]


async def test_each_hears_everything_under_its_own_id(place: Place) -> None:
    async with AsyncExitStack() as stack:
        lines = []
        for name in NAMES * 3:
            line = await stack.enter_async_context(place.line())
            await place.follow(line, name)
            lines.append((name, line))
        await place.add(*texts(20))
        for name, line in lines:
            assert await heard(line, 20, name) == texts(20)


async def test_an_id_that_is_used_again_hears_nothing_of_what_it_was_before(place: Place) -> None:
    async with place.line() as other, place.line() as line:
        await place.follow(other)
        await place.follow(line)
        for text in texts(100):
            adding = asyncio.create_task(place.add(text))
            await line.send('{"id":"1","type":"complete"}')
            await line.send(place.subscribe("1"))
            await adding
        # Where the last of them begins is not known, and the next message may come before it.
        await line.send('{"id":"1","type":"complete"}')
        await line.send(place.subscribe("1", change_cursor(place.conversation, FIRST + 100)))
        await place.add("100")
        found = [0]
        while found[-1] < 100:
            found += map(int, await heard(line, 1))
        assert found[1:] == sorted(set(found[1:]))
        assert await heard(other, 101) == texts(101)


async def test_one_that_comes_back_goes_on_from_its_cursor_among_the_others(place: Place) -> None:
    async with place.line() as steady, place.line() as line:
        await place.follow(steady)
        adding = asyncio.create_task(place.add(*texts(60)))
        cursor = change_cursor(place.conversation, FIRST)
        await place.follow(line, "back", cursor)
        assert await heard(line, 60, "back") == texts(60)
        await adding
        assert await heard(steady, 60) == texts(60)


async def test_one_that_does_not_read_slows_nobody_and_is_closed(place: Place) -> None:
    async with place.line(max_size=None) as quick, place.slow_line() as slow:
        await place.follow(quick)
        await place.follow(slow)
        for number in range(MANY):
            await place.add(f"{number} {LARGE}")
            assert await heard(quick, 1) == [f"{number} {LARGE}"]
        await asyncio.sleep(1)
        numbers = [int(text.split()[0]) for text in await until_closed(slow)]
        assert slow.close_code == 4413
        assert numbers == list(range(len(numbers)))
        assert len(numbers) < MANY
        await place.add("after")
        assert await heard(quick, 1) == ["after"]


async def test_one_that_never_reads_is_cut_off(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the word that it is over goes out to him: what he holds is taken back."""
    times = replace(TIMES, farewell=0.5)
    async with placed(settings, TextsAtOnce, monkeypatch, times) as place:
        async with place.slow_line() as slow:
            await place.follow(slow)
            for _ in range(MANY):
                await place.add(LARGE)
            await eventually(lambda: place.services.live.followers == 0)
            texts = await until_closed(slow)
        assert slow.close_code == 1006
        assert len(texts) < MANY
