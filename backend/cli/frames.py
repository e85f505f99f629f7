"""Sockets on which a text can be sent at once.

What ASGI offers is to await ``send``, which a task must do for each socket. The protocol here
offers beside it, as an extension of the scope, to take a text as bytes and say whether it went out,
and to cut the connection off: what ASGI calls closing waits until all before it has been read.
It is what uvicorn would have sent, under the same limit on what is held for a slow reader.
"""

from __future__ import annotations

import struct
from collections.abc import Coroutine
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from backend.graphql.sockets import TEXT_AT_ONCE

# RFC 6455, section 5.2: a whole text; what says that its length follows, in two bytes or in eight.
TEXT = 0x81
TWO_BYTES, EIGHT_BYTES = 126, 127

UNCOMPRESSED = 1024
"""The longest text that is sent as it is where compression was agreed on, which RFC 7692 leaves to
the sender, message by message: it fits into one packet anyway. Longer ones are left to uvicorn."""


class TextsAtOnce(WebSocketsSansIOProtocol):
    """uvicorn's protocol, with the extension in the scope."""

    def run_asgi(self) -> Coroutine[Any, Any, None]:
        offered: dict[object, object] = {"send": self.send_text, "abort": self.transport.abort}
        self.scope["extensions"][TEXT_AT_ONCE] = offered
        return super().run_asgi()

    def send_text(self, text: bytes) -> bool:
        """Sends a message, unless it would have to wait or the socket is no longer open."""
        if not self._is_open() or (self.conn.extensions and len(text) > UNCOMPRESSED):
            return False
        self.transport.write(head(len(text)) + text)
        return True

    def _is_open(self) -> bool:
        return (
            self.conn.state is State.OPEN
            and self.writable.is_set()
            and not self.disconnected
            and not self.transport.is_closing()
        )


def head(length: int) -> bytes:
    """What comes before a text of this length."""
    if length < TWO_BYTES:
        return bytes((TEXT, length))
    if length < 1 << 16:
        return struct.pack("!BBH", TEXT, TWO_BYTES, length)
    return struct.pack("!BBQ", TEXT, EIGHT_BYTES, length)
