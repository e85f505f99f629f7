"""What a search takes and what it finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import strawberry

from backend.graphql.fields import leaf, resolved
from backend.graphql.scalars import Cursor
from backend.graphql.types.enums import Role, SearchMode, stored
from backend.graphql.types.messages import Message
from backend.graphql.types.pages import ConnectionView, PageInfo
from backend.services.lexical import SearchFilter as Filter
from backend.services.search import SearchHit as Hit


class RangeView(NamedTuple):
    """Characters from ``start`` to before ``end``."""

    start: int
    end: int


def hit_highlights(root: strawberry.Parent[Hit]) -> list[RangeView]:
    """The places of what was looked for."""
    return [RangeView(start, end) for start, end in root.highlights]


@strawberry.input(description="Where to search; what is left out asks for nothing.")
class SearchFilter:
    conversation_ids: list[strawberry.ID] | None = leaf(
        "Only in these conversations; up to 200.", default=None
    )
    exclude_conversation_ids: list[strawberry.ID] | None = leaf(
        "Not in these conversations.", default=None
    )
    roles: list[Role] | None = leaf("Only messages of these roles.", default=None)
    after: datetime | None = leaf("Only messages written after.", default=None)
    before: datetime | None = leaf("Only messages written before.", default=None)
    tags: list[str] | None = leaf("Only in conversations with all of these tags.", default=None)
    include_archived: bool = leaf("Whether also in those put away.", default=True)

    def chosen(self) -> Filter:
        """What the service takes."""
        return Filter(
            conversation_ids=_listed(self.conversation_ids),
            excluded_conversation_ids=_listed(self.exclude_conversation_ids) or (),
            roles=None if self.roles is None else tuple(stored(role) for role in self.roles),
            after=self.after,
            before=self.before,
            tags=tuple(self.tags or ()),
            include_archived=self.include_archived,
        )


def _listed(ids: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if ids is None else tuple(ids)


@strawberry.type(description="A range of characters (code points) of a text.")
class TextRange:
    start: int = leaf("The first character, from 0.")
    end: int = leaf("The one after the last.")


@strawberry.type(description="A message that was found, and why.")
class SearchHit:
    message: Message = leaf("The message.")
    snippet: str = leaf("The part of its text that shows best why it was found.")
    highlights: list[TextRange] = resolved(
        hit_highlights, "Where in the snippet words of the query stand, in order."
    )
    score: float = leaf("How well it fits; to be compared within one search alone.")
    lexical_rank: int | None = leaf("Its rank by words, from 1; null where they did not find it.")
    semantic_rank: int | None = leaf(
        "Its rank by meaning, from 1; null where that did not find it."
    )


@strawberry.type(description="A hit in a page.")
class SearchEdge:
    cursor: Cursor = leaf("Its place.")
    node: SearchHit = leaf("The hit.")


@dataclass(slots=True)
class FoundView(ConnectionView):
    """A page of hits, and what they were found by."""

    mode: SearchMode


@strawberry.type(description="A page of hits, best first.")
class SearchConnection:
    mode: SearchMode = leaf(
        "What they were found by: LEXICAL where HYBRID was asked for and no embedder could be."
    )
    edges: list[SearchEdge] = leaf("The hits with their cursors.")
    nodes: list[SearchHit] = leaf("The hits.")
    page_info: PageInfo = leaf("Where the page lies.")
