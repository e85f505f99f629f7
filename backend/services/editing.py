"""One change to one conversation: it hands out revisions and closes the books at the end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backend.events.changes import ConversationChanged
from backend.repositories.records import ConversationRecord, MessageRecord, TreeRecord
from backend.repositories.store import WriteUnit


class Changing:
    """The numbers of a conversation while it is being changed."""

    def __init__(self, conversation: ConversationRecord) -> None:
        self.before = conversation
        self.id = conversation.id
        self.revision = conversation.revision
        self.message_count = conversation.message_count
        self.now = datetime.now(UTC)

    def next_revision(self) -> int:
        """The number of the next change."""
        self.revision += 1
        return self.revision

    def state(self) -> dict[str, Any]:
        """What every change changes of the conversation."""
        return {
            "id": self.id,
            "revision": self.revision,
            "message_count": self.message_count,
            "updated_at": self.now,
        }

    def changed(self, owner_id: int, owner_revision: int) -> ConversationChanged:
        """The change as it is announced, at its place in the owner's feed."""
        return ConversationChanged(owner_id, self.id, self.revision, owner_revision)


class ConversationEdit(Changing):
    """A locked conversation while it is being changed.

    ``finish`` must be called exactly once, last: it stores what the change made of the conversation
    and announces it.
    """

    def __init__(self, unit: WriteUnit, conversation: ConversationRecord) -> None:
        super().__init__(conversation)
        self.unit = unit

    @classmethod
    async def begin(cls, unit: WriteUnit, conversation_id: str) -> ConversationEdit:
        """Locks the conversation; raises NotFound."""
        return cls(unit, await unit.conversations.lock(conversation_id))

    async def show(self, message: MessageRecord | TreeRecord) -> None:
        """Makes the branch from the first message down to this one the active one."""
        self.unit.require_long()
        branches = self.unit.branches
        path = await branches.path_from_active(message.id)
        base = path[0].position if path[0].active else 0
        await branches.deactivate_after(self.id, base)
        await branches.activate(row.id for row in path if row.position > base)
        self.message_count = message.position

    async def show_through(self, message_id: str) -> None:
        """Makes the branch through a message the active one, on to its newest end."""
        descent = await self.unit.branches.newest_descent(message_id)
        await self.show(descent[0])
        await self.unit.branches.activate(row.id for row in descent[1:])
        self.message_count = descent[-1].position

    async def last_place(self) -> tuple[str, int] | None:
        """The id and the position of the last message of the active branch."""
        return await self.unit.messages.last_place(self.id) if self.message_count else None

    async def finish_quietly(self) -> None:
        """Stores the new revision alone: the list of conversations shows nothing of this change."""
        await self.unit.conversations.update(self.id, revision=self.revision)
        self.unit.record(self.changed(self.unit.owner_id, self.before.owner_revision))

    async def finish(self, **values: Any) -> None:
        """Stores the conversation's new state and announces the change."""
        owner_revision = await self.unit.next_owner_revision()
        state = {**self.state(), "owner_revision": owner_revision, **values}
        await self.unit.conversations.update_all([state])
        self.unit.record(self.changed(self.unit.owner_id, owner_revision))
