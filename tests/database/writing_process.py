"""Adds messages to a conversation and says so after each, until it is killed."""

from __future__ import annotations

import asyncio
import sys
from itertools import count

from backend.database.database import Database
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER
from backend.services.container import Services
from tests.support.conversations import say, stored_conversation
from tests.support.databases import settings_for


async def write(url: str, writers: int) -> None:
    """Prints the conversation's id, then the number of each message once it is stored."""
    services = Services(Store(Database(settings_for(url))))
    made = await stored_conversation(services, LOCAL_VIEWER)
    acknowledge(made.id)
    numbers = count(1)

    async def add() -> None:
        for number in numbers:
            await say(services, LOCAL_VIEWER, made.id, str(number))
            acknowledge(str(number))

    await asyncio.gather(*(add() for _ in range(writers)))


def acknowledge(line: str) -> None:
    """Tells the parent."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], int(sys.argv[2])))
