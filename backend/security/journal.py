"""One line for each request: who, what, how it went and how long it took; never what it said."""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.security.caller import STATE, Caller

logger = logging.getLogger("conversa.requests")

HUNG_UP = 499
"""For a request whose client went before an answer began; no status of HTTP's own says that."""
NO_ROUTE = "-"


class Journal:
    """The middleware. ``paths`` are addresses that are answered without the framework's routes."""

    def __init__(self, app: ASGIApp, *, paths: tuple[str, ...] = ()) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not logger.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        begun, status = time.perf_counter(), HUNG_UP

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = 500
            raise
        finally:
            place = {"method": scope["method"], "path": self._template(scope), "status": status}
            _tell("request", {**place, **told_of(scope["state"].get(STATE))}, begun)

    def _template(self, scope: Scope) -> str:
        """The path as it was declared: what stands in its places may be anything."""
        if scope["path"] in self._paths:
            return str(scope["path"])
        return str(getattr(scope.get("route"), "path", NO_ROUTE))


def tell_operation(caller: Caller, begun: float, outcome: str) -> None:
    """The line for an operation on a socket; ``begun`` by ``time.perf_counter``."""
    if logger.isEnabledFor(logging.INFO):
        _tell("operation", {"outcome": outcome, **told_of(caller)}, begun)


def told_of(caller: object) -> dict[str, Any]:
    """What a line says of who asked, and for what."""
    if not isinstance(caller, Caller):
        return {}
    found = {
        "owner": mark(caller.viewer.owner_id),
        "key": caller.viewer.key_id,
        "operation": caller.operation,
        "cost": caller.cost,
    }
    return {name: value for name, value in found.items() if value is not None}


@lru_cache(maxsize=1024)
def mark(owner: str) -> str:
    """What stands for an owner in the log: the same for the same one, and not his name."""
    return blake2b(owner.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _tell(event: str, fields: dict[str, Any], begun: float) -> None:
    elapsed = round((time.perf_counter() - begun) * 1000, 1)
    logger.info(event, extra={"fields": {**fields, "ms": elapsed}})
