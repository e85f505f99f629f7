"""REST as a whole: every router, the failures of addresses that are none, the OpenAPI document."""

from __future__ import annotations

from functools import partial
from itertools import chain

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from backend import __version__
from backend.config import Settings
from backend.routers import (
    branches,
    chats,
    context,
    docs,
    events,
    health,
    message_details,
    messages,
    search,
    streaming,
    transfer,
)
from backend.routers.heads import Heads
from backend.routers.openapi import openapi_document
from backend.routers.problems import http_problem
from backend.services.container import Services

ROUTERS = tuple(
    each.router
    for each in (
        chats,
        messages,
        branches,
        message_details,
        streaming,
        events,
        context,
        search,
        transfer,
        health,
        docs,
    )
)


def application(settings: Settings, services: Services) -> FastAPI:
    """REST over these services."""
    app = FastAPI(title="Conversa", version=__version__, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.services = services
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_middleware(Heads)
    app.openapi = partial(openapi_document, app)  # type: ignore[method-assign]
    _complete(app)
    return app


def _complete(app: FastAPI) -> None:
    """Compares something with every route: the framework completes them only then, which takes a
    tenth of a second of whoever is on the event loop."""
    for route in app.routes:
        route.matches({"type": "http", "method": "GET", "path": "/", "headers": []})


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return http_problem(error, methods_at(request.url.path))


def methods_at(path: str) -> list[str]:
    """The methods of an address: the framework knows those of the first route alone."""
    routes = [
        route
        for route in chain.from_iterable(router.routes for router in ROUTERS)
        if isinstance(route, Route) and route.path_regex.match(path)
    ]
    # `messages/start` could be a message's address, too; the one with fewer places is meant.
    meant = min((route.path for route in routes), key=lambda each: each.count("{"), default="")
    found = {method for route in routes if route.path == meant for method in route.methods or ()}
    return sorted(found | {"HEAD"} if "GET" in found else found)
