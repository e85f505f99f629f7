"""REST, made when somebody first asks for it.

FastAPI, its models and our routes are a fifth of the server's start and of its memory, and a server
that speaks GraphQL alone never needs them; nor does a probe of its health.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.routers.heads import Heads
from backend.routers.health_report import PATH, report
from backend.routers.problems import http_problem
from backend.services.container import Services

Make = Callable[[], ASGIApp]

SWITCH_SECONDS = 0.0005
"""How long the thread may keep the interpreter from who waits for it; otherwise ten times as long.
An answer lets go of it at every statement and at its socket, and would wait each time."""


def install(app: Starlette, services: Services, make: Make) -> Later:
    """Gives an application, whatever it has no route for, to one that is made later."""
    later = Later(services, make)
    app.router.default = later
    app.add_exception_handler(HTTPException, _refuse)
    return later


class Later:
    """Stands for an application, which is made in a thread: others are answered meanwhile."""

    def __init__(self, services: Services, make: Make) -> None:
        self._services = services
        self._make = make
        self._made: ASGIApp | None = None
        self._making = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._made
        if app is None and _asks_for_health(scope):
            app = Heads(await report(self._services))
        elif app is None:
            app = await asyncio.to_thread(self.made)
        await app(scope, receive, send)

    def is_made(self) -> bool:
        """Whether somebody has asked for it."""
        return self._made is not None

    def made(self) -> ASGIApp:
        """The application; raises whatever goes wrong in making it."""
        with self._making:
            if self._made is None:
                with _turns_are_short():
                    self._made = self._make()
            return self._made


@contextmanager
def _turns_are_short() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _asks_for_health(scope: Scope) -> bool:
    known = scope["type"] == "http" and scope["path"] == PATH
    return known and scope["method"] in ("GET", "HEAD")


async def _refuse(_: Request, error: Exception) -> Response:
    """What a file's address refuses."""
    if not isinstance(error, HTTPException):
        raise error
    return http_problem(error)
