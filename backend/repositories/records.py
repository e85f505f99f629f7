"""Rows as they leave the repositories: named tuples, in the order their columns are selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class ConversationRecord(NamedTuple):
    """A conversation. ``metadata_json`` is the text of a JSON object, or None for an empty one."""

    id: str
    title: str
    title_key: str
    metadata_json: str | None
    pinned: bool
    archived: bool
    created_at: datetime
    updated_at: datetime
    last_message_at: datetime | None
    last_activity_at: datetime
    message_count: int
    revision: int
    own_revision: int
    owner_revision: int
    source_format: str | None
    source_external_id: str | None
    source_digest: str | None
    forked_from_id: str | None


class MessageRecord(NamedTuple):
    """A message. ``parts_json`` is a JSON list as text, or None where ``content`` says it all."""

    id: str
    conversation_id: str
    parent_id: str | None
    position: int
    active: bool
    role: str
    name: str | None
    content: str
    parts_json: str | None
    status: str
    finish_reason: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    token_count: int
    metadata_json: str | None
    created_at: datetime
    edited_at: datetime | None
    added_revision: int
    revision: int


class VersionRecord(NamedTuple):
    """An earlier text of a message; ``number`` counts from 1, oldest first."""

    message_id: str
    number: int
    content: str
    parts_json: str | None
    replaced_at: datetime


class FeedbackRecord(NamedTuple):
    """A reader's judgement of a message; ``tags_json`` is the text of a JSON list."""

    message_id: str
    rating: int
    comment: str | None
    tags_json: str
    updated_at: datetime


@dataclass(slots=True)
class ConversationRows:
    """A conversation with all that belongs to it; messages stand parents first.

    ``conversation.owner_revision`` is given when the rows are stored. ``leaf_id`` is where the
    active branch ends.
    """

    conversation: ConversationRecord
    messages: Sequence[MessageRecord]
    tags: list[str] = field(default_factory=list)
    versions: list[VersionRecord] = field(default_factory=list)
    feedback: list[FeedbackRecord] = field(default_factory=list)
    leaf_id: str | None = None


class SiblingRecord(NamedTuple):
    """A message's place among the alternatives that share its parent."""

    id: str
    conversation_id: str
    parent_id: str | None


class TreeRecord(NamedTuple):
    """A message's place in the tree, without its text."""

    id: str
    parent_id: str | None
    position: int
    active: bool
    added_revision: int
