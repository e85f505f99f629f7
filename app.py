"""Conversa's composition root: settings, database, services, edges. `python app.py` serves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from backend import __version__
from backend.cli import cli
from backend.config import Settings, load_settings
from backend.database.database import Database
from backend.database.wakeups import database_bus
from backend.events.open import open_bus
from backend.graphql import http, socket_route
from backend.repositories.store import Store
from backend.routers import identity, rest
from backend.security import front
from backend.security.exposure import check_exposure
from backend.security.journal import Journal
from backend.services.authentication import Authentication
from backend.services.container import Services
from backend.services.embedders import check_embedder
from backend.services.lifecycle import serving


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole server as an ASGI application; its start opens and migrates the database."""
    settings = settings or load_settings()
    check_exposure(settings)
    check_embedder(settings)
    database = Database(settings)
    bus = open_bus(settings, lambda: database_bus(database))
    services = Services(Store(database, bus))
    authentication = Authentication(settings, services.store)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with serving(services, settings):
            yield
            await keeper.close()
            await authentication.close()

    app = FastAPI(
        title="Conversa", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.settings = settings
    app.state.services = services
    rest.install(app)
    edge = http.install(app, services, settings)
    keeper = socket_route.install(
        app, http.PATH, services, edge.operations, authentication, settings
    )
    identity.guard(app, authentication, settings, http.PATH)
    app.add_middleware(Journal, paths=(http.PATH,))
    front.guard(app, settings)
    return app


if __name__ == "__main__":
    cli()
