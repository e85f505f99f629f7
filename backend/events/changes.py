"""What happened, in the past tense. A change says where to look, never what was written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A conversation of an owner reached a revision; the change is committed."""

    owner: int
    conversation_id: str
    revision: int
    owner_revision: int
