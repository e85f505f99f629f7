"""Conversations and messages for tests, by noun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from backend.ids import new_id
from backend.limits import BATCH_MESSAGES
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Window
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.store import Store
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationDraft
from backend.services.counting import ready_to_count
from backend.services.drafts import MessageDraft
from backend.utils.text_processor import title_key


def message_draft(content: str | None = "Hello", role: str = "user", **values: Any) -> MessageDraft:
    """A message to be written."""
    return MessageDraft(role=role, content=content, **values)


def turns(count: int, start: int = 1) -> list[MessageDraft]:
    """Messages "1", "2", … said in turn by user and assistant."""
    return [
        message_draft(str(number), "user" if number % 2 else "assistant")
        for number in range(start, start + count)
    ]


async def stored_conversation(
    services: Services, viewer: Viewer, *, messages: int = 0, title: str = "A title", **values: Any
) -> ConversationRecord:
    """A conversation of this many messages."""
    # Or the first messages of a process, said together, would wait for the vocabulary one by one.
    await ready_to_count()
    made = await services.conversations.create(viewer, ConversationDraft(title=title, **values))
    for start in range(0, messages, BATCH_MESSAGES):
        size = min(BATCH_MESSAGES, messages - start)
        await services.messages.add(viewer, made.id, turns(size, start + 1))
    return await conversation_now(services.store, viewer, made.id)


def conversation_values(**values: Any) -> dict[str, Any]:
    """The columns of a conversation without messages, to be stored without a service."""
    now = datetime.now(UTC)
    title = values.get("title", "A title")
    return {
        "id": new_id(),
        "title": title,
        "title_key": title_key(title),
        "pinned": False,
        "archived": False,
        "created_at": now,
        "updated_at": now,
        "last_activity_at": now,
        "message_count": 0,
        "revision": 1,
        "own_revision": 1,
        "owner_revision": 1,
        **values,
    }


def message_values(conversation_id: str, position: int, **values: Any) -> dict[str, Any]:
    """The columns of a message of an active branch, to be stored without a service."""
    return {
        "id": new_id(),
        "conversation_id": conversation_id,
        "parent_id": None,
        "position": position,
        "active": True,
        "role": "user" if position % 2 else "assistant",
        "name": None,
        "content": str(position),
        "parts_json": None,
        "status": "complete",
        "finish_reason": None,
        "model": None,
        "input_tokens": None,
        "output_tokens": None,
        "reasoning_tokens": None,
        "token_count": 1,
        "metadata_json": None,
        "created_at": datetime.now(UTC),
        "edited_at": None,
        "added_revision": position + 1,
        "revision": position + 1,
        **values,
    }


async def stored_chain(store: Store, viewer: Viewer, length: int) -> ConversationRecord:
    """A conversation of one long branch, stored at once and without a service."""
    values = conversation_values(message_count=length, revision=length + 1)
    rows: list[dict[str, Any]] = []
    for position in range(1, length + 1):
        parent = rows[-1]["id"] if rows else None
        rows.append(message_values(values["id"], position, parent_id=parent))
    values["last_message_at"] = values["last_activity_at"] = rows[-1]["created_at"]
    async with store.write(viewer) as unit:
        values["owner_revision"] = await unit.next_owner_revision()
        await unit.conversations.insert(**values)
        await unit.messages.insert(rows)
        return await unit.conversations.get(values["id"])


async def say(
    services: Services, viewer: Viewer, conversation_id: str, *texts: str, **where: Any
) -> list[MessageRecord]:
    """Adds messages that say these texts."""
    drafts = [message_draft(text) for text in texts]
    return await services.messages.add(viewer, conversation_id, drafts, **where)


async def conversation_now(
    store: Store, viewer: Viewer, conversation_id: str
) -> ConversationRecord:
    """The conversation as it is stored now."""
    async with store.read(viewer) as unit:
        return await unit.conversations.get(conversation_id)


async def message_now(store: Store, viewer: Viewer, message_id: str) -> MessageRecord:
    """The message as it is stored now."""
    async with store.read(viewer) as unit:
        return await unit.messages.get(message_id)


async def active_branch(store: Store, viewer: Viewer, conversation_id: str) -> list[MessageRecord]:
    """All messages of the active branch."""
    async with store.read(viewer) as unit:
        pages = await unit.messages.pages_by_conversations(
            [conversation_id], MessageScope(), Window(size=100_000)
        )
    return list(pages[conversation_id].rows)


def contents(rows: Sequence[MessageRecord]) -> list[str]:
    """What messages say."""
    return [row.content for row in rows]
