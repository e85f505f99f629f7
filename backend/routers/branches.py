"""The branches of a chat: the alternatives at a message, showing one, copying one."""

from __future__ import annotations

from fastapi import APIRouter, Response

from backend.routers.documents import Chat, Messages, message_document, respond
from backend.routers.openapi import answers, failures
from backend.routers.parameters import ChatId, MessageId
from backend.routers.reading import MESSAGES, chat_response, message_of, read_message
from backend.routers.requests import ProblemRoute
from backend.routers.schemas import Fork
from backend.routers.viewer import RequestServices, RequestViewer

router = APIRouter(prefix=MESSAGES, tags=["messages"], route_class=ProblemRoute)


@router.get(
    "/{message_id}/siblings",
    operation_id="listSiblings",
    summary="List the alternatives to a message",
    responses={**answers(200, Messages, "The alternatives, oldest first."), **failures(400, 404)},
)
async def list_siblings(
    viewer: RequestViewer, services: RequestServices, chat_id: ChatId, message_id: MessageId
) -> Response:
    """The messages that hang where this one does, itself included."""
    async with services.store.read(viewer) as unit:
        row = await read_message(unit, chat_id, message_id)
        place = (row.conversation_id, row.parent_id)
        ids = (await unit.messages.siblings([place]))[place]
        found = {each.id: each for each in await unit.messages.list_by_ids(ids)}
    return respond({"messages": [message_document(found[each]) for each in ids if each in found]})


@router.put(
    "/{message_id}/select",
    operation_id="selectBranch",
    summary="Show the branch of a message",
    responses={**answers(200, Chat, "The chat as it is now.", "ETag"), **failures(400, 404)},
)
async def select_branch(
    viewer: RequestViewer, services: RequestServices, chat_id: ChatId, message_id: MessageId
) -> Response:
    """Makes the branch through a message the active one, on to its newest end."""
    await message_of(services, viewer, chat_id, message_id)
    row = await services.conversations.select_branch(viewer, message_id)
    return await chat_response(services, viewer, row)


@router.post(
    "/{message_id}/fork",
    operation_id="forkChat",
    summary="Copy a chat up to a message",
    status_code=201,
    responses={
        **answers(201, Chat, "The new chat.", "Location", "ETag"),
        **failures(400, 404, 413, 415),
    },
)
async def fork_chat(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    message_id: MessageId,
    body: Fork,
) -> Response:
    """Copies the branch down to a message into a new chat."""
    await message_of(services, viewer, chat_id, message_id)
    row = await services.conversations.fork(viewer, message_id, body.title)
    return await chat_response(services, viewer, row, made=True)
