"""The verb that serves."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from backend import __version__
from backend.cli.apart import apart
from backend.cli.corking import CorkedProtocol
from backend.cli.logs import log_config
from backend.cli.running import (
    FAILED,
    is_behind,
    one_line_failures,
    ready,
    run,
    services_of,
    settings_of,
)
from backend.config import PREFIX, Settings
from backend.database.database import database_url
from backend.errors import ConfigurationError
from backend.lazy import Lazy
from backend.security.exposure import check_exposure
from backend.services.authentication import Authentication
from backend.services.embedders import check_embedder
from backend.utils.frames import with_room

if TYPE_CHECKING:
    from backend.cli import frames
else:
    frames = Lazy("backend.cli.frames")

APPLICATION = "app:create_app"
SHARING = "backend.cli.turns:SharingLoop"
BACKLOG = 2048
SHUTDOWN_SECONDS = 10
WORKER_SECONDS = 60
"""A worker that gives no sign of life for so long is started anew; loading the application counts,
so that a slow machine must not take longer for it."""


def serve(host: str | None = None, port: int | None = None, workers: int = 1) -> None:
    """Serves until it is stopped; makes or migrates the database first."""
    with one_line_failures():
        settings = settings_of(host=host, port=port)
        check_exposure(settings)
        check_embedder(settings)
        prepare(settings)
        listening = listen(settings)
    # The application reads its settings itself, in this process or in several others.
    os.environ[f"{PREFIX}HOST"], os.environ[f"{PREFIX}PORT"] = _address(listening)
    typer.echo(_greeting(settings, listening))
    sys.stdout.flush()
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        workers=workers,
        loop=SHARING if workers > 1 else "auto",
        http=CorkedProtocol,
        log_config=log_config(settings),
        ws=cast("type[asyncio.Protocol]", _socket),
        # A request's address may hold what people wrote; what is worth logging, the edges log.
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        if workers > 1:
            Multiprocess(config, sockets=[listening]).run()
        else:
            with_room(server.run, sockets=[listening])
    if workers == 1 and not server.started:
        raise typer.Exit(FAILED)


def _socket(**given: Any) -> asyncio.Protocol:
    """What speaks on a connection that becomes a WebSocket; loaded with the first of them."""
    return frames.TextsAtOnce(**given)


def prepare(settings: Settings) -> None:
    """Brings the tables up to date, and finds what would stop the application before it starts.

    What migrates takes 12 MiB, which a process that serves has no use for afterwards.
    """
    if run(is_behind(settings)):
        apart(lambda: ready(settings))
        run(ready(settings))
    run(_authenticates(settings))


async def _authenticates(settings: Settings) -> None:
    async with services_of(settings) as services:
        await Authentication(settings, services.store).close()


def listen(settings: Settings) -> socket.socket:
    """A socket on the settings' address; who connects from now on is answered once the server is
    up. Raises ConfigurationError."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
    except OSError as error:
        raise ConfigurationError(f"{PREFIX}HOST: {settings.host}: {error.strerror}") from None
    try:
        listening = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise ConfigurationError(
            f"{PREFIX}PORT: {place}: {os.strerror(error.errno or 0)}"
        ) from None
    listening.set_inheritable(True)
    return listening


def _address(listening: socket.socket) -> tuple[str, str]:
    host, port = listening.getsockname()[:2]
    return str(host), str(port)


def _greeting(settings: Settings, listening: socket.socket) -> str:
    host, port = _address(listening)
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    lines = {
        "GraphQL and playground": f"{base}/graphql",
        "REST documentation": f"{base}/docs",
        "Health": f"{base}/healthz",
        "Data": database_url(settings).render_as_string(hide_password=True),
    }
    width = max(map(len, lines))
    told = (f"  {name.ljust(width)}  {value}" for name, value in lines.items())
    return "\n".join((f"Conversa {__version__}", *told))
