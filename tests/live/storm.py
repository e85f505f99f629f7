"""Writers and followers on several servers over one database, while servers are killed.

    python -m tests.live.storm --database URL --seconds 300

Every follower must end with every acknowledged message exactly once and in the order of revisions,
whatever was cut or killed in between. Prints what happened; exits with 1 where it does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from backend.ids import new_id
from tests.support.servers import Server, graphql, running_servers

CREATE = 'mutation { createConversation(input: {title: "Storm"}) { conversation { id } } }'
ADD = """mutation($input: AddMessageInput!) { addMessage(input: $input) {
  message { id } userErrors { code message } } }"""
FOLLOW = """subscription($conversation: ID!, $after: Cursor) {
  messageAdded(conversationId: $conversation, after: $after) { cursor message { id } } }"""
QUIET_SECONDS = 90.0
"""Those who wait go on as soon as everybody has heard everything."""
BROKEN = (OSError, httpx.HTTPError, WebSocketException, TimeoutError, EOFError)


@dataclass
class Storm:
    """What is known from outside: who was acknowledged, who was told what."""

    servers: list[Server]
    conversation: str
    seed: int = 0
    acknowledged: list[str] = field(default_factory=list)
    over: bool = False
    breaks: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def any_server(self) -> Server:
        """One of the servers, by chance."""
        return self.chance.choice(self.servers)


@dataclass
class Heard:
    """What one follower was told: ids in order, and the revisions in their cursors."""

    ids: list[str] = field(default_factory=list)
    revisions: list[int] = field(default_factory=list)
    cursor: str | None = None

    def take(self, event: dict[str, Any]) -> None:
        """Notes an event."""
        self.ids.append(event["message"]["id"])
        self.cursor = event["cursor"]
        raw = base64.urlsafe_b64decode(event["cursor"] + "==")
        self.revisions.append(orjson.loads(raw[2:])[1])


async def write(storm: Storm) -> None:
    """Adds messages, each again and again under its own id until it is acknowledged."""
    async with httpx.AsyncClient(timeout=5) as client:
        while not storm.over:
            message = new_id()
            given = {"conversationId": storm.conversation, "id": message, "role": "USER"}
            body = {"query": ADD, "variables": {"input": {**given, "content": message}}}
            while not await _acknowledged(storm, client, body):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            storm.acknowledged.append(message)
            await asyncio.sleep(storm.chance.random() * 0.2)


async def _acknowledged(storm: Storm, client: httpx.AsyncClient, body: dict[str, Any]) -> bool:
    try:
        answer = await client.post(f"{storm.any_server().url}/graphql", json=body)
        payload = answer.json()["data"]["addMessage"]
    except (*BROKEN, ValueError, KeyError, TypeError):
        storm.breaks["write"] += 1
        return False
    return payload["message"] is not None


async def follow(storm: Storm, transport: str, heard: Heard) -> None:
    """Follows until it is told to go, from the last cursor whenever the line breaks."""
    run = {"socket": _over_socket, "events": _over_events}[transport]
    while True:
        try:
            # Lines are cut now and then even where no server dies.
            async with asyncio.timeout(1 + storm.chance.random() * 6):
                await run(storm, storm.any_server(), heard)
        except BROKEN:
            storm.breaks[transport] += 1
            await asyncio.sleep(0.05)


async def _over_socket(storm: Storm, server: Server, heard: Heard) -> None:
    variables = {"conversation": storm.conversation, "after": heard.cursor}
    payload = {"query": FOLLOW, "variables": variables}
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(server.socket_url, subprotocols=[protocol]) as line:
        await line.send('{"type":"connection_init"}')
        await line.recv()
        await line.send(orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}).decode())
        async for frame in line:
            message = orjson.loads(frame)
            if message["type"] == "next":
                heard.take(message["payload"]["data"]["messageAdded"])
            elif message["type"] in ("error", "complete"):
                return


async def _over_events(storm: Storm, server: Server, heard: Heard) -> None:
    variables = {"conversation": storm.conversation, "after": None}
    headers = {"accept": "text/event-stream"}
    if heard.cursor:
        headers["last-event-id"] = heard.cursor
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream(
            "POST",
            f"{server.url}/graphql",
            json={"query": FOLLOW, "variables": variables},
            headers=headers,
        ) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data:") and len(line) > 6:
                data = orjson.loads(line[5:]).get("data")
                if data:
                    heard.take(data["messageAdded"])


async def kill_now_and_then(storm: Storm, every: float) -> None:
    """Kills a server and starts it again, one at a time."""
    while True:
        await asyncio.sleep(every)
        server = storm.any_server()
        server.kill()
        storm.breaks["killed"] += 1
        await asyncio.sleep(0.3)
        await server.start()


async def storm_over(
    servers: list[Server], *, seconds: float, writers: int, followers: int, kill_every: float
) -> tuple[Storm, list[Heard]]:
    """Lets it storm for so long, then waits until everybody has heard everything."""
    data: Any = await graphql(servers[0], CREATE)
    storm = Storm(servers, data["createConversation"]["conversation"]["id"])
    heard = [Heard(cursor=_beginning(storm.conversation)) for _ in range(followers)]
    kinds = ["socket", "events"]
    following = [
        asyncio.create_task(follow(storm, kinds[number % 2], each))
        for number, each in enumerate(heard)
    ]
    writing = [asyncio.create_task(write(storm)) for _ in range(writers)]
    killing = asyncio.create_task(kill_now_and_then(storm, kill_every))
    await asyncio.sleep(seconds)
    if killing.done():
        killing.result()
    killing.cancel()
    await asyncio.gather(killing, return_exceptions=True)
    for server in servers:
        server.kill()
    await asyncio.gather(*(server.start() for server in servers))
    storm.over = True
    await asyncio.gather(*writing)
    await _until_heard(storm, heard)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    return storm, heard


async def _until_heard(storm: Storm, heard: list[Heard]) -> None:
    end = time.monotonic() + QUIET_SECONDS
    wanted = set(storm.acknowledged)
    while time.monotonic() < end and not all(  # noqa: ASYNC110
        wanted <= set(each.ids) for each in heard
    ):
        await asyncio.sleep(0.2)


def _beginning(conversation: str) -> str:
    raw = b"1e" + orjson.dumps([conversation, 1])
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def complaints(storm: Storm, heard: list[Heard]) -> list[str]:
    """What does not hold; nothing where all does."""
    found = []
    wanted = Counter(storm.acknowledged)
    for number, each in enumerate(heard):
        counts = Counter(each.ids)
        missing = len(wanted.keys() - counts.keys())
        twice = sum(count > 1 for count in counts.values())
        if missing or twice:
            found.append(f"follower {number}: {missing} missing, {twice} twice")
        if each.revisions != sorted(each.revisions):
            found.append(f"follower {number}: out of order")
    return found


async def _main(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        url = options.database or f"sqlite:///{folder}/storm.db"
        async with running_servers(
            url, Path(folder), options.servers, EVENTS_URL=options.events
        ) as servers:
            storm, heard = await storm_over(
                servers,
                seconds=options.seconds,
                writers=options.writers,
                followers=options.followers,
                kill_every=options.kill_every,
            )
    found = complaints(storm, heard)
    delivered = sum(len(each.ids) for each in heard)
    print(f"{len(storm.acknowledged)} acknowledged, {delivered} delivered, {dict(storm.breaks)}")  # noqa: T201
    print("\n".join(found) or "every message once and in order for every follower")  # noqa: T201
    return bool(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="")
    parser.add_argument("--events", default="")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--writers", type=int, default=20)
    parser.add_argument("--followers", type=int, default=20)
    parser.add_argument("--kill-every", type=float, default=8)
    raise SystemExit(asyncio.run(_main(parser.parse_args())))
