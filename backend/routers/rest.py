"""REST as a whole: every router, the failures of addresses that are none, the OpenAPI document."""

from __future__ import annotations

from functools import partial
from itertools import chain

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

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


def install(app: FastAPI) -> None:
    """Adds REST to an application whose state holds the settings and the services."""
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_middleware(Heads)
    app.openapi = partial(openapi_document, app)  # type: ignore[method-assign]


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
