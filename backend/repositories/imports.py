"""Whole conversations written at once: what an import needs of SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import (
    Conversation,
    ConversationTag,
    ConversationTombstone,
    Message,
    MessageFeedback,
    MessageTombstone,
    MessageVersion,
    Owner,
)
from backend.repositories.bulk import ROWS, insert_rows
from backend.repositories.dialects import takes_plain
from backend.repositories.many_rows import insert_together
from backend.repositories.plain_messages import PlainMessages, ids_of, joined
from backend.repositories.records import (
    ConversationRecord,
    ConversationRows,
    FeedbackRecord,
    MessageRecord,
    VersionRecord,
)

CONVERSATION_COLUMNS = tuple(getattr(Conversation, name) for name in ConversationRecord._fields)
MESSAGE_COLUMNS = tuple(getattr(Message, name) for name in MessageRecord._fields)
TAG_FIELDS = ("conversation_id", "tag", "ordinal")


class RowsRefused(Exception):
    """The database refused rows that were thought to be good; the text is its reason."""


class ImportRepository:
    """One owner's conversations in bulk, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def list_by_sources(
        self, format_: str, external_ids: Sequence[str]
    ) -> list[ConversationRecord]:
        """Those of the conversations of one format that were imported before, in no order."""
        rows = await self._connection.execute(
            select(*CONVERSATION_COLUMNS).where(
                Conversation.owner_id == self._owner_id,
                Conversation.source_format == format_,
                Conversation.source_external_id.in_(external_ids),
            )
        )
        return [ConversationRecord._make(row) for row in rows]

    async def lock(self, ids: Sequence[str]) -> dict[str, ConversationRecord]:
        """Those of the conversations that exist, kept from changing until the commit.

        They are locked in one order, and before the owner's row, as every other write does it.
        """
        rows = await self._connection.execute(
            select(*CONVERSATION_COLUMNS)
            .where(Conversation.owner_id == self._owner_id, Conversation.id.in_(ids))
            .order_by(Conversation.id)
            .with_for_update()
        )
        return {row.id: row for row in map(ConversationRecord._make, rows)}

    async def messages_of(self, conversation_id: str) -> list[MessageRecord]:
        """Every message of a conversation, on any branch, in the order they were added."""
        rows = await self._connection.execute(
            select(*MESSAGE_COLUMNS)
            .where(Message.owner_id == self._owner_id, Message.conversation_id == conversation_id)
            .order_by(Message.added_revision)
        )
        return [MessageRecord._make(row) for row in rows]

    async def deleted_from(self, conversation_id: str) -> set[str]:
        """The ids of the messages that were deleted from a conversation."""
        rows = await self._connection.scalars(
            select(MessageTombstone.message_id).where(
                MessageTombstone.owner_id == self._owner_id,
                MessageTombstone.conversation_id == conversation_id,
            )
        )
        return set(rows)

    async def homes(self, message_ids: Sequence[str]) -> dict[str, str]:
        """For those of the messages that exist, the conversation each belongs to."""
        found: dict[str, str] = {}
        for start in range(0, len(message_ids), ROWS):
            rows = await self._connection.execute(
                select(Message.id, Message.conversation_id).where(
                    Message.owner_id == self._owner_id,
                    Message.id.in_(message_ids[start : start + ROWS]),
                )
            )
            found.update(rows.all())
        return found

    async def insert(self, conversations: Sequence[ConversationRows]) -> list[ConversationRecord]:
        """Stores new conversations whole; raises RowsRefused where one of their ids is taken.

        One that was deleted before goes on counting where it ended: who followed it then and comes
        back with his cursor is told all of its new life.
        """
        ended = await self._forget_deleted_conversations(
            [each.conversation.id for each in conversations]
        )
        conversations = [
            _counted_on(each, ended.get(each.conversation.id, 0)) for each in conversations
        ]
        last = await self._advance_feed(len(conversations))
        first = last - len(conversations) + 1
        records = [
            each.conversation._replace(owner_revision=first + place)
            for place, each in enumerate(conversations)
        ]
        await self._insert(Conversation.__table__, ConversationRecord._fields, records)
        tags = [
            (each.conversation.id, tag, ordinal)
            for each in conversations
            for ordinal, tag in enumerate(each.tags)
        ]
        await self._insert(ConversationTag.__table__, TAG_FIELDS, tags)
        await self.insert_messages(
            joined(each.messages for each in conversations),
            [row for each in conversations for row in each.versions],
            [row for each in conversations for row in each.feedback],
        )
        return records

    async def insert_messages(
        self,
        messages: Sequence[MessageRecord],
        versions: Sequence[VersionRecord] = (),
        feedback: Sequence[FeedbackRecord] = (),
    ) -> None:
        """Stores new messages, parents first, with what hangs on them; raises RowsRefused."""
        await self._insert_messages(messages)
        await self._insert(MessageVersion.__table__, VersionRecord._fields, versions)
        await self._insert(MessageFeedback.__table__, FeedbackRecord._fields, feedback)
        await self._forget_deleted_messages(messages)

    async def _advance_feed(self, count: int) -> int:
        """The last of ``count`` new places in the owner's feed."""
        statement = (
            update(Owner)
            .where(Owner.id == self._owner_id)
            .values(revision=Owner.revision + count)
            .returning(Owner.revision)
        )
        return (await self._connection.execute(statement)).scalar_one()

    async def _forget_deleted_conversations(self, ids: Sequence[str]) -> dict[str, int]:
        """Removes tombstones; the revisions they stood for."""
        rows = await self._connection.execute(
            delete(ConversationTombstone)
            .where(
                ConversationTombstone.owner_id == self._owner_id,
                ConversationTombstone.conversation_id.in_(ids),
            )
            .returning(ConversationTombstone.conversation_id, ConversationTombstone.revision)
        )
        return {row[0]: row[1] for row in rows}

    async def _forget_deleted_messages(self, messages: Sequence[MessageRecord]) -> None:
        of_owner = MessageTombstone.owner_id == self._owner_id
        if await self._connection.scalar(
            select(MessageTombstone.owner_id).where(of_owner).limit(1)
        ):
            ids = ids_of(messages)
            for start in range(0, len(ids), ROWS):
                chunk = ids[start : start + ROWS]
                await self._connection.execute(
                    delete(MessageTombstone).where(of_owner, MessageTombstone.message_id.in_(chunk))
                )

    async def _insert(
        self, table: Any, fields: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        if rows:
            owned = [(self._owner_id, *row) for row in rows]
            with _refusals():
                await insert_rows(self._connection, table, ("owner_id", *fields), owned)

    async def _insert_messages(self, messages: Sequence[MessageRecord]) -> None:
        table, fields = Message.__table__, MessageRecord._fields
        plain = messages.plain if isinstance(messages, PlainMessages) else None
        if plain and takes_plain(self._connection.dialect):
            with _refusals():
                # However many: nobody on the event loop waits for more than a look at all.
                await insert_together(self._connection, table, fields, plain, self._owner_id)
        else:
            await self._insert(table, fields, messages)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise RowsRefused(str(error.orig)) from error


def _counted_on(rows: ConversationRows, ended: int) -> ConversationRows:
    """The same, its revisions counted on from where an earlier life ended; 0: there was none."""
    if not ended:
        return rows
    here = rows.conversation
    return replace(
        rows,
        conversation=here._replace(
            revision=here.revision + ended, own_revision=here.own_revision + ended
        ),
        messages=[
            row._replace(added_revision=row.added_revision + ended, revision=row.revision + ended)
            for row in rows.messages
        ],
    )
