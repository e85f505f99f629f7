"""Looks after all open sockets of a process with one task: pings, limits, those who do not read."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from backend.tasks import stop

LOOK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class SocketTimes:
    """Seconds: for saying who one is, between pings, without a sign of life, without reading what
    was sent, for taking the word that it is over, and in all."""

    initialise: float = 10
    ping: float = 25
    silent: float = 60
    stuck: float = 10
    farewell: float = 10
    lifetime: float = 24 * 3600


class KeptSocket(Protocol):
    """A socket as far as its keeper is concerned."""

    opened_at: float
    heard_at: float
    sending_since: float | None

    @property
    def acknowledged(self) -> bool: ...
    @property
    def over(self) -> str | None: ...
    async def close(self, code: int, reason: str) -> None: ...
    async def ping(self) -> None: ...
    def drop(self) -> None: ...


class SocketKeeper:
    """Closes what is over its time. Its task runs only while there are sockets."""

    def __init__(self, times: SocketTimes | None = None) -> None:
        self._times = times or SocketTimes()
        self._sockets: dict[KeptSocket, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._jobs: set[asyncio.Task[None]] = set()

    def add(self, socket: KeptSocket) -> None:
        """Takes a socket into care."""
        self._sockets[socket] = asyncio.get_running_loop().time()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def discard(self, socket: KeptSocket) -> None:
        """Lets a socket go."""
        self._sockets.pop(socket, None)

    async def close(self) -> None:
        """Tells every client that the server goes away."""
        for socket in list(self._sockets):
            await socket.close(1001, "The server is going away")
        await stop(self._task)

    async def _run(self) -> None:
        while self._sockets:
            await asyncio.sleep(LOOK_EVERY)
            now = asyncio.get_running_loop().time()
            for socket, pinged_at in list(self._sockets.items()):
                self._look_at(socket, now, pinged_at)

    def _look_at(self, socket: KeptSocket, now: float, pinged_at: float) -> None:
        times = self._times
        stuck = socket.sending_since is not None and now - socket.sending_since > times.stuck
        if not socket.acknowledged and now - socket.opened_at > times.initialise:
            self._do(self._end(socket, 4408, "Connection initialisation timeout"))
        elif reason := socket.over:
            self._do(self._end(socket, 4403, reason))
        elif stuck:
            self._do(self._end(socket, 4413, "Too slow: resume from the last cursor"))
        elif now - socket.heard_at > times.silent:
            self._do(self._end(socket, 4408, "No sign of life"))
        elif now - socket.opened_at > times.lifetime:
            self._do(self._end(socket, 1001, "Connect again"))
        elif now - pinged_at > times.ping and socket.acknowledged:
            self._sockets[socket] = now
            self._do(socket.ping())

    async def _end(self, socket: KeptSocket, code: int, reason: str) -> None:
        """Closes a socket. The word of it waits behind what its client has not read; where that
        never goes, the connection is cut."""
        try:
            async with asyncio.timeout(self._times.farewell):
                await socket.close(code, reason)
        except TimeoutError:
            socket.drop()

    def _do(self, job: object) -> None:
        task = asyncio.create_task(_quietly(job))
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)


async def _quietly(job: object) -> None:
    with suppress(Exception):
        await job  # type: ignore[misc]
