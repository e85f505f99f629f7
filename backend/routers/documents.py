"""Bodies as this server sends them: the schemas, and the rows they are made from.

Answers are written from rows straight to JSON; the models describe them, and tests hold every
answer against its model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from backend.repositories.records import (
    ConversationRecord,
    FeedbackRecord,
    MessageRecord,
    VersionRecord,
)
from backend.routers.parameters import ID_EXAMPLE, Role
from backend.routers.schemas import Part

EMPTY = orjson.Fragment(b"{}")
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"}, examples=[ID_EXAMPLE])]
Status = Literal["streaming", "complete", "incomplete", "failed"]
Json = dict[str, Any]


class Document(BaseModel):
    """A body that holds what it declares and nothing else."""

    model_config = ConfigDict(extra="forbid")


class Source(Document):
    """Where an imported chat came from."""

    format: str
    external_id: str


class TokenUsage(Document):
    """What a model counted; null where it did not say."""

    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None


class Message(Document):
    """A message of a chat."""

    id: Id
    conversation_id: Id
    parent_id: Id | None = Field(description="The message it hangs below; null for a first one.")
    position: int = Field(ge=1, description="1 for the first message of its branch.")
    role: Role
    name: str | None
    content: str = Field(description="Plain text; derived from the parts where those were given.")
    parts: list[Part]
    status: Status
    finish_reason: str | None
    model: str | None
    usage: TokenUsage | None
    token_count: int = Field(ge=0, description="Tokens of the content.")
    metadata: dict[str, Any]
    created_at: AwareDatetime
    edited_at: AwareDatetime | None
    revision: int = Field(ge=1, description="The chat's revision that changed it last.")
    on_active_branch: bool


class Chat(Document):
    """A chat: a tree of messages, one branch of which is shown."""

    id: Id
    title: str
    metadata: dict[str, Any]
    tags: list[str]
    pinned: bool
    archived: bool
    created_at: AwareDatetime
    updated_at: AwareDatetime
    last_message_at: AwareDatetime | None
    message_count: int = Field(ge=0, description="Messages on the active branch.")
    revision: int = Field(ge=1, description="Grows by one with every change inside the chat.")
    source: Source | None
    forked_from_id: Id | None
    messages: list[Message] | None = Field(
        default=None, description="Its last messages, oldest first; only where they were asked for."
    )


class PageInfo(Document):
    """Where a page lies; the cursors are those of the Link header and of GraphQL."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


class ChatPage(Document):
    """A page of chats."""

    items: list[Chat]
    page_info: PageInfo
    total_count: int | None = Field(description="Null unless it was asked for.")


class MessagePage(Document):
    """A page of messages, oldest first."""

    items: list[Message]
    page_info: PageInfo
    total_count: int | None = Field(description="Null unless it was asked for.")


class Messages(Document):
    """Messages, in order."""

    messages: list[Message]


class Deleted(Document):
    """What a deletion took, and the chat after it."""

    deleted_message_ids: list[Id]
    chat: Chat


class Version(Document):
    """A text that an edit replaced."""

    content: str
    parts: list[Part]
    replaced_at: AwareDatetime


class Versions(Document):
    """Earlier texts of a message, oldest first."""

    versions: list[Version]


class Feedback(Document):
    """What a reader thinks of a message."""

    rating: Literal[-1, 0, 1]
    comment: str | None
    tags: list[str]
    updated_at: AwareDatetime


def respond(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    body = orjson.dumps(value, option=orjson.OPT_UTC_Z)
    return Response(body, status, headers, "application/json")


def chat_document(
    row: ConversationRecord, tags: Sequence[str], messages: Sequence[MessageRecord] | None = None
) -> Json:
    """A chat as it is sent."""
    source = None
    if row.source_format is not None:
        source = {"format": row.source_format, "external_id": row.source_external_id or ""}
    nested = {} if messages is None else {"messages": [message_document(each) for each in messages]}
    return {
        "id": row.id,
        "title": row.title,
        "metadata": _object(row.metadata_json),
        "tags": tags,
        "pinned": row.pinned,
        "archived": row.archived,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "last_message_at": row.last_message_at,
        "message_count": row.message_count,
        "revision": row.revision,
        "source": source,
        "forked_from_id": row.forked_from_id,
        **nested,
    }


def message_document(row: MessageRecord) -> Json:
    """A message as it is sent."""
    return {
        "id": row.id,
        "conversation_id": row.conversation_id,
        "parent_id": row.parent_id,
        "position": row.position,
        "role": row.role,
        "name": row.name,
        "content": row.content,
        "parts": _parts(row.content, row.parts_json),
        "status": row.status,
        "finish_reason": row.finish_reason,
        "model": row.model,
        "usage": _usage(row),
        "token_count": row.token_count,
        "metadata": _object(row.metadata_json),
        "created_at": row.created_at,
        "edited_at": row.edited_at,
        "revision": row.revision,
        "on_active_branch": row.active,
    }


def version_document(row: VersionRecord) -> Json:
    """An earlier text as it is sent."""
    return {
        "content": row.content,
        "parts": _parts(row.content, row.parts_json),
        "replaced_at": row.replaced_at,
    }


def feedback_document(row: FeedbackRecord) -> Json:
    """A reader's judgement as it is sent."""
    return {
        "rating": row.rating,
        "comment": row.comment,
        "tags": orjson.Fragment(row.tags_json),
        "updated_at": row.updated_at,
    }


def _usage(row: MessageRecord) -> Json | None:
    counts = {
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "reasoning_tokens": row.reasoning_tokens,
    }
    return None if set(counts.values()) == {None} else counts


def _parts(content: str, parts_json: str | None) -> Any:
    if parts_json is not None:
        return orjson.Fragment(parts_json)
    return [{"type": "text", "text": content}] if content else []


def _object(text: str | None) -> orjson.Fragment:
    return EMPTY if text is None else orjson.Fragment(text)
