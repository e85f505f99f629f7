"""The context window of a chat: what of it goes to a model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from backend.routers.documents import Document, Message, message_document, respond
from backend.routers.openapi import answers, failures
from backend.routers.parameters import ChatId, Number, Uuid
from backend.routers.requests import ProblemRoute
from backend.routers.viewer import RequestServices, RequestViewer

Count = Annotated[Number, Field(ge=0, le=2**31 - 1)]
router = APIRouter(prefix="/api/chats", tags=["chats"], route_class=ProblemRoute)


class ContextMessage(Document):
    """A message as it goes to a model."""

    message: Message
    origin: Literal["system", "recalled", "recent"] = Field(description="Why it is here.")
    content: str = Field(description="The text that goes to the model.")
    token_count: int = Field(ge=0, description="Tokens it takes in the prompt.")


class Context(Document):
    """Ready to send to a model, and honest about what it left out."""

    messages: list[ContextMessage]
    prompt: list[dict[str, Any]] = Field(
        description="The same as a list of {role, content, …} in OpenAI's chat form."
    )
    token_count: int = Field(ge=0, description="Tokens of the whole prompt.")
    max_tokens: int = Field(description="The most it was allowed to take.")
    omitted_count: int = Field(ge=0, description="Messages of the branch that were left out.")


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
    max_tokens: Annotated[Count, Query(description="The most tokens the prompt may take.")] = 4096,
    recent: Annotated[
        Count | None, Query(description="At most so many of the last messages.")
    ] = None,
    leaf_id: Annotated[
        Uuid | None,
        Query(description="The last message of the branch; by default of the one that is shown."),
    ] = None,
) -> Response:
    """The system messages and the newest of the others that fit."""
    window = await services.context.window(
        viewer, chat_id, max_tokens=max_tokens, recent=recent, leaf_id=leaf_id
    )
    return respond(
        {
            "messages": [
                {
                    "message": message_document(entry.message),
                    "origin": entry.origin,
                    "content": entry.content,
                    "token_count": entry.token_count,
                }
                for entry in window.messages
            ],
            "prompt": window.prompt,
            "token_count": window.token_count,
            "max_tokens": window.max_tokens,
            "omitted_count": window.omitted_count,
        }
    )
