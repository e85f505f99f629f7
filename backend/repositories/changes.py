"""What changed after a revision, told from what the rows became.

There is no log. A message stands in the order of changes twice: at the revision that added it,
and, where it was changed since, at the one that changed it last; a deleted one at its tombstone's,
a piece of a streamed one at its own, the conversation at the last change to itself. A reader who
has seen everything up to a revision is told all after it by a few index ranges, whenever he comes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Integer,
    Select,
    bindparam,
    literal,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.models import (
    Conversation,
    ConversationTombstone,
    Message,
    MessageChunk,
    MessageTombstone,
)
from backend.repositories.chunks import ChunkRecord, ChunkRepository, streamed
from backend.repositories.conversations import ConversationRepository
from backend.repositories.messages import MessageRepository
from backend.repositories.records import ConversationRecord, MessageRecord

Kind = Literal["added", "updated", "deleted", "delta", "conversation", "gone", "reset"]


class ChangeRecord(NamedTuple):
    """One change of a conversation, or, in an owner's feed, of his list.

    ``subject_id`` is a message's id, for ``conversation`` and ``gone`` a conversation's; ``text``
    begins at ``offset`` characters of the message.
    """

    revision: int
    kind: Kind
    subject_id: str
    message: MessageRecord | None = None
    conversation: ConversationRecord | None = None
    offset: int = 0
    text: str = ""


class _Key(NamedTuple):
    revision: int
    kind: Kind
    subject_id: str
    start: int


def _first(ranges: Sequence[Select[Any]]) -> Select[Any]:
    """The first changes in any of the ranges. Made once, as it is read at every change."""
    limit = bindparam("limit", type_=Integer)
    # Each range ends where the page would, were there no others.
    pieces = [each.order_by("revision").limit(limit).subquery() for each in ranges]
    keys = union_all(*(select(*each.columns) for each in pieces)).subquery()
    return select(keys).order_by(keys.c.revision).limit(limit)


def _range(
    table: Any, order: Any, kind: Kind, subject: Any, *conditions: Any, start: Any = None
) -> Select[Any]:
    return select(
        order.label("revision"),
        literal(kind).label("kind"),
        subject.label("subject_id"),
        (literal(0) if start is None else start).label("start"),
    ).where(table.owner_id == bindparam("owner"), order > AFTER, *conditions)


def _conversation_ranges() -> list[Select[Any]]:
    chunk, message, stone = MessageChunk, Message, MessageTombstone
    here, gone = Conversation, ConversationTombstone
    place: BindParameter[str] = bindparam("conversation")
    changed = message.revision > message.added_revision
    # One that was added and deleted since was never seen.
    known = stone.added_revision <= AFTER
    in_chunk, in_message = chunk.conversation_id == place, message.conversation_id == place
    return [
        _range(chunk, chunk.revision, "delta", chunk.message_id, in_chunk, start=chunk.start),
        _range(message, message.added_revision, "added", message.id, in_message),
        _range(message, message.revision, "updated", message.id, in_message, changed),
        _range(
            stone,
            stone.revision,
            "deleted",
            stone.message_id,
            stone.conversation_id == place,
            known,
        ),
        _range(here, here.own_revision, "conversation", here.id, here.id == place),
        _range(gone, gone.revision, "gone", gone.conversation_id, gone.conversation_id == place),
    ]


AFTER = bindparam("after", type_=BigInteger)
CONVERSATION_KEYS = _first(_conversation_ranges())
OWNER_KEYS = _first(
    [
        _range(Conversation, Conversation.owner_revision, "conversation", Conversation.id),
        _range(
            ConversationTombstone,
            ConversationTombstone.owner_revision,
            "gone",
            ConversationTombstone.conversation_id,
        ),
    ]
)


class ChangeRepository:
    """One owner's changes, over one connection that shows one state throughout."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def of_conversation(
        self, conversation_id: str, after: int, limit: int
    ) -> list[ChangeRecord]:
        """The first changes of a conversation after a revision, in order."""
        keys = await self._keys(
            CONVERSATION_KEYS, conversation=conversation_id, after=after, limit=limit
        )
        ids = [key.subject_id for key in keys if key.kind in ("added", "updated")]
        found = await MessageRepository(self._connection, self._owner_id).list_raw(ids)
        messages = {row.id: row for row in found}
        chunks = await self._chunks(keys, found)
        conversations = await self._conversations(keys)
        return [_change(key, messages, chunks, conversations) for key in keys]

    async def of_owner(self, after: int, limit: int) -> list[ChangeRecord]:
        """The first changes of the owner's list after a place in his feed, in order."""
        keys = await self._keys(OWNER_KEYS, after=after, limit=limit)
        conversations = await self._conversations(keys)
        return [_change(key, {}, {}, conversations) for key in keys]

    async def owner_revision(self) -> int:
        """The newest place in the owner's feed."""
        newest = [
            select(table.owner_revision)
            .where(table.owner_id == self._owner_id)
            .order_by(table.owner_revision.desc())
            .limit(1)
            for table in (Conversation, ConversationTombstone)
        ]
        found = [await self._connection.scalar(statement) for statement in newest]
        return max(each or 0 for each in found)

    async def tombstone(self, conversation_id: str) -> int | None:
        """The revision at which a conversation was deleted, or None."""
        return await self._connection.scalar(
            select(ConversationTombstone.revision).where(
                ConversationTombstone.owner_id == self._owner_id,
                ConversationTombstone.conversation_id == conversation_id,
            )
        )

    async def _keys(self, statement: Select[Any], **given: Any) -> list[_Key]:
        rows = await self._connection.execute(statement, {"owner": self._owner_id, **given})
        return [_Key._make(row) for row in rows]

    async def _chunks(
        self, keys: Sequence[_Key], rows: Sequence[MessageRecord]
    ) -> dict[str, list[ChunkRecord]]:
        ids = {key.subject_id for key in keys if key.kind == "delta"}
        ids |= {row.id for row in rows if row.status == "streaming"}
        repository = ChunkRepository(self._connection, self._owner_id)
        return await repository.list_by_messages(sorted(ids)) if ids else {}

    async def _conversations(self, keys: Sequence[_Key]) -> dict[str, ConversationRecord]:
        ids = [key.subject_id for key in keys if key.kind == "conversation"]
        if not ids:
            return {}
        repository = ConversationRepository(self._connection, self._owner_id)
        return {row.id: row for row in await repository.list_by_ids(ids)}


def _change(
    key: _Key,
    messages: dict[str, MessageRecord],
    chunks: dict[str, list[ChunkRecord]],
    conversations: dict[str, ConversationRecord],
) -> ChangeRecord:
    place = (key.revision, key.kind, key.subject_id)
    if key.kind in ("added", "updated"):
        # What was appended later follows as deltas, so it must not be in the text yet.
        said = [each for each in chunks.get(key.subject_id, ()) if each.revision <= key.revision]
        return ChangeRecord(*place, message=streamed(messages[key.subject_id], said))
    if key.kind == "delta":
        pieces = chunks[key.subject_id]
        piece = pieces[bisect_left(pieces, key.start, key=lambda each: each.start)]
        return ChangeRecord(*place, offset=piece.start, text=piece.text)
    return ChangeRecord(*place, conversation=conversations.get(key.subject_id))
