"""REST over a real server and real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from backend.config import Settings
from backend.security.viewer import Viewer
from backend.services.container import Services
from tests.routers.support import make_app, seen_by
from tests.support.following import PATIENCE, eventually

CHATS = 400
TEXT = "Which tea goes with lemon cake? " * 100
KEPT_SECONDS = 600
"""How long a connection is kept on which nothing is said: no pause of the machine ends it."""


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    """The application behind a port of its own, and its address."""
    config = uvicorn.Config(
        app, log_level="warning", ws="none", lifespan="off", timeout_keep_alive=KEPT_SECONDS
    )
    server = uvicorn.Server(config)
    # It listens already, so that the first request waits instead of being refused.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield server, f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def running(
    settings: Settings, services: Services, viewer: Viewer
) -> AsyncIterator[tuple[uvicorn.Server, str]]:
    small = settings.model_copy(update={"upload_megabytes": 2})
    async with served(seen_by(viewer, make_app(small, services))) as running:
        yield running


@pytest.fixture
def address(running: tuple[uvicorn.Server, str]) -> str:
    return running[1]


@pytest.fixture
async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
        yield client


async def lines() -> AsyncIterator[bytes]:
    """A file of chats whose length nobody knows before its end."""
    for number in range(CHATS):
        messages = [{"role": "user", "content": f"{number} {TEXT}"}]
        yield json.dumps({"title": f"chat {number:03}", "messages": messages}).encode() + b"\n"


async def test_chats_go_in_by_upload_and_out_by_links_and_by_stream(
    client: httpx.AsyncClient,
) -> None:
    headers = {"Content-Type": "application/jsonl"}
    response = await client.post("/api/import", content=lines(), headers=headers)
    assert (response.json()["imported"], response.json()["failed"]) == (CHATS, 0)

    titles: list[str] = []
    at = "/api/chats?first=150&order_by=title&direction=asc"
    while at:
        page = await client.get(at)
        titles += [chat["title"] for chat in page.json()["items"]]
        at = page.links.get("next", {}).get("url", "")
    assert titles == [f"chat {number:03}" for number in range(CHATS)]

    async with client.stream("GET", "/api/export?format=openai") as export:
        assert "content-length" not in export.headers
        pieces = [piece async for piece in export.aiter_raw()]
    assert len(pieces) > 1
    exported = [json.loads(line) for line in b"".join(pieces).splitlines()]
    assert len(exported) == CHATS
    assert {each["messages"][0]["content"].split()[0] for each in exported} == {
        f"{number}" for number in range(CHATS)
    }


async def test_an_upload_over_the_limit_is_refused_before_its_end(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/import HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 99999999999\r\n\r\n["
    )
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ")
    assert b"content-type: application/problem+json" in head
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_keeps_sending_still_gets_the_refusal(
    client: httpx.AsyncClient,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * 64 * 1024

    headers = {"Content-Type": "application/json"}
    response = await client.post("/api/import", content=endless(), headers=headers)
    assert response.status_code == 413
    assert response.json()["code"] == "TOO_LARGE"
    assert (await client.get("/healthz")).status_code == 200


async def test_a_client_that_hangs_up_leaves_nothing_behind(
    client: httpx.AsyncClient,
    running: tuple[uvicorn.Server, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server, address = running
    host, port = address.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/import HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Content-Length: 1000\r\n\r\n[{"title": "half'
    )
    await writer.drain()
    await eventually(lambda: server.server_state.tasks)
    writer.close()
    await writer.wait_closed()
    await eventually(lambda: not server.server_state.tasks)
    assert (await client.get("/api/chats")).json()["items"] == []
    assert caplog.records == []


async def test_it_works_as_the_documentation_writes_it(client: httpx.AsyncClient) -> None:
    chat = (await client.post("/api/chats", json={"title": "Tea"})).json()
    address = f"/api/chats/{chat['id']}/messages"
    created = await client.post(address, json={"role": "user", "content": "Which tea?"})
    assert created.status_code == 201
    location = created.headers["location"]
    known = await client.get(location, headers={"If-None-Match": created.headers["etag"]})
    assert known.status_code == 304
