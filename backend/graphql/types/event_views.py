"""Changes as the types of events show them; apart, so that conversations can use them too."""

from __future__ import annotations

from dataclasses import dataclass

from backend.repositories.changes import ChangeRecord
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.services.followers import Change
from backend.services.live import change_cursor, owner_cursor


@dataclass(slots=True)
class EventView:
    """A change of one conversation. ``change`` is shared by all who follow it."""

    change: Change
    conversation_id: str

    @property
    def record(self) -> ChangeRecord:
        """What changed."""
        return self.change.record

    @property
    def cursor(self) -> str:
        """Where to resume after it."""
        return change_cursor(self.conversation_id, self.record.revision)

    @property
    def message(self) -> MessageRecord | None:
        """The message as it became."""
        return self.record.message

    @property
    def message_id(self) -> str:
        """The message it is about."""
        return self.record.subject_id

    @property
    def offset(self) -> int:
        """Where the text starts."""
        return self.record.offset

    @property
    def text(self) -> str:
        """The appended text."""
        return self.record.text

    @property
    def conversation(self) -> ConversationRecord | None:
        """The conversation as it became."""
        return self.record.conversation

    @property
    def reason(self) -> str:
        """Why the stream was reset."""
        return self.record.text


@dataclass(slots=True)
class ListEventView:
    """A change of the viewer's list."""

    change: Change

    @property
    def cursor(self) -> str:
        """Where to resume after it."""
        return owner_cursor(self.change.record.revision)

    @property
    def conversation_id(self) -> str:
        """The conversation it is about."""
        return self.change.record.subject_id

    @property
    def conversation(self) -> ConversationRecord | None:
        """The conversation as it became, or None where it is gone."""
        return self.change.record.conversation
