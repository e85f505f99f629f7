"""Several servers' insides in one test: each with connections and a bus of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from backend.database.database import Database
from backend.database.wakeups import database_bus
from backend.events.bus import LocalBus
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.followers import Change
from tests.support.databases import settings_for
from tests.support.following import eventually, first


@asynccontextmanager
async def node(
    url: str, open_bus: Callable[[Database], LocalBus] = database_bus
) -> AsyncGenerator[Services]:
    """The services over one database, hearing of what others commit."""
    database = Database(settings_for(url))
    bus = open_bus(database)
    services = Services(Store(database, bus))
    await bus.start()
    try:
        yield services
    finally:
        await services.live.close()
        await bus.close()
        await database.close()


async def follower(
    services: Services, viewer: Viewer, conversation_id: str, count: int = 1
) -> asyncio.Task[list[Change]]:
    """Begins to follow, live, until so many changes have come."""
    before = services.live.followers
    changes = services.live.conversation(viewer, conversation_id, None)
    task = asyncio.create_task(first(changes, count))
    await eventually(lambda: services.live.followers > before)
    return task
