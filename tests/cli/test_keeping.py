"""Connections between requests, over real sockets and a loop whose time the tests put forward."""

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
IDLE = 600
"""Seconds after which a connection is closed: no test lasts as long."""
PATIENCE = 60


class Application:
    """Answers at once, or to a slow request once it is told to."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            self.begun.set()
            await self.go_on.wait()
        await PlainTextResponse("said")(scope, receive, send)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes = REQUEST) -> None:
        """Sends a request and reads its answer."""
        self._writer.write(request)
        assert (await self._reader.readuntil(b"said")).startswith(b"HTTP/1.1 200")

    async def is_closed(self) -> None:
        """Waits for the server to close it."""
        assert await asyncio.wait_for(self._reader.read(), PATIENCE) == b""
        self.close()

    def close(self) -> None:
        """Goes."""
        self._writer.close()


async def connected(address: Address) -> Client:
    """A client that is connected."""
    return Client(*await asyncio.open_connection(*address))


class Clock:
    """The loop's time, which is put forward by more than passes."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def time(self) -> float:
        """Seconds, as the loop counts them."""
        return time.monotonic() + self._ahead

    async def forward(self, seconds: float) -> None:
        """Returns when every timer has run whose time has come by then."""
        self._ahead += seconds
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the loop takes for the time."""
    clock = Clock()
    monkeypatch.setattr(asyncio.BaseEventLoop, "time", clock.time)
    return clock


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
    async with spoken(Application(), timeout_keep_alive=IDLE) as (_, address):
        client = await connected(address)
        for _ in range(50):
            await client.ask()
        assert timers() == 1
        client.close()


async def test_a_connection_is_closed_once_it_was_idle_for_long(clock: Clock) -> None:
    async with spoken(Application(), timeout_keep_alive=IDLE) as (_, address):
        client = await connected(address)
        # Counted from the last answer, not from the first.
        for _ in range(3):
            await client.ask()
            await clock.forward(0.7 * IDLE)
        await client.ask()
        await clock.forward(IDLE)
        await client.is_closed()


async def test_an_answer_that_takes_long_is_no_idle_time(clock: Clock) -> None:
    application = Application()
    async with spoken(application, timeout_keep_alive=IDLE) as (_, address):
        client = await connected(address)
        await client.ask()
        slow = asyncio.create_task(client.ask(SLOW))
        await application.begun.wait()
        await clock.forward(1.5 * IDLE)
        application.go_on.set()
        await slow
        await clock.forward(0.7 * IDLE)
        await client.ask()
        await clock.forward(IDLE)
        await client.is_closed()


async def test_requests_that_are_sent_ahead_are_all_answered(clock: Clock) -> None:
    application = Application()
    async with spoken(application, timeout_keep_alive=IDLE) as (_, address):
        client = await connected(address)
        await client.ask(REQUEST + SLOW + REQUEST)
        await application.begun.wait()
        await clock.forward(1.5 * IDLE)
        application.go_on.set()
        for _ in range(2):
            await client.ask(b"")
        await clock.forward(0.7 * IDLE)
        await client.ask()
        await clock.forward(IDLE)
        await client.is_closed()


async def test_nothing_is_kept_of_connections_and_requests_that_are_over() -> None:
    async with spoken(Application(), timeout_keep_alive=IDLE) as (server, address):
        clients = [await connected(address) for _ in range(3)]
        for client in clients:
            await client.ask()
        assert not server.server_state.tasks
        for client in clients:
            client.close()
        await eventually(lambda: not server.server_state.connections)


async def test_a_server_that_stops_finishes_what_it_is_asked() -> None:
    application = Application()
    async with spoken(application, timeout_keep_alive=IDLE) as (server, address):
        client = await connected(address)
        slow = asyncio.create_task(client.ask(SLOW))
        await application.begun.wait()
        assert server.server_state.tasks
        server.should_exit = True
        await eventually(lambda: not server.servers[0].is_serving())
        application.go_on.set()
        await slow
        client.close()
