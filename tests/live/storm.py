"""Writers and followers on several servers over one database, while servers are killed.

    python -m tests.live.storm [--database URL] [--seconds 300] [--break-bus]

Every follower must end with every acknowledged message exactly once and in the order of revisions,
whatever was cut or killed in between. Prints what happened; exits with 1 where it does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from backend.ids import new_id
from tests.live.followers import TRANSPORTS, Heard, beginning
from tests.support.redis import RedisServer, redis_server
from tests.support.servers import Server, graphql, running_servers

CREATE = 'mutation { createConversation(input: {title: "Storm"}) { conversation { id } } }'
ADD = """mutation($input: AddMessageInput!) { addMessage(input: $input) {
  message { id } userErrors { code message } } }"""
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
    run = TRANSPORTS[transport]
    while True:
        try:
            # Lines are cut now and then even where no server dies; not once it is over, for what
            # is left to be heard may take a slow machine longer.
            limit = None if storm.over else 1 + storm.chance.random() * 6
            async with asyncio.timeout(limit):
                await run(storm.any_server(), storm.conversation, heard)
        except BROKEN:
            storm.breaks[transport] += 1
            await asyncio.sleep(0.05)


async def kill_now_and_then(storm: Storm, every: float) -> None:
    """Kills a server and starts it again, one at a time."""
    while True:
        await asyncio.sleep(every)
        server = storm.any_server()
        server.kill()
        storm.breaks["killed"] += 1
        await asyncio.sleep(0.3)
        await server.start()


async def break_now_and_then(storm: Storm, bus: RedisServer, every: float) -> None:
    """Takes the bus away for as long as it is there."""
    while True:
        await asyncio.sleep(every)
        bus.kill()
        storm.breaks["bus down"] += 1
        await asyncio.sleep(every)
        starting = asyncio.create_task(asyncio.to_thread(bus.start))
        try:
            await asyncio.shield(starting)
        finally:
            # A thread goes on when it is cancelled, and whoever comes next starts the bus too.
            await starting


async def storm_over(
    servers: list[Server],
    *,
    seconds: float,
    writers: int,
    followers: int,
    kill_every: float,
    bus: RedisServer | None = None,
) -> tuple[Storm, list[Heard]]:
    """Lets it storm for so long, then waits until everybody has heard everything.

    It ends no sooner than a server was killed. A ``bus`` that is given is down half of the time.
    """
    data: Any = await graphql(servers[0], CREATE)
    storm = Storm(servers, data["createConversation"]["conversation"]["id"])
    heard = [Heard(cursor=beginning(storm.conversation)) for _ in range(followers)]
    kinds = list(TRANSPORTS)
    following = [
        asyncio.create_task(follow(storm, kinds[number % len(kinds)], each))
        for number, each in enumerate(heard)
    ]
    writing = [asyncio.create_task(write(storm)) for _ in range(writers)]
    breaking = [asyncio.create_task(kill_now_and_then(storm, kill_every))]
    if bus is not None:
        breaking.append(asyncio.create_task(break_now_and_then(storm, bus, kill_every * 0.7)))
    await asyncio.sleep(seconds)
    # A machine that is slow to begin has not come to it by then.
    while not _has_broken(storm, bus) and not any(  # noqa: ASYNC110
        task.done() for task in breaking
    ):
        await asyncio.sleep(0.1)
    for task in breaking:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*breaking, return_exceptions=True)
    if bus is not None:
        bus.kill()
        bus.start()
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


def _has_broken(storm: Storm, bus: RedisServer | None) -> bool:
    return bool(storm.breaks["killed"] and (bus is None or storm.breaks["bus down"]))


async def _until_heard(storm: Storm, heard: list[Heard]) -> None:
    end = time.monotonic() + QUIET_SECONDS
    wanted = set(storm.acknowledged)
    while time.monotonic() < end and not all(  # noqa: ASYNC110
        wanted <= set(each.ids) for each in heard
    ):
        await asyncio.sleep(0.2)


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
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = options.database or f"sqlite:///{folder}/storm.db"
        bus = stack.enter_context(redis_server(Path(folder))) if options.break_bus else None
        events = bus.url if bus else options.events
        async with running_servers(
            url, Path(folder), options.servers, EVENTS_URL=events
        ) as servers:
            storm, heard = await storm_over(
                servers,
                seconds=options.seconds,
                writers=options.writers,
                followers=options.followers,
                kill_every=options.kill_every,
                bus=bus,
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
    parser.add_argument("--break-bus", action="store_true", help="Redis, down half of the time")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--writers", type=int, default=20)
    parser.add_argument("--followers", type=int, default=20)
    parser.add_argument("--kill-every", type=float, default=8)
    raise SystemExit(asyncio.run(_main(parser.parse_args())))
