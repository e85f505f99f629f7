"""Following something over HTTP, in the same process, until something certain was heard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.types import Message

from backend.services.feeds import Feed
from backend.services.live import FeedKey
from tests.support.following import eventually

MARK = "the end of what is followed"


async def follow(
    app: Starlette,
    path: str,
    stir: Callable[[], Awaitable[None]],
    *,
    headers: dict[str, str],
    query: str = "",
    body: object = None,
) -> str:
    """The status and the events before the one that tells of ``MARK``, which ``stir`` writes once
    somebody listens; or the whole answer, where nobody is let in."""
    async with _listening(app, path, headers, query, body) as heard:
        if not heard.is_over:
            await stir()
        await eventually(lambda: heard.is_over or MARK in heard.text)
    return f"{heard.status} {_before_mark(heard.text)}"


@asynccontextmanager
async def also_following(
    app: Starlette, headers: dict[str, str], *queries: str
) -> AsyncIterator[None]:
    """While the block lasts somebody follows these subscriptions."""
    async with AsyncExitStack() as stack:
        for query in queries:
            place = _listening(app, "/graphql", headers, "", {"query": query})
            assert not (await stack.enter_async_context(place)).is_over
        yield


@asynccontextmanager
async def _listening(
    app: Starlette, path: str, headers: dict[str, str], query: str, body: object
) -> AsyncIterator[_Heard]:
    """A client that is let in, once its feed is there, or is not let in."""
    heard = _Heard(body)
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET" if body is None else "POST",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "scheme": "http",
        "http_version": "1.1",
        "state": {},
    }
    feeds = app.state.services.live._feeds
    before = len(feeds)
    serving = asyncio.create_task(app(scope, heard.receive, heard.send))
    serving.add_done_callback(lambda _: heard.end())
    # What was missed shows the conversation as it is when it is read: before anybody writes to it.
    await eventually(lambda: heard.is_over or (len(feeds) > before and not _somebody_reads(feeds)))
    try:
        yield heard
    finally:
        heard.gone.set()
        await serving
        await eventually(lambda: len(feeds) == before)


def _somebody_reads(feeds: Mapping[FeedKey, Feed]) -> bool:
    """Whether a follower is still being told what he missed."""
    return any(follower.reading for feed in feeds.values() for follower in feed.followers)


class _Heard:
    """The client's end: sends the body, hears everything, and goes when it is told to."""

    def __init__(self, body: object) -> None:
        self.status = 0
        self.is_over = False
        self.text = ""
        self.gone = asyncio.Event()
        self._body: bytes | None = b"" if body is None else orjson.dumps(body)

    def end(self) -> None:
        """Says that nothing more will be heard."""
        self.is_over = True

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.text += message.get("body", b"").decode()


def _before_mark(text: str) -> str:
    events = [each for each in text.split("\n\n") if not re.fullmatch(r":?\s*", each)]
    marked = next((at for at, each in enumerate(events) if MARK in each), len(events))
    return "\n\n".join(events[:marked])
