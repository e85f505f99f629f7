"""What one write changes of the messages that the index has to know, noted as it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import Message
from backend.repositories.branches import BranchRepository
from backend.repositories.chunks import STREAMING
from backend.repositories.conversations import ConversationRepository
from backend.repositories.imports import ImportRepository
from backend.repositories.messages import MessageRepository
from backend.repositories.plain_messages import ids_of
from backend.repositories.records import FeedbackRecord, MessageRecord, TreeRecord, VersionRecord
from backend.repositories.search_blocks import PreparedSegment
from backend.repositories.search_index import (
    MessageText,
    NewChunk,
    SearchIndexRepository,
    StoredChunk,
)

INDEXED = frozenset(["content", "name", "role", "status"])


def text_of(row: MessageRecord) -> MessageText:
    """What of a message is indexed."""
    return MessageText(row.id, row.conversation_id, row.role, row.name, row.content)


@dataclass
class IndexChanges:
    """Texts that are new, messages whose text is another now, and chunks whose text is gone.

    ``imported`` are new messages as well, by the thousand. ``segment`` holds what was made of
    messages before the write began; it is ``used`` where exactly these were stored, which are not
    among the ``imported`` then. ``prepared`` are the chunks of messages that are written a few at a
    time, as far as they are as they were.
    """

    new: dict[str, MessageText] = field(default_factory=dict)
    imported: list[MessageRecord] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    gone: list[StoredChunk] = field(default_factory=list)
    segment: PreparedSegment | None = None
    used: bool = False
    prepared: dict[MessageText, list[NewChunk]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.new or self.used or self.imported or self.changed or self.gone)

    def add(self, row: MessageText, status: str) -> None:
        """Notes a new message; one that is still being written is indexed when it is finished."""
        if status != STREAMING:
            self.new[row.id] = row


class IndexedMessages(MessageRepository):
    """Messages whose changes are noted."""

    def __init__(self, connection: AsyncConnection, owner_id: int, changes: IndexChanges) -> None:
        super().__init__(connection, owner_id)
        self._changes = changes
        self._index = SearchIndexRepository(connection, owner_id)

    async def insert(self, rows: Sequence[dict[str, Any]], *, new_ids: bool = False) -> None:
        """Stores messages; parents come before children. Raises Collision."""
        await super().insert(rows, new_ids=new_ids)
        for row in rows:
            text = MessageText(*(row[name] for name in MessageText._fields))
            self._changes.add(text, row["status"])

    async def update(self, message_id: str, **values: Any) -> None:
        """Changes columns of one message."""
        if not INDEXED.isdisjoint(values):
            if message_id not in self._changes.changed:
                self._changes.gone += await self._index.chunks_of([message_id])
            self._changes.new.pop(message_id, None)
            self._changes.changed.add(message_id)
        await super().update(message_id, **values)


class IndexedBranches(BranchRepository):
    """Trees of messages of which the deleted ones are noted."""

    def __init__(self, connection: AsyncConnection, owner_id: int, changes: IndexChanges) -> None:
        super().__init__(connection, owner_id)
        self._changes = changes
        self._index = SearchIndexRepository(connection, owner_id)

    async def delete(
        self, conversation_id: str, rows: Sequence[TreeRecord], first_revision: int
    ) -> None:
        """Deletes messages, children first, and leaves tombstones numbered from a revision on."""
        self._changes.gone += await self._index.chunks_of([row.id for row in rows])
        await super().delete(conversation_id, rows, first_revision)


class IndexedConversations(ConversationRepository):
    """Conversations of which the messages of the deleted ones are noted."""

    def __init__(self, connection: AsyncConnection, owner_id: int, changes: IndexChanges) -> None:
        super().__init__(connection, owner_id)
        self._changes = changes
        self._index = SearchIndexRepository(connection, owner_id)

    async def delete(self, conversation_id: str, *, revision: int, owner_revision: int) -> None:
        """Deletes a conversation and all in it, and leaves a tombstone in the owner's feed."""
        within = (
            Message.owner_id == self._owner_id,
            Message.conversation_id == conversation_id,
        )
        ids = list(await self._connection.scalars(select(Message.id).where(*within)))
        self._changes.gone += await self._index.chunks_of(ids)
        await super().delete(conversation_id, revision=revision, owner_revision=owner_revision)


class IndexedImports(ImportRepository):
    """Conversations in bulk whose messages are noted."""

    def __init__(self, connection: AsyncConnection, owner_id: int, changes: IndexChanges) -> None:
        super().__init__(connection, owner_id)
        self._changes = changes

    async def insert_messages(
        self,
        messages: Sequence[MessageRecord],
        versions: Sequence[VersionRecord] = (),
        feedback: Sequence[FeedbackRecord] = (),
    ) -> None:
        """Stores new messages, parents first, with what hangs on them; raises RowsRefused."""
        await super().insert_messages(messages, versions, feedback)
        segment = self._changes.segment
        if segment is not None and segment.message_ids == ids_of(messages):
            self._changes.used = True
        else:
            self._changes.imported += [row for row in messages if row.status != STREAMING]
