"""Announcements through Redis, for those who would not have their PostgreSQL carry them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.events.announcements import decode, encode
from backend.events.bus import LocalBus
from backend.events.changes import ConversationChanged
from backend.ids import new_id
from backend.tasks import stop

logger = logging.getLogger("conversa.events")

CHANNEL = "conversa:changes"
RECONNECT_AFTER = 0.5


class RedisBus(LocalBus):
    """Several processes that share a Redis server, by its publish and subscribe.

    Redis keeps nothing: what it loses, or what happens while it is away, is found by looking.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._redis = Redis.from_url(url, socket_connect_timeout=2)
        self._name = new_id()
        self._outbox: asyncio.Queue[Sequence[ConversationChanged]] = asyncio.Queue(maxsize=10_000)
        self._tasks: list[asyncio.Task[None]] = []

    def publish(self, changes: Sequence[ConversationChanged]) -> None:
        """Announces changes here at once, and to others as soon as Redis takes it."""
        super().publish(changes)
        if self._tasks:
            with suppress(asyncio.QueueFull):
                self._outbox.put_nowait(tuple(changes))

    async def start(self) -> None:
        """Connects, and stays connected as well as it can."""
        ready = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._listen(ready)),
            asyncio.create_task(self._send()),
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await ready.wait()

    async def close(self) -> None:
        """Disconnects."""
        await stop(*self._tasks)
        self._tasks = []
        await self._redis.aclose()

    async def _listen(self, ready: asyncio.Event) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(CHANNEL)
                    ready.set()
                    self.hint()
                    async for message in pubsub.listen():
                        for change in decode(self._name, message["data"]):
                            self.deliver(change)
            except (RedisError, OSError) as error:
                logger.warning("announcements are interrupted: %s", type(error).__name__)
            await asyncio.sleep(RECONNECT_AFTER)

    async def _send(self) -> None:
        while True:
            changes = await self._outbox.get()
            with suppress(RedisError, OSError):
                await self._redis.publish(CHANNEL, encode(self._name, changes))
