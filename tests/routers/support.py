"""A client that believes no answer the server does not declare."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from pydantic import TypeAdapter
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.config import Settings
from backend.routers import rest
from backend.routers.docs import FOLDER
from backend.routers.openapi import Problem
from backend.security.viewer import Viewer
from backend.services.container import Services

Json = dict[str, Any]


def make_app(settings: Settings, services: Services) -> FastAPI:
    """REST over these services."""
    app = rest.application(settings, services)
    app.mount("/static", StaticFiles(directory=FOLDER.parent))
    return app


def seen_by(viewer: Viewer, app: ASGIApp) -> ASGIApp:
    """The application for requests that are all this viewer's."""

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["viewer"] = viewer
        await app(scope, receive, send)

    return asgi


class Client(httpx.AsyncClient):
    """Speaks to an application in this process and holds every answer against its declaration."""

    def __init__(self, app: FastAPI, viewer: Viewer) -> None:
        super().__init__(
            transport=httpx.ASGITransport(seen_by(viewer, app)),
            base_url="http://testserver",
            event_hooks={"response": [hold_to_declaration]},
        )

    async def chat(self, **body: Any) -> Json:
        """A new chat."""
        return await made(self.post("/api/chats", json=body))

    async def message(self, chat: Json, content: str, role: str = "user", **body: Any) -> Json:
        """A new message at the end of a chat, or where the rest of the body says."""
        address = f"/api/chats/{chat['id']}/messages"
        return await made(self.post(address, json={"role": role, "content": content, **body}))

    async def messages(self, chat: Json, count: int) -> list[Json]:
        """So many new messages at the end of a chat, user and assistant in turn."""
        new = [
            {"role": ("user", "assistant")[number % 2], "content": f"message {number}"}
            for number in range(count)
        ]
        address = f"/api/chats/{chat['id']}/messages"
        stored: list[Json] = (await made(self.post(address, json={"messages": new})))["messages"]
        return stored

    async def read(self, address: str, **query: Any) -> Json:
        """The body at an address."""
        response = await self.get(address, params=query)
        assert response.status_code == 200, response.text
        body: Json = response.json()
        return body


async def made(request: Any) -> Json:
    """The body of an answer that made something."""
    response: httpx.Response = await request
    assert response.status_code == 201, response.text
    body: Json = response.json()
    return body


async def hold_to_declaration(response: httpx.Response) -> None:
    """Fails where the status, the media type or the body is not one the operation declares."""
    route = route_of(response.request)
    status = response.status_code
    if route is None or not route.include_in_schema:
        return
    assert status in route.responses, f"{status} is not declared by {route.operation_id}"
    if "application/problem+json" in route.responses[status].get("content", {}):
        assert response.headers["content-type"] == "application/problem+json"
        problem = Problem.model_validate_json(await response.aread())
        assert problem.status == status
    elif model := route.responses[status].get("model"):
        assert response.headers["content-type"] == "application/json"
        TypeAdapter(model).validate_json(await response.aread())


def route_of(request: httpx.Request) -> APIRoute | None:
    """The operation that a request is for."""
    for router in rest.ROUTERS:
        for route in router.routes:
            if not isinstance(route, APIRoute) or request.method not in (route.methods or ()):
                continue
            if route.path_regex.match(request.url.path):
                return route
    return None


def problem_of(response: httpx.Response, status: int, code: str, *field: str) -> Json:
    """The problem in an answer, which must be this one."""
    body: Json = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert tuple(body.get("field", ())) == field, body
    return body
