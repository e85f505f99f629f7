"""Search over all chats."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from backend import limits
from backend.routers.documents import Document, Json, Message, PageInfo, message_document
from backend.routers.links import page_response
from backend.routers.openapi import answers, failures
from backend.routers.parameters import VISIBLE, Flag, Moment, PageSize, Role, Uuid
from backend.routers.requests import ProblemRoute
from backend.routers.viewer import RequestServices, RequestViewer
from backend.services.lexical import SearchFilter
from backend.services.search import SCOPED_CONVERSATIONS, SearchHit

router = APIRouter(prefix="/api/search", tags=["chats"], route_class=ProblemRoute)
_Ids = Annotated[list[Uuid], Field(max_length=SCOPED_CONVERSATIONS)]
_Tag = Annotated[str, Field(min_length=1, max_length=limits.TAG_CHARACTERS, pattern=VISIBLE)]


class TextRange(Document):
    """A range of characters (code points)."""

    start: int = Field(ge=0)
    end: int = Field(ge=0, description="The one after the last.")


class Hit(Document):
    """A message that was found, and why."""

    message: Message
    snippet: str = Field(description="The part of its text that shows best why it was found.")
    highlights: list[TextRange] = Field(description="Where in the snippet the words stand.")
    score: float = Field(description="To be compared within one search alone.")
    lexical_rank: int | None = Field(description="Its rank by words, from 1.")
    semantic_rank: int | None = Field(description="Its rank by meaning, from 1.")


class HitPage(Document):
    """A page of hits, best first."""

    items: list[Hit]
    page_info: PageInfo
    total_count: int | None = Field(description="Always null: hits are ranked, not counted.")
    mode: Literal["lexical", "semantic", "hybrid"] = Field(
        description="What they were found by: lexical where hybrid was asked for and no embedder "
        "could be."
    )


async def asked_scope(
    chat_ids: Annotated[_Ids | None, Query(description="Only in these chats.")] = None,
    exclude_chat_ids: Annotated[_Ids | None, Query(description="Not in these chats.")] = None,
    roles: Annotated[list[Role] | None, Query(description="Only messages of these roles.")] = None,
    written_after: Annotated[Moment | None, Query(description="Written after this moment.")] = None,
    written_before: Annotated[
        Moment | None, Query(description="Written before this moment.")
    ] = None,
    tags: Annotated[
        Annotated[list[_Tag], Field(max_length=limits.TAGS)] | None,
        Query(description="Only in chats with all of these tags."),
    ] = None,
    include_archived: Annotated[Flag, Query(description="Whether also in archived chats.")] = True,
) -> SearchFilter:
    """Where to search."""
    return SearchFilter(
        conversation_ids=None if chat_ids is None else tuple(chat_ids),
        excluded_conversation_ids=tuple(exclude_chat_ids or ()),
        roles=None if roles is None else tuple(roles),
        after=written_after,
        before=written_before,
        tags=tuple(tags or ()),
        include_archived=include_archived,
    )


@router.get(
    "",
    operation_id="search",
    summary="Search all chats",
    responses={**answers(200, HitPage, "A page of hits.", "Link"), **failures(400, 503)},
)
async def search(
    request: Request,
    viewer: RequestViewer,
    services: RequestServices,
    chosen: Annotated[SearchFilter, Depends(asked_scope)],
    query: Annotated[
        str,
        Query(description='Words; "exact words" must stand in a hit, -word must not.'),
    ],
    mode: Annotated[
        Literal["lexical", "semantic", "hybrid"],
        Query(
            description="By words, by meaning (an error where no embedder can be asked) or by both."
        ),
    ] = "hybrid",
    first: Annotated[PageSize, Query(description="So many hits.")] = limits.CONVERSATIONS_DEFAULT,
    after: Annotated[str | None, Query(description="Only what comes after this cursor.")] = None,
) -> Response:
    """The messages that fit best, over everything stored."""
    page = await services.search.search(
        viewer, query, mode=mode, chosen=chosen, first=first, after=after
    )
    # Ranked pages are read forward alone, so no link leads back.
    page.has_previous = False
    return page_response(
        request,
        page,
        cursor=lambda hit: hit.cursor,
        document=hit_document,
        size=first,
        total=None,
        mode=page.mode,
    )


def hit_document(hit: SearchHit) -> Json:
    """A hit as it is sent."""
    highlights: list[dict[str, Any]] = [{"start": a, "end": b} for a, b in hit.highlights]
    return {
        "message": message_document(hit.message),
        "snippet": hit.snippet,
        "highlights": highlights,
        "score": hit.score,
        "lexical_rank": hit.lexical_rank,
        "semantic_rank": hit.semantic_rank,
    }
