"""One who follows, and the changes on their way to him."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.errors import LimitExceeded
from backend.repositories.changes import ChangeRecord

QUEUE = 1000
"""Changes kept for a follower who is slower than the feed, before he is told to go."""


@dataclass(slots=True)
class Change:
    """A change on its way to followers; ``rendered`` keeps what it became for equal requests."""

    record: ChangeRecord
    rendered: dict[Any, Any] = field(default_factory=dict)


class Outlet(Protocol):
    """Where a follower sends what he is told, so that it can be put there without waking him."""

    @property
    def group(self) -> Hashable:
        """Equal for those of a feed who send the same bytes."""

    async def render(self, change: Change) -> bytes:
        """What is sent for a change; nothing where it is none of his."""
        ...

    def put(self, rendered: bytes) -> bool:
        """Sends it at once, or answers that it cannot be."""
        ...


class Follower:
    """One reader's queue of live changes, and how far he was told."""

    __slots__ = ("_failure", "_missed", "_queue", "_ready", "_waits", "outlet", "reading", "seen")

    def __init__(self, seen: int, outlet: Outlet | None = None) -> None:
        self.seen = seen
        self.outlet = outlet
        self.reading = True
        self._missed = False
        self._waits = False
        self._queue: deque[Change] = deque()
        self._ready = asyncio.Event()
        self._failure: Exception | None = None

    def offer(self, change: Change) -> None:
        """Adds a change. One who is still reading what is stored will read this too; one who has
        too many waiting is told to come again with his cursor."""
        if self._failure is not None:
            return  # What came before is dropped already: this would leave a gap.
        if len(self._queue) < QUEUE:
            self._queue.append(change)
            self._wake()
        elif self.reading:
            self._queue.clear()
            self._missed = True
        else:
            self.fail(LimitExceeded("Too slow: resume from the last cursor."))

    def hand(self, change: Change, rendered: bytes) -> None:
        """Puts a change where he would send it, if he waits for it: only then has everything
        before it been sent. Otherwise, or where there is no room, he finds it in his queue."""
        revision = change.record.revision
        if revision <= self.seen:
            return
        if self._waits and self.outlet is not None and self.outlet.put(rendered):
            self.seen = revision
        else:
            self.offer(change)

    def settle(self) -> None:
        """Says that nothing more is stored: live from now on, unless the queue lost something."""
        self.reading = self._missed
        self._missed = False

    def fail(self, failure: Exception) -> None:
        """Ends it with an error once he comes back for more."""
        self._queue.clear()
        self._failure = failure
        self._wake()

    async def next(self) -> Change:
        """The next change, waited for; raises what the feed failed with."""
        while not self._queue:
            if self._failure is not None:
                raise self._failure
            self._ready.clear()
            self._waits = True
            try:
                await self._ready.wait()
            finally:
                self._waits = False
        return self._queue.popleft()

    def _wake(self) -> None:
        self._waits = False
        self._ready.set()
