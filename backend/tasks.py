"""Ending what runs in the background."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_AFTER = 5.0
"""Seconds until a task is told again: for what it does before it goes."""


async def stop(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancels tasks, and returns when they have ended; what they failed with is left to asyncio.

    A cancellation can get lost: one that comes in the moment in which something is there that was
    waited for with ``asyncio.wait_for`` is, in Python 3.11. So it is repeated until it is heard.
    """
    running = {task for task in tasks if task is not None and not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_AFTER)
