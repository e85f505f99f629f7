"""Following what changes: everything after a cursor from the database, then live, each change once.

The bus only wakes a feed up; what happened is read from the database. All who follow the same
conversation in this process share one feed, which reads each change once and hands the same object
to every follower. A follower joins the feed first, reads what he missed second, and then drops what
he has seen, so nothing falls between the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence

from backend.repositories.changes import ChangeRecord
from backend.services.followers import Change, Follower, Outlet
from backend.services.lanes import Lane
from backend.tasks import stop

BATCH = 200
"""Changes read at once."""

Read = Callable[[int, int], Awaitable[Sequence[ChangeRecord]]]


class Feed:
    """The changes of one conversation, or of one owner's list, from a revision on."""

    def __init__(self, read: Read, position: int) -> None:
        self.position = position
        self.followers: set[Follower] = set()
        self._offered: set[Follower] = set()
        self._lanes: dict[Hashable, Lane] = {}
        self._read = read
        self._woken = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def wake(self, revision: int | None = None) -> None:
        """Says that there may be something new; a revision it has seen already is nothing new."""
        if revision is None or revision > self.position:
            self._woken.set()

    def join(self, follower: Follower) -> None:
        """Tells him everything after its position; of what came before, he may hear again."""
        self.followers.add(follower)
        if follower.outlet is None:
            self._offered.add(follower)
        else:
            self._lane(follower.outlet.group).members[follower] = follower.outlet

    def leave(self, follower: Follower) -> None:
        """Tells him nothing more."""
        self.followers.discard(follower)
        self._offered.discard(follower)
        lane = self._lanes.get(follower.outlet.group) if follower.outlet else None
        if lane is not None:
            lane.members.pop(follower, None)
            if not lane.members:
                self._drop(lane)
                lane.task.cancel()

    async def close(self) -> None:
        """Stops it."""
        await stop(self._task, *(lane.task for lane in self._lanes.values()))

    def _lane(self, group: Hashable) -> Lane:
        lane = self._lanes.get(group)
        if lane is None:
            lane = self._lanes[group] = Lane(group, self._drop)
            self._offered.add(lane.inbox)
        return lane

    def _drop(self, lane: Lane) -> None:
        self._offered.discard(lane.inbox)
        if self._lanes.get(lane.group) is lane:
            del self._lanes[lane.group]

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
                for follower in tuple(self._offered):
                    follower.offer(change)
            if changes:
                self.position = changes[-1].revision
            # What is committed after this reading wakes the feed again.
            if len(changes) < BATCH:
                return

    def _fail(self, failure: Exception) -> None:
        for follower in tuple(self._offered):
            follower.fail(failure)


async def follow(
    feed: Feed, read: Read, after: int, outlet: Outlet | None = None
) -> AsyncGenerator[Change]:
    """Every change after a revision: first what is stored, then what comes; but for what is put
    into the outlet meanwhile."""
    follower = Follower(after, outlet)
    feed.join(follower)
    # The feed tells everything after its position, so who starts there or later has missed nothing.
    follower.reading = after < feed.position
    try:
        while follower.reading:
            changes = await read(follower.seen, BATCH)
            for record in changes:
                yield Change(record)
                follower.seen = record.revision
            if len(changes) < BATCH:
                follower.settle()
        while True:
            change = await follower.next()
            if change.record.revision > follower.seen:
                follower.seen = change.record.revision
                yield change
    finally:
        feed.leave(follower)
