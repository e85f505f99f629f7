"""Connections that last: how many there may be, and ending them when their proof is withdrawn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backend.errors import LimitExceeded
from backend.tasks import stop

Receive = Callable[[], Awaitable[Any]]


class Connections:
    """Counts the connections of a process by key; 0 as a limit allows any number."""

    def __init__(self, limit: int, whose: str) -> None:
        self._limit = limit
        self._whose = whose
        self._open: Counter[str] = Counter()

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
        """Counts a connection while the block lasts; raises LimitExceeded."""
        if self._limit and self._open[key] >= self._limit:
            raise LimitExceeded(f"At most {self._limit} open connections {self._whose}.")
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


class Endable:
    """An ASGI ``receive`` that says the client is gone once ``end`` was called."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Ends the connection at its next, or present, wait."""
        self._ended.set()

    def is_ended(self) -> bool:
        """Whether it was ended from here."""
        return self._ended.is_set()

    async def __call__(self) -> Any:
        message = asyncio.ensure_future(self._receive())
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({message, ended}, return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            await stop(message, ended)
