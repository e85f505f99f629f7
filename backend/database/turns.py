"""Waiting for a turn, as one waits for a connection of a pool."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import TimeoutError as QueueTimeoutError


async def take_turn(door: asyncio.Semaphore, seconds: float, what: str) -> None:
    """Acquires it; raises what SQLAlchemy's pools raise when that takes longer.

    It is no Lock, which says that it is not locked while it is handed on to another who waits.
    """
    if not door.locked():
        await door.acquire()
        return
    try:
        async with asyncio.timeout(seconds):
            await door.acquire()
    except TimeoutError:
        raise QueueTimeoutError(f"No {what} within {seconds:g} seconds") from None
