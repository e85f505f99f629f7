"""Processes that accept connections on one socket, and take turns at it.

Whoever is awake takes all there are: of eight connections at once one of two processes got all, and
worked while the other slept. So a process that took the last one waits a moment before it takes
another. If others have taken it by then, the turn has passed to it. None has to know of the others,
and where one hangs or has died, the rest take what comes a moment later.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

from backend.utils.frames import with_room

try:
    from uvloop import Loop
except ImportError:  # it is not made for every system
    from asyncio import SelectorEventLoop as Loop  # type: ignore[assignment]

MOMENT = 0.001
"""Seconds in which others may come first."""
ROUNDS = 8
"""After so many turns with somebody waiting all the time, one connection more is taken at a turn:
a crowd is let in quickly."""
RETRY = 1.0
"""Seconds until it is tried again where the system has no room for a connection."""

logger = logging.getLogger("conversa.connections")


class SharingLoop(Loop):
    """A loop for one of several processes that listen on the same socket."""

    def run_forever(self) -> None:
        """Runs with room for frames, as the only process of a server does."""
        with_room(super().run_forever)

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], *given: Any, **options: Any
    ) -> Any:
        """Serves on a socket that is given by taking turns; on an address as always."""
        listening = options.get("sock")
        if listening is None or options.get("ssl") is not None:
            return await super().create_server(protocol_factory, *given, **options)
        return TurnTaker(self, listening, protocol_factory)


class TurnTaker:
    """Accepts the connections of a socket, as a server of asyncio's does."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: socket.socket,
        protocol_factory: Callable[[], asyncio.Protocol],
    ) -> None:
        self.sockets = (listening,)
        self._loop = loop
        self._listening = listening
        self._protocol_factory = protocol_factory
        self._took_last = False
        self._rounds = 0
        self._waiting: asyncio.TimerHandle | None = None
        self._beginning: set[asyncio.Task[Any]] = set()
        listening.setblocking(False)
        loop.add_reader(listening, self._wake)

    def close(self) -> None:
        """Accepts no more."""
        if self._waiting is not None:
            self._waiting.cancel()
        else:
            self._loop.remove_reader(self._listening)

    async def wait_closed(self) -> None:
        """Returns once those that were accepted are begun with."""
        if self._beginning:
            await asyncio.wait(self._beginning)

    def _wake(self) -> None:
        """Somebody connects."""
        self._loop.remove_reader(self._listening)
        if self._took_last:
            self._later(MOMENT)
        else:
            self._take()

    def _later(self, seconds: float) -> None:
        self._waiting = self._loop.call_later(seconds, self._take)

    def _take(self) -> None:
        self._waiting = None
        for _ in range(1 + self._rounds // ROUNDS):
            connection = self._accepted()
            if connection is None:
                return
            task = self._loop.create_task(self._begin(connection))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)
        self._took_last = True
        self._rounds += 1
        self._later(MOMENT)

    def _accepted(self) -> socket.socket | None:
        """The next connection; where there is none, it is waited for."""
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            # If none was taken since somebody connected, others have taken it.
            self._took_last = self._rounds > 0
            self._rounds = 0
            self._loop.add_reader(self._listening, self._wake)
            return None
        except OSError as error:
            logger.warning("no connection can be accepted for now: %s", error.strerror)
            self._later(RETRY)
            return None
        return connection

    async def _begin(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._protocol_factory, connection)
        except OSError:  # who connected has gone
            connection.close()
