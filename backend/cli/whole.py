"""Answers that are sent whole, and bodies that are received whole.

What ASGI offers for an answer is two messages, of which uvicorn checks each header by two regular
expressions. The cycle here takes the start of an answer with its body in it, as an extension that
the scope offers: all that stands around the application sees one message, and one text is checked.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from backend.graphql.http.answers import BODY

# What may stand in no header (RFC 9110, section 5.5). Each line here ends with two of them.
CONTROLS = bytes({*range(0x20), 0x7F} - {0x09})
EXTENSIONS: dict[str, dict[object, object]] = {BODY: {}}


class Cycle(RequestResponseCycle):
    """uvicorn's cycle of one request, with the extension."""

    is_taken = False
    """Whether the body of the request was handed over."""

    async def receive(self) -> Any:
        """The next message: a body that is there at once, without looking out for more of it."""
        over = self.disconnected or self.response_complete
        if over or self.is_taken or self.more_body or self.waiting_for_100_continue:
            return await super().receive()
        self.is_taken = True
        self.message_event.clear()
        self.flow.resume_reading()
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Any) -> None:
        """Sends a message, or the two that one with a body in it stands for."""
        body: bytes | None = message.pop(BODY, None)
        if body is None:
            await super().send(message)
            return
        message["headers"] = [*message["headers"], (b"content-length", b"%d" % len(body))]
        if self._can_answer_at_once():
            head = self._head(message)
            if head is not None:
                self._answer(head, body)
                return
        await super().send(message)
        await super().send({"type": "http.response.body", "body": body})

    def _can_answer_at_once(self) -> bool:
        return (
            self.keep_alive
            and not self.response_started
            and not self.access_log
            and not self.flow.write_paused
            and not self.disconnected
            and not self.response_complete
        )

    def _head(self, message: Any) -> bytes | None:
        """The head of an answer; None where a header is not what it seems, which uvicorn tells."""
        headers = [*self.default_headers, *message["headers"]]
        lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        if len(lines) - len(lines.translate(None, CONTROLS)) != 2 * len(headers):
            return None
        return b"%b%b\r\n" % (STATUS_LINE[message["status"]], lines)

    def _answer(self, head: bytes, body: bytes) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        transport: Any = self.transport
        transport.bare.writelines((head, body))
        self.message_event.set()
        self.on_response()
