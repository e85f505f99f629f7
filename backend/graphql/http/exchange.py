"""One HTTP request, as far as GraphQL looks at it."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.types import Receive, Scope, Send

from backend.graphql.http.negotiation import Wishes, wishes
from backend.graphql.http.refusals import not_acceptable
from backend.security.caller import Caller, caller_of
from backend.security.handshake import headers_of
from backend.security.viewer import Viewer


class Exchange:
    """A request, and the way back. Headers that come several times are joined by commas."""

    __slots__ = ("default_type", "headers", "method", "receive", "scope", "send", "wishes")

    def __init__(self, scope: Scope, receive: Receive, send: Send, default_type: str) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.default_type = default_type
        self.method: str = scope["method"]
        self.headers = headers_of(scope)
        accept = self.headers.get(b"accept", b"")
        self.wishes: Wishes = wishes(accept.decode("latin-1"), default_type)

    @property
    def viewer(self) -> Viewer:
        """The one who asks."""
        return self.caller.viewer

    @property
    def caller(self) -> Caller:
        """The one who asks, and what he takes; raises what kept him from being known."""
        return caller_of(self.scope)

    @property
    def answer_type(self) -> str:
        """The media type of one answer; raises Refused where the client takes none."""
        if self.wishes.answer is None:
            raise not_acceptable(subscription=False)
        return self.wishes.answer

    @property
    def failure_type(self) -> str:
        """The media type to fail in, which there always is."""
        return self.wishes.answer or self.default_type

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event that the client saw of an earlier stream."""
        given = self.headers.get(b"last-event-id")
        return given.decode("utf-8", "replace") if given else None

    @property
    def asks_for_cost(self) -> bool:
        """Whether a header asks what the operation cost."""
        return self.headers.get(b"x-graphql-cost") == b"1"

    def stream_seconds(self, most: float) -> float:
        """How long a stream may last: never beyond the proof of who the viewer is."""
        expires_at = self.viewer.expires_at
        if expires_at is None:
            return most
        return max(0.0, min(most, (expires_at - datetime.now(UTC)).total_seconds()))
