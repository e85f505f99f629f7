"""Where sockets come in."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from backend.graphql.context import Context
from backend.graphql.operations import Operations
from backend.graphql.schema import schema
from backend.graphql.socket_keeper import SocketKeeper
from backend.graphql.sockets import Socket
from backend.security.viewer import LOCAL_VIEWER, Viewer
from backend.services.container import Services


def install(app: Starlette, path: str, services: Services, operations: Operations) -> SocketKeeper:
    """Adds GraphQL's sockets to an application; the keeper is to be closed with it."""
    keeper = SocketKeeper()
    core = schema._schema

    async def endpoint(websocket: WebSocket) -> None:
        viewer: Viewer = getattr(websocket.state, "viewer", LOCAL_VIEWER)

        def context(_payload: dict[str, Any] | None) -> Context:
            return Context(services, viewer, streaming=True)

        await Socket(websocket, core, operations, context, keeper).run()

    app.router.routes.insert(0, WebSocketRoute(path, endpoint))
    return keeper
