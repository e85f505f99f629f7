"""Those who follow a conversation, each over one of the transports, with a cursor to go on from."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.support.servers import Server

FOLLOW = """subscription($conversation: ID!, $after: Cursor) {
  messageAdded(conversationId: $conversation, after: $after) { cursor message { id } } }"""
MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'
PROTOCOL = Subprotocol("graphql-transport-ws")
LINE_SECONDS = 30


@dataclass
class Heard:
    """What one follower was told: ids in order, and the revisions in their cursors."""

    ids: list[str] = field(default_factory=list)
    revisions: list[int] = field(default_factory=list)
    cursor: str | None = None

    def take(self, message: str, cursor: str) -> None:
        """Notes an added message."""
        self.ids.append(message)
        self.cursor = cursor
        raw = base64.urlsafe_b64decode(cursor + "==")
        self.revisions.append(orjson.loads(raw[2:])[1])

    def take_answer(self, answer: dict[str, Any]) -> None:
        """Notes what a subscription's answer tells; one that only says there is an error, not."""
        if answer.get("data"):
            event = answer["data"]["messageAdded"]
            self.take(event["message"]["id"], event["cursor"])


Follow = Callable[[Server, str, Heard], Awaitable[None]]


async def over_socket(server: Server, conversation: str, heard: Heard) -> None:
    """By graphql-transport-ws."""
    payload = {"query": FOLLOW, "variables": _variables(conversation, heard)}
    async with connect(server.socket_url, subprotocols=[PROTOCOL]) as line:
        await line.send('{"type":"connection_init"}')
        await line.recv()
        await line.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
        async for frame in line:
            message = orjson.loads(frame)
            if message["type"] == "next":
                heard.take_answer(message["payload"])
            elif message["type"] in ("error", "complete"):
                return


async def over_events(server: Server, conversation: str, heard: Heard) -> None:
    """By server-sent events of GraphQL, resumed as browsers do."""
    headers = {"accept": "text/event-stream"}
    if heard.cursor:
        headers["last-event-id"] = heard.cursor
    body = {"query": FOLLOW, "variables": {"conversation": conversation}}
    async with _lines("POST", f"{server.url}/graphql", json=body, headers=headers) as lines:
        async for line in lines:
            if line.startswith("data:") and len(line) > len("data: "):
                heard.take_answer(orjson.loads(line[5:]))


async def over_multipart(server: Server, conversation: str, heard: Heard) -> None:
    """By the parts that Apollo Client reads."""
    body = {"query": FOLLOW, "variables": _variables(conversation, heard)}
    headers = {"accept": MULTIPART}
    async with _lines("POST", f"{server.url}/graphql", json=body, headers=headers) as lines:
        async for line in lines:
            if line.startswith("{") and line != "{}":
                heard.take_answer(orjson.loads(line).get("payload") or {})


async def over_rest(server: Server, conversation: str, heard: Heard) -> None:
    """By the plain event stream of a chat."""
    headers = {"last-event-id": heard.cursor} if heard.cursor else {}
    name = cursor = ""
    url = f"{server.url}/api/chats/{conversation}/events"
    async with _lines("GET", url, headers=headers) as lines:
        async for line in lines:
            field_name, _, value = line.partition(": ")
            if field_name == "event":
                name = value
            elif field_name == "id":
                cursor = value
            elif field_name == "data" and name == "message_added":
                heard.take(orjson.loads(value)["id"], cursor)


TRANSPORTS: dict[str, Follow] = {
    "socket": over_socket,
    "events": over_events,
    "multipart": over_multipart,
    "rest": over_rest,
}


def beginning(conversation: str) -> str:
    """The cursor right after a conversation was made."""
    raw = b"1e" + orjson.dumps([conversation, 1])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _variables(conversation: str, heard: Heard) -> dict[str, str | None]:
    return {"conversation": conversation, "after": heard.cursor}


@asynccontextmanager
async def _lines(method: str, url: str, **given: Any) -> AsyncIterator[AsyncIterator[str]]:
    async with (
        httpx.AsyncClient(timeout=LINE_SECONDS) as client,
        client.stream(method, url, **given) as answer,
    ):
        yield answer.aiter_lines()
