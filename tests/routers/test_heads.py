"""HEAD tells what GET would, and sends no body."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from backend.routers import rest
from backend.security.viewer import Viewer
from tests.routers.support import Client, seen_by
from tests.support.following import PATIENCE

TOLD = ("content-type", "content-length", "etag", "link", "content-disposition", "cache-control")


async def test_every_address_that_takes_get_takes_head(client: Client) -> None:
    chat = await client.chat(messages=[{"role": "user", "content": "Hi"}])
    message = (await client.read(f"/api/chats/{chat['id']}/messages"))["items"][0]
    paths = {
        route.path.format(chat_id=chat["id"], message_id=message["id"])
        for router in rest.ROUTERS
        for route in router.routes
        if "GET" in route.methods and not route.path.endswith("/events")
    }
    assert len(paths) >= 10
    for path in paths:
        params = {"query": "Hi"} if path == "/api/search" else {}
        got = await httpx.AsyncClient.get(client, path, params=params)
        head = await httpx.AsyncClient.head(client, path, params=params)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        for name in TOLD:
            assert head.headers.get(name) == got.headers.get(name), (path, name)


async def test_what_is_not_there_is_not_there(client: Client) -> None:
    nobody = "/api/chats/01939b3c-7a52-7c4e-8d3b-2f6a1c8e5d40"
    head = await httpx.AsyncClient.head(client, nobody)
    assert (head.status_code, head.content) == (404, b"")
    import_only = await httpx.AsyncClient.head(client, "/api/import")
    assert (import_only.status_code, import_only.headers["allow"]) == (405, "POST")


async def test_what_is_unchanged_is_not_modified(client: Client) -> None:
    chat = await client.chat()
    place = f"/api/chats/{chat['id']}"
    tag = (await httpx.AsyncClient.head(client, place)).headers["etag"]
    again = await httpx.AsyncClient.head(client, place, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_stream_ends_with_its_headers(client: Client, app: FastAPI, viewer: Viewer) -> None:
    chat = await client.chat()
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "HEAD",
        "path": f"/api/chats/{chat['id']}/events",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "server": ("localhost", 80),
    }
    async with asyncio.timeout(PATIENCE):
        await seen_by(viewer, app)(scope, receive, send)
    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 200
    assert (b"content-type", b"text/event-stream") in [
        (name, value.split(b";")[0]) for name, value in sent[0]["headers"]
    ]
    assert (sent[1]["body"], sent[1]["more_body"]) == (b"", False)


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json"])
async def test_what_is_open_to_all_takes_head_too(client: Client, path: str) -> None:
    head = await httpx.AsyncClient.head(client, path)
    assert (head.status_code, head.content) == (200, b"")
