"""What must hold between stored rows and is not held by the database itself, as SQL.

Every check is one statement over all owners that selects the rows at fault.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from sqlalchemy import and_, exists, func, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from backend.models import (
    Conversation,
    ConversationTag,
    ConversationTombstone,
    Message,
    MessageChunk,
    MessageFeedback,
    MessageTombstone,
    MessageVersion,
    Owner,
)
from backend.repositories.chunks import STREAMING
from backend.repositories.dialects import damage

Parent = aliased(Message)
Child = aliased(Message)
_HAS_PARENT = and_(Parent.owner_id == Message.owner_id, Parent.id == Message.parent_id)
_HOME = and_(Conversation.owner_id == Message.owner_id, Conversation.id == Message.conversation_id)


class Fault(NamedTuple):
    """A row at fault: whose, in which conversation, which message (None: the conversation)."""

    owner: str | None
    conversation_id: str | None
    message_id: str | None


def _conversations(*conditions: Any) -> Any:
    return select(Conversation.owner_id, Conversation.id, null()).where(*conditions)


def _messages(*conditions: Any) -> Any:
    return select(Message.owner_id, Message.conversation_id, Message.id).where(*conditions)


def _below_parent(*conditions: Any) -> Any:
    return _messages(*conditions).join(Parent, _HAS_PARENT)


def _at_home(*conditions: Any) -> Any:
    return _messages(*conditions).join(Conversation, _HOME)


def _unowned(table: Any, column: Any, home: Any) -> Any:
    """Rows that hang on a conversation or message that does not exist."""
    of_conversation = home is Conversation
    return select(
        table.owner_id,
        column if of_conversation else null(),
        null() if of_conversation else column,
    ).where(~exists().where(home.owner_id == table.owner_id, home.id == column))


_SHOWN = (
    select(
        Message.owner_id,
        Message.conversation_id,
        func.count().label("shown"),
        func.max(Message.position).label("depth"),
    )
    .where(Message.active)
    .group_by(Message.owner_id, Message.conversation_id)
    .subquery()
)
_SHOWN_HERE = and_(
    _SHOWN.c.owner_id == Conversation.owner_id, _SHOWN.c.conversation_id == Conversation.id
)
_NEWEST = (
    select(func.max(Message.created_at))
    .where(Message.owner_id == Conversation.owner_id, Message.conversation_id == Conversation.id)
    .scalar_subquery()
)

CHECKS: dict[str, Any] = {
    "its parent does not exist": _messages(
        Message.parent_id.is_not(None), ~exists().where(_HAS_PARENT)
    ),
    "its parent is in another conversation": _below_parent(
        Parent.conversation_id != Message.conversation_id
    ),
    "it stands first but its position is not 1": _messages(
        Message.parent_id.is_(None), Message.position != 1
    ),
    "its position is not its parent's plus one": _below_parent(
        Message.position != Parent.position + 1
    ),
    "it was not added after its parent": _below_parent(
        Message.added_revision <= Parent.added_revision
    ),
    "it is shown but its parent is not": _below_parent(Message.active, ~Parent.active),
    "it was changed before it was added": _messages(Message.revision < Message.added_revision),
    "its revision is beyond its conversation's": _at_home(Message.revision > Conversation.revision),
    "messages hang below the last one that is shown": _at_home(
        Message.active,
        Message.position == Conversation.message_count,
        exists().where(Child.owner_id == Message.owner_id, Child.parent_id == Message.id),
    ),
    "it is stored and also marked as deleted": _messages(
        exists().where(
            MessageTombstone.owner_id == Message.owner_id,
            MessageTombstone.message_id == Message.id,
        )
    ),
    "pieces of it are stored, but it is not being written": _messages(
        Message.status != STREAMING,
        exists().where(
            MessageChunk.owner_id == Message.owner_id, MessageChunk.message_id == Message.id
        ),
    ),
    "its message count is not the length of the branch that is shown": (
        _conversations(
            or_(
                Conversation.message_count != func.coalesce(_SHOWN.c.shown, 0),
                Conversation.message_count != func.coalesce(_SHOWN.c.depth, 0),
            )
        ).outerjoin(_SHOWN, _SHOWN_HERE)
    ),
    "it has messages and shows none": _conversations(
        Conversation.message_count == 0, exists().where(_HOME)
    ),
    "its last message was written at another time than it says": _conversations(
        Conversation.last_message_at.is_distinct_from(_NEWEST)
    ),
    "its own revision is beyond its revision": _conversations(
        Conversation.own_revision > Conversation.revision
    ),
    "its place in the feed is beyond its owner's": _conversations(
        exists().where(
            Owner.id == Conversation.owner_id, Owner.revision < Conversation.owner_revision
        )
    ),
    "a message deleted from it has a revision beyond its own": _conversations(
        exists().where(
            MessageTombstone.owner_id == Conversation.owner_id,
            MessageTombstone.conversation_id == Conversation.id,
            MessageTombstone.revision > Conversation.revision,
        )
    ),
    "it is stored, but its owner's feed says it was deleted": _conversations(
        exists().where(
            ConversationTombstone.owner_id == Conversation.owner_id,
            ConversationTombstone.conversation_id == Conversation.id,
        )
    ),
    "the earlier versions of its text are not numbered from 1": (
        select(MessageVersion.owner_id, null(), MessageVersion.message_id)
        .group_by(MessageVersion.owner_id, MessageVersion.message_id)
        .having(
            or_(
                func.min(MessageVersion.number) != 1,
                func.max(MessageVersion.number) != func.count(),
            )
        )
    ),
    "a message of it is stored, but it is not": _unowned(
        Message, Message.conversation_id, Conversation
    ),
    "a tag of it is stored, but it is not": _unowned(
        ConversationTag, ConversationTag.conversation_id, Conversation
    ),
    "a deletion in it is stored, but it is not": _unowned(
        MessageTombstone, MessageTombstone.conversation_id, Conversation
    ),
    "a piece of it is stored, but it is not": _unowned(
        MessageChunk, MessageChunk.message_id, Message
    ),
    "an earlier version of it is stored, but it is not": _unowned(
        MessageVersion, MessageVersion.message_id, Message
    ),
    "a judgement of it is stored, but it is not": _unowned(
        MessageFeedback, MessageFeedback.message_id, Message
    ),
    "its owner does not exist": _conversations(~exists().where(Owner.id == Conversation.owner_id)),
}
"""What is wrong with a row, and the rows of which it is true."""


class CheckRepository:
    """Checks over everything that is stored, over one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def faults(self, statement: Any) -> AsyncGenerator[Fault, None]:
        """The rows at fault, as they are found."""
        found = statement.subquery()
        owner_id, conversation_id, message_id = found.columns
        named = select(Owner.name, conversation_id, message_id).outerjoin(
            Owner, Owner.id == owner_id
        )
        async with self._connection.stream(named.select_from(found)) as rows:
            async for row in rows:
                yield Fault._make(row)

    async def damage(self) -> list[str]:
        """What the database finds wrong with itself."""
        return await damage(self._connection)
