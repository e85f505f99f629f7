"""The end of an engine: what is lent comes back, and threads of connections end, before that.

A request that was cancelled is still undoing what it did when the server ends. A connection that is
left alone is found by the garbage collector, or its thread finds no event loop to tell its result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from sqlalchemy import Engine, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

PATIENCE = 2.0
"""Seconds that connections and threads have to come to their end."""
LOOK = 0.002

_threads: WeakKeyDictionary[Engine, WeakSet[Thread]] = WeakKeyDictionary()


def note_threads(engine: Engine) -> None:
    """Has `dispose` wait for the thread of each connection, for a driver that has such.

    A connection whose statement was cancelled is not closed but told to stop, and nobody waits.
    """
    threads = _threads.setdefault(engine, WeakSet())

    @event.listens_for(engine, "connect")
    def _note(connection: Any, _: Any) -> None:
        threads.add(connection.driver_connection._thread)


async def dispose(engine: AsyncEngine) -> None:
    """Closes an engine's connections, once they are back."""
    pool, threads = engine.sync_engine.pool, _threads.get(engine.sync_engine, ())
    if isinstance(pool, QueuePool):
        await _until(lambda: not pool.checkedout())
    await engine.dispose()
    await _until(lambda: not any(thread.is_alive() for thread in threads))


async def _until(done: Callable[[], bool]) -> None:
    """Looks again and again, as long as there is patience."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while not done() and loop.time() < end:  # noqa: ASYNC110 - neither tells of its end
        await asyncio.sleep(LOOK)
