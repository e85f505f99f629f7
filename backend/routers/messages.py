"""Messages of a chat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request, Response

from backend.errors import Invalid, NotFound
from backend.repositories.messages import MessageScope
from backend.repositories.pages import Page
from backend.repositories.records import ConversationRecord, MessageRecord
from backend.repositories.store import ReadUnit
from backend.routers.conditions import (
    IfMatch,
    IfNoneMatch,
    guarded_revision,
    is_unchanged,
    message_tag,
    precondition,
    require_match,
)
from backend.routers.documents import (
    Deleted,
    Message,
    MessagePage,
    Messages,
    message_document,
    respond,
)
from backend.routers.links import page_response
from backend.routers.openapi import answers, answers_nothing, failures
from backend.routers.parameters import (
    AskedPlace,
    ChatId,
    Flag,
    MessageId,
    Role,
    Uuid,
    WithTotal,
)
from backend.routers.problems import references
from backend.routers.reading import CHATS, MESSAGES, chat_documents, message_of
from backend.routers.requests import ProblemRoute
from backend.routers.schemas import (
    Addition,
    AddMessage,
    MessagePatch,
    NewMessage,
    drafts,
)
from backend.routers.viewer import RequestServices, RequestViewer
from backend.security.viewer import Viewer
from backend.services.container import Services
from backend.services.paging import message_cursor, message_window

router = APIRouter(prefix=MESSAGES, tags=["messages"], route_class=ProblemRoute)


@router.get(
    "",
    operation_id="listMessages",
    summary="List messages",
    responses={**answers(200, MessagePage, "A page of messages.", "Link"), **failures(400, 404)},
)
async def list_messages(
    request: Request,
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    place: AskedPlace,
    around: Annotated[
        Uuid | None, Query(description="The page with this message in its middle.")
    ] = None,
    branch: Annotated[
        Literal["active", "all"], Query(description="The branch that is shown, or all.")
    ] = "active",
    roles: Annotated[list[Role] | None, Query(description="Only those of these roles.")] = None,
    total_count: WithTotal = False,
) -> Response:
    """The first 50 messages of the branch that is shown, unless the parameters say otherwise."""
    if around is not None and (place.after is not None or place.before is not None):
        raise Invalid("Give around without after and before.", field=("around",))
    window = message_window(**place._asdict())
    scope = MessageScope(active=branch == "active", roles=tuple(dict.fromkeys(roles or ())))
    async with services.store.read(viewer) as unit:
        chat = await unit.conversations.get(chat_id)
        if around is not None:
            page = await _page_around(unit, chat_id, around, scope, window.size)
        else:
            pages = await unit.messages.pages_by_conversations([chat_id], scope, window)
            page = pages[chat_id]
        total = await _count(unit, chat, scope) if total_count else None
    return page_response(
        request,
        page,
        cursor=message_cursor,
        document=message_document,
        size=window.size,
        total=total,
    )


@router.post(
    "",
    operation_id="addMessages",
    summary="Add a message, or several",
    status_code=201,
    responses={
        **answers(201, Message | Messages, "What was added.", "Location", "ETag"),
        **answers(200, Message | Messages, "What an earlier request with these ids added.", "ETag"),
        **failures(400, 404, 409, 413, 415),
    },
)
async def add_messages(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    body: Annotated[Addition, Body()],
) -> Response:
    """Adds to the branch that is shown, or below ``parent_id``; several at once all or none."""
    new: Sequence[NewMessage] = [body] if isinstance(body, AddMessage) else body.messages
    known = await _all_known(services, viewer, new)
    with references("parent_id"):
        rows = await services.messages.add(
            viewer,
            chat_id,
            [body.draft()] if isinstance(body, AddMessage) else drafts(body.messages),
            parent_id=body.parent_id,
            new_root=body.new_root,
        )
    headers = {} if known else {"Location": f"{CHATS}/{chat_id}/messages/{rows[-1].id}"}
    status = 200 if known else 201
    if isinstance(body, AddMessage):
        return respond(message_document(rows[0]), status, {**headers, "ETag": message_tag(rows[0])})
    return respond({"messages": [message_document(row) for row in rows]}, status, headers)


@router.get(
    "/{message_id}",
    operation_id="readMessage",
    summary="Read a message",
    responses={
        **answers(200, Message, "The message.", "ETag"),
        **answers_nothing(304, "It is still the one with this entity tag.", "ETag"),
        **failures(400, 404),
    },
)
async def read_one_message(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    message_id: MessageId,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A message of any branch."""
    row = await message_of(services, viewer, chat_id, message_id)
    if is_unchanged(if_none_match, message_tag(row)):
        return Response(status_code=304, headers={"ETag": message_tag(row)})
    return respond(message_document(row), headers={"ETag": message_tag(row)})


@router.patch(
    "/{message_id}",
    operation_id="updateMessage",
    summary="Change a message",
    responses={
        **answers(200, Message, "The message as it is now.", "ETag"),
        **failures(400, 404, 409, 412, 413, 415),
    },
)
async def update_message(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    message_id: MessageId,
    body: MessagePatch,
    if_match: IfMatch = None,
) -> Response:
    """Changes a message and keeps its earlier text; nothing changes where it is what it was."""
    found = await message_of(services, viewer, chat_id, message_id)
    require_match(if_match, message_tag(found), found.revision)
    changes = body.changes(guarded_revision(if_match, found.revision))
    with precondition(if_match):
        row = await services.messages.update(viewer, message_id, changes)
    return respond(message_document(row), headers={"ETag": message_tag(row)})


@router.delete(
    "/{message_id}",
    operation_id="deleteMessage",
    summary="Delete a message",
    responses={
        **answers(200, Deleted, "What was deleted, and the chat after it."),
        **failures(400, 404, 412),
    },
)
async def delete_message(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    message_id: MessageId,
    descendants: Annotated[
        Flag, Query(description="Whether what is below goes too; it moves up by one otherwise.")
    ] = True,
    if_match: IfMatch = None,
) -> Response:
    """Deletes a message, by default with all that is below it."""
    found = await message_of(services, viewer, chat_id, message_id)
    require_match(if_match, message_tag(found), found.revision)
    expected = guarded_revision(if_match, found.revision)
    with precondition(if_match):
        _, deleted = await services.messages.delete(
            viewer, message_id, descendants=descendants, expected_revision=expected
        )
    async with services.store.read(viewer) as unit:
        chat = await unit.conversations.get(chat_id)
        documents = await chat_documents(unit, [chat])
    return respond({"deleted_message_ids": deleted, "chat": documents[chat_id]})


async def _page_around(
    unit: ReadUnit, chat_id: str, around: str, scope: MessageScope, size: int
) -> Page[MessageRecord]:
    message = await unit.messages.find(around)
    if message is None or message.conversation_id != chat_id:
        raise NotFound("There is no such message in this chat.", field=("around",))
    if scope.active and not message.active:
        raise Invalid(
            "This message is on another branch: ask with branch=all, or select its branch first.",
            field=("around",),
        )
    return await unit.messages.page_around(message, scope, size)


async def _count(unit: ReadUnit, chat: ConversationRecord, scope: MessageScope) -> int:
    if scope.is_active_branch:
        return chat.message_count
    return (await unit.messages.count_by_conversations([chat.id], scope)).get(chat.id, 0)


async def _all_known(services: Services, viewer: Viewer, new: Sequence[NewMessage]) -> bool:
    """Whether every message of a request is stored already."""
    ids = [each.id for each in new if each.id is not None]
    if len(ids) < len(new):
        return False
    async with services.store.read(viewer) as unit:
        return len(await unit.messages.list_by_ids(ids)) == len(set(ids))
