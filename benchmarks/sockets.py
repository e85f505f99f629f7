"""A WebSocket client of graphql-transport-ws that costs little itself: for a thousand at once."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Callable

PROTOCOL = b"graphql-transport-ws"
INIT = b'{"type":"connection_init"}'
ACK = b'"connection_ack"'
NEXT = b'"next"'
# RFC 6455, section 5.2: the first byte of a whole text frame, and the lengths that say where the
# true length stands. Clients mask what they send; with zeros, masking changes nothing.
TEXT_FRAME = 0x81
MASKED = 0x80
NO_MASK = b"\0\0\0\0"
TWO_BYTES, EIGHT_BYTES = 126, 127


class SubscribedSocket(asyncio.Protocol):
    """Subscribes once it is open, and calls back with the bytes of each ``next``."""

    def __init__(self, host: str, subscribe: bytes, on_next: Callable[[bytes], None]) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self._host = host
        self._subscribe = subscribe
        self._on_next = on_next
        self._buffer = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16))
        transport.write(
            b"GET /graphql HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: %s\r\n\r\n" % (self._host.encode(), key, PROTOCOL)
        )

    def data_received(self, data: bytes) -> None:
        """Takes the answer to the handshake, then frames."""
        self._buffer += data
        if not self._open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                raise ConnectionError(head.decode())
            self._open, self._buffer = True, rest
            self._transport.write(framed(INIT))
        while (frame := self._next_frame()) is not None:
            self._take(frame)

    def close(self) -> None:
        """Hangs up."""
        self._transport.abort()

    def _next_frame(self) -> bytes | None:
        if len(self._buffer) < 2:
            return None
        length, start = self._buffer[1], 2
        if length == TWO_BYTES:
            start = 4
        elif length == EIGHT_BYTES:
            start = 10
        if len(self._buffer) < start:
            return None
        if start > 2:
            length = int.from_bytes(self._buffer[2:start], "big")
        if len(self._buffer) < start + length:
            return None
        frame = self._buffer[start : start + length]
        self._buffer = self._buffer[start + length :]
        return frame

    def _take(self, frame: bytes) -> None:
        if ACK in frame[:40]:
            self._transport.write(framed(self._subscribe))
            self.ready.set_result(None)
        elif NEXT in frame[:60]:
            self._on_next(frame)


def framed(payload: bytes) -> bytes:
    """A client's frame with this text."""
    if len(payload) < TWO_BYTES:
        head = bytes([TEXT_FRAME, MASKED | len(payload)])
    else:
        head = bytes([TEXT_FRAME, MASKED | TWO_BYTES]) + struct.pack(">H", len(payload))
    return head + NO_MASK + payload
