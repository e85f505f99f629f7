"""Connections: pages of rows with their cursors. Cursors and counts are made when asked for."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import strawberry

from backend.graphql.execution.loading import loaded
from backend.graphql.execution.views import RowViews
from backend.graphql.fields import leaf
from backend.graphql.scalars import Cursor
from backend.repositories.pages import Page
from backend.services.paging import cursors_of


@strawberry.type(description="Where a page lies among the others.")
class PageInfo:
    has_next_page: bool = leaf("Whether there is more after endCursor.")
    has_previous_page: bool = leaf("Whether there is more before startCursor.")
    start_cursor: Cursor | None = leaf("The cursor of the first row; null on an empty page.")
    end_cursor: Cursor | None = leaf("The cursor of the last row; null on an empty page.")


@dataclass(slots=True)
class EdgeView:
    """A row in a page."""

    node: Any
    cursor_of: Callable[[Any], str]

    @property
    def cursor(self) -> str:
        """The row's place."""
        return self.cursor_of(self.node)


@dataclass(slots=True)
class ConnectionView:
    """A page as connections and page infos show it; ``count`` is awaited when asked for."""

    page: Page[Any]
    cursor_of: Callable[[Any], str]
    count: Callable[[], Awaitable[int]]

    @property
    def cursors(self) -> Iterable[str]:
        """The rows' places."""
        return cursors_of(self.cursor_of, self.page.rows)

    @property
    def edges(self) -> list[EdgeView]:
        """The rows with their cursors."""
        return [EdgeView(row, self.cursor_of) for row in self.page.rows]

    @property
    def nodes(self) -> list[Any]:
        """The rows."""
        return list(self.page.rows)

    @property
    def page_info(self) -> "ConnectionView":
        """Itself: a page info is the same view with other fields."""
        return self

    @property
    def has_next_page(self) -> bool:
        """Whether rows follow."""
        return self.page.has_next

    @property
    def has_previous_page(self) -> bool:
        """Whether rows precede."""
        return self.page.has_previous

    @property
    def start_cursor(self) -> str | None:
        """The first row's place."""
        return self.cursor_of(self.page.rows[0]) if self.page.rows else None

    @property
    def end_cursor(self) -> str | None:
        """The last row's place."""
        return self.cursor_of(self.page.rows[-1]) if self.page.rows else None


EDGES = RowViews(
    ConnectionView,
    "page.rows",
    {"node": "{row}", "cursor": "{owner}.cursor_of({row})"},
    {"cursor": "{owner}.cursors"},
).metadata


@loaded
async def total_count(root: strawberry.Parent[ConnectionView]) -> int:
    """How many rows there are in all."""
    return await root.count()
