"""HEAD is answered as GET is, without the body (RFC 9110, section 9.3.2)."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.routers.identity import OPEN

API = "/api/"
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class Heads:
    """The middleware of REST. What would go on and on, like events, ends with its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or not _is_rest(scope["path"]):
            await self._app(scope, receive, send)
            return
        # A copy: the server has to know that it was HEAD. Its log wants to know the route.
        asked = {**scope, "method": "GET"}
        answer = _Head(receive, send)
        try:
            await self._app(asked, answer.receive, answer.send)
        finally:
            scope["route"] = asked.get("route")


class _Head:
    """The client as the application sees it: it goes once it has the headers."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._told = asyncio.Event()

    async def receive(self) -> Message:
        waiting = [
            asyncio.ensure_future(self._receive()),
            asyncio.ensure_future(self._told.wait()),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if self._told.is_set():
                return {"type": "http.disconnect"}
            return await waiting[0]  # type: ignore[return-value]
        finally:
            for each in waiting:
                each.cancel()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send(END)
            self._told.set()


def _is_rest(path: str) -> bool:
    return path.startswith(API) or path in OPEN
