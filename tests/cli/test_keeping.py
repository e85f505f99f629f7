"""Connections between requests, over real sockets and a loop that counts its timers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.support.following import eventually
from tests.support.protocol import Address, spoken

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
IDLE = 1
"""Seconds after which a connection is closed."""
SHORT = 0.4 * IDLE


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, or after longer than a connection may be idle."""
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5 * IDLE)
    await PlainTextResponse("said")(scope, receive, send)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes = REQUEST) -> None:
        """Sends a request and reads its answer."""
        self._writer.write(request)
        assert (await self._reader.readuntil(b"said")).startswith(b"HTTP/1.1 200")

    async def seconds_until_closed(self) -> float:
        """How long the server keeps it."""
        begun = time.monotonic()
        assert await asyncio.wait_for(self._reader.read(), 20) == b""
        self.close()
        return time.monotonic() - begun

    def close(self) -> None:
        """Goes."""
        self._writer.close()


async def connected(address: Address) -> Client:
    """A client that is connected."""
    return Client(*await asyncio.open_connection(*address))


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many timers have been set for a connection that may be idle too long."""
    count = 0
    plain = asyncio.BaseEventLoop.call_later

    def counting(self: Any, delay: float, callback: Any, *given: Any, **named: Any) -> Any:
        nonlocal count
        count += "KeptProtocol" in getattr(callback, "__qualname__", "")
        return plain(self, delay, callback, *given, **named)

    monkeypatch.setattr(asyncio.BaseEventLoop, "call_later", counting)
    return lambda: count


async def test_many_requests_set_one_timer(timers: Callable[[], int]) -> None:
    async with spoken(application, timeout_keep_alive=IDLE) as (_, address):
        client = await connected(address)
        for _ in range(50):
            await client.ask()
        assert timers() == 1
        client.close()


async def test_a_connection_is_closed_once_it_was_idle_for_long() -> None:
    async with spoken(application, timeout_keep_alive=IDLE) as (_, address):
        client = await connected(address)
        await client.ask()
        await asyncio.sleep(SHORT)
        await client.ask()
        # Counted from the last answer, not from the first.
        assert await client.seconds_until_closed() > IDLE - 0.1


async def test_an_answer_that_takes_long_is_no_idle_time() -> None:
    async with spoken(application, timeout_keep_alive=IDLE) as (_, address):
        client = await connected(address)
        await client.ask()
        await client.ask(SLOW)
        await client.ask()
        assert await client.seconds_until_closed() > IDLE - 0.1


async def test_requests_that_are_sent_ahead_are_all_answered() -> None:
    async with spoken(application, timeout_keep_alive=IDLE) as (_, address):
        client = await connected(address)
        await client.ask(REQUEST + SLOW + REQUEST)
        for _ in range(2):
            await client.ask(b"")
        assert await client.seconds_until_closed() > IDLE - 0.1


async def test_nothing_is_kept_of_connections_and_requests_that_are_over() -> None:
    async with spoken(application, timeout_keep_alive=IDLE) as (server, address):
        clients = [await connected(address) for _ in range(3)]
        for client in clients:
            await client.ask()
        assert not server.server_state.tasks
        for client in clients:
            client.close()
        await eventually(lambda: not server.server_state.connections)


async def test_a_server_that_stops_finishes_what_it_is_asked() -> None:
    async with spoken(application, timeout_keep_alive=IDLE) as (server, address):
        client = await connected(address)
        slow = asyncio.create_task(client.ask(SLOW))
        await eventually(lambda: server.server_state.tasks)
        server.should_exit = True
        await slow
        client.close()
