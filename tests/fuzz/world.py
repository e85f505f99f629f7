"""The whole application in this process, and the ways to ask it something strange."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette

from backend.config import Settings
from tests.support.apps import client_of, running_app

PATIENCE = 60
CHAT = "01939b3c-7a52-7c4e-8d3b-0000000000a1"
MESSAGE = "01939b3c-7a52-7c4e-8d3b-0000000000a2"
SOCKET = {
    "type": "websocket",
    "path": "/graphql",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "client": ("127.0.0.1", 1),
    "server": ("localhost", 80),
    "scheme": "ws",
    "subprotocols": ["graphql-transport-ws"],
}


TOLD = ("connection_ack", "ping", "pong", "next", "error", "complete")
CLOSED = (1013, 4400, 4401, 4403, 4408, 4409, 4429)
"""What a socket may be told, and closed with: where the machine pauses, also for saying nothing."""


class Alarm(logging.Handler):
    """Keeps what is logged of things that nobody expected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.name}: {record.getMessage()} {record.exc_info}")


class World:
    """A running server with one conversation in it. What it may not do fails an assertion."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient, alarm: Alarm) -> None:
        self._app = app
        self._client = client
        self._alarm = alarm

    async def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """An answer, which is no failure of the server's."""
        async with asyncio.timeout(PATIENCE):
            answer = await self._client.request(method, path, **sent)
        assert answer.status_code < 500, (method, path, sent, answer.text)
        assert b'"INTERNAL"' not in answer.content, (method, path, sent, answer.text)
        self.check_quiet()
        return answer

    async def say(self, frames: list[str | bytes]) -> None:
        """Sends frames on a socket of their own, which goes on or is closed with a reason."""
        client = _SocketClient(frames)
        async with asyncio.timeout(PATIENCE):
            await self._app(dict(SOCKET), client.receive, client.send)
        for text in client.heard:
            message = orjson.loads(text)
            assert message["type"] in TOLD
            assert '"INTERNAL"' not in text, (frames, text)
        assert client.code is None or client.code in CLOSED, (frames, client.code)
        self.check_quiet()

    def check_quiet(self) -> None:
        """Fails where something was logged that nobody expected."""
        assert not self._alarm.heard, self._alarm.heard


class _SocketClient:
    """Says what it has to say, waits for quiet, and hangs up."""

    def __init__(self, frames: list[str | bytes]) -> None:
        self._left = list(reversed(frames))
        self._opened = False
        self.heard: list[str] = []
        self.code: int | None = None

    async def receive(self) -> Any:
        if not self._opened:
            self._opened = True
            return {"type": "websocket.connect"}
        if self._left and self.code is None:
            frame = self._left.pop()
            kind = "text" if isinstance(frame, str) else "bytes"
            return {"type": "websocket.receive", kind: frame}
        for _ in range(50):
            await asyncio.sleep(0)
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self.heard.append(message["text"])
        elif message["type"] == "websocket.close":
            self.code = message["code"]


@asynccontextmanager
async def running_world(settings: Settings) -> AsyncGenerator[World]:
    """The application over a database that is its own, with a chat in it."""
    alarm = Alarm()
    logging.getLogger().addHandler(alarm)
    body = {
        "id": CHAT,
        "title": "A chat",
        "messages": [{"id": MESSAGE, "role": "user", "content": "Hi"}],
    }
    try:
        async with running_app(settings) as app, client_of(app) as client:
            world = World(app, client, alarm)
            assert (await world.ask("POST", "/api/chats", json=body)).status_code == 201
            yield world
            world.check_quiet()
    finally:
        logging.getLogger().removeHandler(alarm)
