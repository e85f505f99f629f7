"""Our HTTP protocol around an application of a test's own, on a socket in this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

Address = tuple[str, int]


@asynccontextmanager
async def spoken(
    application: ASGIApp, **settings: Any
) -> AsyncIterator[tuple[uvicorn.Server, Address]]:
    """A server and its address. ``settings`` are uvicorn's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            application,
            http="backend.cli.corking:CorkedProtocol",
            lifespan="off",
            log_config=None,
            **settings,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield server, listening.getsockname()
        server.should_exit = True
        await serving
