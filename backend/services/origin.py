"""Where a conversation came from, as our own exports tell it.

A document has places for its format and its own id, which in our exports are ours. Where the
conversation had come from before, an import or a fork, stands in the document's metadata under the
key ``conversa``: ``{"source": {"format", "external_id"}, "forked_from": id}``. A ``metadata``
beside them is what the conversation's own metadata held under that key.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from backend.errors import Invalid
from backend.ids import parse_id

OWN_FORMAT = "conversa"
KEY = "conversa"
FORMAT_CHARACTERS = 32


class Origin(NamedTuple):
    """The source a conversation was imported from, and the message it was forked from."""

    source: tuple[str, str] | None = None
    forked_from_id: str | None = None


def with_origin(metadata: dict[str, Any], origin: Origin) -> dict[str, Any]:
    """The metadata of a document that tells the origin."""
    told: dict[str, Any] = {}
    if origin.source is not None:
        told["source"] = dict(zip(("format", "external_id"), origin.source, strict=True))
    if origin.forked_from_id is not None:
        told["forked_from"] = origin.forked_from_id
    if KEY in metadata:
        told["metadata"] = metadata[KEY]
    return {**metadata, KEY: told} if told else metadata


def split_origin(metadata: dict[str, Any]) -> tuple[dict[str, Any], Origin]:
    """The conversation's own metadata, and the origin told with it; raises Invalid."""
    if KEY not in metadata:
        return metadata, Origin()
    told = metadata[KEY]
    if not isinstance(told, dict):
        raise Invalid(f"The {KEY!r} in its metadata is not an object.")
    rest = {
        key: told["metadata"] if key == KEY else value
        for key, value in metadata.items()
        if key != KEY or "metadata" in told
    }
    return rest, Origin(_source(told.get("source")), _forked_from(told.get("forked_from")))


def _source(told: Any) -> tuple[str, str] | None:
    if told is None:
        return None
    format_, external_id = (
        (told.get("format"), told.get("external_id")) if isinstance(told, dict) else (None, None)
    )
    if not (isinstance(format_, str) and isinstance(external_id, str)):
        raise Invalid("The source in its metadata has no format or no external_id.")
    if not 0 < len(format_) <= FORMAT_CHARACTERS:
        raise Invalid(f"The format of its source takes more than {FORMAT_CHARACTERS} characters.")
    return format_, external_id


def _forked_from(told: Any) -> str | None:
    found = parse_id(told) if isinstance(told, str) else None
    if told is not None and found is None:
        raise Invalid("The message it was forked from is named by something that is no UUID.")
    return found
