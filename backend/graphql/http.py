"""The HTTP edge of GraphQL: operations, the playground, and the sockets of subscriptions."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request
from fastapi.requests import HTTPConnection
from starlette.responses import HTMLResponse, Response
from strawberry.fastapi import GraphQLRouter
from strawberry.http.ides import GraphQL_IDE
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from backend.graphql.context import Context
from backend.graphql.playground import render_playground
from backend.graphql.schema import schema
from backend.security.viewer import LOCAL_VIEWER, Viewer
from backend.services.container import Services

PATH = "/graphql"


class ConversaGraphQL(GraphQLRouter[Context, None]):
    """Strawberry's router with our page and a faster encoder."""

    def encode_json(self, data: object) -> bytes:
        """The answer as JSON."""
        return orjson.dumps(data)

    async def render_graphql_ide(self, request: Request) -> Response:
        """The playground."""
        return HTMLResponse(render_playground(PATH))


def graphql_router(services: Services, *, playground: bool) -> ConversaGraphQL:
    """The router that serves the schema at one path."""

    async def context(connection: HTTPConnection) -> Context:
        viewer: Viewer = getattr(connection.state, "viewer", LOCAL_VIEWER)
        return Context(services, viewer, streaming=connection.scope["type"] == "websocket")

    ide: GraphQL_IDE | None = "graphiql" if playground else None
    options: dict[str, Any] = {"context_getter": context, "graphql_ide": ide}
    return ConversaGraphQL(
        schema, PATH, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL], **options
    )
