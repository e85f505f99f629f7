"""Texts that are sent at once, over real sockets, between those that ASGI sends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from backend.cli.frames import UNCOMPRESSED, TextsAtOnce
from backend.graphql.sockets import TEXT_AT_ONCE

PATIENCE = 60
LENGTHS = (0, 1, 125, 126, 127, 65_535, 65_536, 100_000)


class End:
    """The server's end of a socket."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.at_once: Callable[[bytes], bool] = scope["extensions"][TEXT_AT_ONCE]["send"]
        self.receive, self.send = receive, send

    async def say(self, text: str) -> None:
        """Sends as ASGI has it."""
        await self.send({"type": "websocket.send", "text": text})


@asynccontextmanager
async def ends(**options: Any) -> AsyncGenerator[tuple[End, ClientConnection]]:
    """Both ends of a socket."""
    opened: asyncio.Queue[End] = asyncio.Queue()
    over = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        opened.put_nowait(End(scope, receive, send))
        await over.wait()

    config = uvicorn.Config(
        app, ws=TextsAtOnce, lifespan="off", log_config=None, http="httptools", access_log=False
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        address = f"ws://127.0.0.1:{listening.getsockname()[1]}"
        async with asyncio.timeout(PATIENCE), connect(address, **options) as client:
            yield await opened.get(), client
            over.set()
        server.should_exit = server.force_exit = True
        await serving


async def test_texts_of_any_length() -> None:
    async with ends(compression=None, max_size=None) as (end, client):
        for length in LENGTHS:
            assert end.at_once(b"x" * length)
            assert await client.recv() == "x" * length
        assert end.at_once("für ☕".encode())
        assert await client.recv() == "für ☕"


async def test_where_compression_was_agreed_on_short_texts_go_as_they_are() -> None:
    texts = [f"{number} " * 100 for number in range(10)]
    async with ends(compression="deflate") as (end, client):
        for text in texts:
            await end.say(text)
            assert end.at_once(text.encode())
            assert [await client.recv(), await client.recv()] == [text, text]
        assert not end.at_once(b"x" * (UNCOMPRESSED + 1))


async def test_what_would_have_to_wait_is_not_sent() -> None:
    async with ends(compression=None, max_size=None) as (end, client):
        sent = 0
        while end.at_once(b"%06d" % sent + b"x" * 10_000):
            sent += 1
            assert sent < 10_000, "what is held for one who does not read has a limit"
        for number in range(sent):
            assert str(await client.recv()).startswith(f"{number:06d}")
        async with asyncio.timeout(PATIENCE):
            while not end.at_once(b"again"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await client.recv() == "again"


@pytest.mark.parametrize("who", ["server", "client"])
async def test_nothing_is_sent_on_a_socket_that_is_closed(who: str) -> None:
    async with ends() as (end, client):
        if who == "server":
            await end.send({"type": "websocket.close", "code": 1000})
        else:
            await client.close()
            closed: Message = await end.receive()
            assert closed["type"] == "websocket.disconnect"
        assert not end.at_once(b"late")
