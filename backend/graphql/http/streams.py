"""Subscriptions over HTTP: server-sent events and Apollo's multipart protocol.

Server-sent events follow the "distinct connections mode" of graphql-sse's protocol, with one thing
more: where an event has a cursor, its frame has it as ``id:``, which browsers and other clients of
the format send back as ``Last-Event-ID`` when they connect again. Lines end in LF alone:
some clients take frames apart at two of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import Receive, Send

from backend.graphql.http.answers import (
    COMMON,
    NO_STORE,
    UNSTORED,
    Header,
    errors_body,
    internal_error,
)
from backend.graphql.http.negotiation import EVENT_STREAM, MULTIPART
from backend.graphql.subscribing import Rendered, StreamFailed
from backend.tasks import stop

UNBUFFERED: Header = (b"x-accel-buffering", b"no")
"""What tells nginx, and proxies that follow it, to pass each frame on at once."""


class Framing(Protocol):
    """How a stream is written down."""

    headers: tuple[Header, ...]
    opening: bytes
    beat: bytes
    closing: bytes
    expiry: bytes

    def frame(self, body: bytes, cursor: str | None) -> bytes:
        """One result."""
        ...


class EventStream:
    """Server-sent events. One that ends without ``complete`` is taken up again by the client."""

    headers = (*UNSTORED[EVENT_STREAM], UNBUFFERED)
    opening = beat = b":\n\n"
    closing = b"event: complete\ndata:\n\n"
    expiry = b""

    def frame(self, body: bytes, cursor: str | None) -> bytes:
        # Nothing that is sent here has a line break in it: JSON escapes them.
        if cursor is None or not cursor.isprintable():
            return b"event: next\ndata: %s\n\n" % body
        return b"event: next\nid: %s\ndata: %s\n\n" % (cursor.encode(), body)


class Multipart:
    """Apollo's protocol for subscriptions over multipart HTTP, version 1.0.

    A client sees that a part is whole when it sees the next boundary, so that follows at once.
    """

    headers = (
        (b"content-type", b'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'),
        NO_STORE,
        *COMMON,
        UNBUFFERED,
    )
    opening = b"\r\n--graphql"
    beat = b"\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql"
    closing = b"--\r\n"
    expiry = (
        b"\r\ncontent-type: application/json\r\n\r\n"
        b'{"payload":null,"errors":[{"message":"The stream has ended; subscribe again.",'
        b'"extensions":{"code":"STREAM_EXPIRED"}}]}\r\n--graphql--\r\n'
    )

    def frame(self, body: bytes, cursor: str | None) -> bytes:
        return b'\r\ncontent-type: application/json\r\n\r\n{"payload":%s}\r\n--graphql' % body


FRAMINGS: dict[str, Framing] = {EVENT_STREAM: EventStream(), MULTIPART: Multipart()}


def events_body(body: bytes) -> bytes:
    """A whole event stream that says one thing."""
    events = EventStream()
    return events.frame(body, None) + events.closing


@dataclass(slots=True)
class Stream:
    """One stream to one client. Times are in seconds.

    ``keep_alive``: a silent stream shows that it lives as often. ``patience``: a client that takes
    nothing for so long is given up. ``lifetime``: then it ends, and the client comes back.
    ``withdrawn``: whether it was its receiving end that ended it. ``begun`` is to be set once it is
    known where the results begin: what is written once the client sees that it is let in is told.
    """

    framing: Framing
    send: Send
    keep_alive: float
    patience: float
    lifetime: float
    withdrawn: Callable[[], bool] = lambda: False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    _open: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _spoke: bool = field(default=True, init=False)

    async def run(self, results: AsyncGenerator[Rendered, None], receive: Receive) -> None:
        """Sends the results until they end, the client hangs up, or the time is over."""
        pump = asyncio.create_task(self._pump(results))
        attend: asyncio.Task[None] | None = None
        try:
            await self._begin()
            attend = asyncio.create_task(self._attend(receive))
            done, _ = await asyncio.wait(
                {pump, attend}, timeout=self.lifetime, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            await stop(pump, attend)
            await results.aclose()
        for task in done:
            task.result()
        if pump in done:
            await self._write(self.framing.closing, more=False)
        elif not done or self.withdrawn():
            await self._write(self.framing.expiry, more=False)

    async def _begin(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.keep_alive):
                await self.begun.wait()
        start = {
            "type": "http.response.start",
            "status": 200,
            "headers": list(self.framing.headers),
        }
        await self.send(start)
        await self._write(self.framing.opening)
        self._open.set()

    async def _pump(self, results: AsyncGenerator[Rendered, None]) -> None:
        try:
            async for result in results:
                await self._say(result.payload, result.cursor)
        except StreamFailed as failure:
            await self._say(errors_body(failure.errors))
        except TimeoutError:
            raise
        except Exception as error:
            await self._say(internal_error(error))
        finally:
            self.begun.set()

    async def _say(self, body: bytes, cursor: str | None = None) -> None:
        self.begun.set()
        await self._open.wait()
        self._spoke = True
        await self._write(self.framing.frame(body, cursor))

    async def _attend(self, receive: Receive) -> None:
        """Gives signs of life until the client hangs up."""
        while True:
            self._spoke = False
            try:
                async with asyncio.timeout(self.keep_alive):
                    while (await receive())["type"] != "http.disconnect":
                        pass
                return
            except TimeoutError:
                if not self._spoke:
                    await self._write(self.framing.beat)

    async def _write(self, frame: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self.patience):
            await self.send({"type": "http.response.body", "body": frame, "more_body": more})
