"""The OpenAPI document: what each operation answers, failures and headers included."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from backend.routers.parameters import ID_EXAMPLE
from backend.routers.problems import KINDS, MEDIA_TYPE, TYPE_PREFIX

DESCRIPTION = """\
Chats and their messages for programs that speak no GraphQL: the same services, ids, limits, cursors
and errors. A chat is what GraphQL calls a conversation. Every failure is a problem document
(RFC 9457) with a `code` to switch on.
"""
TAGS = [
    {"name": "chats", "description": "Chats: listed, made, changed, forked, deleted."},
    {"name": "messages", "description": "Messages of a chat, a tree of which one branch is shown."},
    {"name": "transfer", "description": "Old chats in, all chats out."},
    {"name": "server", "description": "Whether the server works."},
]
EXAMPLES = {
    400: ("INVALID", "Give either first or last, not both."),
    401: ("UNAUTHENTICATED", "The API key is not known."),
    403: ("FORBIDDEN", "This takes the scope write."),
    404: ("NOT_FOUND", "There is no such conversation."),
    405: ("METHOD_NOT_ALLOWED", "This address takes GET, POST."),
    409: ("CONFLICT", "The conversation is at revision 7."),
    412: ("PRECONDITION_FAILED", 'It is at revision 7 now, with the entity tag "7".'),
    413: ("TOO_LARGE", "A title takes at most 300 characters."),
    415: ("UNSUPPORTED_FORMAT", "Send the body as application/json."),
    429: ("RATE_LIMITED", "Too much was asked for lately: try again in 1.5 s."),
    500: ("INTERNAL", f"The log has the details under {ID_EXAMPLE}."),
    503: ("UNAVAILABLE", "The issuer's keys cannot be read."),
    504: ("TIMEOUT", "The request took more than 30 seconds and was ended."),
}
EVERYWHERE = (401, 403, 429, 500, 503, 504)
"""What any operation may answer that is not open to all."""
HEADERS = {
    "ETag": "The entity tag of this state, for If-Match and If-None-Match.",
    "Link": "The pages beside this one: rel next and prev.",
    "Location": "The address of what was made.",
    "Content-Disposition": "A name for the file.",
    "Retry-After": "Seconds after which it can be tried again.",
    "WWW-Authenticate": "How to say who is asking.",
}
MAKERS = ("/api/chats", "/api/chats/{chat_id}/messages/{message_id}/fork")
CHAT_ID = {"chat_id": "$response.body#/id"}
_NAMED = re.compile(r"\{(\w+)\}")


class Problem(BaseModel):
    """A failure, as RFC 9457 writes it."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(json_schema_extra={"format": "uri"}, description="The kind of failure.")
    title: str = Field(description="The kind of failure, for people.")
    status: int = Field(ge=400, le=599, description="The HTTP status.")
    detail: str = Field(description="What went wrong and what to do, for people.")
    code: str = Field(
        json_schema_extra={"enum": list(KINDS)}, description="The kind of failure, for programs."
    )
    field: list[str] = Field(default=[], description="The path of the input at fault.")
    current_revision: int = Field(default=0, description="On CONFLICT: the stored revision.")
    expected_offset: int = Field(
        default=0, description="On OFFSET_MISMATCH: where the next text must start."
    )
    id: str = Field(default="", description="On INTERNAL: what the log has it under.")


Responses = dict[int | str, dict[str, Any]]


def failures(*statuses: int) -> Responses:
    """The failures an operation may answer with, those of every operation included."""
    return {status: _failure(status) for status in sorted({*statuses, *EVERYWHERE})}


def answers(status: int, model: Any, description: str, *headers: str) -> Responses:
    """An answer with a body."""
    return {
        status: {"model": model, "description": description, "headers": headers_named(*headers)}
    }


def answers_nothing(status: int, description: str, *headers: str) -> Responses:
    """An answer without a body."""
    return {status: {"description": description, "headers": headers_named(*headers)}}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The document for the routes of REST, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary="Conversations with language models, kept in SQL",
            description=DESCRIPTION,
            tags=TAGS,
            routes=app.routes,
            separate_input_output_schemas=False,
        )
        app.openapi_schema = _completed(document)
    return app.openapi_schema


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """What the framework supposes of failures is taken out; what happens here is put in."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _without_null(parameter["schema"])
    _link(document["paths"])
    return document


def _link(paths: dict[str, Any]) -> None:
    """From what makes a chat to what can be done with it."""
    links = {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": CHAT_ID,
        }
        for path, operations in paths.items()
        for operation in operations.values()
        if _NAMED.findall(path) == list(CHAT_ID)
    }
    for path in MAKERS:
        paths[path]["post"]["responses"]["201"]["links"] = links


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that may be left out; there is no way to write null in a query."""
    *others, last = schema.get("anyOf", [{}])
    if last != {"type": "null"}:
        return schema
    [only] = others
    return {**only, **{name: each for name, each in schema.items() if name != "anyOf"}}


def _failure(status: int) -> dict[str, Any]:
    code, detail = EXAMPLES[status]
    example = {
        "type": TYPE_PREFIX + code.lower().replace("_", "-"),
        "title": KINDS[code].title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    names = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}
    return {
        "description": KINDS[code].title + ".",
        "headers": headers_named(*names.get(status, ())),
        "content": {MEDIA_TYPE: content},
    }


def headers_named(*names: str) -> dict[str, Any]:
    """Headers of an answer."""
    return {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names}
