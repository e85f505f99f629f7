"""GraphQL over HTTP."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry import Schema

from backend.config import Settings
from backend.graphql.http.edge import PATH, GraphQLEdge
from backend.graphql.http.page import Assets
from backend.graphql.playground import STATIC_FOLDER
from backend.graphql.schema import schema
from backend.services.container import Services

__all__ = ["PATH", "Assets", "GraphQLEdge", "install"]


def install(
    app: Starlette, services: Services, settings: Settings, schema: Schema = schema
) -> GraphQLEdge:
    """Adds GraphQL and the playground's files to an application."""
    edge = GraphQLEdge(services, settings, schema)
    app.add_middleware(Shortcut, path=PATH, edge=edge)
    app.mount("/static", Assets(directory=STATIC_FOLDER), name="static")
    return edge


class Shortcut:
    """Takes the requests for one address past the framework's routing, which costs as much again as
    the edge itself. WebSockets go the ordinary way."""

    def __init__(self, app: ASGIApp, *, path: str, edge: ASGIApp) -> None:
        self._app = app
        self._path = path
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mine = scope["type"] == "http" and scope["path"] == self._path
        await (self._edge if mine else self._app)(scope, receive, send)
