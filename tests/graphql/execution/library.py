"""A small library of conversations with everything that can be asked for in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from backend.repositories.conversations import ConversationFilter
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Window
from backend.repositories.records import MessageRecord
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.conversations import ConversationChanges, ConversationDraft
from backend.services.drafts import MessageDraft, Usage
from backend.services.live import change_cursor
from backend.services.messages import MessageChanges
from backend.services.paging import conversation_cursors, conversation_order, message_cursor
from tests.support.conversations import say

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
UNKNOWN = "01a20311-0000-7000-8000-00000000abcd"
PARTS: list[Any] = [
    {"type": "text", "text": "Look:"},
    {"type": "reasoning", "text": "What would they like?"},
    {
        "type": "tool_call",
        "call_id": "c1",
        "name": "search",
        "arguments": {"q": "a", "n": [1, 2.5]},
    },
    {"type": "tool_result", "call_id": "c1", "result": [None, {"ü": True}], "is_error": False},
    {"type": "media", "media_type": "image/png", "url": "https://example.org/a.png", "size": 5},
    {"type": "media", "media_type": "audio/wav", "url": "data:,", "name": "a", "size": 2**31},
    {"type": "data", "data_type": "x", "data": {"deep": {"deeper": [1e300, -0.0, "\u2028"]}}},
]


@dataclass
class Library:
    """What operations may name: ids, and cursors by the field whose pages they are of."""

    conversations: list[str]
    messages: list[str]
    cursors: dict[str, list[str]]


async def filled(services: Services, viewer: Viewer) -> Library:
    """Fills an empty database."""
    plain = await _plain(services, viewer)
    branched = await _branched(services, viewer)
    forked = await services.conversations.fork(viewer, (await _messages(services, viewer))[-1])
    empty = await services.conversations.create(viewer, ConversationDraft(title="Empty"))
    archived = await services.conversations.create(
        viewer, ConversationDraft(title="Éarlier", messages=(_draft(0, "Once"),))
    )
    await services.conversations.update(viewer, archived.id, ConversationChanges(archived=True))
    await services.imports.from_value(viewer, [[{"role": "user", "content": "Imported"}]])
    await _streaming(services, viewer, plain)
    ids = [plain, branched, forked.id, empty.id, archived.id]
    return Library(ids, await _messages(services, viewer), await _cursors(services, viewer))


async def _plain(services: Services, viewer: Viewer) -> str:
    drafts = tuple(_draft(each, f"Message {each}") for each in range(5))
    made = await services.conversations.create(
        viewer,
        ConversationDraft(
            title="Plain", metadata={"b": 1, "a": [None]}, tags=("x", "y"), messages=drafts
        ),
    )
    await services.conversations.update(viewer, made.id, ConversationChanges(pinned=True))
    return made.id


async def _branched(services: Services, viewer: Viewer) -> str:
    made = await services.conversations.create(
        viewer, ConversationDraft(title="Branched", tags=("y",), messages=(_draft(0, "Root"),))
    )
    first = await services.messages.add(viewer, made.id, [_rich(1)])
    await say(services, viewer, made.id, "deeper", "deepest")
    root = first[0].parent_id
    other = await services.messages.add(viewer, made.id, [_draft(2, "Other")], parent_id=root)
    await say(services, viewer, made.id, "below the other", parent_id=other[0].id)
    await services.messages.add(viewer, made.id, [_draft(3, "Second root")], new_root=True)
    await services.messages.update(viewer, first[0].id, MessageChanges(content="Edited once"))
    await services.messages.update(viewer, first[0].id, MessageChanges(parts=PARTS[:2]))
    await services.messages.set_feedback(
        viewer, first[0].id, rating=1, comment="Good", tags=("clear", "ü")
    )
    gone = await say(services, viewer, made.id, "to be deleted", parent_id=other[0].id)
    await services.messages.delete(viewer, gone[0].id, descendants=True)
    await services.conversations.select_branch(viewer, first[0].id)
    return made.id


async def _streaming(services: Services, viewer: Viewer, conversation_id: str) -> None:
    begun = await services.streaming.start(viewer, conversation_id, MessageDraft("assistant"))
    await services.streaming.append(viewer, begun.id, 0, "So far, so ")
    await services.streaming.append(viewer, begun.id, 11, "good 😀")


def _draft(minute: int, text: str) -> MessageDraft:
    role = ("user", "assistant", "system", "developer", "tool")[minute % 5]
    return MessageDraft(
        role, text, created_at=START + timedelta(minutes=minute, microseconds=minute)
    )


def _rich(minute: int) -> MessageDraft:
    return MessageDraft(
        "assistant",
        parts=PARTS,
        name="Ada",
        model="m-1",
        usage=Usage(10, None, 3),
        metadata={"k": "v"},
        created_at=START + timedelta(minutes=minute),
    )


async def _messages(services: Services, viewer: Viewer) -> list[str]:
    return [row.id for row in await _rows(services, viewer)]


async def _rows(services: Services, viewer: Viewer) -> list[MessageRecord]:
    async with services.store.read(viewer) as unit:
        order = conversation_order("created_at", descending=False)
        page = await unit.conversations.page(ConversationFilter(), order, Window(200))
        scope, window = MessageScope(active=False), Window(200)
        pages = await unit.messages.pages_by_conversations(
            [each.id for each in page.rows], scope, window
        )
    return [row for each in pages.values() for row in each.rows]


async def _cursors(services: Services, viewer: Viewer) -> dict[str, list[str]]:
    order = conversation_order("last_activity", descending=True)
    async with services.store.read(viewer) as unit:
        page = await unit.conversations.page(ConversationFilter(), order, Window(3))
    rows = await _rows(services, viewer)
    changes = [change_cursor(each.conversation_id, each.revision) for each in rows]
    return {
        "conversations": [conversation_cursors(order)(each) for each in page.rows],
        "messages": sorted({message_cursor(each) for each in rows}),
        "changes": changes[:4],
    }
