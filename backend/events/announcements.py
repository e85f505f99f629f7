"""Announcements as they travel between processes: ids and revisions, never what was written."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from backend.events.changes import ConversationChanged


def encode(sender: str, changes: Sequence[ConversationChanged]) -> str:
    """Announcements as text."""
    rows = [
        (each.owner, each.conversation_id, each.revision, each.owner_revision) for each in changes
    ]
    return orjson.dumps([sender, rows]).decode()


def decode(receiver: str, payload: str | bytes) -> list[ConversationChanged]:
    """The announcements in a text, unless they are the receiver's own; none where it is damaged."""
    try:
        sender, rows = orjson.loads(payload)
        return [ConversationChanged(*row) for row in rows] if sender != receiver else []
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return []
