"""Services with an embedder, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa

from backend.config import Settings
from backend.database.database import Database
from backend.repositories.store import Store
from backend.services.container import Services
from backend.services.embedding_keeper import EmbeddingLag


@asynccontextmanager
async def embedding_services(settings: Settings, values: dict[str, Any]) -> AsyncIterator[Services]:
    """Services with these settings; nothing works in the background."""
    database = Database(settings.model_copy(update=values))
    services = Services(Store(database))
    yield services
    await services.embedding.close()
    await database.close()


async def embed_all(services: Services) -> EmbeddingLag:
    """Makes every vector."""
    return await services.embedding.finish(lambda done, total: None)


async def count_rows(services: Services, table: str) -> int:
    """How many there are."""
    async with services.store.database.read() as connection:
        return int(await connection.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)


async def list_problems(services: Services) -> list[str]:
    """What is wrong with what is stored."""
    return [line async for line in services.checks.problems()]
