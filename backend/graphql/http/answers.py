"""Answers as bytes: bodies, headers, validators."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from graphql import GraphQLError
from starlette.types import Scope, Send
from strawberry.types import ExecutionResult

from backend.graphql.http.negotiation import EVENT_STREAM, GRAPHQL_JSON, JSON
from backend.ids import new_id

Header = tuple[bytes, bytes]

BODY = "conversa.body"
"""The extension of ASGI by which the start of an answer may hold the answer's body."""

COMMON: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"vary", b"Accept, Authorization"),
)
NO_STORE: Header = (b"cache-control", b"no-store")
# The answer is one person's and may be another the next moment: a cache of theirs may keep it, and
# asks each time whether it still holds.
REVALIDATE: Header = (b"cache-control", b"private, no-cache")
CONTENT_TYPES = {
    media_type: (b"content-type", f"{media_type}; charset=utf-8".encode())
    for media_type in (JSON, GRAPHQL_JSON, EVENT_STREAM)
}
# One tuple for each kind of answer, so that an answer is made without putting headers together.
UNSTORED = {media_type: (each, NO_STORE, *COMMON) for media_type, each in CONTENT_TYPES.items()}

logger = logging.getLogger("conversa.graphql")


class Answer(NamedTuple):
    """A whole HTTP response, but for its length."""

    status: int
    headers: Sequence[Header]
    body: bytes = b""


def result_body(result: ExecutionResult, extensions: dict[str, Any] | None = None) -> bytes:
    """A result as JSON, its errors first."""
    if result.extensions:
        extensions = {**result.extensions, **(extensions or {})}
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [error.formatted for error in result.errors]
    if result.data is not None or not result.errors or result.errors[0].path:
        body["data"] = result.data
    if extensions:
        body["extensions"] = extensions
    return orjson.dumps(body)


def errors_body(errors: Sequence[GraphQLError]) -> bytes:
    """The answer to a request that was not executed."""
    return orjson.dumps({"errors": [error.formatted for error in errors]})


def error_body(error: dict[str, Any]) -> bytes:
    """The same for an error that never was a GraphQLError."""
    return orjson.dumps({"errors": [error]})


def internal_error(error: Exception) -> bytes:
    """The answer to a fault of ours: what happened is in the log alone, under the id in it."""
    error_id = new_id()
    logger.error("unexpected error %s", error_id, exc_info=error)
    message = f"Something unexpected went wrong; the log has it under {error_id}."
    return error_body({"message": message, "extensions": {"code": "INTERNAL", "id": error_id}})


def revalidated(answer: Answer, media_type: str, if_none_match: bytes | None) -> Answer:
    """An answer that caches may keep; without its body where they have it."""
    tag = b'"%s"' % hashlib.blake2b(answer.body, digest_size=16).hexdigest().encode()
    headers = (CONTENT_TYPES[media_type], REVALIDATE, (b"etag", tag), *COMMON)
    if if_none_match is not None and _matches(if_none_match, tag):
        return Answer(304, headers)
    return Answer(answer.status, headers, answer.body)


def _matches(if_none_match: bytes, tag: bytes) -> bool:
    tags = [each.strip().removeprefix(b"W/") for each in if_none_match.split(b",")]
    return tag in tags or tags == [b"*"]


def encoded(headers: dict[str, str]) -> tuple[Header, ...]:
    """Header fields as they are sent."""
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


async def deliver(answer: Answer, scope: Scope, send: Send, *, with_body: bool = True) -> None:
    """Sends it, in one message where the server takes that."""
    message = {"type": "http.response.start", "status": answer.status}
    has_body = answer.status not in (204, 304)
    if with_body and has_body and BODY in scope.get("extensions", ()):
        await send({**message, "headers": answer.headers, BODY: answer.body})
        return
    headers = list(answer.headers)
    if has_body:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({**message, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})
