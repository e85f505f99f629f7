"""Closing messages that nobody writes any more, as long as the server runs."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from backend.services.streaming import StreamingService
from backend.tasks import stop

logger = logging.getLogger("conversa.streaming")


class Sweeper:
    """A task that looks, now and then, for messages without new text."""

    def __init__(self, streaming: StreamingService, idle: timedelta) -> None:
        self._streaming = streaming
        self._idle = idle
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends."""
        await stop(self._task)

    async def _run(self) -> None:
        pause = max(0.2, min(self._idle.total_seconds() / 4, 30))
        while True:
            await asyncio.sleep(pause)
            try:
                await self._streaming.close_abandoned(self._idle)
            except Exception as error:
                logger.warning("abandoned messages stay open for now: %s", type(error).__name__)
