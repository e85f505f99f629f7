"""A client of graphql-transport-ws that sends what it is told to, good or bad."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.support.servers import Server

PATIENCE = 60.0
PROTOCOL = "graphql-transport-ws"
Json = dict[str, Any]


class Line:
    """One socket; every wait is limited."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, frame: str | bytes | Json) -> None:
        """Sends a frame as it is, or a message."""
        raw = orjson.dumps(frame).decode() if isinstance(frame, dict) else frame
        await self._connection.send(raw)

    async def receive(self) -> Json:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            message: Json = orjson.loads(await self._connection.recv())
        return message

    async def closed(self) -> tuple[int | None, str | None]:
        """The code and the reason it is closed with; messages before that are passed over."""
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    await self._connection.recv()
            except ConnectionClosed:
                return self._connection.close_code, self._connection.close_reason

    async def initialise(self) -> None:
        """Says hello."""
        await self.send({"type": "connection_init"})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(self, name: str, payload: object) -> None:
        """Begins an operation."""
        await self.send({"id": name, "type": "subscribe", "payload": payload})

    async def ask(self, name: str, query: str, **variables: object) -> Json:
        """The data of a query or mutation; whatever else arrives meanwhile is a failure."""
        await self.subscribe(name, {"query": query, "variables": variables})
        answer = await self.receive()
        assert (answer["id"], answer["type"]) == (name, "next"), answer
        assert await self.receive() == {"id": name, "type": "complete"}
        assert "errors" not in answer["payload"], answer
        data: Json = answer["payload"]["data"]
        return data

    async def refused(self, name: str, payload: object) -> list[Json]:
        """The errors an operation is refused with."""
        await self.subscribe(name, payload)
        answer = await self.receive()
        assert (answer["id"], answer["type"]) == (name, "error"), answer
        errors: list[Json] = answer["payload"]
        return errors

    def cut(self) -> None:
        """Breaks the connection without a word."""
        self._connection.transport.abort()


@asynccontextmanager
async def line_to(
    server: Server, *, protocol: str | None = PROTOCOL, initialise: bool = True
) -> AsyncGenerator[Line]:
    """An open socket, by default with the greetings exchanged."""
    protocols = [Subprotocol(protocol)] if protocol else None
    async with connect(
        server.socket_url, subprotocols=protocols, open_timeout=PATIENCE, max_size=None
    ) as connection:
        line = Line(connection)
        if initialise:
            await line.initialise()
        yield line
