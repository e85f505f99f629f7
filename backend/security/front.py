"""What comes before every edge: the request's id, the names we answer to, and who may call.

An id stands on every answer and in every line that is logged meanwhile. Under a name that is not
ours nothing is answered: a page can give its own name our address, and would then be taken by the
browser for one of ours (DNS rebinding). Pages of other origins are let in where the settings list
them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from functools import lru_cache

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.config import Settings
from backend.ids import new_id
from backend.security.exposure import is_loopback
from backend.security.handshake import headers_of

Headers = Mapping[bytes, bytes]

HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
REQUEST_HEADERS = (
    "authorization",
    "apollo-require-preflight",
    "content-type",
    "if-match",
    "if-none-match",
    "last-event-id",
    "x-apollo-operation-name",
    "x-conversa-owner",
    "x-graphql-cost",
    "x-request-id",
    "x-requested-with",
)
RESPONSE_HEADERS = (
    "etag",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
    "x-request-id",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

MAX_HOST_BYTES = 300
"""No name is longer than 253 characters; what is kept of a stranger's is bounded."""

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PORT = re.compile(r":[0-9]+\Z")
_current: ContextVar[str] = ContextVar("request_id", default="-")


def current_request_id() -> str:
    """The id of the request under way; a dash outside of one."""
    return _current.get()


class RequestIdFilter(logging.Filter):
    """Gives every record of a log handler a ``request_id``."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id()
        return True


class Front:
    """The middleware. It costs a few microseconds a request."""

    def __init__(self, app: ASGIApp, *, names: frozenset[str] | None, hsts: bool) -> None:
        self._app = app
        self._names = names
        self._common = (HSTS,) if hsts else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        request_id = _request_id(headers)
        token = _current.set(request_id)
        common = ((b"x-request-id", request_id.encode()), *self._common)

        async def send_with_id(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message["headers"] = [*message.get("headers", ()), *common]
            await send(message)

        try:
            app = self._app if self._answers_to(headers) else _misdirected
            await app(scope, receive, send_with_id)
        finally:
            _current.reset(token)

    def _answers_to(self, headers: Headers) -> bool:
        if self._names is None:
            return True
        return _name_of(headers.get(b"host", b"")[:MAX_HOST_BYTES]) in self._names


def guard(app: Starlette, settings: Settings) -> None:
    """Puts the front before an application, and CORS where origins are listed."""
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=RESPONSE_HEADERS,
            max_age=7200,
        )
    production = settings.profile == "production"
    app.add_middleware(Front, names=own_names(settings), hsts=production)


def own_names(settings: Settings) -> frozenset[str] | None:
    """The names this server answers to; None for any."""
    if settings.allowed_hosts:
        return frozenset(settings.allowed_hosts)
    return frozenset((*LOOPBACK_NAMES, settings.host)) if is_loopback(settings.host) else None


def _request_id(headers: Headers) -> str:
    given = headers.get(b"x-request-id")
    return given.decode() if given and _ID.fullmatch(given) else new_id()


@lru_cache(maxsize=64)
def _name_of(host: bytes) -> str:
    """The name a request is addressed to, without the port."""
    return _PORT.sub("", host.decode("latin-1").lower())


async def _misdirected(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    message = "This server does not answer under that name; CONVERSA_ALLOWED_HOSTS lists its names."
    error = {"message": message, "extensions": {"code": "MISDIRECTED_REQUEST"}}
    await JSONResponse({"errors": [error]}, 421)(scope, receive, send)
