"""Messages that are written while they are read: begun, appended to, finished."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from backend.errors import NotFound
from backend.routers.conditions import message_tag
from backend.routers.documents import Document, Message, message_document, respond
from backend.routers.openapi import answers, failures
from backend.routers.parameters import ChatId, MessageId, Role, Uuid
from backend.routers.problems import references
from backend.routers.reading import CHATS, MESSAGES
from backend.routers.requests import ProblemRoute
from backend.routers.schemas import (
    LARGEST_COUNT,
    Body,
    Content,
    Metadata,
    Name,
    OwnId,
    Parts,
    Usage,
    stored_parts,
)
from backend.routers.viewer import RequestServices, RequestViewer
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.drafts import MessageDraft
from backend.services.drafts import Usage as UsageDraft

router = APIRouter(prefix=MESSAGES, tags=["messages"], route_class=ProblemRoute)


class StartMessage(Body):
    """A message that text will be appended to."""

    id: OwnId = None
    role: Role = "assistant"
    name: Name | None = None
    model: Name | None = None
    metadata: Metadata | None = None
    parent_id: Annotated[
        Uuid | None,
        Field(description="The message it hangs below; by default the last that is shown."),
    ] = None

    def draft(self) -> MessageDraft:
        """The same as the services take it."""
        return MessageDraft(
            role=self.role, id=self.id, name=self.name, model=self.model, metadata=self.metadata
        )


class AppendText(Body):
    """Text, and where it starts."""

    offset: Annotated[
        int,
        Field(
            ge=0,
            le=LARGEST_COUNT,
            description="Where the text starts, in characters (code points): where the stored "
            "text ends, or where the same text was appended before.",
        ),
    ]
    text: Content


class FinishMessage(Body):
    """How a message ends."""

    status: Literal["complete", "incomplete", "failed"] = "complete"
    finish_reason: Annotated[
        Name | None, Field(description="Why the model stopped, in its own words.")
    ] = None
    usage: Usage | None = None
    parts: Annotated[
        Parts | None,
        Field(description="What it said besides the text; text among them must be the appended."),
    ] = None


class Appended(Document):
    """What is stored by now."""

    offset: int = Field(ge=0, description="Where the next text starts.")


@router.post(
    "/start",
    operation_id="startMessage",
    summary="Begin a message",
    status_code=201,
    responses={
        **answers(201, Message, "The message, without text yet.", "Location", "ETag"),
        **answers(200, Message, "What an earlier request with this id began.", "ETag"),
        **failures(400, 404, 409, 413, 415),
    },
)
async def start_message(
    viewer: RequestViewer, services: RequestServices, chat_id: ChatId, body: StartMessage
) -> Response:
    """Adds a message with the status `streaming`, which its text is appended to."""
    known = body.id is not None and await _is_stored(services, viewer, body.id)
    with references("parent_id"):
        row = await services.streaming.start(
            viewer, chat_id, body.draft(), parent_id=body.parent_id
        )
    headers = {"ETag": message_tag(row)}
    if not known:
        headers["Location"] = f"{CHATS}/{chat_id}/messages/{row.id}"
    return respond(message_document(row), 200 if known else 201, headers)


@router.post(
    "/{message_id}/append",
    operation_id="appendToMessage",
    summary="Append text to a message",
    responses={
        **answers(200, Appended, "The text is stored."),
        **failures(400, 404, 409, 413, 415),
    },
)
async def append_to_message(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    message_id: MessageId,
    body: AppendText,
) -> Response:
    """Appends text to a message that was begun. The same text at the same offset changes nothing;
    at an offset where the stored text does not end it is refused, with `expected_offset`."""
    await _check_place(services, viewer, chat_id, message_id)
    offset = await services.streaming.append(viewer, message_id, body.offset, body.text)
    return respond({"offset": offset})


@router.post(
    "/{message_id}/finish",
    operation_id="finishMessage",
    summary="Finish a message",
    responses={
        **answers(200, Message, "The whole message.", "ETag"),
        **failures(400, 404, 409, 413, 415),
    },
)
async def finish_message(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    message_id: MessageId,
    body: FinishMessage,
) -> Response:
    """Makes what was appended the message's text and closes it; the same again changes nothing."""
    await _check_place(services, viewer, chat_id, message_id)
    row = await services.streaming.finish(
        viewer,
        message_id,
        status=body.status,
        finish_reason=body.finish_reason,
        usage=UsageDraft(**body.usage.model_dump()) if body.usage else None,
        parts=stored_parts(body.parts),
    )
    return respond(message_document(row), headers={"ETag": message_tag(row)})


async def _is_stored(services: Services, viewer: Viewer, message_id: str) -> bool:
    async with services.store.read(viewer) as unit:
        return await unit.messages.find(message_id) is not None


async def _check_place(services: Services, viewer: Viewer, chat_id: str, message_id: str) -> None:
    """Raises NotFound where the message is not of this chat; reads nothing of its text."""
    async with services.store.read(viewer) as unit:
        conversation_id, _ = await unit.messages.state(message_id)
    if conversation_id != chat_id:
        raise NotFound("There is no such message in this chat.")
