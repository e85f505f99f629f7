"""What every chat format is read into and written from: conversations as trees of messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.utils.message_parts import MessagePart


@dataclass(slots=True)
class DocumentVersion:
    """An earlier text of an edited message."""

    parts: list[MessagePart]
    replaced_at: datetime


@dataclass(slots=True)
class DocumentFeedback:
    """A reader's judgement: rating is -1, 0 or 1."""

    rating: int
    comment: str | None = None
    tags: list[str] = field(default_factory=list)
    updated_at: datetime | None = None


@dataclass(slots=True)
class DocumentMessage:
    """One message; ``parent_id`` is the ``id`` of an earlier message of the same document, or None.

    ``id`` is the source's own, any text, unique within its conversation. ``role`` is ``system``,
    ``developer``, ``user``, ``assistant`` or ``tool``; ``status`` is ``complete``, ``incomplete``
    or ``failed``. Times are aware, in UTC; None where the source gives none.
    """

    id: str
    parent_id: str | None
    role: str
    parts: list[MessagePart]
    name: str | None = None
    status: str = "complete"
    finish_reason: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    edited_at: datetime | None = None
    versions: list[DocumentVersion] = field(default_factory=list)
    feedback: DocumentFeedback | None = None


@dataclass(slots=True)
class DocumentConversation:
    """One conversation. ``messages`` holds every parent before its children.

    ``format`` is the lower-case name of the format it was read from; ``external_id`` is the
    source's own id, or, where the source has none, a digest of the content, so that the same input
    always gives the same id. ``active_leaf_id`` is the last message of the branch the source
    showed.
    """

    format: str
    external_id: str
    title: str | None
    messages: list[DocumentMessage]
    active_leaf_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    pinned: bool = False
    archived: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    index: int = 0
    """Place in the file it came from, from 0."""


@dataclass(slots=True)
class DocumentFailure:
    """A conversation, or a piece of one, that could not be read; never silently dropped."""

    index: int
    external_id: str | None
    reason: str
