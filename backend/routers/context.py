"""The context window of a chat: what of it goes to a model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from backend.routers.documents import Document, Json, Message, message_document, respond
from backend.routers.openapi import answers, failures
from backend.routers.parameters import ChatId, Flag, Number, Uuid
from backend.routers.requests import ProblemRoute
from backend.routers.viewer import RequestServices, RequestViewer
from backend.services.context import ContextWindow
from backend.services.recalling import (
    DEFAULT_FLOOR,
    MOST_RECALLED,
    LeftOutReason,
    Recall,
    RecallScope,
)

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[Number, Field(ge=0, le=2**31 - 1)]
router = APIRouter(prefix="/api/chats", tags=["chats"], route_class=ProblemRoute)


class RecallReason(Document):
    """Why a message was recalled."""

    rank: int | None = Field(description="Its rank among what was found; null for a neighbour.")
    score: float | None = Field(description="How well it fits, 1 being the best found.")
    lexical_rank: int | None = Field(description="Its rank by words, from 1.")
    semantic_rank: int | None = Field(description="Its rank by meaning, from 1.")
    neighbour_of: Uuid | None = Field(description="The found message it helps to understand.")


class LeftOut(Document):
    """A message that was found and is not recalled."""

    message_id: Uuid
    chat_id: Uuid
    reason: LeftOutReason = Field(description="Why it is not here.")
    score: float = Field(description="How well it fits, 1 being the best found.")


class ContextMessage(Document):
    """A message as it goes to a model."""

    message: Message
    origin: Literal["system", "recalled", "recent"] = Field(description="Why it is here.")
    content: str = Field(description="The text that goes to the model.")
    token_count: int = Field(ge=0, description="Tokens it takes in the prompt.")
    reason: RecallReason | None = Field(description="Why it was recalled; null where it was not.")


class Context(Document):
    """Ready to send to a model, and honest about what it left out."""

    messages: list[ContextMessage]
    prompt: list[dict[str, Any]] = Field(
        description="The same as a list of {role, content, …} in OpenAI's chat form."
    )
    token_count: int = Field(ge=0, description="Tokens of the whole prompt.")
    max_tokens: int = Field(description="The most it was allowed to take.")
    omitted_count: int = Field(ge=0, description="Messages of the branch that were left out.")
    query: str | None = Field(description="What was looked for to be recalled.")
    left_out: list[LeftOut] = Field(description="What was found and is not recalled.")


async def asked_recall(
    recall: Annotated[
        Number,
        Field(ge=0, le=MOST_RECALLED),
        Query(description="At most so many found messages, each with its neighbours."),
    ] = 0,
    query: Annotated[
        str | None,
        Query(description="What to look for, as in a search; by default the last user message."),
    ] = None,
    recall_from: Annotated[
        RecallScope, Query(description="All chats, this one alone, or all but this one.")
    ] = "all",
    recall_floor: Annotated[
        Share, Query(description="Nothing that fits less well than this share of the best.")
    ] = DEFAULT_FLOOR,
    recency_weight: Annotated[
        Share, Query(description="How much newness counts against fitting.")
    ] = 0.0,
    alternatives: Annotated[
        Flag, Query(description="Whether also what is on no branch that is shown.")
    ] = False,
) -> Recall:
    """What to recall."""
    return Recall(recall, query, recall_from, recall_floor, recency_weight, alternatives)


@router.get(
    "/{chat_id}/context",
    operation_id="readContext",
    summary="Read what of a chat goes to a model",
    responses={**answers(200, Context, "The context window."), **failures(400, 404)},
)
async def read_context(
    viewer: RequestViewer,
    services: RequestServices,
    chat_id: ChatId,
    asked: Annotated[Recall, Depends(asked_recall)],
    max_tokens: Annotated[Count, Query(description="The most tokens the prompt may take.")] = 4096,
    recent: Annotated[
        Count | None, Query(description="At most so many of the last messages.")
    ] = None,
    leaf_id: Annotated[
        Uuid | None,
        Query(description="The last message of the branch; by default of the one that is shown."),
    ] = None,
) -> Response:
    """The system messages, what is recalled, and the newest of the others that fit."""
    window = await services.context.window(
        viewer, chat_id, max_tokens=max_tokens, recent=recent, recall=asked, leaf_id=leaf_id
    )
    return respond(context_document(window))


def context_document(window: ContextWindow) -> Json:
    """A window as it is sent."""
    return {
        "messages": [
            {
                "message": message_document(entry.message),
                "origin": entry.origin,
                "content": entry.content,
                "token_count": entry.token_count,
                "reason": entry.reason and entry.reason._asdict(),
            }
            for entry in window.messages
        ],
        "prompt": window.prompt,
        "token_count": window.token_count,
        "max_tokens": window.max_tokens,
        "omitted_count": window.omitted_count,
        "query": window.query,
        "left_out": [
            {
                "message_id": each.message_id,
                "chat_id": each.conversation_id,
                "reason": each.reason,
                "score": each.score,
            }
            for each in window.left_out
        ],
    }
