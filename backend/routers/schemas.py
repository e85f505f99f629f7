"""Bodies as clients send them: every limit and rule stands in the schema and is held to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from backend import limits
from backend.routers.parameters import ID_EXAMPLE, VISIBLE, Moment, Role, Uuid
from backend.services.conversations import ConversationChanges, ConversationDraft
from backend.services.drafts import MessageDraft
from backend.services.drafts import Usage as UsageDraft
from backend.services.messages import MessageChanges
from backend.utils.message_parts import MessagePart

LARGEST_COUNT = 2**31 - 1
LARGEST_SIZE = 2**53 - 1

# Exactly one of the two; null is the same as left out.
_CONTENT_OR_PARTS: dict[str, Any] = {
    "oneOf": [
        {
            "required": ["content"],
            "properties": {"content": {"type": "string"}, "parts": {"type": "null"}},
        },
        {
            "required": ["parts"],
            "properties": {"parts": {"type": "array"}, "content": {"type": "null"}},
        },
    ]
}
_NOT_BOTH: dict[str, Any] = {
    "not": {
        "required": ["content", "parts"],
        "properties": {"content": {"type": "string"}, "parts": {"type": "array"}},
    }
}
_PARENT_OR_ROOT: dict[str, Any] = {
    "not": {
        "required": ["parent_id", "new_root"],
        "properties": {"parent_id": {"type": "string"}, "new_root": {"const": True}},
    }
}

Title = Annotated[str, Field(max_length=limits.TITLE_CHARACTERS)]
Content = Annotated[
    str,
    Field(
        max_length=limits.CONTENT_BYTES,
        description=f"The text, at most {limits.CONTENT_BYTES} bytes as UTF-8.",
    ),
]
Metadata = Annotated[
    dict[str, Any],
    Field(
        description="Whatever a program keeps with it: an object of at most "
        f"{limits.METADATA_BYTES} bytes as JSON.",
        examples=[{"source": "support"}],
    ),
]
Name = Annotated[str, Field(max_length=limits.NAME_CHARACTERS)]
Label = Annotated[str, Field(min_length=1, max_length=limits.TAG_CHARACTERS, pattern=VISIBLE)]
Labels = Annotated[list[Label], Field(max_length=limits.TAGS)]
TokenCount = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Revision = Annotated[int, Field(ge=0, le=LARGEST_SIZE)]
ExpectedRevision = Annotated[
    Revision | None,
    Field(description="Refused with CONFLICT where this is not the stored revision."),
]
OwnId = Annotated[
    Uuid | None,
    Field(
        description="An id of the client's choice: sending the same again changes nothing.",
        examples=[ID_EXAMPLE],
    ),
]


class Body(BaseModel):
    """A body takes what it declares and nothing else, without converting anything."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TextPart(Body):
    """Plain text."""

    type: Literal["text"]
    text: str


class ReasoningPart(Body):
    """What a model thought before it answered."""

    type: Literal["reasoning"]
    text: str


class ToolCallPart(Body):
    """A model's call of a tool."""

    type: Literal["tool_call"]
    call_id: str
    name: str
    arguments: Any


class ToolResultPart(Body):
    """What a tool answered."""

    type: Literal["tool_result"]
    call_id: str
    name: str | None = None
    result: Any
    is_error: bool = False


class MediaPart(Body):
    """A picture, sound or file, by its address."""

    type: Literal["media"]
    media_type: str
    url: str
    name: str | None = None
    size: Annotated[int, Field(ge=0, le=LARGEST_SIZE)] | None = None


class DataPart(Body):
    """Anything else a program keeps with a message."""

    type: Literal["data"]
    data_type: str
    data: Any


Part = Annotated[
    TextPart | ReasoningPart | ToolCallPart | ToolResultPart | MediaPart | DataPart,
    Field(discriminator="type"),
]
Parts = Annotated[
    list[Part],
    Field(max_length=limits.PARTS, description="Typed parts; the content is derived from them."),
]


class Usage(Body):
    """What a model counted; null where it did not say."""

    input_tokens: TokenCount | None = None
    output_tokens: TokenCount | None = None
    reasoning_tokens: TokenCount | None = None


class NewMessage(Body):
    """A message to be added: content or parts, one of the two."""

    model_config = ConfigDict(json_schema_extra=_CONTENT_OR_PARTS)

    id: OwnId = None
    role: Role
    name: Name | None = None
    content: Content | None = None
    parts: Parts | None = None
    model: Name | None = None
    usage: Usage | None = None
    metadata: Metadata | None = None
    created_at: Annotated[
        Moment | None, Field(description="When it was written; now where left out.")
    ] = None

    def draft(self, *path: str) -> MessageDraft:
        """The same as the services take it; ``path`` says where in the body it stands."""
        return MessageDraft(
            role=self.role,
            content=self.content,
            parts=stored_parts(self.parts),
            id=self.id,
            name=self.name,
            model=self.model,
            usage=UsageDraft(**self.usage.model_dump()) if self.usage else UsageDraft(),
            metadata=self.metadata,
            created_at=self.created_at,
            path=path,
        )


class _Place(Body):
    parent_id: Annotated[
        Uuid | None,
        Field(
            description="The message it hangs below; where left out, the last one of the active "
            "branch. An earlier one starts a branch, which becomes the active one."
        ),
    ] = None
    new_root: Annotated[
        bool, Field(description="Whether it stands beside the first messages instead.")
    ] = False


class AddMessage(NewMessage, _Place):
    """A message and where it hangs."""

    model_config = ConfigDict(
        json_schema_extra={
            **_CONTENT_OR_PARTS,
            **_PARENT_OR_ROOT,
            "examples": [{"role": "user", "content": "Which tea goes with lemon cake?"}],
        },
    )


class AddMessages(_Place):
    """Messages to be added one below the other, all or none, and where the first one hangs."""

    model_config = ConfigDict(json_schema_extra=_PARENT_OR_ROOT)

    messages: Annotated[list[NewMessage], Field(min_length=1, max_length=limits.BATCH_MESSAGES)]


def _one_or_many(value: Any) -> str:
    return "many" if isinstance(value, dict) and "messages" in value else "one"


Addition = Annotated[
    Annotated[AddMessage, Tag("one")] | Annotated[AddMessages, Tag("many")],
    Discriminator(_one_or_many),
]


class MessagePatch(Body):
    """What to change of a message; what is left out or null stays as it is."""

    model_config = ConfigDict(json_schema_extra=_NOT_BOTH)

    content: Content | None = None
    parts: Parts | None = None
    metadata: Metadata | None = None
    expected_revision: ExpectedRevision = None

    def changes(self, expected_revision: int | None) -> MessageChanges:
        """The same as the services take it."""
        return MessageChanges(
            content=self.content,
            parts=stored_parts(self.parts),
            metadata=self.metadata,
            expected_revision=_first(self.expected_revision, expected_revision),
        )


class NewChat(Body):
    """A chat to be made; without a title it takes one from its first user message."""

    id: OwnId = None
    title: Title | None = None
    metadata: Metadata | None = None
    tags: Labels | None = None
    pinned: bool | None = None
    messages: Annotated[list[NewMessage], Field(max_length=limits.BATCH_MESSAGES)] | None = None

    def draft(self) -> ConversationDraft:
        """The same as the services take it."""
        return ConversationDraft(
            id=self.id,
            title=self.title,
            metadata=self.metadata,
            tags=self.tags or (),
            pinned=bool(self.pinned),
            messages=drafts(self.messages or []),
        )


class ChatPatch(Body):
    """What to change of a chat; what is left out or null stays as it is."""

    title: Title | None = None
    metadata: Metadata | None = None
    tags: Labels | None = None
    pinned: bool | None = None
    archived: bool | None = None
    expected_revision: ExpectedRevision = None

    def changes(self, expected_revision: int | None) -> ConversationChanges:
        """The same as the services take it."""
        return ConversationChanges(
            title=self.title,
            metadata=self.metadata,
            tags=self.tags,
            pinned=self.pinned,
            archived=self.archived,
            expected_revision=_first(self.expected_revision, expected_revision),
        )


class Fork(Body):
    """What to call the copy of a chat; as the chat itself where left out."""

    title: Title | None = None


class NewFeedback(Body):
    """What a reader thinks of a message."""

    rating: Annotated[int, Field(ge=-1, le=1, description="1 for good, -1 for bad, 0 for neither.")]
    comment: Annotated[str, Field(max_length=limits.COMMENT_CHARACTERS)] | None = None
    tags: Labels | None = None


def drafts(messages: list[NewMessage]) -> list[MessageDraft]:
    """The messages of a body as the services take them."""
    return [each.draft("messages", str(place)) for place, each in enumerate(messages)]


def stored_parts(parts: list[Part] | None) -> list[MessagePart] | None:
    """Parts as they are stored."""
    if parts is None:
        return None
    return [part.model_dump() for part in parts]  # type: ignore[misc]


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
