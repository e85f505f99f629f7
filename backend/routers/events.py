"""What happens in a chat, as it happens, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from backend.config import Settings
from backend.repositories.records import ConversationRecord
from backend.routers.documents import Json, message_document
from backend.routers.event_stream import MEDIA_TYPE, EventStream, frame
from backend.routers.openapi import Responses, answers_nothing, failures
from backend.routers.parameters import ChatId
from backend.routers.reading import CHATS, chat_documents
from backend.routers.requests import ProblemRoute
from backend.routers.viewer import RequestServices, RequestViewer
from backend.security.caller import caller_of
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.followers import Change
from backend.services.live import change_cursor

router = APIRouter(prefix=CHATS, tags=["chats"], route_class=ProblemRoute)

NAMES = {
    "added": "message_added",
    "updated": "message_updated",
    "delta": "message_delta",
    "deleted": "message_deleted",
    "conversation": "chat_updated",
    "gone": "chat_deleted",
    "reset": "reset",
}
"""What each kind of change is called in ``event:``."""
RENDERED = "rest"
EVENT = {
    "type": "object",
    "description": "One event of the stream.",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"type": "string", "enum": list(NAMES.values())},
        "id": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_STREAM: Responses = {
    200: {
        "description": "Server-sent events. `id` is a cursor, the same as GraphQL's; `data` is "
        "JSON: the message for `message_added` and `message_updated`, the chat for "
        "`chat_updated`, `message_id`, `offset` and `text` for `message_delta`, `message_id` for "
        "`message_deleted`, `chat_id` for `chat_deleted`, after which nothing follows, and "
        "`reason` for `reset`: read the chat again and go on from here.",
        "content": {MEDIA_TYPE: {"schema": EVENT}},
    }
}


@router.get(
    "/{chat_id}/events",
    operation_id="followChat",
    summary="Follow a chat",
    response_class=StreamingResponse,
    responses={
        **_STREAM,
        **answers_nothing(204, "The chat is deleted and nothing follows: do not come again."),
        **failures(400, 404),
    },
)
async def follow_chat(
    request: Request,
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    after: Annotated[
        str | None, Query(description="Replay what came after this cursor; left out: start now.")
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            description="The last cursor seen, as clients of the format send it when they connect "
            "again; it goes before `after`.",
        ),
    ] = None,
) -> Response:
    """Everything that happens in it, once and in order: first what came after the cursor, then
    what comes."""
    settings: Settings = request.app.state.settings
    # Where it begins is known before the answer does: what is written once the client sees that it
    # is let in is told to it.
    place = await services.live.beginning(viewer, chat_id, last_event_id or after)
    if place is None:
        return Response(status_code=204)
    frames = _frames(services, viewer, chat_id, place)
    return EventStream(frames, caller_of(request.scope), settings)


async def _frames(
    services: Services, viewer: Viewer, chat_id: str, after: str
) -> AsyncGenerator[bytes, None]:
    async with aclosing(services.live.conversation(viewer, chat_id, after)) as changes:
        async for change in changes:
            if RENDERED not in change.rendered:
                # All who follow a chat share its changes, so each is written down once.
                cursor = change_cursor(chat_id, change.record.revision)
                document = await _document(services, viewer, chat_id, change)
                change.rendered[RENDERED] = frame(NAMES[change.record.kind], cursor, document)
            yield change.rendered[RENDERED]


async def _document(services: Services, viewer: Viewer, chat_id: str, change: Change) -> Any:
    record = change.record
    if record.message is not None:
        return message_document(record.message)
    if record.conversation is not None:
        return await _chat(services, viewer, record.conversation)
    return {
        "delta": {"message_id": record.subject_id, "offset": record.offset, "text": record.text},
        "deleted": {"message_id": record.subject_id},
        "reset": {"reason": record.text},
    }.get(record.kind, {"chat_id": chat_id})


async def _chat(services: Services, viewer: Viewer, row: ConversationRecord) -> Json:
    async with services.store.read(viewer) as unit:
        return (await chat_documents(unit, [row]))[row.id]
