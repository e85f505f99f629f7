"""Answers that leave in one piece.

uvicorn writes the head of an answer and then its body, and the event loop hands each to the kernel
as it comes: two packets, the second of which is a fifth of what a small answer costs, and wakes the
client twice.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from backend.cli.keeping import KeptProtocol
from backend.cli.whole import EXTENSIONS, Cycle

HEAD = b"HTTP/1.1 "


class CorkedProtocol(KeptProtocol):
    """uvicorn's protocol over a transport that holds an answer's head for its body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(CorkedTransport(transport, self.loop))  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # uvicorn has no place to say which kind of cycle it makes; this one adds nothing to keep.
        cycle.__class__ = Cycle
        scope: dict[str, Any] = cycle.scope  # type: ignore[assignment]
        scope["extensions"] = EXTENSIONS
        super()._start_asgi_task(cycle, app)

    def handle_websocket_upgrade(self) -> None:
        """A socket sends frames, each of which is whole."""
        corked: Any = self.transport
        self.transport = corked.bare
        super().handle_websocket_upgrade()


class CorkedTransport:
    """Keeps what begins an answer until more is written, or until the event loop's next turn."""

    __slots__ = ("_held", "_loop", "bare")

    def __init__(self, bare: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.bare = bare
        self._loop = loop
        self._held: bytes | None = None

    def write(self, data: bytes) -> None:
        """Sends data, now or within the loop's turn."""
        held = self._held
        if held is not None:
            self._held = None
            self.bare.writelines((held, data))
        elif data.startswith(HEAD):
            self._held = data
            # An answer without a body ends with its head, and a stream may wait long for its next.
            self._loop.call_soon(self._release)
        else:
            self.bare.write(data)

    def close(self) -> None:
        """Closes it once all is sent."""
        self._release()
        self.bare.close()

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.bare.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self.bare.write(held)
