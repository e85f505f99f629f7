"""Search."""

from operator import attrgetter
from typing import Annotated

import strawberry

from backend.graphql.context import Info
from backend.graphql.fields import resolved
from backend.graphql.limits import sized_by
from backend.graphql.scalars import Cursor
from backend.graphql.types.enums import SearchMode
from backend.graphql.types.search import FoundView, SearchConnection, SearchFilter
from backend.limits import CONVERSATIONS_DEFAULT
from backend.services.semantic import SearchMode as Mode

MODES: dict[SearchMode, Mode] = {
    SearchMode.LEXICAL: "lexical",
    SearchMode.SEMANTIC: "semantic",
    SearchMode.HYBRID: "hybrid",
}
WAYS = {stored: way for way, stored in MODES.items()}


async def found_messages(
    info: Info,
    query: Annotated[
        str,
        strawberry.argument(
            description='Words; "exact words" must stand in a hit, -word and -"exact words" '
            "must not."
        ),
    ],
    mode: Annotated[
        SearchMode, strawberry.argument(description="By words, by meaning, or by both.")
    ] = SearchMode.HYBRID,
    filter: Annotated[
        SearchFilter | None, strawberry.argument(description="Where; by default everywhere.")
    ] = None,
    first: Annotated[int, strawberry.argument(description="How many hits; 0 to 200.")] = 20,
    after: Annotated[
        Cursor | None, strawberry.argument(description="Only those after this place.")
    ] = None,
) -> FoundView:
    """A page of hits."""
    page = await info.context.services.search.search(
        info.context.viewer,
        query,
        mode=MODES[mode],
        chosen=(filter or SearchFilter()).chosen(),
        first=first,
        after=after,
    )
    return FoundView(page, attrgetter("cursor"), _uncounted, WAYS[page.mode])


async def _uncounted() -> int:
    """Hits are ranked, not counted."""
    return 0


@strawberry.type
class SearchQueries:
    search: SearchConnection = resolved(
        found_messages,
        "The messages that fit a query best, over everything you have stored; a message can be "
        "found once it is stored; by its meaning, once its vector is made.",
        directives=[sized_by("first", default=CONVERSATIONS_DEFAULT, fields=["edges", "nodes"])],
    )
