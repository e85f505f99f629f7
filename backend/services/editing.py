"""One change to one conversation: it hands out revisions and closes the books at the end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from backend.events.changes import ConversationChanged
from backend.repositories.records import ConversationRecord, MessageRecord, TreeRecord
from backend.repositories.store import WriteUnit


class ConversationEdit:
    """A locked conversation while it is being changed.

    ``finish`` must be called exactly once, last: it stores what the change made of the conversation
    and announces it.
    """

    def __init__(self, unit: WriteUnit, conversation: ConversationRecord) -> None:
        self.unit = unit
        self.before = conversation
        self.id = conversation.id
        self.revision = conversation.revision
        self.message_count = conversation.message_count
        self.now = datetime.now(UTC)

    @classmethod
    async def begin(cls, unit: WriteUnit, conversation_id: str) -> ConversationEdit:
        """Locks the conversation; raises NotFound."""
        return cls(unit, await unit.conversations.lock(conversation_id))

    @classmethod
    async def begin_all(cls, unit: WriteUnit, ids: Collection[str]) -> dict[str, ConversationEdit]:
        """Locks those of the conversations that exist, and finds them by id."""
        return {row.id: cls(unit, row) for row in await unit.appends.lock(ids)}

    def next_revision(self) -> int:
        """The number of the next change."""
        self.revision += 1
        return self.revision

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
        self.unit.record(
            ConversationChanged(
                self.unit.owner_id, self.id, self.revision, self.before.owner_revision
            )
        )

    async def finish(self, **values: Any) -> None:
        """Stores the conversation's new state and announces the change."""
        await finish_all(self.unit, [(self, values)])

    def state(self, owner_revision: int) -> dict[str, Any]:
        """What every change changes of the conversation."""
        return {
            "id": self.id,
            "revision": self.revision,
            "owner_revision": owner_revision,
            "message_count": self.message_count,
            "updated_at": self.now,
        }


async def finish_all(
    unit: WriteUnit, edits: Sequence[tuple[ConversationEdit, dict[str, Any]]]
) -> None:
    """Finishes edits, each of which changes the same columns, as ``finish`` does one."""
    first = await unit.next_owner_revision(len(edits)) - len(edits) + 1
    places = range(first, first + len(edits))
    states = [
        edit.state(place) | values for place, (edit, values) in zip(places, edits, strict=True)
    ]
    await unit.conversations.update_all(states)
    for place, (edit, _) in zip(places, edits, strict=True):
        unit.record(ConversationChanged(unit.owner_id, edit.id, edit.revision, place))
