"""Real servers, as `python app.py` starts them, for tests that need sockets and kill -9."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from backend.config import PREFIX

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0
"""A busy machine takes long to start several at once; what answers sooner is not waited for."""
PATIENCE = 60.0
"""Seconds that an answer, or an end, may take."""


FIRST_PORT, LAST_PORT = 20_000, 30_000
"""Below those that systems give to whoever asks for any, so that no client has one meanwhile."""
_guards: list[socket.socket] = []


def free_port() -> int:
    """A port nobody listens on, and that nobody else is given as long as this process lives.

    It is even; who holds the odd one above it has it.
    """
    while True:
        port = random.randrange(FIRST_PORT, LAST_PORT, 2)
        guard = socket.socket()
        try:
            guard.bind(("127.0.0.1", port + 1))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            guard.close()
        else:
            _guards.append(guard)
            return port


class Server:
    """One server process on a port of its own, which it keeps when it is started again."""

    def __init__(self, database_url: str, log: Path, **settings: str) -> None:
        self.port = free_port()
        self._log = log
        self._settings = {
            "DATABASE_URL": database_url,
            "PORT": str(self.port),
            "LOG_LEVEL": "warning",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """The address of its sockets."""
        return f"ws://127.0.0.1:{self.port}/graphql"

    def log_text(self) -> str:
        """What it logged so far."""
        return self._log.read_text("utf-8") if self._log.exists() else ""

    async def start(self) -> None:
        """Starts it and waits until it answers."""
        environment = {**os.environ, **{PREFIX + key: each for key, each in self._settings.items()}}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 (a test may wait for a fork)
                [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
            while True:
                if self._process.poll() is not None:
                    raise RuntimeError(self.log_text())
                try:
                    await client.get(f"{self.url}/healthz")
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return

    def kill(self) -> None:
        """Ends it at once, without a chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Asks it to end, and waits."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(timeout=PATIENCE)


@asynccontextmanager
async def running_servers(
    database_url: str, folder: Path, count: int = 1, **settings: str
) -> AsyncGenerator[list[Server]]:
    """So many servers over one database."""
    servers = [
        Server(database_url, folder / f"server-{number}.log", **settings) for number in range(count)
    ]
    try:
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    finally:
        for server in servers:
            server.kill()


async def graphql(server: Server, query: str, **variables: object) -> dict[str, object]:
    """The data of an operation over HTTP; raises where there are errors."""
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        answer = await client.post(
            f"{server.url}/graphql", json={"query": query, "variables": variables}
        )
    body = answer.json()
    if body.get("errors"):
        raise RuntimeError(str(body["errors"]))
    data: dict[str, object] = body["data"]
    return data
