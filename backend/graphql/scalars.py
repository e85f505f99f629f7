"""Scalars: moments, any JSON, and cursors, each refused at coercion where it makes no sense."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NewType

import orjson
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition, scalar

from backend.limits import CONTENT_BYTES
from backend.repositories.pages import raw_cursor

Cursor = NewType("Cursor", str)


def unchanged(value: Any) -> Any:
    """What is JSON already, as it is."""
    return value


def _parse_moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("Write a DateTime as ISO-8601, like 2026-01-31T12:00:00Z.") from None
    if moment.tzinfo is None:
        raise ValueError("A DateTime needs a zone, like the Z of 2026-01-31T12:00:00Z.")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("This DateTime is beyond the years 1 to 9999.") from None


def _parse_json(value: Any) -> Any:
    try:
        size = len(orjson.dumps(value))
    except (orjson.JSONEncodeError, RecursionError):
        raise ValueError("This cannot be stored as JSON.") from None
    if size > JSON_BYTES:
        raise ValueError(f"JSON takes at most {JSON_BYTES} bytes.")
    return value


def _parse_cursor(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("A Cursor is a text.")
    raw_cursor(value)
    return value


JSON_BYTES = 16 * CONTENT_BYTES
"""Room for an import by mutation; metadata has its own, smaller limit."""

SCALARS: dict[object, ScalarDefinition] = {
    datetime: scalar(
        name="DateTime",
        description="A moment as ISO-8601 in UTC with a zone; microseconds are kept.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=datetime.isoformat,
        parse_value=_parse_moment,
    ),
    JSON: scalar(
        name="JSON",
        description=f"Any JSON value of at most {JSON_BYTES} bytes.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=unchanged,
        parse_value=_parse_json,
    ),
    Cursor: scalar(
        name="Cursor",
        description="A place in an order, opaque: pass it on exactly as a page gave it.",
        serialize=unchanged,
        parse_value=_parse_cursor,
    ),
}
