"""Finds out who sends each request, before anything is done for it.

What is not open to all is closed: an address that nobody thought of takes a good key or token too.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.config import Settings
from backend.errors import ConversaError
from backend.routers.problems import problem
from backend.security.caller import STATE, Caller
from backend.security.errors import CrossSite, Unauthenticated
from backend.security.handshake import address_of, credentials_of, is_own_origin
from backend.security.meter import refusal
from backend.security.rate import rate_headers
from backend.services.authentication import Authentication

Header = tuple[bytes, bytes]

OPEN = ("/healthz", "/docs", "/openapi.json")
OPEN_FOLDER = "/static/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# A cache of the reader's own may keep an answer, and asks each time whether it still holds.
PRIVATE = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization"),
    (b"x-content-type-options", b"nosniff"),
)
FAILED_COST = 100
"""Points that a bad key or token costs its address."""


def guard(app: Starlette, authentication: Authentication, settings: Settings, path: str) -> None:
    """Puts it before an application, whose GraphQL is at ``path``."""
    origins = frozenset(settings.cors_origins)
    app.add_middleware(Identity, authentication=authentication, origins=origins, graphql=path)


class Identity:
    """The middleware. Sockets say themselves who they are, once they are open."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authentication: Authentication,
        origins: frozenset[str],
        graphql: str,
    ) -> None:
        self._app = app
        self._authentication = authentication
        self._origins = origins
        self._graphql = graphql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["path"] != self._graphql and _is_open(scope["path"])):
            await self._app(scope, receive, send)
            return
        found = scope.setdefault("state", {})[STATE] = await self._caller(scope)
        if isinstance(found, Caller):
            scope["state"]["viewer"] = found.viewer
            rest = scope["path"] != self._graphql
            if rest or found.meter.counts:
                send = _telling(found, send, PRIVATE if rest else ())
            await self._app(scope, receive, send)
        elif scope["path"] == self._graphql:
            # It shows a page to anybody, and says no in a form of its own.
            await self._app(scope, receive, send)
        else:
            await problem(found)(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller | ConversaError:
        """The one who sends a request, or why he may not."""
        address = address_of(scope)
        try:
            caller = await self._authentication.caller(credentials_of(scope), address)
            if scope["path"] != self._graphql:
                self._check(scope, caller)
        except Unauthenticated as error:
            verdicts = await self._authentication.meter.charge(None, address, FAILED_COST)
            return refusal(verdicts.values()) or error
        except ConversaError as error:
            return error
        return caller

    def _check(self, scope: Scope, caller: Caller) -> None:
        """Whether he may use this method; raises Forbidden or CrossSite."""
        if scope["method"] in SAFE_METHODS:
            caller.require("read")
            return
        if not is_own_origin(scope, self._origins):
            raise CrossSite("A page of another site sent this; CONVERSA_CORS_ORIGINS lists none.")
        caller.require("write")


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_FOLDER)


def _telling(caller: Caller, send: Send, always: tuple[Header, ...]) -> Send:
    """Adds to an answer what is left of the rate, and headers that all have."""

    async def telling(message: Message) -> None:
        if message["type"] == "http.response.start":
            told = rate_headers(caller.verdicts).items() if caller.verdicts else ()
            pairs = [(name.lower().encode(), value.encode()) for name, value in told]
            message["headers"] = [*message.get("headers", ()), *always, *pairs]
        await send(message)

    return telling
