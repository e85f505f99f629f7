"""Messages: a view of a row, and what hangs on it."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry
from strawberry.scalars import JSON

from backend.graphql.context import Info
from backend.graphql.execution.columns import reads
from backend.graphql.execution.loading import loaded
from backend.graphql.fields import leaf, resolved, stands_for
from backend.graphql.limits import list_size
from backend.graphql.scalars import Cursor
from backend.graphql.types.enums import MessageStatus, Role
from backend.graphql.types.node import Node
from backend.graphql.types.pages import EDGES, PageInfo, total_count
from backend.graphql.types.parts import MessagePart, part_views
from backend.repositories.records import (
    ConversationRecord,
    FeedbackRecord,
    MessageRecord,
    VersionRecord,
)

if TYPE_CHECKING:
    from backend.graphql.types.conversations import Conversation

MessageParent = strawberry.Parent[MessageRecord]


@reads("content", "parts_json")
def message_parts(root: MessageParent) -> list[Any]:
    """The parts, read from their JSON when they are asked for."""
    return part_views(root.content, root.parts_json)


@reads("metadata_json")
def message_metadata(root: MessageParent) -> Any:
    """The metadata; an empty object where none was given."""
    return orjson.loads(root.metadata_json) if root.metadata_json else {}


@reads("input_tokens", "output_tokens", "reasoning_tokens")
def message_usage(root: MessageParent) -> MessageRecord | None:
    """The row itself, whose counts the usage shows, or None where no count was given."""
    counts = (root.input_tokens, root.output_tokens, root.reasoning_tokens)
    return None if counts == (None, None, None) else root


@reads("active")
def message_on_active_branch(root: MessageParent) -> bool:
    """Whether it is on the branch that is shown."""
    return root.active


@reads("conversation_id")
@loaded
async def message_conversation(root: MessageParent, info: Info) -> ConversationRecord | None:
    """The conversation it belongs to."""
    return await info.context.loaders.conversations.load(root.conversation_id)


@reads("parent_id")
@loaded
async def message_parent(root: MessageParent, info: Info) -> MessageRecord | None:
    """The message it answers."""
    if root.parent_id is None:
        return None
    return await info.context.loaders.messages.load(root.parent_id)


async def sibling_ids(root: MessageRecord, info: Info) -> list[str]:
    """The ids of the alternatives at its place, itself included, oldest first."""
    return await info.context.loaders.siblings.load((root.conversation_id, root.parent_id))


@reads("conversation_id", "parent_id")
@loaded
async def message_siblings(root: MessageParent, info: Info) -> list[MessageRecord]:
    """The alternatives at its place."""
    ids = await sibling_ids(root, info)
    found = await info.context.loaders.messages.load_many(ids)
    return [row for row in found if row is not None]


@reads("id", "conversation_id", "parent_id")
@loaded
async def message_sibling_index(root: MessageParent, info: Info) -> int:
    """Its place among them, from 0."""
    return (await sibling_ids(root, info)).index(root.id)


@reads("conversation_id", "parent_id")
@loaded
async def message_sibling_count(root: MessageParent, info: Info) -> int:
    """How many they are."""
    return len(await sibling_ids(root, info))


@reads("id", "edited_at")
@loaded
async def message_versions(root: MessageParent, info: Info) -> list[VersionRecord]:
    """Its earlier texts."""
    if root.edited_at is None:
        return []
    return await info.context.loaders.versions.load(root.id)


@reads("id")
@loaded
async def message_feedback(root: MessageParent, info: Info) -> FeedbackRecord | None:
    """What a reader thought of it."""
    return await info.context.loaders.feedback.load(root.id)


def version_parts(root: strawberry.Parent[VersionRecord]) -> list[Any]:
    """The parts it had."""
    return part_views(root.content, root.parts_json)


def feedback_tags(root: strawberry.Parent[FeedbackRecord]) -> list[str]:
    """The reader's own labels."""
    tags: list[str] = orjson.loads(root.tags_json)
    return tags


@strawberry.type(description="What a model counted; null where it did not say.")
class TokenUsage:
    input_tokens: int | None = leaf("Tokens read.")
    output_tokens: int | None = leaf("Tokens written, reasoning included.")
    reasoning_tokens: int | None = leaf("Tokens of reasoning among those written.")


@strawberry.type(description="A text that an edit replaced.")
class MessageVersion:
    content: str = leaf("The plain text it had.")
    parts: list[MessagePart] = resolved(version_parts, "The parts it had.")
    replaced_at: datetime = leaf("When it was replaced.")


@strawberry.type(description="What a reader thought of a message.")
class Feedback:
    rating: int = leaf("1 for good, -1 for bad, 0 for neither.")
    comment: str | None = leaf("In the reader's words.")
    tags: list[str] = resolved(feedback_tags, "The reader's own labels.")
    updated_at: datetime = leaf("When it was last said.")


@strawberry.type(description="One message of a conversation's tree.")
class Message(Node):
    id: strawberry.ID = leaf("A UUID in its usual text form, the same in REST.")
    conversation: Annotated[
        "Conversation", strawberry.lazy("backend.graphql.types.conversations")
    ] = resolved(message_conversation, "The conversation it belongs to.")
    parent: "Message | None" = resolved(
        message_parent, "The message it hangs below; null for a first one."
    )
    position: int = leaf("1 for the first message of its branch.")
    role: Role = leaf("Who speaks.")
    name: str | None = leaf("The speaker's name, where several share a role.")
    content: str = leaf("Plain text; derived from the parts where parts were given.")
    parts: list[MessagePart] = resolved(message_parts, "The typed parts.")
    status: MessageStatus = leaf("Whether it is all there.")
    finish_reason: str | None = leaf("Why the model stopped, in its own words.")
    model: str | None = leaf("The model that wrote it.")
    usage: TokenUsage | None = resolved(message_usage, "What the model counted.")
    token_count: int = leaf("Tokens of the content, counted here with o200k_base.")
    metadata: JSON = resolved(message_metadata, "Whatever a program keeps with it; an object.")
    created_at: datetime = leaf("When it was written.")
    edited_at: datetime | None = leaf("When its text was last changed.")
    revision: int = leaf("The conversation's revision that changed it last.")
    on_active_branch: bool = resolved(
        message_on_active_branch, "Whether it is on the branch that is shown."
    )
    siblings: "list[Message]" = resolved(
        message_siblings,
        "The alternatives at this place, itself included, oldest first.",
        directives=[list_size(3)],
    )
    sibling_index: int = resolved(message_sibling_index, "Its place among them, from 0.")
    sibling_count: int = resolved(message_sibling_count, "How many alternatives there are.")
    versions: list[MessageVersion] = resolved(
        message_versions, "Its earlier texts, oldest first.", directives=[list_size(3)]
    )
    feedback: Feedback | None = resolved(message_feedback, "What a reader thought of it.")

    is_type_of = stands_for(MessageRecord)


@strawberry.type(description="A message in a page.")
class MessageEdge:
    cursor: Cursor = leaf("Its place.")
    node: Message = leaf("The message.")


@strawberry.type(description="A page of messages.")
class MessageConnection:
    edges: list[MessageEdge] = leaf("The messages with their cursors.", metadata=EDGES)
    nodes: list[Message] = leaf("The messages.")
    page_info: PageInfo = leaf("Where the page lies.")
    total_count: int = resolved(total_count, "How many messages there are in all.")
