"""Followers of one feed who send the same bytes: a change is made into them once, and put to each.

Waking a task for every follower costs several times what the kernel takes to send the bytes. So one
task serves all of a lane; who is behind, or has no room, is left to his own task and holds up
nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from contextlib import suppress

from backend.services.followers import Change, Follower, Outlet

AT_ONCE = 200
"""Followers served before others get their turn."""

LAST = "gone"
"""The kind of change that ends what some follow: they see to it themselves."""


class Lane:
    """Passes what the feed offers to ``inbox`` on to its members."""

    def __init__(self, group: Hashable, ended: Callable[[Lane], None]) -> None:
        self.group = group
        self.members: dict[Follower, Outlet] = {}
        self.inbox = Follower(0)
        self.inbox.settle()
        self._ended = ended
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while True:
                change = await self.inbox.next()
                await self._pass_on(change, await self._rendered(change))
        except Exception as failure:
            self._ended(self)  # Who comes from now on gets another.
            for member in self.members:
                member.fail(failure)

    async def _rendered(self, change: Change) -> bytes | None:
        """What the members send; None where each sees to it himself."""
        if change.record.kind != LAST:
            # What goes wrong goes wrong again for each of them, and is told to each.
            with suppress(Exception):
                return await next(iter(self.members.values())).render(change)
        return None

    async def _pass_on(self, change: Change, rendered: bytes | None) -> None:
        if rendered == b"":
            return
        members = tuple(self.members)
        for start in range(0, len(members), AT_ONCE):
            if start:
                await asyncio.sleep(0)
            for member in members[start : start + AT_ONCE]:
                if rendered is None:
                    member.offer(change)
                else:
                    member.hand(change, rendered)
