"""What is true of every stored conversation, whatever was done to it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from backend.models import MessageTombstone
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer


@dataclass
class StoredConversation:
    """All of a conversation; messages in the order they were added, deleted ids by revision."""

    conversation: ConversationRecord
    messages: list[MessageRecord]
    tombstones: dict[str, int]

    @property
    def active(self) -> list[MessageRecord]:
        """The branch that is shown."""
        return sorted((row for row in self.messages if row.active), key=lambda row: row.position)


async def sound_conversation(
    store: Store, viewer: Viewer, conversation_id: str
) -> StoredConversation:
    """A conversation with all it holds, after checking that it hangs together."""
    async with store.read(viewer) as unit:
        conversation = await unit.conversations.get(conversation_id)
        messages = await unit.branches.first_added(conversation_id, 1_000_000)
        stones = await unit.connection.execute(
            select(MessageTombstone.message_id, MessageTombstone.revision).where(
                MessageTombstone.owner_id == unit.owner_id,
                MessageTombstone.conversation_id == conversation_id,
            )
        )
        stored = StoredConversation(conversation, messages, {row[0]: row[1] for row in stones})
    _check_tree(stored)
    _check_active_branch(stored)
    _check_revisions(stored)
    return stored


def _check_tree(stored: StoredConversation) -> None:
    by_id = {row.id: row for row in stored.messages}
    for row in stored.messages:
        if row.parent_id is None:
            assert row.position == 1
        else:
            parent = by_id[row.parent_id]
            assert row.position == parent.position + 1
            assert row.added_revision > parent.added_revision


def _check_active_branch(stored: StoredConversation) -> None:
    active = stored.active
    assert stored.conversation.message_count == len(active)
    assert [row.position for row in active] == list(range(1, len(active) + 1))
    above = [None, *(row.id for row in active)]
    assert [row.parent_id for row in active] == above[:-1]
    assert above[-1] not in {row.parent_id for row in stored.messages if row.parent_id}
    assert active or not stored.messages
    newest = max((row.created_at for row in stored.messages), default=None)
    assert stored.conversation.last_message_at == newest


def _check_revisions(stored: StoredConversation) -> None:
    added = [row.added_revision for row in stored.messages]
    changed = [row.revision for row in stored.messages] + list(stored.tombstones.values())
    assert len(set(added)) == len(added)
    assert len(set(changed)) == len(changed)
    assert all(row.added_revision <= row.revision for row in stored.messages)
    assert max([0, *changed]) <= stored.conversation.revision
    assert stored.conversation.own_revision <= stored.conversation.revision
    assert stored.conversation.own_revision not in changed
    assert not stored.tombstones.keys() & {row.id for row in stored.messages}
