"""What several operations read before they answer."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from backend.errors import NotFound
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Window
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.store import ReadUnit
from backend.routers.conditions import chat_tag
from backend.routers.documents import Json, chat_document, respond
from backend.security.viewer import Viewer
from backend.services.container import Services

CHATS = "/api/chats"
MESSAGES = CHATS + "/{chat_id}/messages"
ACTIVE_BRANCH = MessageScope()


async def chat_documents(
    unit: ReadUnit, rows: Sequence[ConversationRecord], messages: int | None = None
) -> dict[str, Json]:
    """Chats as they are sent, by id, with so many of their last messages where that is given.

    As many statements for two hundred chats as for one.
    """
    ids = [row.id for row in rows]
    tags = await unit.conversations.tags_by_ids(ids) if ids else {}
    nested = await _last_messages(unit, ids, messages) if messages is not None else {}
    return {row.id: chat_document(row, tags.get(row.id, []), nested.get(row.id)) for row in rows}


async def chat_response(
    services: Services, viewer: Viewer, row: ConversationRecord, *, made: bool = False
) -> Response:
    """A chat after a change, or as it was made."""
    async with services.store.read(viewer) as unit:
        documents = await chat_documents(unit, [row])
    headers = {"ETag": chat_tag(row)}
    if made:
        headers["Location"] = f"{CHATS}/{row.id}"
    return respond(documents[row.id], 201 if made else 200, headers)


async def message_of(
    services: Services, viewer: Viewer, chat_id: str, message_id: str
) -> MessageRecord:
    """A message of this chat; raises NotFound where it is another's."""
    async with services.store.read(viewer) as unit:
        return await read_message(unit, chat_id, message_id)


async def read_message(unit: ReadUnit, chat_id: str, message_id: str) -> MessageRecord:
    """The same, over an open door."""
    found = await unit.messages.find(message_id)
    if found is None or found.conversation_id != chat_id:
        raise NotFound("There is no such message in this chat.")
    return found


async def _last_messages(
    unit: ReadUnit, ids: Sequence[str], count: int
) -> dict[str, list[MessageRecord]]:
    if not ids or not count:
        return {each: [] for each in ids}
    window = Window(count, backward=True)
    pages = await unit.messages.pages_by_conversations(ids, ACTIVE_BRANCH, window)
    return {each: list(page.rows) for each, page in pages.items()}
