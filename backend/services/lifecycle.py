"""What has to be begun before requests are served, and ended after."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from backend.config import Settings
from backend.database.migrate import migrate
from backend.database.serving import ServingLock
from backend.services.container import Services
from backend.services.index_upkeep import IndexKeeper
from backend.services.sweeping import Sweeper


@asynccontextmanager
async def serving(services: Services, settings: Settings) -> AsyncGenerator[None, None]:
    """The time in which a process serves.

    Messages that a killed process left open are closed when no other process is there to go on
    with them; later ones when they get no more text.
    """
    database = services.store.database
    await migrate(settings)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        lock = ServingLock(database)
        stack.push_async_callback(lock.release)
        if await lock.take():
            await services.streaming.close_abandoned()
            await lock.share()
        await services.store.bus.start()
        stack.push_async_callback(services.store.bus.close)
        stack.push_async_callback(services.live.close)
        sweeper = Sweeper(services.streaming, timedelta(seconds=settings.stream_idle_seconds))
        sweeper.start()
        stack.push_async_callback(sweeper.close)
        keeper = IndexKeeper(services.upkeep, services.indexing)
        keeper.start()
        stack.push_async_callback(keeper.close)
        services.embedding.start()
        stack.push_async_callback(services.embedding.close)
        yield
