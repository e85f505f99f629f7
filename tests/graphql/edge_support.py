"""A small schema with everything the HTTP edge must cope with, and servers for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import strawberry
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.config import Settings, load_settings
from backend.database.database import Database
from backend.errors import NotFound
from backend.graphql import http
from backend.graphql.context import Info
from backend.graphql.errors import ErrorMasker
from backend.graphql.schema import Schema
from backend.repositories.store import Store
from backend.security import front
from backend.security.viewer import LOCAL_VIEWER, Viewer
from backend.services.container import Services

URL = "http://localhost"
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


@dataclass
class Probe:
    """What the resolvers did."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: bool = False
    written: list[str] = field(default_factory=list)
    asked_after: list[str | None] = field(default_factory=list)


PROBE = Probe()


def fresh_probe() -> Probe:
    """The probe of a new test; events belong to a loop, so each test has its own."""
    PROBE.__init__()  # type: ignore[misc]
    return PROBE


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def owner(self, info: Info) -> str:
        return info.context.viewer.owner_id

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("the secret of the cellar")

    @strawberry.field
    def required(self) -> str:
        raise NotFound("There is no such thing.")

    @strawberry.field
    def unwritable(self) -> str:
        return "\ud800"

    @strawberry.field
    async def slow(self) -> str:
        PROBE.begun.set()
        try:
            await PROBE.release.wait()
        except asyncio.CancelledError:
            PROBE.cancelled = True
            raise
        finally:
            PROBE.ended.set()
        return "done"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def write(self, text: str) -> str:
        PROBE.begun.set()
        try:
            await PROBE.release.wait()
            PROBE.written.append(text)
        except asyncio.CancelledError:
            PROBE.cancelled = True
            raise
        finally:
            PROBE.ended.set()
        return text


@strawberry.type
class Tick:
    cursor: str
    number: int


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(
        self, info: Info, upto: int, after: str | None = None
    ) -> AsyncGenerator[Tick, None]:
        after = after or info.context.resume_after
        PROBE.asked_after.append(after)
        first = int(after.removeprefix("c")) + 1 if after else 1
        for number in range(first, upto + 1):
            yield Tick(cursor=f"c{number}", number=number)

    @strawberry.subscription
    async def silence(self, info: Info) -> AsyncGenerator[str, None]:
        PROBE.begun.set()
        if info.context.begun is not None:
            info.context.begun()
        try:
            await PROBE.release.wait()
            yield "at last"
        finally:
            PROBE.ended.set()

    @strawberry.subscription
    async def flood(self) -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "x" * 100_000
        finally:
            PROBE.ended.set()

    @strawberry.subscription
    async def refused(self, really: bool = True) -> AsyncGenerator[str, None]:
        if really:
            raise NotFound("There is nothing to listen to.")
        yield "never"

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[str, None]:
        yield "once"
        raise RuntimeError("the secret of the cellar")


edge_schema = Schema(
    query=Query, mutation=Mutation, subscription=Subscription, extensions=[ErrorMasker]
)


def edge_app(tmp_path: Path, viewer: Viewer = LOCAL_VIEWER, **settings: Any) -> FastAPI:
    """An application with nothing but the edge; no database is opened unless it is asked for."""
    chosen = edge_settings(tmp_path, **settings)
    app = FastAPI()
    http.install(app, Services(Store(Database(chosen))), chosen, edge_schema)
    app.add_middleware(LocalUnlessKnown)
    app.add_middleware(KnownViewer, viewer=viewer)
    front.guard(app, chosen)
    return app


class KnownViewer:
    """Tells the edge who asks, as authentication does."""

    def __init__(self, app: ASGIApp, viewer: Viewer) -> None:
        self._app = app
        self._viewer = viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["viewer"] = self._viewer
        await self._app(scope, receive, send)


class LocalUnlessKnown:
    """Makes everybody the local owner of whom nothing is known."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {}).setdefault("viewer", LOCAL_VIEWER)
        await self._app(scope, receive, send)


def edge_settings(tmp_path: Path, **settings: Any) -> Settings:
    """Settings of a database that does not exist yet."""
    return load_settings(
        **{"database_url": f"sqlite:///{tmp_path}/edge.db", "env_file": None, **settings}
    )


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client that calls the application without a network."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=URL, headers={"accept": "*/*"}
    )


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """The port of a real server on a real socket."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", ws="none", lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        await serving


@asynccontextmanager
async def connection(
    port: int, request: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection on which a request was sent; it is cut off at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(request)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


def posted(body: bytes, *, length: int | None = None, accept: str = "*/*") -> bytes:
    """A request as it goes over the wire."""
    head = (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: {accept}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body


def codes(answer: httpx.Response) -> list[str]:
    """The codes of the errors in an answer."""
    return [each["extensions"]["code"] for each in answer.json()["errors"]]
