"""Conversa's composition root: settings, database, services, edges. `python app.py` serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from backend.cli import cli
from backend.config import Settings, load_settings
from backend.database.database import Database
from backend.database.migrate import migrate
from backend.repositories.store import Store
from backend.routers import chats, health
from backend.services.container import Services


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole server as an ASGI application; the database is opened and migrated when it starts."""
    settings = settings or load_settings()
    database = Database(settings)
    services = Services(Store(database))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await migrate(settings)
        yield
        await database.close()

    app = FastAPI(title="Conversa", lifespan=lifespan)
    app.state.settings = settings
    app.state.services = services
    app.include_router(health.router)
    app.include_router(chats.router)
    return app


if __name__ == "__main__":
    cli()
