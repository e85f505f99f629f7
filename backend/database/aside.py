"""Reading SQLite on a thread of its own from the first statement to the last.

What reads much and computes much would hold everybody up on the loop's thread. A driver that hands
every statement and every batch of rows to a thread costs more in handing over than the statements
take; here the whole work goes there once and comes back with its result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import anyio.to_thread
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.database.inloop import InloopEngine
from backend.database.turns import take_turn

Result = TypeVar("Result")
Work = Callable[[AsyncConnection], Coroutine[Any, Any, Result]]


class AsideReader:
    """Runs so many pieces of work at once, each on a connection of its own."""

    def __init__(self, engine: InloopEngine, most: int, patience: float) -> None:
        self.sync_engine = engine.sync_engine
        self._engine = engine
        self._free = asyncio.Semaphore(most)
        self._patience = patience

    async def run(self, work: Work[Result]) -> Result:
        """What the work returns. It may wait for nothing but its statements."""
        await take_turn(self._free, self._patience, "turn to read")
        try:
            return await anyio.to_thread.run_sync(self._run, work)
        finally:
            self._free.release()

    async def dispose(self) -> None:
        """Closes the connections that nobody has."""
        await self._engine.dispose()

    def _run(self, work: Work[Result]) -> Result:
        connection = self._engine.take()
        sound = False
        try:
            result = _driven(work(cast(AsyncConnection, connection)))
            sound = True
        finally:
            self._engine.give_back(connection, sound=sound)
        return result


def _driven(work: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine returns that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast(Result, end.value)
    work.close()
    raise RuntimeError("what runs aside waits for its statements alone")
