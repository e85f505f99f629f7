"""Adds a message for each line it reads, as another server would, and says so."""

from __future__ import annotations

import asyncio
import sys

from backend.security.viewer import LOCAL_VIEWER
from tests.support.conversations import say
from tests.support.nodes import node


async def add(url: str, conversation_id: str) -> None:
    """Ends with its input."""
    async with node(url) as services:
        print("ready", flush=True)  # noqa: T201
        while line := await asyncio.to_thread(sys.stdin.readline):
            await say(services, LOCAL_VIEWER, conversation_id, line.strip())
            print("stored", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(add(sys.argv[1], sys.argv[2]))
