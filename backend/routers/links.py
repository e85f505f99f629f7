"""Pages as bodies, with links to the pages beside them (RFC 8288)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from backend.repositories.pages import Page
from backend.routers.documents import Json, respond

Row = TypeVar("Row")
_PLACES = ("first", "after", "last", "before", "around")


def page_response(
    request: Request,
    page: Page[Row],
    *,
    cursor: Callable[[Row], str],
    document: Callable[[Row], Json],
    size: int,
    total: int | None,
    **more: Any,
) -> Response:
    """One page, and in its Link header the next and the previous one of the same size; ``more`` is
    added to the body."""
    start = cursor(page.rows[0]) if page.rows else None
    end = cursor(page.rows[-1]) if page.rows else None
    body = {
        "items": [document(row) for row in page.rows],
        "page_info": {
            "has_next_page": page.has_next,
            "has_previous_page": page.has_previous,
            "start_cursor": start,
            "end_cursor": end,
        },
        "total_count": total,
        **more,
    }
    links = []
    if page.has_next and end:
        links.append(_link(request, "next", first=size, after=end))
    if page.has_previous and start:
        links.append(_link(request, "prev", last=size, before=start))
    return respond(body, headers={"Link": ", ".join(links)} if links else None)


def _link(request: Request, relation: str, **place: Any) -> str:
    kept = [(key, each) for key, each in request.query_params.multi_items() if key not in _PLACES]
    query = urlencode([*kept, *place.items()])
    return f'<{request.url.path}?{query}>; rel="{relation}"'
