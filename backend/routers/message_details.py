"""What hangs on a message: its earlier texts, what a reader thinks of it."""

from __future__ import annotations

from fastapi import APIRouter, Response

from backend.routers.documents import (
    Feedback,
    Versions,
    feedback_document,
    respond,
    version_document,
)
from backend.routers.openapi import answers, answers_nothing, failures
from backend.routers.parameters import ChatId, MessageId
from backend.routers.reading import MESSAGES, message_of, read_message
from backend.routers.requests import ProblemRoute
from backend.routers.schemas import NewFeedback
from backend.routers.viewer import RequestServices, RequestViewer

router = APIRouter(prefix=MESSAGES, tags=["messages"], route_class=ProblemRoute)


@router.get(
    "/{message_id}/versions",
    operation_id="listVersions",
    summary="List the earlier texts of a message",
    responses={**answers(200, Versions, "The texts, oldest first."), **failures(400, 404)},
)
async def list_versions(
    viewer: RequestViewer, services: RequestServices, chat_id: ChatId, message_id: MessageId
) -> Response:
    """The texts that edits replaced."""
    async with services.store.read(viewer) as unit:
        await read_message(unit, chat_id, message_id)
        versions = (await unit.versions.list_by_messages([message_id])).get(message_id, [])
    return respond({"versions": [version_document(row) for row in versions]})


@router.get(
    "/{message_id}/feedback",
    operation_id="readFeedback",
    summary="Read the feedback on a message",
    responses={
        **answers(200, Feedback, "The feedback."),
        **answers_nothing(204, "There is none."),
        **failures(400, 404),
    },
)
async def read_feedback(
    viewer: RequestViewer, services: RequestServices, chat_id: ChatId, message_id: MessageId
) -> Response:
    """What a reader thinks of it."""
    async with services.store.read(viewer) as unit:
        await read_message(unit, chat_id, message_id)
        found = (await unit.feedback.list_by_messages([message_id])).get(message_id)
    if found is None:
        return Response(status_code=204)
    return respond(feedback_document(found))


@router.put(
    "/{message_id}/feedback",
    operation_id="setFeedback",
    summary="Say what you think of a message",
    responses={
        **answers(200, Feedback, "The feedback as it is now."),
        **failures(400, 404, 413, 415),
    },
)
async def set_feedback(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    message_id: MessageId,
    body: NewFeedback,
) -> Response:
    """Keeps what a reader thinks of a message, in place of what he thought before."""
    await message_of(services, viewer, chat_id, message_id)
    await services.messages.set_feedback(
        viewer, message_id, rating=body.rating, comment=body.comment, tags=body.tags or ()
    )
    return await read_feedback(viewer, services, chat_id, message_id)
