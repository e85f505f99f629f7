"""Conversa's composition root: settings, database, services, edges. `python app.py` serves."""

from __future__ import annotations

import gc
import sys

if __name__ == "__main__" and sys.argv[1:2] not in ([], ["serve"]):
    # Every other verb does without the application, and without what it takes of memory.
    from backend.cli.verbs import cli

    cli()

if STARTED := __name__ in ("__main__", "__mp_main__"):
    # What is imported stays. To look through it for garbage, again and again as it grows, takes a
    # tenth of the start.
    gc.disable()

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.types import ASGIApp

from backend.cli.main import main
from backend.config import Settings, load_settings
from backend.database.database import Database
from backend.database.wakeups import database_bus
from backend.events.open import open_bus
from backend.graphql import http, socket_route
from backend.lazy import Lazy
from backend.repositories.store import Store
from backend.routers import health_report, identity, later
from backend.security import front
from backend.security.exposure import check_exposure
from backend.security.journal import Journal
from backend.services.authentication import Authentication
from backend.services.container import Services
from backend.services.embedders import check_embedder
from backend.services.lifecycle import serving

if TYPE_CHECKING:
    from backend.routers import rest
else:
    rest = Lazy("backend.routers.rest")

if STARTED:
    gc.freeze()
    gc.enable()


class Application(Starlette):
    """Starlette with what answers faults inside of our middleware: that answer has the headers that
    all have, and what answers faults itself is spared it."""

    def build_middleware_stack(self) -> ASGIApp:
        """The application within its middleware."""
        outside, self.user_middleware = self.user_middleware, []
        app = super().build_middleware_stack()
        self.user_middleware = outside
        for make, given, named in reversed(outside):
            app = make(app, *given, **named)
        return app


def create_app(settings: Settings | None = None) -> Starlette:
    """The whole server as an ASGI application; its start opens and migrates the database."""
    settings = settings or load_settings()
    check_exposure(settings)
    check_embedder(settings)
    database = Database(settings)
    bus = open_bus(settings, lambda: database_bus(database))
    services = Services(Store(database, bus))
    authentication = Authentication(settings, services.store)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with serving(services, settings):
            yield
            await keeper.close()
            await authentication.close()

    app = Application(lifespan=lifespan)
    app.state.settings = settings
    app.state.services = services
    later.install(app, services, lambda: rest.application(settings, services))
    edge = http.install(app, services, settings)
    keeper = socket_route.install(
        app, http.PATH, services, edge.operations, authentication, settings
    )
    identity.guard(app, authentication, settings, http.PATH)
    app.add_middleware(Journal, paths=(http.PATH, health_report.PATH))
    front.guard(app, settings)
    return app


if __name__ == "__main__":
    main()
