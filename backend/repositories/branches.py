"""The tree of a conversation in SQL: paths, subtrees, and which branch is the active one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from backend.models import Message, MessageTombstone
from backend.repositories.chunks import filled
from backend.repositories.records import MessageRecord, TreeRecord

TREE_COLUMNS = tuple(getattr(Message, name) for name in TreeRecord._fields)
ALL_COLUMNS = tuple(getattr(Message, name) for name in MessageRecord._fields)
# Far below the most parameters either database takes in one statement.
CHUNK = 5000


class BranchRepository:
    """One owner's message trees, over one connection."""

    def __init__(self, connection: AsyncConnection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id

    async def path_from_active(self, message_id: str) -> list[TreeRecord]:
        """From the nearest ancestor on the active branch (or a root) down to the message."""
        path = self._upward(message_id, stop_at_active=True)
        return await self._tree(select(path).order_by(path.c.position))

    async def page_upward(
        self, leaf_id: str, before_position: int | None, count: int
    ) -> list[MessageRecord]:
        """Up to ``count`` messages of the branch that ends at a message, the lowest ones first
        to be kept, in order; only those above ``before_position`` where it is given."""
        path = self._upward(leaf_id, stop_at_active=False)
        statement = select(*ALL_COLUMNS).join(path, path.c.id == Message.id)
        statement = statement.where(Message.owner_id == self._owner_id)
        if before_position is not None:
            statement = statement.where(path.c.position < before_position)
        statement = statement.order_by(path.c.position.desc()).limit(count)
        rows = [MessageRecord._make(row) for row in await self._connection.execute(statement)]
        return await filled(self._connection, self._owner_id, rows[::-1])

    async def newest_descent(self, message_id: str) -> list[TreeRecord]:
        """From a message down through the newest child each time, to a leaf; itself included."""
        walk = (
            select(*TREE_COLUMNS)
            .where(Message.owner_id == self._owner_id, Message.id == message_id)
            .cte("descent", recursive=True)
        )
        child, newest = aliased(Message), aliased(Message)
        newest_child = (
            select(newest.id)
            .where(newest.owner_id == self._owner_id, newest.parent_id == walk.c.id)
            .order_by(newest.added_revision.desc())
            .limit(1)
            .scalar_subquery()
        )
        walk = walk.union_all(
            select(*(getattr(child, name) for name in TreeRecord._fields))
            .select_from(walk)
            .join(child, (child.owner_id == self._owner_id) & (child.id == newest_child))
        )
        return await self._tree(select(walk).order_by(walk.c.position))

    async def newest_child(self, conversation_id: str, parent_id: str | None) -> str | None:
        """The newest of the alternatives below a message, or among the first messages."""
        # Comparing with None says IS NULL, which an index serves on both databases.
        return await self._connection.scalar(
            select(Message.id)
            .where(
                Message.owner_id == self._owner_id,
                Message.conversation_id == conversation_id,
                Message.parent_id == parent_id,
            )
            .order_by(Message.added_revision.desc())
            .limit(1)
        )

    async def subtree(self, message_id: str) -> list[TreeRecord]:
        """A message and all below it, in the order they were added."""
        walk = (
            select(*TREE_COLUMNS)
            .where(Message.owner_id == self._owner_id, Message.id == message_id)
            .cte("subtree", recursive=True)
        )
        child = aliased(Message)
        walk = walk.union_all(
            select(*(getattr(child, name) for name in TreeRecord._fields)).join(
                walk, (child.owner_id == self._owner_id) & (child.parent_id == walk.c.id)
            )
        )
        return await self._tree(select(walk).order_by(walk.c.added_revision))

    async def deactivate_after(self, conversation_id: str, position: int) -> None:
        """Takes what lies below a position off the active branch."""
        await self._connection.execute(
            update(Message)
            .where(
                Message.owner_id == self._owner_id,
                Message.conversation_id == conversation_id,
                Message.active,
                Message.position > position,
            )
            .values(active=False)
        )

    async def activate(self, ids: Iterable[str]) -> None:
        """Puts messages on the active branch; nothing else may stand at their positions."""
        for chunk in _chunks(list(ids)):
            await self._connection.execute(
                update(Message)
                .where(Message.owner_id == self._owner_id, Message.id.in_(chunk))
                .values(active=True)
            )

    async def move_up(self, ids: Sequence[str]) -> None:
        """Lowers the positions of messages by one.

        In two steps, through places that nobody holds: uniqueness is checked row by row.
        """
        for chunk in _chunks(ids):
            here = (Message.owner_id == self._owner_id, Message.id.in_(chunk))
            await self._connection.execute(
                update(Message).where(*here).values(position=Message.position + 1_000_000_000)
            )
        for chunk in _chunks(ids):
            here = (Message.owner_id == self._owner_id, Message.id.in_(chunk))
            await self._connection.execute(
                update(Message).where(*here).values(position=Message.position - 1_000_000_001)
            )

    async def reparent(self, message_id: str, parent_id: str | None, revision: int) -> None:
        """Hangs a message below another."""
        await self._connection.execute(
            update(Message)
            .where(Message.owner_id == self._owner_id, Message.id == message_id)
            .values(parent_id=parent_id, revision=revision)
        )

    async def children(self, message_id: str) -> list[str]:
        """The ids of the messages right below one, oldest first."""
        rows = await self._connection.scalars(
            select(Message.id)
            .where(Message.owner_id == self._owner_id, Message.parent_id == message_id)
            .order_by(Message.added_revision)
        )
        return list(rows)

    async def delete(
        self, conversation_id: str, rows: Sequence[TreeRecord], first_revision: int
    ) -> None:
        """Deletes messages, children first, and leaves tombstones numbered from a revision on."""
        stones: list[dict[str, Any]] = [
            {
                "owner_id": self._owner_id,
                "message_id": row.id,
                "conversation_id": conversation_id,
                "added_revision": row.added_revision,
                "revision": first_revision + offset,
            }
            for offset, row in enumerate(rows)
        ]
        await self._connection.execute(insert(MessageTombstone), stones)
        for chunk in _chunks([row.id for row in reversed(rows)]):
            await self._connection.execute(
                delete(Message).where(Message.owner_id == self._owner_id, Message.id.in_(chunk))
            )

    async def first_added(self, conversation_id: str, count: int) -> list[MessageRecord]:
        """The messages that were added first, on any branch."""
        rows = await self._connection.execute(
            select(*ALL_COLUMNS)
            .where(Message.owner_id == self._owner_id, Message.conversation_id == conversation_id)
            .order_by(Message.added_revision)
            .limit(count)
        )
        return [MessageRecord._make(row) for row in rows]

    async def newest_moment(self, conversation_id: str) -> Any:
        """When the newest message of any branch was written, or None."""
        return await self._connection.scalar(
            select(func.max(Message.created_at)).where(
                Message.owner_id == self._owner_id, Message.conversation_id == conversation_id
            )
        )

    def _upward(self, message_id: str, *, stop_at_active: bool) -> Any:
        walk = (
            select(*TREE_COLUMNS)
            .where(Message.owner_id == self._owner_id, Message.id == message_id)
            .cte("path", recursive=True)
        )
        above = aliased(Message)
        step = select(*(getattr(above, name) for name in TreeRecord._fields)).join(
            walk, (above.owner_id == self._owner_id) & (above.id == walk.c.parent_id)
        )
        if stop_at_active:
            step = step.where(walk.c.active.is_(False))
        return walk.union_all(step)

    async def _tree(self, statement: Any) -> list[TreeRecord]:
        return [TreeRecord._make(row) for row in await self._connection.execute(statement)]


def _chunks(items: Sequence[str]) -> Iterable[Sequence[str]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
