"""The end of an engine: what is lent comes back first."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

PATIENCE = 2.0
"""Seconds that connections have to come back in."""
LOOK = 0.01


async def dispose(engine: AsyncEngine) -> None:
    """Closes an engine's connections.

    A request that was cancelled is still undoing what it did when the server ends. Its connection
    has a moment to come back; one that is left alone would be found by the garbage collector, when
    its event loop is gone.
    """
    pool = engine.sync_engine.pool
    end = asyncio.get_running_loop().time() + PATIENCE
    while isinstance(pool, QueuePool) and pool.checkedout():
        if asyncio.get_running_loop().time() > end:
            break
        await asyncio.sleep(LOOK)
    await engine.dispose()
