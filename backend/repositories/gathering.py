"""Writes of one kind and one owner that come while the last ones are committed, as one write.

A commit waits for the disk, and an owner's writes wait for each other's commit, because their
places in his feed must become visible in order. So whoever comes meanwhile shares the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from backend.errors import ConversaError
from backend.repositories.store import Store, TakesLong, WriteUnit
from backend.security.viewer import Viewer

logger = logging.getLogger("conversa.writes")

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[[WriteUnit, Sequence[Item]], Awaitable[Sequence[Result | None]]]
"""Writes what can be written together; None for each that has to be written by itself."""
AtOnce = Callable[[Viewer, Sequence[Item]], Awaitable[Sequence[Result | None] | None]]
"""Writes all of them by one statement; None, with nothing written, where that cannot be."""
Alone = Callable[[Viewer, Item], Awaitable[Result]]

MOST = 32
"""Items that are written together: others wait while their statements run."""


class Gathering(Generic[Item, Result]):
    """Writes items together where it can, each by itself where it cannot.

    One that fails harms no other: whatever goes wrong before the commit undoes all of it, and then
    each is written by itself, and told what comes of that.
    """

    def __init__(
        self,
        store: Store,
        together: Work[Item, Result],
        *,
        alone: Alone[Item, Result],
        at_once: AtOnce[Item, Result],
    ) -> None:
        self._store = store
        self._together = together
        self._at_once = at_once
        self._alone = alone
        self._waiting: dict[str, deque[_Waiting[Item, Result]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, viewer: Viewer, item: Item) -> Result:
        """What came of the item, once it is committed."""
        waiting = _Waiting[Item, Result](item)
        queue = self._waiting.get(viewer.owner_id)
        if queue is None:
            self._waiting[viewer.owner_id] = deque([waiting])
            task = asyncio.create_task(self._serve(viewer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            queue.append(waiting)
        written = await waiting.ended
        return await self._alone(viewer, item) if written is None else written

    async def _serve(self, viewer: Viewer) -> None:
        queue = self._waiting[viewer.owner_id]
        try:
            while queue:
                taken = [queue.popleft() for _ in range(min(len(queue), MOST))]
                # Who has gone meanwhile wants nothing any more.
                taken = [each for each in taken if not each.ended.done()]
                if taken:
                    await self._write(viewer, taken)
        finally:
            del self._waiting[viewer.owner_id]
            for each in queue:
                each.ended.cancel()

    async def _write(self, viewer: Viewer, taken: Sequence[_Waiting[Item, Result]]) -> None:
        items = [each.item for each in taken]
        written: Sequence[Result | None] | None
        unit: WriteUnit | None = None
        try:
            written = await self._at_once(viewer, items)
            if written is None:
                async with self._store.write(viewer, short=True) as unit:
                    written = await self._together(unit, items)
        except BaseException as error:
            lost = unit is None or unit.is_whole
            if not lost and not isinstance(error, ConversaError | TakesLong):
                logger.warning("a write of several was refused: %s", type(error).__name__)
            _tell(taken, error if lost else None)
            if not isinstance(error, Exception):
                raise
            return
        for each, result in zip(taken, written, strict=True):
            each.end(result)


class _Waiting(Generic[Item, Result]):
    """An item, and who waits for it; None says that it is to be written by itself."""

    __slots__ = ("ended", "item")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.ended: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()

    def end(self, result: Result | None) -> None:
        if not self.ended.done():
            self.ended.set_result(result)


def _tell(taken: Sequence[_Waiting[Item, Result]], error: BaseException | None) -> None:
    """All have failed, or, where there is no error, are to be written one by one."""
    for each in taken:
        if isinstance(error, Exception) and not each.ended.done():
            each.ended.set_exception(error)
        elif error is not None:
            each.ended.cancel()
        else:
            each.end(None)
