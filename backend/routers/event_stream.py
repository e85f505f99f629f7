"""Server-sent events over HTTP: frames as they come, signs of life between them, and an end.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import UTC, datetime

import orjson
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from backend.config import Settings
from backend.errors import ConversaError, LimitExceeded
from backend.routers.problems import problem
from backend.security.caller import Caller
from backend.tasks import stop

MEDIA_TYPE = "text/event-stream"
BEAT = b":\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The second tells nginx, and proxies that follow it, to pass each frame on at once."""

logger = logging.getLogger("conversa.rest")


def frame(name: str, cursor: str, document: object) -> bytes:
    """One event; JSON has no line breaks in it, and cursors are plain letters."""
    data = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return b"event: %s\nid: %s\ndata: %s\n\n" % (name.encode(), cursor.encode(), data)


class EventStream(StreamingResponse):
    """Frames sent until they end, the client hangs up, or the time or the proof of who asks is
    over. What ends early is taken up again by the client, with the last cursor it saw."""

    def __init__(
        self, frames: AsyncGenerator[bytes, None], caller: Caller, settings: Settings
    ) -> None:
        super().__init__(frames, 200, HEADERS, MEDIA_TYPE)
        self._frames = frames
        self._caller = caller
        self._settings = settings
        self._spoke = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it, unless the caller has too many of them."""
        withdrawn = asyncio.Event()
        try:
            with self._caller.connected(withdrawn.set):
                await self._run(receive, send, withdrawn)
        except LimitExceeded as error:
            await problem(error)(scope, receive, send)
        finally:
            await self._frames.aclose()

    async def _run(self, receive: Receive, send: Send, withdrawn: asyncio.Event) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await self._write(send, BEAT)
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._pump(send),
                self._show_life(send),
                _hang_up(receive),
                _wait(withdrawn),
            )
        ]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=self._seconds(), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            await stop(*tasks)
        for task in done:
            _tell(task.exception())
        with suppress(OSError, TimeoutError):
            await self._write(send, b"", more=False)

    def _seconds(self) -> float:
        """How long it may last: never beyond the proof of who asks."""
        expires_at = self._caller.viewer.expires_at
        most = self._settings.stream_seconds
        if expires_at is None:
            return most
        return max(0.0, min(most, (expires_at - datetime.now(UTC)).total_seconds()))

    async def _pump(self, send: Send) -> None:
        async for each in self._frames:
            self._spoke = True
            await self._write(send, each)

    async def _show_life(self, send: Send) -> None:
        while True:
            self._spoke = False
            await asyncio.sleep(self._settings.keep_alive)
            if not self._spoke:
                await self._write(send, BEAT)

    async def _write(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self._settings.request_timeout):
            await send({"type": "http.response.body", "body": body, "more_body": more})


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _tell(failure: BaseException | None) -> None:
    """Logs what nobody expects; the rest, a slow or vanished client, comes back by its cursor."""
    if failure is not None and not isinstance(failure, ConversaError | TimeoutError | OSError):
        logger.error("a stream of events failed", exc_info=failure)
