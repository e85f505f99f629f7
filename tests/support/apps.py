"""The whole application in this process, asked without a network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette

from app import create_app
from backend.config import Settings
from backend.repositories.store import Store
from backend.services.keys import KeyService
from backend.setting import SecretStr

URL = "http://localhost"
PEPPER = "a pepper that only these tests know"

Json = dict[str, Any]


@asynccontextmanager
async def running_app(settings: Settings) -> AsyncGenerator[Starlette]:
    """The application, started."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


def with_keys(settings: Settings, **more: object) -> Settings:
    """The same settings, asking for API keys."""
    return settings.model_copy(update={"auth": "keys", "key_pepper": SecretStr(PEPPER), **more})


async def key_of(store: Store, owner: str, *scopes: str) -> str:
    """A new key of an owner, as a client sends it."""
    made = await KeyService(store).create(owner, "a test's", scopes or ("read", "write"))
    return made.reveal()


def client_of(app: Starlette, key: str | None = None, **headers: str) -> httpx.AsyncClient:
    """A client that sends this key."""
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL, headers=headers)


async def ask(client: httpx.AsyncClient, query: str, **variables: object) -> Json:
    """The body of the answer to an operation of GraphQL."""
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    body: Json = answer.json()
    return body


def code_of(answer: httpx.Response) -> str:
    """The code of the failure in an answer, of REST or of GraphQL."""
    body: Json = answer.json()
    if "errors" in body:
        code: str = body["errors"][0]["extensions"]["code"]
        return code
    return str(body["code"])


@asynccontextmanager
async def served_app(settings: Settings, **given: Any) -> AsyncGenerator[tuple[Starlette, str]]:
    """The application behind a port of its own, with its address; ``given`` is for uvicorn.

    A connection on which nothing is said is kept: no pause of the machine's makes it end just as
    somebody asks again.
    """
    app = create_app(settings)
    given.setdefault("timeout_keep_alive", 600)
    config = uvicorn.Config(app, log_config=None, access_log=False, **given)
    server = uvicorn.Server(config)
    # It listens already, so that the first request waits instead of being refused.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve([listening]))
        while not server.started and not task.done():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        try:
            yield app, f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            await task
