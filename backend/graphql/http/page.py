"""The playground's page and its files, as HTTP responses."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from backend.graphql.http.answers import REVALIDATE, Answer
from backend.graphql.playground import render_playground
from backend.security.pages import PAGE_HEADERS

HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    *((name.encode(), value.encode()) for name, value in PAGE_HEADERS.items()),
    (b"vary", b"Accept"),
    REVALIDATE,
)
FOREVER = "public, max-age=31536000, immutable"


def playground_page(path: str) -> Answer:
    """The page for the GraphQL address at this path."""
    return Answer(200, HEADERS, render_playground(path).encode())


class Assets(StaticFiles):
    """Files. An address with ``v=`` changes with the content, so what it gives keeps for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        versioned = b"v" in parse_qs(scope.get("query_string", b""))
        response.headers["Cache-Control"] = FOREVER if versioned else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
