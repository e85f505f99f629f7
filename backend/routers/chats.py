"""Chats: what REST calls conversations."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from backend.routers.conditions import (
    IfMatch,
    IfNoneMatch,
    chat_tag,
    guarded_revision,
    is_unchanged,
    precondition,
    require_match,
)
from backend.routers.documents import Chat, ChatPage, respond
from backend.routers.links import page_response
from backend.routers.openapi import answers, answers_nothing, failures
from backend.routers.parameters import (
    AskedFilter,
    AskedOrder,
    AskedPlace,
    ChatId,
    NestedMessages,
    WithTotal,
)
from backend.routers.reading import CHATS, chat_documents, chat_response
from backend.routers.requests import ProblemRoute
from backend.routers.schemas import ChatPatch, NewChat
from backend.routers.viewer import RequestServices, RequestViewer
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.paging import conversation_cursors, conversation_window

router = APIRouter(prefix=CHATS, tags=["chats"], route_class=ProblemRoute)


@router.get(
    "",
    operation_id="listChats",
    summary="List chats",
    responses={**answers(200, ChatPage, "A page of chats.", "Link"), **failures(400)},
)
async def list_chats(
    request: Request,
    viewer: RequestViewer,
    services: RequestServices,
    chosen: AskedFilter,
    order: AskedOrder,
    place: AskedPlace,
    messages: NestedMessages = None,
    total_count: WithTotal = False,
) -> Response:
    """The newest 20 that are not archived, unless the parameters say otherwise."""
    window = conversation_window(order, **place._asdict())
    async with services.store.read(viewer) as unit:
        page = await unit.conversations.page(chosen, order, window)
        documents = await chat_documents(unit, page.rows, messages)
        total = await unit.conversations.count(chosen) if total_count else None
    return page_response(
        request,
        page,
        cursor=conversation_cursors(order),
        document=lambda row: documents[row.id],
        size=window.size,
        total=total,
    )


@router.post(
    "",
    operation_id="createChat",
    summary="Make a chat",
    status_code=201,
    responses={
        **answers(201, Chat, "The new chat.", "Location", "ETag"),
        **answers(200, Chat, "The chat that an earlier request with this id made.", "ETag"),
        **failures(400, 409, 413, 415),
    },
)
async def create_chat(viewer: RequestViewer, services: RequestServices, body: NewChat) -> Response:
    """Makes a chat with its first messages, all or nothing."""
    known = body.id is not None and await _exists(services, viewer, body.id)
    row = await services.conversations.create(viewer, body.draft())
    return await chat_response(services, viewer, row, made=not known)


@router.get(
    "/{chat_id}",
    operation_id="readChat",
    summary="Read a chat",
    responses={
        **answers(200, Chat, "The chat.", "ETag"),
        **answers_nothing(304, "It is still the one with this entity tag.", "ETag"),
        **failures(400, 404),
    },
)
async def read_chat(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    messages: NestedMessages = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A chat, with its last messages where ``messages`` asks for some."""
    async with services.store.read(viewer) as unit:
        row = await unit.conversations.get(chat_id)
        headers = {"ETag": chat_tag(row)}
        if is_unchanged(if_none_match, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        documents = await chat_documents(unit, [row], messages)
    return respond(documents[row.id], headers=headers)


@router.patch(
    "/{chat_id}",
    operation_id="updateChat",
    summary="Change a chat",
    responses={
        **answers(200, Chat, "The chat as it is now.", "ETag"),
        **failures(400, 404, 409, 412, 413, 415),
    },
)
async def update_chat(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    body: ChatPatch,
    if_match: IfMatch = None,
) -> Response:
    """Changes a chat's own fields; nothing changes where they are what they were."""
    expected = await _expected(services, viewer, chat_id, if_match)
    with precondition(if_match):
        row = await services.conversations.update(viewer, chat_id, body.changes(expected))
    return await chat_response(services, viewer, row)


@router.delete(
    "/{chat_id}",
    operation_id="deleteChat",
    summary="Delete a chat",
    status_code=204,
    responses={**answers_nothing(204, "It is gone."), **failures(400, 404, 412)},
)
async def delete_chat(
    viewer: RequestViewer, services: RequestServices, chat_id: ChatId, if_match: IfMatch = None
) -> Response:
    """Deletes a chat and all in it."""
    expected = await _expected(services, viewer, chat_id, if_match)
    with precondition(if_match):
        await services.conversations.delete(viewer, chat_id, expected_revision=expected)
    return Response(status_code=204)


async def _exists(services: Services, viewer: Viewer, chat_id: str) -> bool:
    async with services.store.read(viewer) as unit:
        return await unit.conversations.find(chat_id) is not None


async def _expected(
    services: Services, viewer: Viewer, chat_id: str, if_match: str | None
) -> int | None:
    """The revision that has to be there still, where the request names one that is there now."""
    if if_match is None:
        return None
    async with services.store.read(viewer) as unit:
        row = await unit.conversations.get(chat_id)
    require_match(if_match, chat_tag(row), row.revision)
    return guarded_revision(if_match, row.revision)
