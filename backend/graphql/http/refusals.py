"""Requests that get no further than HTTP."""

from __future__ import annotations

from typing import Any

Headers = tuple[tuple[bytes, bytes], ...]

METHODS = b"GET, HEAD, POST, OPTIONS"


class Refused(Exception):
    """Answered with a status of its own and one GraphQL error."""

    def __init__(self, status: int, code: str, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.error: dict[str, Any] = {"message": message, "extensions": {"code": code}}


class HungUp(Exception):
    """The client is gone: nobody waits for an answer."""


def timed_out(seconds: float) -> Refused:
    """The work was ended."""
    message = f"The request took more than {seconds:g} seconds and was ended."
    return Refused(504, "TIMEOUT", message)


def method_not_allowed(method: str) -> Refused:
    """The address has no such method."""
    message = f"{method} is not a method of this address."
    return Refused(405, "METHOD_NOT_ALLOWED", message, ((b"allow", METHODS),))


def mutation_by_get() -> Refused:
    """A safe method may change nothing."""
    message = "Mutations are sent by POST."
    return Refused(405, "METHOD_NOT_ALLOWED", message, ((b"allow", b"POST"),))


def not_acceptable(*, subscription: bool) -> Refused:
    """Nothing the client takes is given here."""
    needed = (
        "A subscription needs an Accept header with text/event-stream, or with multipart/mixed and "
        "subscriptionSpec=1.0; or a WebSocket."
        if subscription
        else "Accept application/graphql-response+json, application/json or text/event-stream."
    )
    return Refused(406, "NOT_ACCEPTABLE", needed)


def unsupported_media_type(what: str) -> Refused:
    """The body is not in a form that is taken."""
    accepted = (b"accept-post", b"application/json")
    return Refused(415, "UNSUPPORTED_MEDIA_TYPE", what, (accepted,))


def too_large(megabytes: int) -> Refused:
    """The rest of the body is not read, so the connection is of no more use."""
    message = f"A request takes at most {megabytes} MiB."
    return Refused(413, "TOO_LARGE", message, ((b"connection", b"close"),))


def body_too_slow(seconds: float) -> Refused:
    """The body did not come."""
    message = f"The request's body did not arrive within {seconds:g} seconds."
    return Refused(408, "REQUEST_TIMEOUT", message, ((b"connection", b"close"),))


def unproven_origin() -> Refused:
    """A page of another site may have sent this without its user's knowledge."""
    message = (
        "A page of another site could have sent this. Send the header apollo-require-preflight: 1, "
        "or use POST with Content-Type: application/json."
    )
    return Refused(403, "CROSS_SITE_REQUEST", message)
