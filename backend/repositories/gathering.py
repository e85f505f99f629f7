"""Writes of one kind and one owner that come while the last ones are committed, as one write.

A commit waits for the disk, and an owner's writes wait for each other's commit, because their
places in his feed must become visible in order. So whoever comes meanwhile shares the next. Those
who are answered together mostly ask again together: a moment is given to them, never longer than
the last write took, so that they do not become one write of the first and another of the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
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
PATIENCE = 0.005
"""Seconds that are given at most to those of the last group to come again."""


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
        self._waiting: dict[str, _Queue[Item, Result]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def write(self, viewer: Viewer, item: Item) -> Result:
        """What came of the item, once it is committed."""
        waiting = _Waiting[Item, Result](item)
        queue = self._waiting.get(viewer.owner_id)
        if queue is None:
            queue = self._waiting[viewer.owner_id] = _Queue()
            task = asyncio.create_task(self._serve(viewer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.add(waiting)
        written = await waiting.ended
        return await self._alone(viewer, item) if written is None else written

    async def _serve(self, viewer: Viewer) -> None:
        queue = self._waiting[viewer.owner_id]
        try:
            while taken := queue.take():
                begun = perf_counter()
                await self._write(viewer, taken)
                if len(taken) > 1:
                    await queue.company(len(taken), min(perf_counter() - begun, PATIENCE))
        finally:
            del self._waiting[viewer.owner_id]
            queue.cancel()

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


class _Queue(Generic[Item, Result]):
    """One owner's items, in the order they came."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._expected = 0
        self._complete: asyncio.Future[None] | None = None

    def add(self, waiting: _Waiting[Item, Result]) -> None:
        self._waiting.append(waiting)
        if self._complete is not None and len(self._waiting) >= self._expected:
            _set(self._complete)

    def take(self) -> list[_Waiting[Item, Result]]:
        """The next of them, without those who have gone meanwhile and want nothing any more."""
        taken: list[_Waiting[Item, Result]] = []
        while self._waiting and len(taken) < MOST:
            waiting = self._waiting.popleft()
            if not waiting.ended.done():
                taken.append(waiting)
        return taken

    async def company(self, more: int, seconds: float) -> None:
        """Returns once so many more are waiting than now, or after so many seconds."""
        loop = asyncio.get_running_loop()
        self._expected, self._complete = min(len(self._waiting) + more, MOST), loop.create_future()
        timer = loop.call_later(seconds, _set, self._complete)
        try:
            await self._complete
        finally:
            timer.cancel()
            self._complete = None

    def cancel(self) -> None:
        for each in self._waiting:
            each.ended.cancel()


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _tell(taken: Sequence[_Waiting[Item, Result]], error: BaseException | None) -> None:
    """All have failed, or, where there is no error, are to be written one by one."""
    for each in taken:
        if isinstance(error, Exception) and not each.ended.done():
            each.ended.set_exception(error)
        elif error is not None:
            each.ended.cancel()
        else:
            each.end(None)
