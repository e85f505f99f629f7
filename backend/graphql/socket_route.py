"""Where sockets come in."""

from __future__ import annotations

from contextlib import ExitStack

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from backend.config import Settings
from backend.errors import LimitExceeded
from backend.graphql.context import Context
from backend.graphql.operations import Operations
from backend.graphql.socket_keeper import SocketKeeper
from backend.graphql.sockets import Socket
from backend.security.caller import Caller
from backend.security.handshake import (
    address_of,
    credentials_in,
    credentials_of,
    is_own_origin,
)
from backend.services.authentication import Authentication
from backend.services.container import Services


class Entrance:
    """One handshake, and what comes of it."""

    def __init__(
        self,
        websocket: WebSocket,
        services: Services,
        authentication: Authentication,
        seconds: float,
    ) -> None:
        self.seconds = seconds
        self._scope = websocket.scope
        self._services = services
        self._authentication = authentication

    async def caller(self, payload: object) -> Caller:
        """Who opened the socket: by what the payload says, else by the handshake's headers."""
        credentials = credentials_in(payload, credentials_of(self._scope))
        return await self._authentication.caller(credentials, address_of(self._scope))

    def context(self, caller: Caller) -> Context:
        """The surroundings of one operation."""
        return Context(self._services, caller.viewer, streaming=True, caller=caller)


def install(
    app: Starlette,
    path: str,
    services: Services,
    operations: Operations,
    authentication: Authentication,
    settings: Settings,
) -> SocketKeeper:
    """Adds GraphQL's sockets to an application; the keeper is to be closed with it."""
    keeper = SocketKeeper()
    origins = frozenset(settings.cors_origins)

    async def endpoint(websocket: WebSocket) -> None:
        if not is_own_origin(websocket.scope, origins):
            # Browsers let any page open a socket anywhere, and send what they keep for that place.
            await _deny(websocket, "A page of another site opened this socket.", 403)
            return
        entrance = Entrance(websocket, services, authentication, settings.request_timeout)
        with ExitStack() as counted:
            try:
                counted.enter_context(authentication.arrived(address_of(websocket.scope)))
            except LimitExceeded as error:
                await _deny(websocket, error.message, 429)
                return
            await Socket(websocket, operations, entrance, keeper).run()

    app.router.routes.insert(0, WebSocketRoute(path, endpoint))
    return keeper


async def _deny(websocket: WebSocket, why: str, status: int) -> None:
    """Refuses the handshake, with a reason where the server can give one."""
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(PlainTextResponse(why, status))
    else:
        await websocket.close(1008)
