"""Parameters of the path and the query, each taking exactly what it declares."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from backend import limits
from backend.errors import NotFound
from backend.ids import parse_id
from backend.repositories.conversations import ConversationFilter, ConversationOrder
from backend.services.drafts import asked_tags
from backend.services.paging import OrderField, conversation_order
from backend.utils.text_processor import normalise, title_key

ID_EXAMPLE = "01939b3c-7a52-7c4e-9d3b-2f6a1c8e5d40"
VISIBLE = r"[^\s\x00-\x1f]"
"""A character that is left once a tag is trimmed."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
# RFC 3339, section 5.6: a moment always has its zone.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)


def _uuid(value: str) -> str:
    found = parse_id(value)
    if found is None:
        raise ValueError("Write a UUID in its usual text form")
    return found


def _known_id(value: str) -> str:
    """An id in an address that cannot be one names nothing."""
    found = parse_id(value)
    if found is None:
        raise NotFound("There is nothing at this address.")
    return found


def _whole_number(value: Any) -> Any:
    if isinstance(value, str):
        if not _WHOLE_NUMBER.fullmatch(value):
            raise ValueError("Write a whole number")
        return int(value)
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("Write true or false")
        return value == "true"
    return value


def _moment(value: Any) -> Any:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("Write a moment with its zone, like 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("There is no such moment in the years 1 to 9999") from None


Uuid = Annotated[str, AfterValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Number = Annotated[int, BeforeValidator(_whole_number)]
PageSize = Annotated[Number, Field(ge=0, le=limits.PAGE_SIZE)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Role = Literal["system", "developer", "user", "assistant", "tool"]

_PathId = Annotated[
    str,
    AfterValidator(_known_id),
    WithJsonSchema({"type": "string", "format": "uuid"}),
]
ChatId = Annotated[_PathId, Path(description="The chat's id.", examples=[ID_EXAMPLE])]
MessageId = Annotated[_PathId, Path(description="The message's id.", examples=[ID_EXAMPLE])]

NestedMessages = Annotated[
    PageSize | None, Query(description="Include so many of its last messages.")
]
WithTotal = Annotated[Flag, Query(description="Whether to count how many there are in all.")]


class Place(NamedTuple):
    """Which page is asked for."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None


# Coroutines, for the framework runs plain functions in threads, which costs more than they do.
async def asked_place(
    first: Annotated[PageSize | None, Query(description="So many, going forward.")] = None,
    after: Annotated[str | None, Query(description="Only what comes after this cursor.")] = None,
    last: Annotated[PageSize | None, Query(description="So many, going backward.")] = None,
    before: Annotated[str | None, Query(description="Only what comes before this cursor.")] = None,
) -> Place:
    """The page: from the beginning or the end, beyond a cursor."""
    return Place(first, after, last, before)


_Tag = Annotated[str, Field(min_length=1, max_length=limits.TAG_CHARACTERS, pattern=VISIBLE)]


async def asked_filter(
    archived: Annotated[
        Literal["true", "false", "any"], Query(description="Archived ones, the others, or both.")
    ] = "false",
    pinned: Annotated[Flag | None, Query(description="Only pinned ones, or only others.")] = None,
    tags: Annotated[
        Annotated[list[_Tag], Field(max_length=limits.TAGS)] | None,
        Query(description="Only those with all of these tags."),
    ] = None,
    title_contains: Annotated[
        Annotated[str, Field(max_length=limits.TITLE_CHARACTERS)] | None,
        Query(description="Only those with this in the title."),
    ] = None,
    created_after: Annotated[Moment | None, Query(description="Made after this moment.")] = None,
    created_before: Annotated[Moment | None, Query(description="Made before this moment.")] = None,
    active_after: Annotated[
        Moment | None, Query(description="Last written to after this moment.")
    ] = None,
    active_before: Annotated[
        Moment | None, Query(description="Last written to before this moment.")
    ] = None,
) -> ConversationFilter:
    """Which chats."""
    return ConversationFilter(
        archived={"true": True, "false": False, "any": None}[archived],
        pinned=pinned,
        tags=asked_tags(tags or ()),
        title_contains=title_key(normalise(title_contains or "")) or None,
        created_after=created_after,
        created_before=created_before,
        active_after=active_after,
        active_before=active_before,
    )


async def asked_order(
    order_by: Annotated[
        OrderField, Query(description="What they are sorted by.")
    ] = "last_activity",
    direction: Annotated[Literal["asc", "desc"], Query(description="Upward or downward.")] = "desc",
) -> ConversationOrder:
    """In which order chats come."""
    return conversation_order(order_by, descending=direction == "desc")


AskedPlace = Annotated[Place, Depends(asked_place)]
AskedFilter = Annotated[ConversationFilter, Depends(asked_filter)]
AskedOrder = Annotated[ConversationOrder, Depends(asked_order)]
