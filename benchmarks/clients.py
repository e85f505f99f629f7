"""Connections that ask again as soon as they are answered, at little cost to themselves.

They share the cores with the server. An answer is looked at no further than to find its end and
whether it says what it should.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

END = b"\r\n\r\n"
LENGTH = b"content-length:"


class Client(asyncio.Protocol):
    """One connection. ``times`` are those of the answers that hold ``expected``, in seconds."""

    def __init__(self, body: bytes, expected: bytes, until: float, times: list[float]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = message(body)
        self._expected = expected
        self._until = until
        self._times = times
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the first time."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Notes an answer that is whole, and asks again."""
        received = self._received = self._received + data
        if not is_whole(received):
            return
        now = time.perf_counter()
        if not received.startswith(b"HTTP/1.1 200") or self._expected not in received:
            self._end(RuntimeError(received[:1000].decode()))
            return
        self._times.append(now - self._begun)
        self._received = b""
        if now < self._until:
            self._ask()
        else:
            self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fails where the server has ended it."""
        self._end(error or ConnectionError("the server hung up"))

    def _ask(self) -> None:
        self._begun = time.perf_counter()
        self._transport.write(self._request)

    def _end(self, error: Exception | None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
        self._transport.close()


def message(body: bytes) -> bytes:
    """The HTTP request of a GraphQL request."""
    return (
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Accept: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )


def is_whole(received: bytes) -> bool:
    """Whether an answer has come to its end."""
    head = received.find(END)
    if head < 0:
        return False
    length = int(received[:head].lower().split(LENGTH)[1].split(b"\r\n")[0])
    return len(received) >= head + len(END) + length


async def ask_again(
    port: int, bodies: Sequence[bytes], expected: bytes, seconds: float
) -> list[float]:
    """How long each answer took, of a connection for each of the bodies; raises on another answer
    than expected."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    clients = [Client(body, expected, until, times) for body in bodies]
    for client in clients:
        await loop.create_connection(lambda made=client: made, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(client.ended for client in clients))
    return times
