"""Following what changes: everything after a cursor from the database, then live, each change once.

The bus only wakes a feed up; what happened is read from the database. All who follow the same
conversation in this process share one feed, which reads each change once and hands the same object
to every follower. A follower joins the feed first, reads what he missed second, and then drops what
he has seen, so nothing falls between the two.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.errors import LimitExceeded
from backend.repositories.changes import ChangeRecord
from backend.tasks import stop

BATCH = 200
"""Changes read at once."""
QUEUE = 1000
"""Changes kept for a follower who is slower than the feed, before he is told to go."""

Read = Callable[[int, int], Awaitable[Sequence[ChangeRecord]]]


@dataclass(slots=True)
class Change:
    """A change on its way to followers; ``rendered`` keeps what it became for equal requests."""

    record: ChangeRecord
    rendered: dict[Any, Any] = field(default_factory=dict)


class Follower:
    """One reader's queue of live changes."""

    def __init__(self) -> None:
        self.reading = True
        self._missed = False
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
            self._ready.set()
        elif self.reading:
            self._queue.clear()
            self._missed = True
        else:
            self.fail(LimitExceeded("Too slow: resume from the last cursor."))

    def settle(self) -> None:
        """Says that nothing more is stored: live from now on, unless the queue lost something."""
        self.reading = self._missed
        self._missed = False

    def fail(self, failure: Exception) -> None:
        """Ends it with an error once he comes back for more."""
        self._queue.clear()
        self._failure = failure
        self._ready.set()

    async def next(self) -> Change:
        """The next change, waited for; raises what the feed failed with."""
        while not self._queue:
            if self._failure is not None:
                raise self._failure
            self._ready.clear()
            await self._ready.wait()
        return self._queue.popleft()


class Feed:
    """The changes of one conversation, or of one owner's list, from a revision on."""

    def __init__(self, read: Read, position: int) -> None:
        self.position = position
        self.followers: set[Follower] = set()
        self._read = read
        self._woken = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def wake(self, revision: int | None = None) -> None:
        """Says that there may be something new; a revision it has seen already is nothing new."""
        if revision is None or revision > self.position:
            self._woken.set()

    async def close(self) -> None:
        """Stops it."""
        await stop(self._task)

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._catch_up()
            except Exception as failure:
                self._fail(failure)

    async def _catch_up(self) -> None:
        while True:
            changes = await self._read(self.position, BATCH)
            for record in changes:
                change = Change(record)
                for follower in tuple(self.followers):
                    follower.offer(change)
            if changes:
                self.position = changes[-1].revision
            # What is committed after this reading wakes the feed again.
            if len(changes) < BATCH:
                return

    def _fail(self, failure: Exception) -> None:
        for follower in tuple(self.followers):
            follower.fail(failure)


async def follow(feed: Feed, read: Read, after: int) -> AsyncGenerator[Change]:
    """Every change after a revision: first what is stored, then what comes."""
    follower = Follower()
    feed.followers.add(follower)
    # The feed tells everything after its position, so who starts there or later has missed nothing.
    follower.reading = after < feed.position
    try:
        seen = after
        while follower.reading:
            changes = await read(seen, BATCH)
            for record in changes:
                yield Change(record)
                seen = record.revision
            if len(changes) < BATCH:
                follower.settle()
        while True:
            change = await follower.next()
            if change.record.revision > seen:
                seen = change.record.revision
                yield change
    finally:
        feed.followers.discard(follower)
