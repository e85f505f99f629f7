"""Errors as RFC 9457 problem documents: expected ones with their code, all others masked."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.errors import (
    Conflict,
    ConversaError,
    Invalid,
    NotFound,
    OffsetMismatch,
    TooLarge,
    UnsupportedFormat,
)
from backend.ids import new_id
from backend.security.errors import refusal_headers

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:problem-type:conversa:"

logger = logging.getLogger("conversa.rest")


class Kind(NamedTuple):
    """What every problem with a code has in common."""

    status: int
    title: str


KINDS = {
    "INVALID": Kind(400, "The request is not what it has to be"),
    "NO_EMBEDDER": Kind(400, "It takes an embedder, and there is none"),
    "UNAUTHENTICATED": Kind(401, "It is not known who is asking"),
    "FORBIDDEN": Kind(403, "Not allowed"),
    "CROSS_SITE_REQUEST": Kind(403, "Sent by a page of another site"),
    "NOT_FOUND": Kind(404, "Not found"),
    "METHOD_NOT_ALLOWED": Kind(405, "Not a method of this address"),
    "CONFLICT": Kind(409, "The stored state is another one"),
    "OFFSET_MISMATCH": Kind(409, "The text does not start where the stored one ends"),
    "PRECONDITION_FAILED": Kind(412, "The stored state is another one"),
    "TOO_LARGE": Kind(413, "Too large"),
    "UNSUPPORTED_FORMAT": Kind(415, "In no format that is known here"),
    "LIMIT_EXCEEDED": Kind(429, "Too much at once"),
    "RATE_LIMITED": Kind(429, "Too much lately"),
    "INTERNAL": Kind(500, "Something unexpected went wrong"),
    "EMBEDDER_UNAVAILABLE": Kind(503, "The embedder does not answer"),
    "UNAVAILABLE": Kind(503, "Not to be found out now"),
    "TIMEOUT": Kind(504, "It took too long"),
}


class PreconditionFailed(Conflict):
    """The ``If-Match`` of a request names another state than the stored one."""

    code = "PRECONDITION_FAILED"


class DanglingReference(NotFound):
    """A body names something that is not there; the address itself is right."""


@contextmanager
def references(*fields: str) -> Iterator[None]:
    """Tells what one of these fields of a body names from what the address does."""
    try:
        yield
    except NotFound as error:
        if tuple(map(snake_case, error.field)) != fields:
            raise
        raise DanglingReference(error.message, field=error.field) from None


def problem(error: ConversaError) -> Response:
    """An expected failure as clients see it."""
    more: dict[str, Any] = {}
    if error.field:
        more["field"] = [snake_case(name) for name in error.field]
    if isinstance(error, Conflict) and error.current_revision is not None:
        more["current_revision"] = error.current_revision
    if isinstance(error, OffsetMismatch):
        more["expected_offset"] = error.expected_offset
    if isinstance(error, DanglingReference):
        more["status"] = int(HTTPStatus.CONFLICT)
    headers = refusal_headers(error)
    return problem_response(error.code, error.message, headers=headers, **more)


def internal_problem(error: Exception) -> Response:
    """An unexpected failure: what happened is in the log alone, under the id the client gets."""
    error_id = new_id()
    logger.error("unexpected error %s", error_id, exc_info=error)
    detail = f"The log has the details under {error_id}."
    return problem_response("INTERNAL", detail, id=error_id)


def problem_response(
    code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
) -> Response:
    """A problem document; ``more`` is added to it, or takes the place of what it has."""
    kind = KINDS[code]
    body = {
        "type": TYPE_PREFIX + code.lower().replace("_", "-"),
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": code,
        **more,
    }
    return Response(orjson.dumps(body), body["status"], headers, MEDIA_TYPE)


def http_problem(error: HTTPException, allowed: Sequence[str] = ()) -> Response:
    """What the framework itself refuses: an unknown address, a method it does not have."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(NotFound("There is nothing at this address."))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = ", ".join(allowed) or (error.headers or {}).get("Allow", "")
        detail = f"This address takes {methods}."
        return problem_response("METHOD_NOT_ALLOWED", detail, headers={"Allow": methods})
    return problem(Invalid(str(error.detail)))


def validation_problem(error: RequestValidationError) -> ConversaError:
    """The first thing that is wrong with parameters or a body."""
    first = error.errors()[0]
    path = _path(first["loc"])
    reason = str(first["msg"]).removeprefix("Value error, ")
    detail = f"{'.'.join(path)}: {reason}." if path else f"{reason}."
    detail = detail.removesuffix("..") + "." if detail.endswith("..") else detail
    too_large = first["loc"][0] == "body" and first["type"] in ("string_too_long", "too_long")
    return (TooLarge if too_large else Invalid)(detail, field=path)


def unsupported_media_type(taken: str) -> ConversaError:
    """The body is of a media type that is not taken here."""
    return UnsupportedFormat(f"Send the body as {taken}.", field=("content-type",))


def snake_case(name: str) -> str:
    """A name as REST writes it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _path(location: Sequence[int | str]) -> tuple[str, ...]:
    """Where in the input it is, without what only our own models know: the place's kind, the
    alternative chosen by a union."""
    path = [str(part) for part in location[1:] if part not in ("one", "many")]
    return tuple(part for at, part in enumerate(path) if not (at > 1 and path[at - 2] == "parts"))
